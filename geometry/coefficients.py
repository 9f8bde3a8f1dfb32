"""The coefficients of a face: one container for networks, fitting, files and losses, and the
same as one vector per face, in units that make all of its entries comparable.
"""

from __future__ import annotations

from dataclasses import dataclass, fields

import torch
from torch import Tensor

from .checks import check_shape

SH_AMBIENT = 1.0 / 0.28209479177387814  # the band-0 coefficient whose shading is 1
EXPRESSION_UNIT = 0.3  # about the spread of a blendshape's weight where it is active
_LIGHT_TERMS = 27


@dataclass(frozen=True)
class Coefficients:
    """Coefficients of B faces of one face model.

    >>> faces = Coefficients(
    ...     torch.zeros(2, 5), torch.zeros(2, 3), torch.zeros(2, 4), ambient_light(2)
    ... )
    >>> len(faces), len(faces[0])
    (2, 1)

    Attributes:
        identity: (B,Ki) in the units of the model's identity basis.
        expression: (B,Ke) in the units of its expression basis.
        albedo: (B,Ka) in standard deviations.
        light: (B,9,3) real spherical harmonics per colour channel.

    Raises:
        InputError: another shape, or unequal B.
    """

    identity: Tensor
    expression: Tensor
    albedo: Tensor
    light: Tensor

    def __post_init__(self) -> None:
        batch = self.identity.shape[0]
        check_shape("identity", self.identity, (batch, "Ki"))
        check_shape("expression", self.expression, (batch, "Ke"))
        check_shape("albedo", self.albedo, (batch, "Ka"))
        check_shape("light", self.light, (batch, 9, 3))

    def __len__(self) -> int:
        return self.identity.shape[0]

    def __getitem__(self, index: int | slice) -> Coefficients:
        """Face `index`, or the faces of a slice, still with a batch dimension.

        Raises:
            IndexError: there is no such face; this also ends iteration.
        """
        if isinstance(index, int):
            first = range(len(self))[index]
            index = slice(first, first + 1)
        return Coefficients(*(getattr(self, f.name)[index] for f in fields(self)))

    def detach(self) -> Coefficients:
        """The same values without a gradient graph."""
        return Coefficients(*(getattr(self, f.name).detach() for f in fields(self)))

    def to(self, device: torch.device | str) -> Coefficients:
        """The same values on another device."""
        return Coefficients(*(getattr(self, f.name).to(device) for f in fields(self)))

    def as_lists(self) -> dict[str, list]:
        """Plain lists for JSON; of a single face the batch dimension is dropped."""
        out = {}
        for field in fields(self):
            value = getattr(self, field.name).detach().cpu()
            out[field.name] = (value[0] if len(self) == 1 else value).tolist()
        return out


def ambient_light(batch: int, level: float = 1.0) -> Tensor:
    """Light that shades every surface alike, whatever its normal.

    >>> ambient_light(1)[0, :2]
    tensor([[3.5449, 3.5449, 3.5449],
            [0.0000, 0.0000, 0.0000]])

    Args:
        batch: how many lights.
        level: the shading; 1 leaves the albedo as it is.

    Returns:
        (batch,9,3).
    """
    light = torch.zeros(batch, 9, 3)
    light[:, 0] = level * SH_AMBIENT
    return light


def coefficients_to_vector(coefficients: Coefficients) -> Tensor:
    """Coefficients as vectors: identity, expression / 0.3, albedo, light flattened (9,3).

    Args:
        coefficients: of B faces.

    Returns:
        (B, Ki + Ke + Ka + 27).
    """
    c = coefficients
    return torch.cat([c.identity, c.expression / EXPRESSION_UNIT, c.albedo, c.light.flatten(1)], 1)


def vector_to_coefficients(vector: Tensor, sizes: tuple[int, int, int]) -> Coefficients:
    """Coefficients of vectors, the inverse of `coefficients_to_vector`.

    >>> vector_to_coefficients(torch.ones(1, 30), (1, 1, 1)).expression
    tensor([[0.3000]])

    Args:
        vector: (B, Ki + Ke + Ka + 27).
        sizes: (Ki, Ke, Ka) of the face model.

    Raises:
        InputError: the vector has another length.
    """
    check_shape("vector", vector, (None, sum(sizes) + _LIGHT_TERMS))
    identity, expression, albedo, light = vector.split([*sizes, _LIGHT_TERMS], 1)
    return Coefficients(identity, expression * EXPRESSION_UNIT, albedo, light.unflatten(1, (9, 3)))
