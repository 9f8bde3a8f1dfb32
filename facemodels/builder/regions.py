"""Named regions of the head's vertices."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from ..parts import CAVITY, FACE, MOUTH, SKIN
from .cut import face_quads
from .hm08 import Array
from .skin_masks import SkinMasks, paint_brows
from .surface import Surface

Mask = NDArray[np.bool_]


def name_regions(surface: Surface, masks: SkinMasks) -> dict[str, Mask]:
    """Named vertex masks (V,), each symmetric."""
    points, marks, tag = surface.points, surface.points[surface.landmarks], surface.tag
    x, y, z = points.T
    skin, mask = np.isin(tag, (FACE, SKIN)), tag == FACE
    in_cut = np.zeros(len(points), bool)
    in_cut[surface.quads[face_quads(surface)]] = True
    ears, lips = skin & (surface.masks["ears"] > 0.5), skin & (surface.masks["lips"] > 0.5)
    eyelids = skin & (surface.masks["eyelids"] > 0.5)
    brows = mask & (paint_brows(points, masks.brow_curves, 0.0, 4.0) > 0.2)
    nose = mask & _nose(points, marks)
    jaw = skin & in_cut & (masks.beard > 0.3) & ~lips
    below = skin & ~ears & (y < marks[8, 1] - 2) | (skin & ~in_cut & (y < marks[3, 1]))
    forehead = skin & in_cut & ~brows & (y > marks[19, 1]) & (z > -60)
    cheeks = mask & ~(ears | lips | eyelids | nose) & (y < marks[36, 1] - 8) & (y > marks[48, 1])
    regions = {
        "face": in_cut & skin,
        "skin": skin,
        "nose": nose,
        "lips": lips,
        "mouth": tag == MOUTH,
        "left_eye": surface.left_eye,
        "right_eye": surface.right_eye,
        "eyelids": eyelids,
        "brows": brows,
        "ears": ears,
        "neck": below,
        "forehead": forehead,
        "cheeks": cheeks & (np.abs(x) > np.abs(marks[35, 0])),
        "jaw": jaw,
        "cavities": tag == CAVITY,
    }
    sided = ("left_eye", "right_eye")
    return {n: m if n in sided else m | m[surface.mirror] for n, m in regions.items()}


def _nose(points: Array, marks: Array) -> Mask:
    """From the bridge down to the columella, widening towards the wings."""
    x, y, z = points.T
    top, bottom = marks[27, 1], marks[33, 1] - 2
    down = np.clip((top - y) / (top - bottom), 0, 1)
    half_width = 7 + (np.abs(marks[35, 0]) + 1) * down**1.5
    return (y < top) & (y > bottom) & (np.abs(x) < half_width) & (z > marks[39, 2] - 8)
