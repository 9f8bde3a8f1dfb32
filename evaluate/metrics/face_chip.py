"""The picture that dlib's face recognition network wants: a face turned upright, 150 pixels wide.

The alignment is that of dlib's `get_face_chip_details` (Boost licence), whose two templates are
kept here as numbers: eye corners and the nose's base for dlib's own five points, and the middle of
the face for 68 landmarks. For the five points of detectors the second is averaged.
"""

from __future__ import annotations

import math

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.nn import functional

from ...core.errors import InputError
from ...geometry.align import is_determined, similarity_align
from ...geometry.checks import check_shape
from ...geometry.crop import Crop

SIDE = 150
_PADDING = 0.25  # of the face's width, round it
_CORNERS = (
    (0.8595674595992, 0.2134981538014), (0.6460604764104, 0.2289674387677),
    (0.1205750620789, 0.2137274526848), (0.3340850613712, 0.2290642403242),
    (0.4901123135679, 0.6277975316475),
)  # fmt: skip
_MIDDLE = {
    27: (0.490127, 0.203352), 28: (0.490127, 0.307009), 29: (0.490127, 0.409805),
    30: (0.490127, 0.515625), 31: (0.36688, 0.587326), 32: (0.426036, 0.609345),
    33: (0.490127, 0.628106), 34: (0.554217, 0.609345), 35: (0.613373, 0.587326),
    36: (0.121737, 0.216423), 37: (0.187122, 0.178758), 38: (0.265825, 0.179852),
    39: (0.334606, 0.231733), 40: (0.260918, 0.245099), 41: (0.182743, 0.244077),
    42: (0.645647, 0.231733), 43: (0.714428, 0.179852), 44: (0.793132, 0.178758),
    45: (0.858516, 0.216423), 46: (0.79751, 0.244077), 47: (0.719335, 0.245099),
    48: (0.254149, 0.780233), 49: (0.340985, 0.745405), 50: (0.428858, 0.727388),
    51: (0.490127, 0.742578), 52: (0.551395, 0.727388), 53: (0.639268, 0.745405),
    54: (0.726104, 0.780233), 60: (0.290379, 0.784792), 61: (0.428096, 0.778746),
    62: (0.490127, 0.785343), 63: (0.552157, 0.778746), 64: (0.689874, 0.784792),
}  # fmt: skip
"""Of the 68 landmarks: nose, eyes and upper lip in the unit square of a face."""
_HALF = 0.5  # our pixel centres over dlib's
_FILTER = (1, 4, 6, 4, 1)  # a Gaussian of five pixels, before every other one is dropped
_SHIFT = (1.25, 0.75)  # dlib's corner of what is half as large, in its pixels
_SMALLEST = 8  # pixels: what is smaller is not halved


def align_chip(points: Tensor) -> Crop:
    """The crop of 150 pixels of a face.

    Args:
        points: photograph pixels; (68,2), the landmarks of iBUG, or (5,2), eye centres, nose tip
            and mouth corners, the subject's right first, as detectors give them.

    Raises:
        InputError: another shape, not finite, or all on one line.
    """
    return _crop(*_towards(points, _template(points)))


def align_chip_corners(points: Tensor) -> Crop:
    """`align_chip` by dlib's own five points (5,2).

    These are outer and inner corner of the subject's left eye, the same of the right eye, and where
    the nose meets the lip: 45, 42, 36, 39 and 33 of the 68.
    """
    return _crop(*_towards(points, torch.tensor(_CORNERS, dtype=torch.float64)))


def cut_face_chip(picture: NDArray[np.uint8], crop: Crop) -> NDArray[np.uint8]:
    """The pixels (150,150,3) that dlib itself would cut out, to the last bit or nearly so.

    dlib halves a photograph that is more than twice too large, interpolates and rounds down; a
    `Crop` alone gives nearly the same, and has a gradient.

    Args:
        picture: (H,W,3). crop: of `align_chip` or `align_chip_corners`.
    """
    matrix = crop.inverse_matrix
    turn = matrix[:, :2].numpy()  # dlib's pixels of the photograph per pixel of the chip
    middle = (matrix[:, :2].sum(1) * (SIDE / 2) + matrix[:, 2] - _HALF).numpy()
    halvings = _halvings(float(np.linalg.norm(turn[:, 0])))
    corner, pixels = _around(picture, middle, turn, halvings)
    middle = middle - corner
    for _ in range(halvings):
        pixels, middle, turn = _half(pixels), middle / 2 - _SHIFT, turn / 2
    x, y = np.meshgrid(np.arange(SIDE), np.arange(SIDE))
    from_middle = np.stack([x, y], -1) - (SIDE - 1) / 2
    return _bilinear(pixels, middle + from_middle @ turn.T)


def _halvings(step: float) -> int:
    """How often dlib halves a photograph with so many pixels per pixel of the chip."""
    count, extent = 0, step * (SIDE - 1) / 2
    while extent + 1 > SIDE:
        count, extent = count + 1, extent / 2
    return count


def _around(
    picture: NDArray[np.uint8],
    middle: NDArray[np.float64],
    turn: NDArray[np.float64],
    halvings: int,
) -> tuple[NDArray[np.int64], NDArray[np.uint8]]:
    """The part of the photograph that dlib halves, and where its first pixel is (x, y)."""
    signs = np.array([(-1, -1), (1, -1), (-1, 1), (1, 1)])
    corners = middle + signs @ turn.T * ((SIDE - 1) / 2)
    margin = 2.0
    for _ in range(halvings):
        margin = 2 * margin + 2
    last = np.array([picture.shape[1] - 1, picture.shape[0] - 1])
    low = _rounded(np.maximum(corners.min(0) - margin, 0))
    high = _rounded(np.minimum(corners.max(0) + margin, last))
    if (high < low).any():
        raise InputError("points", "a face within the picture", "one beside it")
    return low, picture[low[1] : high[1] + 1, low[0] : high[0] + 1]


def _rounded(values: NDArray[np.float64]) -> NDArray[np.int64]:
    """The nearest integers, halves away from zero."""
    return (np.sign(values) * np.floor(np.abs(values) + 0.5)).astype(np.int64)


def _half(picture: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """Every other pixel of a picture smoothed by five; nothing of one that is too small."""
    if min(picture.shape[:2]) <= _SMALLEST:
        return picture[:0, :0]
    sums = picture.astype(np.int64)
    for axis in (0, 1):
        count = (sums.shape[axis] - 3) // 2
        taps = [np.arange(k, k + 2 * count, 2) for k in range(len(_FILTER))]
        parts = (w * sums.take(tap, axis) for w, tap in zip(_FILTER, taps, strict=True))
        sums = np.sum(list(parts), 0)
    return (sums // 256).astype(np.uint8)


def _bilinear(picture: NDArray[np.uint8], places: NDArray[np.float64]) -> NDArray[np.uint8]:
    """Between four pixels, rounded down; black where one of them is missing."""
    left = np.floor(places).astype(np.int64)
    part = (places - left)[..., None, :]
    x, y = left[..., 0], left[..., 1]
    inside = (x >= 0) & (y >= 0) & (x + 1 < picture.shape[1]) & (y + 1 < picture.shape[0])
    out = np.zeros((*places.shape[:2], 3), np.uint8)
    x, y, part = x[inside], y[inside], part[inside]
    across, down = part[..., 0], part[..., 1]
    top = (1 - across) * picture[y, x] + across * picture[y, x + 1]
    bottom = (1 - across) * picture[y + 1, x] + across * picture[y + 1, x + 1]
    out[inside] = ((1 - down) * top + down * bottom).astype(np.uint8)
    return out


def _template(points: Tensor) -> Tensor:
    check_shape("points", points, (None, 2))
    if len(points) == 5:
        groups = [range(36, 42), range(42, 48), (30,), (48,), (54,)]
        means = [np.mean([_MIDDLE[k] for k in group], 0) for group in groups]
        return torch.tensor(np.stack(means))
    if len(points) != 68:
        raise InputError("points", "5 or 68 of them", str(len(points)))
    template = torch.full((68, 2), torch.nan, dtype=torch.float64)
    for k, place in _MIDDLE.items():
        template[k] = torch.tensor(place, dtype=torch.float64)
    return template


def _towards(points: Tensor, template: Tensor) -> tuple[float, float, Tensor]:
    """Scale (photograph pixels per pixel of the crop), angle, and the crop's middle."""
    check_shape("points", points, tuple(template.shape))
    used = ~template.isnan().any(1)
    known = points[used].double()
    if not known.isfinite().all():
        raise InputError("points", "eyes, nose and mouth that are finite", "NaN or infinity")
    chip = SIDE * (template[used] + _PADDING) / (2 * _PADDING + 1)
    source, target = (functional.pad(p, (0, 1))[None] for p in (chip, known - _HALF))
    if not bool(is_determined(source, target)):
        raise InputError("points", "points apart from each other", "points on a line")
    similarity = similarity_align(source, target)
    turned = similarity.rotation[0, :2, 0]
    middle = torch.full((1, 1, 3), SIDE / 2, dtype=torch.float64)
    middle[..., 2] = 0
    angle = math.atan2(float(turned[1]), float(turned[0]))
    return float(similarity.scale[0]), angle, similarity.apply(middle)[0, 0, :2]


def _crop(scale: float, angle: float, middle: Tensor) -> Crop:
    """dlib's rectangle spans the pixels' centres: its step is a little less than the scale."""
    step = (SIDE * scale - 1) / (SIDE - 1)
    if not step > 0:
        raise InputError("points", "a face of some pixels", "one of less than a pixel")
    c, s = math.cos(angle), math.sin(angle)
    linear = torch.tensor([[c, s], [-s, c]], dtype=torch.float64) / step
    shift = torch.full((2,), SIDE / 2, dtype=torch.float64) - linear @ (middle + _HALF)
    return Crop(torch.cat([linear, shift[:, None]], 1), (SIDE, SIDE))
