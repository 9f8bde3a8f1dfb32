"""One camera for a whole clip: its principal point is the frame's middle, its focal length fixed.

A photograph's camera looks at the head's middle, so that poses are those of a portrait. Before a
camera that stands still, a head beside the middle is turned by the angle at which it is seen.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.spatial.transform import Rotation

from ...geometry.point_view import PIVOT_MM
from .pose import HeadPose

Floats = NDArray[np.floating[Any]]


def in_clip_camera(pose: HeadPose, focal: float, size: tuple[int, int]) -> tuple[Floats, Floats]:
    """Rotation (3,3) and translation (3,) mm of a head before the clip's camera.

    Args:
        pose: of the head in a frame.
        focal: of the camera, pixels.
        size: (width, height) of the frame, pixels.
    """
    aside = (pose.middle - np.array(size) / 2) * [1, -1] / focal
    ray = np.array([aside[0], aside[1], -1.0])
    ray /= np.linalg.norm(ray)
    axis = np.cross([0.0, 0.0, -1.0], ray)
    angle = np.arctan2(np.linalg.norm(axis), -ray[2])
    turn = Rotation.from_rotvec(axis / max(np.linalg.norm(axis), 1e-12) * angle)
    rotation = turn.as_matrix() @ pose.rotation
    # Seen at an angle a, a head is larger by 1 / cos(a) across and by 1 / cos(a)^2 along.
    middle = ray * focal / pose.scale / (-ray[2]) ** 1.5
    return rotation, middle - rotation @ np.array(PIVOT_MM)
