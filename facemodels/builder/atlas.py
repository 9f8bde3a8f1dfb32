"""The texture atlas: the skin's chart in the square, eyes and mouth as islands in its corners."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from ..parts import CAVITY, EYE, FACE, MOUTH, SKIN
from .hm08 import Array, Index
from .surface import Surface
from .uv import disk_chart, hemisphere_chart

_MARGIN = 0.004  # keeps bilinear look-ups of neighbouring islands apart
_CORNER = 0.066  # half-size of a corner island
_FACE_IMPORTANCE, _EAR_IMPORTANCE, _REST_IMPORTANCE = 1.25, 0.45, 0.9


@dataclass(frozen=True)
class Atlas:
    """uv (T,2) v up; corners (F,4) into uv of the quads it was made for."""

    uv: Array
    corners: Index


def build_atlas(surface: Surface, kept: NDArray[np.bool_]) -> Atlas:
    """Lay out the quads of `surface` that are `kept` (F,); corners has one row per kept quad."""
    quads, part = surface.quads[kept], surface.part[kept]
    centre = surface.points[quads].mean(1)
    left = surface.left_eye[quads[:, 0]]
    far = np.zeros(len(quads), bool)
    for side, mask in (("left", left), ("right", ~left)):
        far |= mask & (centre[:, 2] < surface.eye_centre(side)[2])
    eye, cavity, on_left = part == EYE, part == CAVITY, centre[:, 0] > 0
    islands = [
        (np.isin(part, (FACE, SKIN)), (0.5, 0.5), 0.5),
        (eye & left & ~far, (1 - _CORNER, _CORNER), _CORNER),
        (eye & ~left & ~far, (_CORNER, _CORNER), _CORNER),
        (part == MOUTH, (_CORNER, 1 - _CORNER), _CORNER),
        (eye & left & far, (0.970, 0.970), 0.030),
        (eye & ~left & far, (0.910, 0.970), 0.030),
        (cavity & on_left, (0.986, 0.912), 0.014),
        (cavity & ~on_left, (0.958, 0.916), 0.014),
    ]
    uv, corners, count = [], np.full(quads.shape, -1), 0
    for mask, middle, half in islands:
        if not mask.any():
            continue
        chart = _chart(surface, quads[mask], int(part[mask][0]), bool(far[mask][0]))
        used, local = np.unique(quads[mask], return_inverse=True)
        uv.append((chart[used] - 0.5) * 2 * (half - _MARGIN) + middle)
        corners[mask] = local.reshape(-1, 4) + count
        count += len(used)
    return Atlas(np.concatenate(uv), corners)


def _chart(surface: Surface, quads: Index, part: int, far: bool) -> Array:
    points = surface.points
    if part == EYE:
        side = "left" if surface.left_eye[quads[0, 0]] else "right"
        return hemisphere_chart(points - surface.eye_centre(side), front=not far)
    importance = np.full(len(points), 1.0)
    if part in (FACE, SKIN):
        importance[surface.tag != FACE] = _REST_IMPORTANCE
        importance[surface.tag == FACE] = _FACE_IMPORTANCE
        importance[surface.masks["ears"] > 0.5] = _EAR_IMPORTANCE
    symmetric = bool(np.isin(surface.mirror[quads[0]], quads).all())
    return disk_chart(points, quads, surface.mirror if symmetric else None, importance)
