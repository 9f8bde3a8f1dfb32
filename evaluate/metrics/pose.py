"""Errors of head pose: pitch, yaw, roll in degrees, as 300W-LP has them."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from ...core.errors import InputError

Array = NDArray[np.float64]
LARGEST_ANGLE = 99.0
"""Hopenet and FSA-Net leave out images of which an angle of the truth is beyond this."""


@dataclass(frozen=True)
class PoseErrors:
    """Mean absolute errors in degrees over `count` images."""

    pitch: float
    yaw: float
    roll: float
    count: int

    @property
    def mean(self) -> float:
        """Mean of the three, the "MAE" of the tables."""
        return (self.pitch + self.yaw + self.roll) / 3


def angle_errors(predicted: Array, truth: Array) -> Array:
    """Absolute differences of angles, at most 180 degrees.

    >>> angle_errors([[1.0, 30.0, -170.0]], [[359.0, 20.0, 170.0]])
    array([[ 2., 10., 20.]])

    Args:
        predicted: (N,3) pitch, yaw and roll in degrees; NaN where an item failed.
        truth: (N,3) degrees.

    Returns:
        (N,3) degrees.

    Raises:
        InputError: unequal shapes, not (N,3), or a truth that is not finite.
    """
    predicted, truth = np.asarray(predicted, np.float64), np.asarray(truth, np.float64)
    if truth.ndim != 2 or truth.shape[1] != 3 or predicted.shape != truth.shape:
        raise InputError(
            "predicted", f"the truth's shape (N,3) {truth.shape}", f"{predicted.shape}"
        )
    if not np.isfinite(truth).all():
        raise InputError("truth", "finite angles", "NaN or infinity")
    return np.abs((predicted - truth + 180) % 360 - 180)


def geodesic_errors(predicted: Array, truth: Array) -> Array:
    """Angle of the rotation between two poses, which gimbal lock does not touch.

    >>> geodesic_errors(np.array([[0.0, 40.0, 0.0]]), np.array([[0.0, 10.0, 0.0]])).round(3)
    array([30.])

    Args:
        predicted: (N,3) pitch, yaw and roll in degrees; items with NaN stay NaN.
        truth: (N,3) degrees.

    Returns:
        (N,) degrees.

    Raises:
        InputError: unequal shapes, not (N,3), or a truth that is not finite.
    """
    import torch

    from ...geometry.rotation import euler_to_matrix, geodesic_angle

    angle_errors(predicted, truth)  # checks both
    turned = [torch.from_numpy(np.deg2rad(a.astype(np.float64))) for a in (predicted, truth)]
    angle = geodesic_angle(euler_to_matrix(turned[0]), euler_to_matrix(turned[1]))
    result = np.rad2deg(angle.numpy())
    result[~np.isfinite(turned[0].numpy()).all(1)] = np.nan
    return result


def within_range(truth: Array) -> NDArray[np.bool_]:
    """Which images (N,) the rule of `LARGEST_ANGLE` keeps, by their true pose (N,3)."""
    return np.asarray((np.abs(np.asarray(truth, np.float64)) <= LARGEST_ANGLE).all(1))


def locked(errors: Array) -> NDArray[np.bool_]:
    """Which images SADRNet-fix leaves out: pitch or roll off by over 20, yaw by less than 5.

    It drops by the error itself, so it flatters whoever uses it; shown since the paper has it.
    """
    errors = np.asarray(errors, np.float64)
    return (np.maximum(errors[:, 0], errors[:, 2]) > 20) & (errors[:, 1] < 5)


def mean_errors(errors: Array) -> PoseErrors:
    """Means of absolute errors (N,3).

    Raises:
        InputError: NaN: failures are the caller's to count; or no image.
    """
    errors = np.asarray(errors, np.float64)
    if not len(errors) or np.isnan(errors).any():
        raise InputError("errors", "at least one image, all numbers", "none, or NaN")
    pitch, yaw, roll = errors.mean(0).tolist()
    return PoseErrors(pitch, yaw, roll, len(errors))
