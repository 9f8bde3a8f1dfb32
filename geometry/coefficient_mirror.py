"""The coefficients of a mirrored face."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from ..core.errors import InputError
from .coefficients import Coefficients
from .face_model import FaceModel

_LIGHT_SIGN = (1, 1, 1, -1, -1, 1, 1, -1, 1)  # terms odd in x (x, xy, xz) change sign: geometry/sh
_TOLERANCE = 1e-2  # of a mode's norm


@dataclass(frozen=True)
class CoefficientMirror:
    """What mirroring x -> -x does to a model's coefficients.

    >>> from selfie3d.geometry import ambient_light
    >>> mirror = CoefficientMirror(torch.tensor([1.0, -1.0]), torch.ones(1), torch.tensor([1, 0]))
    >>> modes = (torch.tensor([[2.0, 3.0]]), torch.tensor([[0.7, 0.0]]), torch.zeros(1, 1))
    >>> mirrored = mirror(Coefficients(*modes, ambient_light(1)))
    >>> mirrored.identity, mirrored.expression
    (tensor([[ 2., -3.]]), tensor([[0.0000, 0.7000]]))

    Attributes:
        identity: (Ki,) signs.
        albedo: (Ka,) signs.
        expression: (Ke,) int64, coefficient i of the mirrored face is expression[i] of the face.
    """

    identity: Tensor
    albedo: Tensor
    expression: Tensor

    @classmethod
    def of(cls, model: FaceModel) -> CoefficientMirror:
        """The mirror of a model whose modes are symmetric or antisymmetric.

        Raises:
            InputError: the model has no mirror, or a mode is neither.
        """
        if model.mirror is None:
            raise InputError("face model", "one that knows its mirror image", repr(model.name))
        flip = torch.tensor([-1.0, 1.0, 1.0])
        return cls(
            _signs("identity", model.identity, model.identity[:, model.mirror] * flip),
            _signs("albedo", model.albedo_basis, model.albedo_basis[:, model.mirror]),
            _partners(model.expression_names, len(model.expression)),
        )

    def __call__(self, coefficients: Coefficients) -> Coefficients:
        """Coefficients (B,...) of the mirrored faces."""
        sign = torch.tensor(_LIGHT_SIGN).to(coefficients.light)
        return Coefficients(
            coefficients.identity * self.identity,
            coefficients.expression[:, self.expression],
            coefficients.albedo * self.albedo,
            coefficients.light * sign[:, None],
        )


def _signs(name: str, basis: Tensor, mirrored: Tensor) -> Tensor:
    modes, images = basis.flatten(1), mirrored.flatten(1)
    sign = (modes * images).sum(1).sign()
    error = (modes * sign[:, None] - images).norm(dim=1) / modes.norm(dim=1).clamp(min=1e-9)
    if bool((error > _TOLERANCE).any()):
        worst = int(error.argmax())
        raise InputError(f"{name} basis", "symmetric or antisymmetric modes", f"mode {worst}")
    return sign


def _partners(names: tuple[str, ...], count: int) -> Tensor:
    """Names with Left and Right exchanged; a name without either is its own partner."""
    swap = {"Left": "Right", "Right": "Left"}
    out = list(range(count))
    for k, name in enumerate(names):
        for side, other in swap.items():
            partner = name.replace(side, other) if side in name else name
            if partner != name and partner in names:
                out[k] = names.index(partner)
    return torch.tensor(out, dtype=torch.int64)
