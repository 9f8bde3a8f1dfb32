"""Skin masks of faces: which colours are skin, within the face that 68 landmarks mark.

Colour is judged by a naive Bayes classifier on two published mixtures of Gaussians, of skin and of
other colours (M. J. Jones and J. M. Rehg, Statistical Color Models with Application to Skin
Detection, IJCV 46(1), 2002, tables 2 and 3). They were fitted to nearly a billion labelled pixels
of photographs from the web, in mostly white light. Where they take the cheeks and the nose for
something else than skin (grey pictures, coloured light), they are not heard; then skin is what has
about the colours of these, a Gaussian.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import cache

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw
from scipy.ndimage import gaussian_filter
from scipy.spatial import ConvexHull

from ..core.errors import InputError
from .face import check_photograph

Array = NDArray[np.float64]


Row = tuple[float, float, float, float, float, float, float]

SKIN: tuple[Row, ...] = (
    (73.53, 29.94, 17.76, 765.40, 121.44, 112.80, 0.0294),
    (249.71, 233.94, 217.49, 39.94, 154.44, 396.05, 0.0331),
    (161.68, 116.25, 96.95, 291.03, 60.48, 162.85, 0.0654),
    (186.07, 136.62, 114.40, 274.95, 64.60, 198.27, 0.0756),
    (189.26, 98.37, 51.18, 633.18, 222.40, 250.69, 0.0554),
    (247.00, 152.20, 90.84, 65.23, 691.53, 609.92, 0.0314),
    (150.10, 72.66, 37.76, 408.63, 200.77, 257.57, 0.0454),
    (206.85, 171.09, 156.34, 530.08, 155.08, 572.79, 0.0469),
    (212.78, 152.82, 120.04, 160.57, 84.52, 243.90, 0.0956),
    (234.87, 175.43, 138.94, 163.80, 121.57, 279.22, 0.0763),
    (151.19, 97.74, 74.59, 425.40, 73.56, 175.11, 0.1100),
    (120.52, 77.55, 59.82, 330.45, 70.34, 151.82, 0.0676),
    (192.20, 119.62, 82.32, 152.76, 92.14, 259.15, 0.0755),
    (214.29, 136.08, 87.24, 204.90, 140.17, 270.19, 0.0500),
    (99.57, 54.33, 38.06, 448.13, 90.18, 151.29, 0.0667),
    (238.88, 203.08, 176.91, 178.38, 156.27, 404.99, 0.0749),
)

OTHER: tuple[Row, ...] = (
    (254.37, 254.41, 253.82, 2.77, 2.81, 5.46, 0.0637),
    (9.39, 8.09, 8.52, 46.84, 33.59, 32.48, 0.0516),
    (96.57, 96.95, 91.53, 280.69, 156.79, 436.58, 0.0864),
    (160.44, 162.49, 159.06, 355.98, 115.89, 591.24, 0.0636),
    (74.98, 63.23, 46.33, 414.84, 245.95, 361.27, 0.0747),
    (121.83, 60.88, 18.31, 2502.24, 1383.53, 237.18, 0.0365),
    (202.18, 154.88, 91.04, 957.42, 1766.94, 1582.52, 0.0349),
    (193.06, 201.93, 206.55, 562.88, 190.23, 447.28, 0.0649),
    (51.88, 57.14, 61.55, 344.11, 191.77, 433.40, 0.0656),
    (30.88, 26.84, 25.32, 222.07, 118.65, 182.41, 0.1189),
    (44.97, 85.96, 131.95, 651.32, 840.52, 963.67, 0.0362),
    (236.02, 236.27, 230.70, 225.03, 117.29, 331.95, 0.0849),
    (207.86, 191.20, 164.12, 494.04, 237.69, 533.52, 0.0368),
    (99.83, 148.11, 188.17, 955.88, 654.95, 916.70, 0.0389),
    (135.06, 131.92, 123.10, 350.35, 130.30, 388.43, 0.0943),
    (135.96, 103.89, 66.88, 806.44, 642.20, 350.36, 0.0477),
)


Mask = NDArray[np.uint8]

PRIOR = 0.8
"""Share of skin among the pixels of a face."""

_STEP = 4  # grey levels per cell of the table of colours
_CELLS = 256 // _STEP
_LOUDEST = 4.0  # bound of the published mixtures' log ratio
_OWN_REACH = 4.5  # deviations of the face's own colours at which they say neither yes nor no
_FLOOR = (6.0, 4.0, 4.0)  # least deviation of brightness and of the two colour differences
_SHADING = 2.0  # a face's brightness varies more than that of its cheeks
_FOREHEAD = 1.0  # height above the brows, in distances from there to the bottom of the nose
_SMOOTH = 0.006  # width of the filter of the log ratio, parts of the face's size
_CHEEKS = ((1, 2, 3, 4, 48, 31, 39, 40, 41, 36), (15, 14, 13, 12, 54, 35, 42, 47, 46, 45))
_NOSE = (27, 31, 33, 35)
_EYES = ((36, 37, 38, 39, 40, 41), (42, 43, 44, 45, 46, 47))
_MOUTH = (60, 61, 62, 63, 64, 65, 66, 67)


def skin_log_ratio(picture: NDArray[np.uint8]) -> NDArray[np.float32]:
    """log p(colour | skin) - log p(colour | other) of Jones and Rehg's mixtures.

    Args:
        picture: (...,3) uint8 RGB.

    Returns:
        (...,), to cells of 4 grey levels.
    """
    r, g, b = (picture[..., k] // _STEP for k in range(3))
    return _table()[r, g, b]


def skin_mask(picture: NDArray[np.uint8], points: Array) -> Mask:
    """Which pixels of a photograph are the facial skin of one face.

    Args:
        picture: (H,W,3) uint8 RGB.
        points: (68,2) landmarks in iBUG's order, photograph pixels.

    Returns:
        (H,W) uint8: 255 on skin, brows and lips; 0 on eyes, the open mouth and all else.

    Raises:
        InputError: no such picture, or points that are not finite or without extent.
    """
    check_photograph(picture)
    size = float(np.ptp(points, axis=0).max()) if np.isfinite(points).all() else 0.0
    if points.shape != (68, 2) or size < 4:
        raise InputError("points", "68 finite landmarks of a face", f"{points.shape}, {size:g} px")
    result = np.zeros(picture.shape[:2], np.uint8)
    outline = _outline(points)
    low = np.clip(np.floor(outline.min(0)).astype(int), 0, None)
    high = np.minimum(np.ceil(outline.max(0)).astype(int) + 1, picture.shape[1::-1])
    if (high <= low).any():
        return result
    window = (slice(low[1], high[1]), slice(low[0], high[0]))
    result[window] = _window_mask(picture[window], points - low, outline - low, size)
    return result


def _window_mask(picture: Mask, points: Array, outline: Array, size: float) -> Mask:
    height, width = picture.shape[:2]
    face = _filled((height, width), [outline])
    holes = _filled((height, width), [points[list(part)] for part in (*_EYES, _MOUTH)])
    sure = _filled((height, width), [points[list(part)] for part in (*_CHEEKS, _NOSE)]) & ~holes
    odds = np.full((height, width), np.log(PRIOR / (1 - PRIOR)))
    published = np.clip(skin_log_ratio(picture), -_LOUDEST, _LOUDEST)
    believable = not sure.any() or np.median(published[sure]) > 0
    odds += published if believable else _own_log_ratio(picture, sure)
    odds = gaussian_filter(odds, max(0.3, _SMOOTH * size))
    return np.where((odds > 0) & face & ~holes, 255, 0).astype(np.uint8)


def _own_log_ratio(picture: Mask, sure: NDArray[np.bool_]) -> Array:
    """How near a colour is to those of the face's cheeks and nose: 0 at `_OWN_REACH` deviations."""
    r, g, b = (picture[..., k].astype(np.float64) for k in range(3))
    features = np.stack([(r + g + b) / 3, r - g, g - b], -1)
    of_skin = features[sure]
    middle = np.median(of_skin, 0)
    spread = 1.4826 * np.median(np.abs(of_skin - middle), 0)
    spread = np.maximum(spread * [_SHADING, 1, 1], _FLOOR)
    distance = (((features - middle) / spread) ** 2).sum(-1)
    return np.clip((_OWN_REACH**2 - distance) / 2, -2 * _LOUDEST, _LOUDEST)


def _outline(points: Array) -> Array:
    """The convex hull of the landmarks and of a forehead above the brows, (N,2)."""
    brows = points[17:27]
    up = brows.mean(0) - points[33]
    forehead = brows + _FOREHEAD * up * np.sin(np.linspace(0.25, np.pi - 0.25, 10))[:, None]
    every = np.concatenate([points, forehead])
    return every[ConvexHull(every).vertices]


def _filled(shape: tuple[int, int], polygons: Sequence[Array]) -> NDArray[np.bool_]:
    """Pixels (H,W) inside polygons (N,2) of our pixel coordinates."""
    canvas = Image.new("1", (shape[1], shape[0]))
    pen = ImageDraw.Draw(canvas)
    for polygon in polygons:  # Pillow counts from the centre of the first pixel
        pen.polygon([(float(x) - 0.5, float(y) - 0.5) for x, y in polygon], fill=1)
    return np.asarray(canvas)


@cache
def _table() -> NDArray[np.float32]:
    """The log ratio for the middle of each cell of colours."""
    middle = np.arange(_CELLS, dtype=np.float64) * _STEP + (_STEP - 1) / 2
    table = _log_density(SKIN, middle) - _log_density(OTHER, middle)
    return table.astype(np.float32)


def _log_density(rows: Sequence[Row], levels: Array) -> Array:
    """Log density (N,N,N) of a mixture at every colour of which each channel is in `levels`."""
    total = np.zeros((len(levels),) * 3)
    weights = sum(row[6] for row in rows)
    for row in rows:
        mean, variance = row[:3], row[3:6]
        parts = [
            np.exp(-((levels - m) ** 2) / (2 * v)) / np.sqrt(2 * np.pi * v)
            for m, v in zip(mean, variance, strict=True)
        ]
        total += row[6] / weights * np.einsum("r,g,b->rgb", *parts)
    return np.log(np.maximum(total, 1e-300))
