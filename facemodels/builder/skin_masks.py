"""Soft masks of the face's coloured features on the mean head at its finest level."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np
from scipy import sparse

from ..parts import CAVITY, FACE, MOUTH, SKIN
from .hair_masks import (
    Brows,
    Scalp,
    find_brows,
    find_scalp,
    paint_beard,
    paint_lashes,
    sigmoid,
)
from .hm08 import Array
from .openings import LID_EDGE, loops
from .surface import Surface

_LIPS_MEET = 4.5  # the last loop about the mouth at which closed lips touch
_SMOOTHING_ROUNDS = 6


@dataclass(frozen=True)
class SkinMasks:
    """Masks (V,) in 0..1, all symmetric; `brows` and `scalp` say where the vertices lie by these.

    Attributes:
        skin: 1 on skin; the rest are 0 off it.
        cheeks, nose, chin, forehead: where blood and melanin differ.
        sockets: below the eyes; upper_lids: above them; rims: the margins of the lids;
            caruncles: at the inner ends of them.
        lips; lower_lip: of the lips; ears.
        beard, upper_lashes, lower_lashes: where hair grows.
        nostrils, mouth_slit, mouth_corners, ear_canals: hollows that stay dark in any light.
    """

    skin: Array
    cheeks: Array
    nose: Array
    chin: Array
    forehead: Array
    sockets: Array
    upper_lids: Array
    rims: Array
    caruncles: Array
    lips: Array
    lower_lip: Array
    ears: Array
    beard: Array
    upper_lashes: Array
    lower_lashes: Array
    nostrils: Array
    mouth_slit: Array
    mouth_corners: Array
    ear_canals: Array
    brows: Brows
    scalp: Scalp


def paint_masks(surface: Surface, open_sky: Array) -> SkinMasks:
    """All masks; `open_sky` (V,) is the ambient occlusion, 1 in the open."""
    skin = np.isin(surface.tag, (FACE, SKIN)).astype(np.float64)
    lips, ears = surface.masks["lips"], surface.masks["ears"]
    fields = _face_fields(surface) | _hollows(surface, open_sky)
    fields["upper_lashes"], fields["lower_lashes"] = paint_lashes(surface)
    corners = surface.points[surface.landmarks[[39, 42]]]
    fields["caruncles"] = _total(blob(surface.points, corner, 1.5) for corner in corners)
    fields["rims"] = sigmoid((LID_EDGE - 1 - loops(surface, CAVITY)) / 0.6)
    fields["beard"] = paint_beard(surface)
    slit = surface.points[surface.landmarks[62], 1]
    fields["lips"], fields["ears"] = lips, ears
    fields["lower_lip"] = lips * sigmoid((slit - surface.points[:, 1]) / 0.7)
    whole = {name: (field + field[surface.mirror]) / 2 * skin for name, field in fields.items()}
    return SkinMasks(skin=skin, brows=find_brows(surface), scalp=find_scalp(surface), **whole)


def _face_fields(surface: Surface) -> dict[str, Array]:
    """Soft patches about landmarks and eyes."""
    points, marks = surface.points, surface.points[surface.landmarks]
    left, right = surface.eye_centre("left"), surface.eye_centre("right")

    def pair(offset: tuple[float, float, float], radius: float, axes: list[float]) -> Array:
        return _total(
            blob(points, c + np.array(offset) * [np.sign(c[0]), 1, 1], radius, axes)
            for c in (left, right)
        )

    wings = _total(blob(points, marks[i] + [0, 8, -2], 8) for i in (31, 35))
    middles = np.stack([(marks[54] + left) / 2, (marks[48] + right) / 2])
    outward = np.array([[11.0, -1, 0], [-11.0, -1, 0]])
    return {
        "cheeks": _total(blob(points, centre, 17) for centre in middles + outward),
        "nose": np.clip(blob(points, marks[30], 12) + 0.7 * wings, 0, 1),
        "chin": blob(points, marks[8] + [0, 17, 5], 13),
        "forehead": blob(points, [0, 50, 15], 32),
        "sockets": pair((-5, -12, 12), 9, [0.55, 1.25, 0.8]),
        "upper_lids": pair((0, 9, 12), 9, [0.6, 1.3, 0.8]),
    }


def _hollows(surface: Surface, open_sky: Array) -> dict[str, Array]:
    points, marks = surface.points, surface.points[surface.landmarks]
    nostrils = sigmoid((0.74 - _smoothed(surface, open_sky)) / 0.035)
    nostrils *= np.clip(_total(blob(points, marks[i] + [0, 4, 3], 7) for i in (31, 35)) * 1.6, 0, 1)
    return {
        "nostrils": nostrils,
        "mouth_slit": sigmoid((_LIPS_MEET - loops(surface, MOUTH)) / 0.7),
        "mouth_corners": _total(blob(points, marks[i], 2.2) for i in (48, 54)),
        "ear_canals": surface.masks["ears"] * sigmoid((0.33 - open_sky) / 0.06),
    }


def _smoothed(surface: Surface, field: Array) -> Array:
    """A field (V,) averaged with its neighbours, some times over."""
    corners = np.roll(surface.quads, -1, 1).ravel(), surface.quads.ravel()
    count = len(field)
    near = sparse.coo_matrix((np.ones(len(corners[0])), corners), shape=(count, count)).tocsr()
    near = near + near.T + sparse.identity(count)
    weights = np.asarray(near.sum(1)).ravel()
    for _ in range(_SMOOTHING_ROUNDS):
        field = near @ field / weights
    return field


def _total(fields: Iterable[Array]) -> Array:
    return np.stack(list(fields)).sum(0)


def blob(
    points: Array, centre: Array | list[float], radius: float, axes: list[float] | None = None
) -> Array:
    """Gaussian (V,) about `centre`, narrower by the factors `axes`."""
    scale = np.ones(3) if axes is None else np.asarray(axes)
    return np.exp(-0.5 * (((points - np.asarray(centre)) * scale) ** 2).sum(1) / radius**2)
