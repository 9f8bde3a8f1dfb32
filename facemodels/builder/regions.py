"""Which part of the head belongs to the `default` model, and named regions of its vertices."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from ..parts import CAVITY, EYE, FACE, MOUTH, SKIN
from .hm08 import Array
from .skin_masks import SkinMasks, paint_brows
from .surface import Surface

Mask = NDArray[np.bool_]
# The face is cut out by an ellipsoid about a point behind the bridge of the nose (mm), and below
# the chin; chosen so that no quad's centre lies within 0.03 mm of the cut.
_RADIUS, _AXES = 98.8, np.array([1.0, 0.86, 0.8])
_BEHIND_NOSE = np.array([0.0, 7.0, -25.0])
_BELOW_CHIN = 10.0


def face_quads(surface: Surface) -> Mask:
    """Quads (F,) of the `default` model: facial skin with ears, eyeballs, whole mouth sock."""
    marks = surface.points[surface.landmarks]
    centre = surface.points[surface.quads].mean(1)
    middle = np.array([0.0, marks[28, 1], marks[28, 2]]) + _BEHIND_NOSE
    near = np.linalg.norm((centre - middle) * _AXES, axis=1) < _RADIUS
    skin = near & (centre[:, 1] > marks[8, 1] - _BELOW_CHIN)
    skin &= np.isin(surface.part, (FACE, SKIN))
    return skin | np.isin(surface.part, (MOUTH, EYE))


def name_regions(surface: Surface, masks: SkinMasks) -> dict[str, Mask]:
    """Named vertex masks (V,), each symmetric."""
    points, marks, tag = surface.points, surface.points[surface.landmarks], surface.tag
    x, y, z = points.T
    skin, mask = np.isin(tag, (FACE, SKIN)), tag == FACE
    in_cut = np.zeros(len(points), bool)
    in_cut[surface.quads[face_quads(surface)]] = True
    ears, lips = skin & (surface.masks["ears"] > 0.5), skin & (surface.masks["lips"] > 0.5)
    eyelids = skin & (surface.masks["eyelids"] > 0.5)
    brows = mask & (paint_brows(points, masks.brow_curves, 0.0, 3.4) > 0.25)
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
