"""The crops in which systems see faces, by name.

Each is an upright square of the photograph, whatever the size in pixels it is then given:

| name    | square | usual size |
|---------|--------|------------|
| tight   | side sqrt 2 times the longer side of the landmarks' box, round its middle; ours | 96 |
| roi     | 3DDFA's: the same, its corners rounded to whole pixels | 120 |
| sadrnet | side 1.5 times the mean of the box's sides, as for PRNet and SADRNet | 256 |
| deep3d  | the face model's origin in the middle, 102/224 of a side per 100 mm | 224 |
| whole   | the whole photograph, its longer side the side of the crop | any |

The landmarks are ibug68-3d, else ibug68-2d, else the sample's own five points, else its box. The
five points are the sample's own, else those of its landmarks, else its box. Where nothing is known
the photograph is taken to be a crop already ("whole").
"""

from __future__ import annotations

import math
from collections.abc import Callable

import numpy as np

from ...core.errors import InputError
from ...core.registry import Registry
from ...geometry.crop import FRAME_PER_BOX, Crop
from ..photographs.landmark_sets import five_points, points_68
from .sample import Array, Box, FaceSample

Square = tuple[float, float, float]
"""x and y of the middle and the side, photograph pixels."""

CROPS: Registry[Square] = Registry("crop")
"""Entries give a sample's square."""

# Mean face of the Basel model about its origin, in 100 mm and to 1 mm, x to the subject's left, y
# up, z to the front: Deep3DFaceReconstruction's similarity_Lm3D_all.mat, made symmetric. Against
# its own numbers the crops of 1,000 photographs move by 0.5 px of 224 at most.
_TEMPLATE = np.array(
    [[-0.31, 0.29, 0.13], [0.31, 0.29, 0.13], [0, -0.05, 0.55], [-0.25, -0.38, 0.22],
     [0.25, -0.38, 0.22]]
)  # fmt: skip
_SOLVE = np.linalg.pinv(np.concatenate([_TEMPLATE, np.ones((5, 1))], 1))
_DEEP3D_SCALE = 102 / 224  # sides of the crop per unit of the template
# Measured on AFLW2000-3D: "tight" is 0.92 of "deep3d" (0.92, 0.91, 0.91 for yaw up to 30, 60, 90
# degrees, 80 % within 0.86 and 0.98), its middle 0.06 of that side lower.
_TIGHT_PER_DEEP3D = 0.92
_LOWER = 0.06


def crop_of(kind: str, sample: FaceSample, size: int) -> Crop:
    """A sample's crop of size x size pixels.

    Args:
        kind: a name of `CROPS`.
        sample: the photograph.
        size: of the crop.

    Raises:
        UnknownNameError: no such crop.
        InputError: points or a box without extent.
    """
    x, y, side = CROPS.create(kind, sample)
    if not (side >= 2 and math.isfinite(side)):
        raise InputError(f"{sample.name}: crop", "a side of at least 2 pixels", f"{side:g}")
    return Crop.from_square((x, y), side, size)


@CROPS.register("whole")
def _whole(sample: FaceSample) -> Square:
    height, width = sample.picture.shape[:2]
    return width / 2, height / 2, float(max(width, height))


def _boxed(square: Callable[[Box], Square]) -> Callable[[FaceSample], Square]:
    def of_sample(sample: FaceSample) -> Square:
        box = face_box(sample)
        return _whole(sample) if box is None else square(box)

    return of_sample


def _around(box: Box) -> Square:
    x0, y0, x1, y1 = box
    return (x0 + x1) / 2, (y0 + y1) / 2, FRAME_PER_BOX * max(x1 - x0, y1 - y0)


CROPS.register("tight")(_boxed(_around))


@CROPS.register("roi")
@_boxed
def _roi(box: Box) -> Square:
    """3DDFA, utils/inference.py: parse_roi_box_from_landmark, then crop_img's rounding."""
    x, y, side = _around(box)
    x0, y0, x1 = round(x - side / 2), round(y - side / 2), round(x + side / 2)
    return (x0 + x1) / 2, y0 + (x1 - x0) / 2, float(x1 - x0)


@CROPS.register("sadrnet")
@_boxed
def _sadrnet(box: Box) -> Square:
    """face3d's examples/8_generate_posmap_300WLP.py, without its random margin."""
    x0, y0, x1, y1 = box
    return (x0 + x1) / 2, (y0 + y1) / 2, 1.5 * (x1 - x0 + y1 - y0) / 2


@CROPS.register("deep3d")
def _deep3d(sample: FaceSample) -> Square:
    """Deep3DFaceRecon, util/preprocess.py: align_img, without its rounding to whole pixels.

    An affine camera is fitted to the five points and the mean face in least squares; the mean norm
    of its two rows gives the scale, its shift the middle. The crop is not turned.
    """
    five = sample.five_points if sample.five_points is not None else five_points(sample.landmarks)
    if five is not None:
        return _deep3d_of_five(five)
    box = face_box(sample)
    if box is None:
        return _whole(sample)
    x, y, side = _around(box)
    side /= _TIGHT_PER_DEEP3D
    return x, y - _LOWER * side, side


def _deep3d_of_five(five: Array) -> Square:
    camera = _SOLVE @ (five * [1.0, -1.0])  # (4,2): three rows of the linear part, then the shift
    pixels = np.linalg.norm(camera[:3], axis=0).mean()
    return float(camera[3, 0]), float(-camera[3, 1]), float(pixels / _DEEP3D_SCALE)


def face_box(sample: FaceSample) -> Box | None:
    """The box x0,y0,x1,y1 round the 68 landmarks: exact, from the five points, or as given."""
    points = points_68(sample.landmarks)
    if points is not None:
        (x0, y0), (x1, y1) = points.min(0), points.max(0)
        return float(x0), float(y0), float(x1), float(y1)
    if sample.five_points is None:
        return sample.box
    x, y, side = _deep3d_of_five(sample.five_points)
    half = _TIGHT_PER_DEEP3D * side / FRAME_PER_BOX / 2
    y += _LOWER * side
    return x - half, y - half, x + half, y + half
