"""Soft masks of the face's coloured features on the level-1 mean, mm in model space."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np
from scipy.interpolate import CubicSpline

from ..parts import EYE, FACE, SKIN
from .hm08 import Array, Index
from .surface import Surface

# Eyebrow from its inner to its outer end on the subject's left: x, y in mm from the eyes' midpoint.
BROW_XY = ((13.0, 16.5), (23.0, 19.0), (32.5, 20.2), (41.5, 18.6), (50.0, 14.0))
IRIS_RADIUS, PUPIL_RADIUS = 5.8, 2.1
_BROW_KNOTS = (0.0, 0.27, 0.5, 0.72, 1.0)


@dataclass(frozen=True)
class SkinMasks:
    """Masks (V,) in 0..1; brow curves (2,14,3) mm; eye masks are hard parts of the eyeballs."""

    cheeks: Array
    nose: Array
    chin: Array
    sockets: Array
    upper_lids: Array
    beard: Array
    lashes: Array
    nostrils: Array
    mouth_slit: Array
    eyes: Array
    iris: Array
    pupil: Array
    iris_rim: Array
    brow_curves: Array


def paint_masks(surface: Surface, open_sky: Array) -> SkinMasks:
    """All masks; `open_sky` (V,) is the ambient occlusion, 1 in the open."""
    points, marks = surface.points, surface.points[surface.landmarks]
    left, right = surface.eye_centre("left"), surface.eye_centre("right")
    skin = np.isin(surface.tag, (FACE, SKIN))
    eyes, iris, pupil, rim = _eye_masks(surface, left, right)

    def pair(offset: tuple[float, float, float], radius: float, axes: Array) -> Array:
        return _total(
            blob(points, c + np.array(offset) * [np.sign(c[0]), 1, 1], radius, axes)
            for c in (left, right)
        )

    def both(ids: tuple[int, int], offset: tuple[float, float, float], radius: float) -> Array:
        return _total(
            blob(points, marks[i] + np.array(offset) * [np.sign(marks[i][0]), 1, 1], radius)
            for i in ids
        )

    nose = blob(points, marks[30], 11) + 0.7 * both((31, 35), (3, 8, -2), 8)
    middles = np.stack([(marks[54] + left) / 2, (marks[48] + right) / 2])
    outward = np.array([[9.0, -2, 0], [-9, -2, 0]])
    cheeks = _total(blob(points, centre, 16) for centre in middles + outward)
    slit = np.clip((0.45 - open_sky) / 0.3, 0, 1) * blob(points, marks[62], 30, [1, 2.5, 1])
    return SkinMasks(
        cheeks=cheeks,
        nose=nose,
        chin=blob(points, marks[8] + [0, 15, 5], 12),
        sockets=pair((0, -8, 10), 13, np.array([0.8, 1.3, 1])),
        upper_lids=pair((0, 9, 10), 10, np.array([0.7, 1.4, 1])),
        beard=_beard(surface, marks),
        lashes=_lashes(points, marks) * skin,
        nostrils=np.clip((0.55 - open_sky) / 0.35, 0, 1) * blob(points, marks[33] + [0, 4, 0], 14),
        mouth_slit=slit,
        eyes=eyes,
        iris=iris,
        pupil=pupil,
        iris_rim=rim,
        brow_curves=np.stack([_brow_curve(surface, side) for side in (1, -1)]),
    )


def _total(fields: Iterable[Array]) -> Array:
    return np.stack(list(fields)).sum(0)


def blob(points: Array, centre: Array, radius: float, axes: Array | list[float] = 1.0) -> Array:  # type: ignore[assignment]
    """Gaussian (V,) about `centre`, its axes divided by `axes`."""
    return np.exp(-0.5 * (((points - centre) * np.asarray(axes)) ** 2).sum(1) / radius**2)


def paint_brows(points: Array, curves: Array, lift: float, width: float) -> Array:
    """Brow density (V,): `width` mm half-width at the inner end, curves raised by `lift` mm."""
    density = np.zeros(len(points))
    for curve in curves:
        distance, along = distance_to_curve(points, curve + np.array([0, lift, 0]))
        taper = width * (1.15 - 0.75 * along**1.5)
        shape = 0.75 + 0.25 * np.exp(-(((along - 0.45) / 0.35) ** 2))
        inner_end = 1 - 0.35 * np.exp(-along / 0.05)
        density += np.exp(-((distance / taper) ** 4)) * shape * inner_end
    return np.clip(density, 0, 1)


def distance_to_curve(points: Array, curve: Array) -> tuple[Array, Array]:
    """Distance (V,) to a polyline (K,3) and the place along it, 0..1."""
    best, along = np.full(len(points), np.inf), np.zeros(len(points))
    for i in range(len(curve) - 1):
        start, step = curve[i], curve[i + 1] - curve[i]
        t = np.clip((points - start) @ step / (step @ step), 0, 1)
        distance = np.linalg.norm(points - start - t[:, None] * step, axis=1)
        closer = distance < best
        best[closer], along[closer] = distance[closer], (i + t[closer]) / (len(curve) - 1)
    return best, along


def _brow_curve(surface: Surface, side: int) -> Array:
    front = np.flatnonzero((surface.tag == FACE) & (surface.points[:, 2] > -20))
    knots = [_nearest_xy(surface.points, front, (side * x, y)) for x, y in BROW_XY]
    return CubicSpline(_BROW_KNOTS, surface.points[knots])(np.linspace(0, 1, 14))


def _nearest_xy(points: Array, candidates: Index, xy: tuple[float, float]) -> int:
    return int(candidates[((points[candidates, :2] - xy) ** 2).sum(1).argmin()])


def _beard(surface: Surface, marks: Array) -> Array:
    points = surface.points
    x, y, z = points.T
    moustache = np.exp(
        -((((points - (marks[33] + marks[51]) / 2) / [22, 6.5, 20]) ** 2).sum(1) ** 1.5)
    )
    sideburn = 1.08 * np.clip(np.abs(x) - 33, 0, 100)
    jaw = _sigmoid(-((y - (marks[48][1] - 5)) - sideburn) / 3.5)
    beard = np.clip(jaw * (z > -80) + moustache, 0, 1)
    beard *= (1 - surface.masks["lips"]) * (1 - surface.masks["ears"])
    return beard * (0.35 + 0.65 * _sigmoid((y - (marks[8][1] - 12)) / 5))


def _lashes(points: Array, marks: Array) -> Array:
    dark = np.zeros(len(points))
    lines = [((36, 37, 38, 39), 1.0, 1.7), ((42, 43, 44, 45), 1.0, 1.7)]
    lines += [((36, 41, 40, 39), 0.45, 1.3), ((42, 47, 46, 45), 0.45, 1.3)]
    for ids, strength, width in lines:
        distance, _ = distance_to_curve(points, marks[list(ids)])
        dark = np.maximum(dark, strength * np.exp(-((distance / width) ** 2)))
    return dark


def _eye_masks(surface: Surface, left: Array, right: Array) -> tuple[Array, Array, Array, Array]:
    """Eyeballs, iris, pupil and the iris's dark rim: by distance from the optical axis."""
    out = [np.zeros(len(surface.points)) for _ in range(4)]
    for centre, ball in ((left, surface.left_eye), (right, surface.right_eye)):
        q = surface.points - centre
        radius, front = np.hypot(q[:, 0], q[:, 1]), (q[:, 2] > 0) * 1.0
        out[0] += ball & (surface.tag == EYE)
        out[1] += ball * front * _sigmoid((IRIS_RADIUS - radius) / 0.4)
        out[2] += ball * front * _sigmoid((PUPIL_RADIUS - radius) / 0.3)
        out[3] += ball * front * np.exp(-(((radius - IRIS_RADIUS) / 0.6) ** 2))
    return out[0], out[1], out[2], out[3]


def _sigmoid(x: Array) -> Array:
    return 1 / (1 + np.exp(-np.clip(x, -60, 60)))
