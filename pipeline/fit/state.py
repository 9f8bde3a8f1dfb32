"""The free variables of a fit and what they mean."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

import torch
from torch import Tensor

from ...geometry.camera import PerspectiveCamera
from ...geometry.coefficients import Coefficients
from ...geometry.face_model import FaceModel
from ...geometry.rotation import euler_to_matrix, matrix_to_euler
from .pose import FOCAL_PER_SIZE, PointFit


@dataclass
class FitState:
    """Variables of B faces, all leaves that the optimiser moves.

    Attributes:
        angles: (B,3) pitch, yaw, roll, radians.
        shift: (B,2) sideways and upward shift over distance (a view direction's tangent).
        log_distance: (B,) log of the distance in mm.
        identity, expression, albedo, light: as in `Coefficients`.
    """

    angles: Tensor
    shift: Tensor
    log_distance: Tensor
    identity: Tensor
    expression: Tensor
    albedo: Tensor
    light: Tensor

    @classmethod
    def start(cls, model: FaceModel, fits: list[PointFit]) -> FitState:
        """The faces that the detected points make most probable, under ambient light."""
        shape = torch.stack([f.coefficients for f in fits])
        identity, expression = shape.split([len(model.identity), len(model.expression)], 1)
        zero = model.zero_coefficients(len(fits))
        coefficients = replace(zero, identity=identity, expression=expression)
        return cls.at(coefficients, [f.camera for f in fits])

    @classmethod
    def at(cls, coefficients: Coefficients, cameras: Sequence[PerspectiveCamera]) -> FitState:
        """Given faces under given cameras, whose focal lengths are `FOCAL_PER_SIZE` sides."""
        rotation = torch.cat([camera.rotation for camera in cameras])
        shift = torch.cat([camera.translation for camera in cameras])
        variables = [
            matrix_to_euler(rotation),
            shift[:, :2] / -shift[:, 2:],
            (-shift[:, 2]).log(),
            coefficients.identity,
            coefficients.expression,
            coefficients.albedo,
            coefficients.light,
        ]
        return cls(*(v.detach().clone().requires_grad_() for v in variables))

    def variables(self) -> Iterator[tuple[str, Tensor]]:
        """Names and leaves."""
        yield from vars(self).items()

    def camera(self, size: int) -> PerspectiveCamera:
        """The cameras of a square crop of `size` pixels."""
        distance = self.log_distance.exp()
        batch = len(distance)
        translation = torch.cat([self.shift * distance[:, None], -distance[:, None]], 1)
        return PerspectiveCamera(
            euler_to_matrix(self.angles),
            translation,
            torch.full((batch,), FOCAL_PER_SIZE * size),
            torch.full((batch, 2), size / 2),
        )

    def coefficients(self) -> Coefficients:
        """The model's coefficients."""
        return Coefficients(self.identity, self.expression, self.albedo, self.light)
