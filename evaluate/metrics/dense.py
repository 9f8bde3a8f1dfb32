"""Errors of dense points, one face at a time: in 2D, in 3D, of the shape, and of nearest points.

SADRNet (eq 25, tables I and II) compares corresponding points, some 45,000 of them, and the shape
after a similarity. Mobile-FaceRNet (section 4.2.2, figure 6) lets iterative closest points find the
corresponding ones and divides by the size of the face's box.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from scipy.spatial import cKDTree

from ...core.errors import InputError
from ...geometry.align import align_points
from ...geometry.icp import IcpOptions, iterative_closest_point
from .landmarks import aligned, box_size, centre_depth, landmark_nme

Array = NDArray[np.float64]
PLANE, SPACE, SHAPE = "dense, 2D", "dense, 3D", "reconstruction"
NEAREST = "reconstruction after ICP"
KINDS = (PLANE, SPACE, SHAPE, NEAREST)
_LARGEST = 1e5  # pixels of a coordinate
_MATCHED, _TOLERANCE = 2000, 1e-4  # points that look for their nearest; see `IcpOptions`


def dense_errors(predicted: NDArray, truth: NDArray, eyes: float) -> dict[str, float]:
    """Errors of one face in percent, point by point.

    Args:
        predicted: (V,3) in the truth's frame, pixels; NaN marks a failure.
        truth: (V,3).
        eyes: outer-eye distance of the truth in 3D, the unit of the shape's error.

    Returns:
        `PLANE` and `SPACE` by the square root of the box's area of the points in use, the depth's
        mean taken off both; `SHAPE` after the least-squares similarity.

    Raises:
        InputError: coordinates that are no pixels, unequal shapes, a truth that is not finite.
    """
    source, target = np.asarray(predicted)[None], np.asarray(truth)[None]
    if np.nanmax(np.abs(source), initial=0) > _LARGEST:
        got = f"{np.nanmax(np.abs(source)):.3g}"
        raise InputError("dense.predictions", f"pixels of at most {_LARGEST:g}", got)
    size = box_size(target)
    return {
        PLANE: float(landmark_nme(source[..., :2], target[..., :2], size)[0]),
        SPACE: float(landmark_nme(centre_depth(source), centre_depth(target), size)[0]),
        SHAPE: float(landmark_nme(aligned(source, target), target, np.array([eyes]))[0]),
    }


def nearest_nme(predicted: NDArray, truth: NDArray) -> float:
    """How far a face's true points lie from the nearest predicted ones, in percent.

    Rotation, place and scale are those of iterative closest points, which start from the
    corresponding points' similarity; 2,000 points, evenly taken, look for their nearest. The mean
    distance is divided by the square root of the area of the true points' box in x and y.

    >>> truth = np.random.default_rng(0).normal(size=(50, 3))
    >>> round(nearest_nme(2 * truth[:, [1, 0, 2]] * [1, -1, 1] + 5, truth), 6)
    0.0

    Args:
        predicted: (V,3), point k the same place as `truth`'s; NaN marks a failure.
        truth: (V,3), x and y in the image.

    Returns:
        percent; NaN for a failure.

    Raises:
        InputError: unequal shapes, fewer than 7 points, or a truth that is not finite.
    """
    source, target = np.asarray(predicted, np.float64), np.asarray(truth, np.float64)
    if source.shape != target.shape:
        raise InputError("predicted", f"the truth's shape {target.shape}", str(source.shape))
    size = float(box_size(target[None])[0])
    if np.isnan(source).any():
        return float("nan")
    matched = target[:: -(-len(target) // _MATCHED)]
    options = IcpOptions(match="target", scale=True, tolerance=_TOLERANCE)
    start = align_points(source, target)
    fit = iterative_closest_point(source, matched, initial=start, options=options)
    moved = fit.similarity.apply_array(source)
    return 100 * float(cKDTree(moved).query(matched)[0].mean()) / size
