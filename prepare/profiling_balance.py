"""How far to turn which photograph, so that every pose comes as often as every other."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from ..core.errors import InputError

Array = NDArray[np.float64]


def flat_goals(yaws: Array, edges: Array, most: int = 4, seed: int = 0) -> list[tuple[int, float]]:
    """Turned copies of photographs with which |yaw| is as flat as it can be over bins.

    A face is only turned further away, as in 300W-LP: turned back, more than half of it would have
    to be made up. So each copy lies in a bin beyond its photograph's own; the emptiest bin that
    has photographs left is filled first, up to the fullest bin of the photographs themselves, and
    no photograph gives two copies to one bin.

    Args:
        yaws: (N,) degrees of the photographs, NaN where unknown; these are not turned.
        edges: (B+1,) rising, degrees from 0 on.
        most: copies of one photograph.
        seed: of the order and of the place within a bin.

    Returns:
        row and goal |yaw|, degrees, of every copy, by row and goal.

    Raises:
        InputError: edges that do not rise from 0 or more, or `most` below 1.
    """
    if len(edges) < 2 or not (np.diff(edges) > 0).all() or not edges[0] >= 0:
        raise InputError("edges", "two or more rising degrees from 0 on", f"{list(edges)}")
    if most < 1:
        raise InputError("most", "1 or more", str(most))
    size = np.abs(yaws)
    counts = np.histogram(size[np.isfinite(size)], edges)[0].astype(int)
    random = np.random.default_rng(seed)
    order = random.permutation(len(size))
    waiting = [[row for row in order.tolist() if size[row] < low] for low in edges[:-1]]
    left = np.full(len(size), most)
    level = counts.max()
    goals: list[tuple[int, float]] = []
    while True:
        open_bins = [b for b in range(len(counts)) if waiting[b] and counts[b] < level]
        if not open_bins:
            return sorted(goals)
        b = min(open_bins, key=lambda k: (counts[k], -k))
        row = waiting[b].pop()
        if left[row] > 0:
            left[row] -= 1
            counts[b] += 1
            goals.append((row, float(random.uniform(edges[b], edges[b + 1]))))


def fixed_goals(yaws: Array, goals: Array, apart: float = 5.0) -> list[tuple[int, float]]:
    """The same goals |yaw| for every photograph: those at least `apart` degrees beyond its own."""
    size = np.abs(yaws)
    return [(row, float(g)) for row in range(len(size)) for g in goals if size[row] + apart <= g]


def estimated_yaws(points: Array, model_points: Array) -> Array:
    """Yaw of faces from their 68 landmarks, degrees as `pose_deg`; good to some degrees.

    The affine map from the mean face to the points, made a rotation; jaw points, which mean two
    different things, are left out.

    Args:
        points: (N,68,2) pixels; a row with NaN gives NaN. model_points: (68,3) mm.
    """
    model = model_points[17:] - model_points[17:].mean(0)
    seen = points[:, 17:] - points[:, 17:].mean(1, keepdims=True)
    rows = np.einsum("kl,nlc->nck", np.linalg.pinv(model), seen * [1, -1])
    known = np.isfinite(rows).all((1, 2))
    left, _, right = np.linalg.svd(np.where(known[:, None, None], rows, 1.0), full_matrices=False)
    first, second = (left @ right).transpose(1, 0, 2)
    # R = Rx(pitch) Ry(yaw) Rz(roll): the yaw alone is in the third column's first entry.
    third = np.cross(first, second)
    sine = np.stack([first, second, third], 1)[:, 0, 2]
    angle = -np.degrees(np.arcsin(np.clip(sine, -1, 1)))
    return np.where(known, angle, np.nan)
