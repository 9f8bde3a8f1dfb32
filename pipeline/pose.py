"""Head pose and camera from a few points, by least squares on a rigid face."""

from __future__ import annotations

import numpy as np
import torch
from numpy.typing import NDArray
from scipy.optimize import least_squares
from torch import Tensor

from ..core.errors import InputError
from ..geometry.camera import PerspectiveCamera
from ..geometry.checks import check_finite, check_shape
from ..geometry.rotation import euler_to_matrix

FOCAL_PER_SIZE = 1015 / 224  # focal length per crop side: a narrow view, as Deep3D has it
_START_YAWS = (-0.6, 0.0, 0.6)  # radians
POSE_SPREAD = (0.35, 0.7, 0.35)  # of pitch, yaw and roll in an upright crop, radians
_POINT_NOISE = 0.02  # of the crop's side: detector noise plus the face's own proportions


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
    check_shape("model_points", model_points, (None, 3))
    check_shape("image_points", image_points, (len(model_points), 2))
    check_finite("image_points", image_points)
    if len(model_points) < 4:
        raise InputError("model_points", "at least four points", str(len(model_points)))
    body, image = model_points.double(), image_points.double()
    distance = _start_distance(body, image, size)
    fits = [
        least_squares(
            _residuals, np.array([0, yaw, 0, 0, 0, 0]), args=(body, image, size, distance)
        )
        for yaw in _START_YAWS
    ]
    return _camera(min(fits, key=lambda fit: fit.cost).x, size, distance, torch.float32)


def _start_distance(body: Tensor, image: Tensor, size: int) -> float:
    spread = (body - body.mean(0))[:, :2].square().sum().sqrt()
    seen = (image - image.mean(0)).square().sum().sqrt().clamp(min=1e-3)
    return float(FOCAL_PER_SIZE * size * spread / seen)


def _camera(
    x: NDArray[np.float64], size: int, distance: float, dtype: torch.dtype
) -> PerspectiveCamera:
    """x = pitch, yaw, roll, sideways and upward shift and log distance, relative to `distance`."""
    v = torch.as_tensor(x, dtype=torch.float64)
    depth = distance * torch.exp(v[5])
    shift = torch.stack([v[3] * depth, v[4] * depth, -depth])
    return PerspectiveCamera(
        euler_to_matrix(v[None, :3]).to(dtype),
        shift[None].to(dtype),
        torch.tensor([FOCAL_PER_SIZE * size], dtype=dtype),
        torch.tensor([[size / 2, size / 2]], dtype=dtype),
    )


def _residuals(
    x: NDArray[np.float64], body: Tensor, image: Tensor, size: int, distance: float
) -> NDArray[np.float64]:
    seen = _camera(x, size, distance, torch.float64).project(body[None])[0, :, :2]
    error = ((seen - image) / (size * _POINT_NOISE)).flatten().numpy()
    return np.concatenate([error, x[:3] / np.array(POSE_SPREAD)])
