"""The landmark sets that samples carry, by key: how many points, and their mirror images.

    ibug68-3d    68 points in iBUG's order, the jaw on the jaw
    ibug68-2d    the same with the jaw on the visible outline; another target for points 0-16
    aflw21       AFLW's 21: brows, eyes (corners and middles), ears, nose, mouth, chin

Five points are, in this order: the subject's right eye, left eye, nose tip, right and left corner
of the mouth.
"""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
from numpy.typing import NDArray

from ...core.errors import UnknownNameError
from ...geometry.landmarks import IBUG68_MIRROR

Array = NDArray[np.float64]

_AFLW21_MIRROR = (5, 4, 3, 2, 1, 0, 11, 10, 9, 8, 7, 6, 16, 15, 14, 13, 12, 19, 18, 17, 20)
MIRRORS: Mapping[str, tuple[int, ...]] = {
    "ibug68-3d": IBUG68_MIRROR,
    "ibug68-2d": IBUG68_MIRROR,
    "aflw21": _AFLW21_MIRROR,
}
"""Point i of a mirrored face is point MIRRORS[key][i] of the face."""

_FIVE_OF_68 = ((36, 39), (42, 45), (30,), (48,), (54,))  # eyes: the middle of their corners
_FIVE_OF_AFLW21 = ((7,), (10,), (14,), (17,), (19,))
_FIVE = {"ibug68-3d": _FIVE_OF_68, "ibug68-2d": _FIVE_OF_68, "aflw21": _FIVE_OF_AFLW21}


def point_count(key: str) -> int:
    """Number of points of a set.

    Raises:
        UnknownNameError: there is no such set.
    """
    if key not in MIRRORS:
        raise UnknownNameError("landmark set", key, list(MIRRORS))
    return len(MIRRORS[key])


def mirrored_points(key: str, points: Array, width: float) -> Array:
    """Points (L,2) of a face in the mirror image of its picture, `width` pixels wide.

    Raises:
        UnknownNameError: there is no such set.
    """
    point_count(key)
    swapped = np.array(points[list(MIRRORS[key])], np.float64)
    swapped[:, 0] = width - swapped[:, 0]
    return swapped


def points_68(landmarks: Mapping[str, Array]) -> Array | None:
    """The 68 points, those on the jaw before those on the outline.

    Args:
        landmarks: (L,2) by the name of their set.

    Returns:
        (68,2), or None where no set of 68 is known as a whole.
    """
    for key in ("ibug68-3d", "ibug68-2d"):
        if key in landmarks and np.isfinite(landmarks[key]).all():
            return landmarks[key]
    return None


def five_points(landmarks: Mapping[str, Array]) -> Array | None:
    """Five points from the first set of landmarks that has them all.

    >>> five_points({"ibug68-3d": np.arange(136.0).reshape(68, 2)})
    array([[ 75.,  76.],
           [ 87.,  88.],
           [ 60.,  61.],
           [ 96.,  97.],
           [108., 109.]])

    Args:
        landmarks: (L,2) by the name of their set; NaN where a point is not known.

    Returns:
        (5,2): the subject's right and left eye, nose tip, right and left corner of the mouth;
        None where no set has them.
    """
    for key, groups in _FIVE.items():
        if key in landmarks:
            five = np.stack([landmarks[key][list(group)].mean(0) for group in groups])
            if np.isfinite(five).all():
                return five
    return None
