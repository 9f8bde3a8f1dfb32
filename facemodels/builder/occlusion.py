"""Ambient occlusion per vertex by shadow maps from many directions."""

from __future__ import annotations

import numba as nb
import numpy as np

from .hm08 import Array, Index

_DIRECTIONS, _RESOLUTION, _BIAS = 96, 420, 0.02


def ambient_occlusion(points: Array, normals: Array, faces: Index) -> Array:
    """Cosine-weighted share (V,) of the sphere of directions from which each vertex is seen.

    Args:
        points: (V,3) dm.
        normals: (V,3) unit.
        faces: (F,3).
    """
    seen, total = np.zeros(len(points)), np.zeros(len(points))
    for direction in _fibonacci_sphere(_DIRECTIONS):
        cosine = np.clip(normals @ direction, 0, None)
        seen += cosine * _visible(points, faces, direction)
        total += cosine
    return seen / np.maximum(total, 1e-9)


def _fibonacci_sphere(count: int) -> Array:
    i = np.arange(count) + 0.5
    polar, turn = np.arccos(1 - 2 * i / count), np.pi * (1 + 5**0.5) * i
    return np.stack(
        [np.cos(turn) * np.sin(polar), np.sin(turn) * np.sin(polar), np.cos(polar)], axis=1
    )


def _visible(points: Array, faces: Index, direction: Array) -> Array:
    up = np.array([0.0, 1, 0]) if abs(direction[1]) < 0.9 else np.array([1.0, 0, 0])
    right = np.cross(up, direction)
    right /= np.linalg.norm(right)
    frame = np.stack([right, np.cross(direction, right), direction])
    screen = points @ frame.T
    low = screen[:, :2].min(0)
    scale = (_RESOLUTION - 4) / (screen[:, :2].max(0) - low).max()
    screen[:, :2] = (screen[:, :2] - low) * scale + 2
    depth = _nearest(np.ascontiguousarray(screen), faces, _RESOLUTION)
    column, row = screen[:, 0].astype(int), screen[:, 1].astype(int)
    return screen[:, 2] > depth[row, column] - _BIAS


@nb.njit(cache=True)
def _nearest(points, faces, size):  # type: ignore[no-untyped-def]  # noqa: ANN001, ANN202
    """Largest z per pixel (size,size) of triangles whose x, y are in pixels."""
    depth = np.full((size, size), -1e9)
    for k in range(faces.shape[0]):
        x0, y0, z0 = points[faces[k, 0]]
        x1, y1, z1 = points[faces[k, 1]]
        x2, y2, z2 = points[faces[k, 2]]
        area = (x1 - x0) * (y2 - y0) - (x2 - x0) * (y1 - y0)
        if area == 0:
            continue
        for y in range(max(int(min(y0, y1, y2)), 0), min(int(max(y0, y1, y2)) + 2, size)):
            for x in range(max(int(min(x0, x1, x2)), 0), min(int(max(x0, x1, x2)) + 2, size)):
                px, py = x + 0.5, y + 0.5
                w1 = ((px - x0) * (y2 - y0) - (x2 - x0) * (py - y0)) / area
                w2 = ((x1 - x0) * (py - y0) - (px - x0) * (y1 - y0)) / area
                if w1 >= 0 and w2 >= 0 and w1 + w2 <= 1:
                    z = (1 - w1 - w2) * z0 + w1 * z1 + w2 * z2
                    depth[y, x] = max(depth[y, x], z)
    return depth
