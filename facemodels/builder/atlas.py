"""The texture atlas: the skin's chart above, and a strip of islands for all other parts below."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from ..layout import CAP, CAVITY, EYE, FACE, MOUTH, SKIN
from .hm08 import Array, Index
from .inner import ISLANDS
from .piece import smooth_step
from .surface import Surface
from .uv import Sheet, cut_back, disk_chart, open_sheet

MARGIN = 0.004  # that every chart keeps from its box, so that bilinear look-ups do not mix charts
BOXES = {
    "skin": (0.0, 0.13, 1.0, 0.87),
    "right-eye-front": (0.0, 0.0, 0.13, 0.13),
    "upper-teeth": (0.13, 0.065, 0.208, 0.065),
    "lower-teeth": (0.13, 0.0, 0.208, 0.065),
    "right-cavity": (0.338, 0.0, 0.0433, 0.0433),
    "left-cavity": (0.338, 0.0433, 0.0433, 0.0433),
    "cap": (0.338, 0.0866, 0.0433, 0.0434),
    "tongue-upper": (0.3813, 0.065, 0.0537, 0.065),
    "tongue-under": (0.3813, 0.0, 0.0537, 0.065),
    "mouth": (0.435, 0.0, 0.13, 0.13),
    "upper-gums": (0.565, 0.065, 0.24, 0.065),
    "lower-gums": (0.565, 0.0, 0.24, 0.065),
    "right-eye-back": (0.805, 0.0, 0.065, 0.065),
    "left-eye-back": (0.805, 0.065, 0.065, 0.065),
    "left-eye-front": (0.87, 0.0, 0.13, 0.13),
}
"""Left, bottom, width and height of the charts' places in the square."""

_SEAM_ENDS = -45.0  # mm, z of the end of the seam of a whole head, on top of it
# Texels per mm: 1 up to _NEAR mm from the nose, _REST from _FAR on; more round eyes, mouth, nose.
_NEAR, _FAR, _REST = 100.0, 170.0, 0.25
_EARS_LESS = 0.3
_FEATURES = ((range(36, 48), 0.3), (range(48, 68), 0.3), (range(30, 36), 0.15))
_FEATURE_REACH = 25.0  # mm


@dataclass(frozen=True)
class Atlas:
    """uv (T,2) v up; corners (F,4) into uv of the quads it was made for."""

    uv: Array
    corners: Index


@dataclass(frozen=True)
class _Chart:
    """uv (T,2) in 0..1 of the box `name`, and the corners (F,4) in it of the quads `mask` (N,)."""

    name: str
    mask: NDArray[np.bool_]
    uv: Array
    corners: Index


def build_atlas(surface: Surface, kept: NDArray[np.bool_]) -> Atlas:
    """Lay out the quads of `surface` that are `kept` (F,); corners has one row per kept quad.

    The skin's chart is mirrored by u -> 1 - u, and so is the mouth's. A whole head's skin is cut
    open up its back; `kept` without the neck's cap is taken for a mask, which needs no cut and has
    no eye cavities. The other charts are the same for both.
    """
    whole = bool((kept & (surface.part == CAP)).any())
    charts = [_skin(surface, kept, whole), _mouth(surface), *_inner(surface)]
    if whole:
        charts += [*_cavities(surface), _cap(surface)]
    uv, corners, count = [], np.full(surface.quads.shape, -1), 0
    for chart in charts:
        left, bottom, width, height = BOXES[chart.name]
        size = np.array([width, height]) - 2 * MARGIN
        uv.append(chart.uv * size + [left + MARGIN, bottom + MARGIN])
        corners[chart.mask] = chart.corners + count
        count += len(chart.uv)
    used, local = np.unique(corners[kept], return_inverse=True)
    return Atlas(np.concatenate(uv)[used], local.reshape(-1, 4))


def _skin(surface: Surface, kept: NDArray[np.bool_], whole: bool) -> _Chart:
    mask = kept & np.isin(surface.part, (FACE, SKIN))
    sheet = open_sheet(surface.quads[mask], surface.mirror)
    if whole:
        sheet = cut_back(surface.points, sheet, _SEAM_ENDS)
    return _flattened(surface, sheet, "skin", mask)


def _mouth(surface: Surface) -> _Chart:
    mask = surface.part == MOUTH
    return _flattened(surface, open_sheet(surface.quads[mask], surface.mirror), "mouth", mask)


def _flattened(surface: Surface, sheet: Sheet, name: str, mask: NDArray[np.bool_]) -> _Chart:
    width, height = np.array(BOXES[name][2:]) - 2 * MARGIN
    points, wanted = surface.points[sheet.source], _importance(surface)[sheet.source]
    uv = disk_chart(points, sheet.quads, sheet.mirror, wanted, width / height)
    return _Chart(name, mask, uv, sheet.quads)


def _importance(surface: Surface) -> Array:
    """Wanted texels per mm (V,), relative to other vertices: most where people look."""
    points, marks = surface.points, surface.points[surface.landmarks]
    away = np.linalg.norm(points - marks[[27, 30]].mean(0), axis=1)
    wanted = 1 - (1 - _REST) * smooth_step((away - _NEAR) / (_FAR - _NEAR))
    for ids, gain in _FEATURES:
        near = np.linalg.norm(points[:, None] - marks[list(ids)], axis=2).min(1)
        wanted *= 1 + gain * (1 - smooth_step(near / _FEATURE_REACH))
    return wanted * (1 - _EARS_LESS * surface.masks["ears"])


def _cavities(surface: Surface) -> list[_Chart]:
    """The left one and its mirror image."""
    on_left = surface.points[surface.quads, 0].mean(1) > 0
    left, right = ((surface.part == CAVITY) & side for side in (on_left, ~on_left))
    used, local = np.unique(surface.quads[left], return_inverse=True)
    corners = local.reshape(-1, 4)
    uv = disk_chart(surface.points[used], corners, None, np.ones(len(used)))
    twin = np.full(len(surface.points), -1)
    twin[surface.mirror[used]] = np.arange(len(used))
    return [
        _Chart("left-cavity", left, uv, corners),
        _Chart("right-cavity", right, uv * [-1, 1] + [1, 0], twin[surface.quads[right]]),
    ]


def _inner(surface: Surface) -> list[_Chart]:
    """The charts that the inner parts were made with."""
    inner, charts = surface.inner, []
    first = int(np.argmax(surface.part >= EYE))
    for number, name in enumerate(ISLANDS):
        in_island = inner.island == number
        mask = np.zeros(len(surface.quads), bool)
        mask[first : first + len(in_island)] = in_island
        used, local = np.unique(inner.uv_quads[in_island], return_inverse=True)
        charts.append(_Chart(name, mask, inner.uv[used], local.reshape(-1, 4)))
    return charts


def _cap(surface: Surface) -> _Chart:
    """The neck's base as seen from below."""
    mask = surface.part == CAP
    used, local = np.unique(surface.quads[mask], return_inverse=True)
    flat = surface.points[used][:, [0, 2]]
    flat = (flat - flat.min(0)) / np.ptp(flat, axis=0)
    return _Chart("cap", mask, flat, local.reshape(-1, 4))
