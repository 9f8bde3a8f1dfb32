"""Named regions of the head's vertices."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from ..layout import CAVITY, FACE, MOUTH, SKIN, TONGUE
from .hm08 import Array
from .inner_colours import GUMS, INSIDE_MOUTH, TEETH
from .masks import SkinMasks
from .openings import face_quads
from .surface import Surface

Mask = NDArray[np.bool_]


def name_regions(surface: Surface, masks: SkinMasks) -> dict[str, Mask]:
    """Named vertex masks (V,), each symmetric, but for left_eye and right_eye."""
    regions = _skin_regions(surface, masks) | _inner_regions(surface)
    whole = {name: mask | mask[surface.mirror] for name, mask in regions.items()}
    return whole | {"left_eye": surface.eye("left"), "right_eye": surface.eye("right")}


def _skin_regions(surface: Surface, masks: SkinMasks) -> dict[str, Mask]:
    points, marks, tag = surface.points, surface.points[surface.landmarks], surface.tag
    x, y, z = points.T
    skin, mask = np.isin(tag, (FACE, SKIN)), tag == FACE
    in_cut = np.zeros(len(points), bool)
    in_cut[surface.quads[face_quads(surface)]] = True
    ears, lips = skin & (surface.masks["ears"] > 0.5), skin & (surface.masks["lips"] > 0.5)
    eyelids = skin & (surface.masks["eyelids"] > 0.5)
    scalp = skin & (masks.scalp.cover() > 0.5)
    brows = mask & (masks.brows.density(0.0, 4.2) > 0.3)
    nose = mask & _nose(points, marks)
    jaw = skin & in_cut & (masks.beard > 0.3) & ~lips
    below = (y < marks[8, 1] - 3) | (~in_cut & (y < marks[3, 1]))
    forehead = skin & ~(brows | scalp) & (y > marks[19, 1]) & (z > marks[17, 2] - 50)
    cheeks = mask & ~(ears | lips | eyelids | nose) & (y < marks[36, 1] - 9) & (y > marks[48, 1])
    return {
        "skin": skin,
        "face": in_cut & skin,
        "nose": nose,
        "lips": lips,
        "eyelids": eyelids,
        "brows": brows,
        "ears": ears,
        "scalp": scalp,
        "neck": skin & ~ears & ~scalp & below,
        "forehead": forehead,
        "cheeks": cheeks & (np.abs(x) > np.abs(marks[35, 0]) + 1),
        "jaw": jaw,
    }


def _inner_regions(surface: Surface) -> dict[str, Mask]:
    tag = surface.tag
    regions = {
        "mouth": tag == MOUTH,
        "mouth_interior": np.isin(tag, INSIDE_MOUTH),
        "teeth": np.isin(tag, TEETH),
        "gums": np.isin(tag, GUMS),
        "tongue": tag == TONGUE,
        "cavities": tag == CAVITY,
    }
    return regions | {name: surface.masks[name] > 0.5 for name in ("sclera", "iris", "pupil")}


def _nose(points: Array, marks: Array) -> Mask:
    """From the bridge down to the columella, widening towards the wings."""
    x, y, z = points.T
    top, bottom = marks[27, 1], marks[33, 1] - 2
    down = np.clip((top - y) / (top - bottom), 0, 1)
    half_width = 7.5 + (np.abs(marks[35, 0]) + 1.5) * down**1.5
    return (y < top) & (y > bottom) & (np.abs(x) < half_width) & (z > marks[39, 2] - 9)
