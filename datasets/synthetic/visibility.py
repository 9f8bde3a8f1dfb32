"""Which points of a drawn face nothing hides."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from .draw import SUPERSAMPLING
from .pose import View

Array = NDArray[Any]

_HIDDEN_MM = 10.0
"""A landmark counts as hidden by what lies this much nearer."""

_COVERED_MM = 4.0
"""The same of a vertex, which lies on the surface."""


def seen_points(depth: Array, view: View, in_camera: Array, in_view: Array) -> NDArray[np.bool_]:
    """Which points (N,) are neither hidden nor outside the picture.

    Args:
        depth: (2H,2W) clip depth of what hides things.
        view: the camera.
        in_camera: (N,3) mm; in_view: (N,2+) pixels.
    """
    return _nearer(depth, view, in_camera, in_view, _HIDDEN_MM)


def seen_vertices(
    depth: Array, view: View, in_camera: Array, in_view: Array, normals: Array
) -> NDArray[np.bool_]:
    """Which vertices (V,), with normals (V,3) in camera space, can be seen; see `seen_points`."""
    towards = -(normals * in_camera).sum(1) > 0
    return towards & _nearer(depth, view, in_camera, in_view, _COVERED_MM)


def _nearer(
    depth: Array, view: View, in_camera: Array, in_view: Array, slack: float
) -> NDArray[np.bool_]:
    size = len(depth) // SUPERSAMPLING
    clip = view.clip(in_camera + np.array([0, 0, slack], np.float32), size)
    limit = clip[:, 2] / clip[:, 3]
    x, y = np.floor(in_view[:, :2] * SUPERSAMPLING).astype(int).T
    last = len(depth) - 1
    inside = (x >= 0) & (x <= last) & (y >= 0) & (y <= last)
    return inside & (depth[np.clip(y, 0, last), np.clip(x, 0, last)] >= limit)
