"""Head pose, camera and a first shape from a few points, by least squares."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from ...core.errors import InputError
from ...geometry.camera import PerspectiveCamera
from ...geometry.checks import check_finite, check_shape
from ...geometry.rotation import euler_to_matrix, matrix_to_euler

FOCAL_PER_SIZE = 1015 / 224  # focal length per crop side: a narrow view, as Deep3D has it
_ROUNDS = 25  # of the full fit: it has long settled, only bounds are still being felt for
_START_YAWS = (-0.6, 0.0, 0.6)  # radians
POSE_SPREAD = (0.35, 0.7, 0.35)  # of pitch, yaw and roll in an upright crop, radians
POINT_NOISE = 0.01  # of the crop's side: the detector's noise
RIGID_NOISE = 0.02  # the same plus the face's own proportions, where these are not fitted


@dataclass(frozen=True)
class PointFit:
    """The most probable face behind a few points.

    Attributes:
        camera: one perspective camera.
        coefficients: (K,) of the basis, in its own units.
    """

    camera: PerspectiveCamera
    coefficients: Tensor


def pose_from_points(model_points: Tensor, image_points: Tensor, size: int) -> PerspectiveCamera:
    """The perspective camera that brings rigid points onto their images.

    Minimises the squared reprojection error plus a weak prior towards the frontal pose, from
    three starts; the focal length is fixed to `FOCAL_PER_SIZE` sides, the principal point to the
    crop's middle.

    Args:
        model_points: (N,3) mm, model space, N >= 4.
        image_points: (N,2) crop pixels of the same points.
        size: side of the square crop in pixels.

    Raises:
        InputError: fewer than four points, different counts, or NaN.
    """
    from scipy.optimize import least_squares

    problem = _Problem.of(model_points, image_points, size)
    starts = [np.array([0, yaw, 0, 0, 0, 0]) for yaw in _START_YAWS]
    fits = [least_squares(problem.residuals, start) for start in starts]
    return problem.camera(min(fits, key=lambda fit: fit.cost).x).to_float()


def face_from_points(
    model_points: Tensor,
    image_points: Tensor,
    size: int,
    basis: Tensor,
    spread: Tensor,
    bounded: Tensor,
) -> PointFit:
    """Pose and shape together: the maximum a posteriori of a linear model given its points.

    A smile widens the mouth and lifts its corners; a rigid face would explain that by a wrong
    pitch and a short jaw. Starts at the rigid pose.

    Args:
        model_points, image_points, size: as in `pose_from_points`.
        basis: (K,N,3) mm per unit. spread: (K,) standard deviations of the coefficients.
        bounded: (K,) bool, True for coefficients that stay in [0,1].
    """
    from scipy.optimize import least_squares

    rigid = pose_from_points(model_points, image_points, size)
    scaled = basis.double() * spread.double()[:, None, None]
    problem = _Problem.of(model_points, image_points, size, scaled)
    low = np.where(bounded.numpy(), 0.0, -np.inf)
    high = np.where(bounded.numpy(), 1 / spread.double().numpy(), np.inf)
    free = np.full(6, np.inf)
    start = np.concatenate([problem.pose_of(rigid), np.zeros(len(basis))])
    bounds = (np.concatenate([-free, low]), np.concatenate([free, high]))
    found = least_squares(problem.residuals, start, bounds=bounds, max_nfev=_ROUNDS).x
    coefficients = torch.from_numpy(found[6:]).float() * spread
    return PointFit(problem.camera(found).to_float(), coefficients)


@dataclass(frozen=True)
class _Problem:
    """Points, their images, and what a vector of unknowns means.

    x = pitch, yaw, roll, sideways and upward shift over distance, log of the distance relative
    to `distance`, then coefficients in standard deviations.
    """

    body: Tensor
    image: Tensor
    size: int
    basis: Tensor
    distance: float

    @classmethod
    def of(cls, body: Tensor, image: Tensor, size: int, basis: Tensor | None = None) -> _Problem:
        check_shape("model_points", body, (None, 3))
        check_shape("image_points", image, (len(body), 2))
        check_finite("image_points", image)
        if len(body) < 4:
            raise InputError("model_points", "at least four points", str(len(body)))
        body, image = body.double(), image.double()
        spread = (body - body.mean(0))[:, :2].square().sum().sqrt()
        seen = (image - image.mean(0)).square().sum().sqrt().clamp(min=1e-3)
        none = torch.zeros(0, len(body), 3, dtype=torch.float64)
        distance = float(FOCAL_PER_SIZE * size * spread / seen)
        return cls(body, image, size, none if basis is None else basis, distance)

    def camera(self, x: NDArray[np.float64]) -> PerspectiveCamera:
        v = torch.from_numpy(np.array(x, dtype=np.float64))
        depth = self.distance * torch.exp(v[5])
        shift = torch.stack([v[3] * depth, v[4] * depth, -depth])
        middle = torch.full((1, 2), self.size / 2, dtype=torch.float64)
        focal = torch.full((1,), FOCAL_PER_SIZE * self.size, dtype=torch.float64)
        return PerspectiveCamera(euler_to_matrix(v[None, :3]), shift[None], focal, middle)

    def pose_of(self, camera: PerspectiveCamera) -> NDArray[np.float64]:
        """The first six unknowns of a camera."""
        angles = matrix_to_euler(camera.rotation.double())[0].numpy()
        x, y, z = camera.translation[0].double().tolist()
        return np.array([*angles, x / -z, y / -z, np.log(-z / self.distance)])

    def residuals(self, x: NDArray[np.float64]) -> NDArray[np.float64]:
        shape = self.body + torch.tensordot(torch.from_numpy(np.array(x[6:])), self.basis, 1)
        seen = self.camera(x).project(shape[None])[0, :, :2]
        noise = self.size * (RIGID_NOISE if len(x) == 6 else POINT_NOISE)
        error = ((seen - self.image) / noise).flatten().numpy()
        return np.concatenate([error, x[:3] / np.array(POSE_SPREAD), x[6:]])
