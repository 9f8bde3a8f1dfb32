"""Pairs of neighbouring pixels with a silhouette between them, found from the silhouette edges.

After the analytic antialiasing of Laine et al. 2020 (arXiv 2011.03277, section 3.5), with another
search. A silhouette edge has triangles of opposite facing on its two sides, or one triangle only.
Where it is closer to vertical it is cut with the rows of pixel centres, else with the columns
(so that each piece of outline counts once), and each cut lies between two pixels: A on the side
of the edge's surface, B beyond. The pair counts if A is nearer than B and A sees this very surface:
a walk from A's triangle over the neighbours towards B must leave the surface through this edge.
Without the walk, meshes with triangles of about a pixel would lose most of their outline.

"Line" below is the row or column of pixel centres, "along" the screen coordinate on it.
"""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray

from ...core.jit import inline, kernel

MAX_STEPS = 64
_UNKNOWN = np.int8(2)
"""Facing of a triangle that is not wholly in front of the camera; its edges are left alone."""


@inline
def _to_screen(pos: NDArray, height: int, width: int, screen: NDArray) -> None:
    """Pixel positions (column, row), pixel centres at integers; NaN where w <= 0."""
    for v in range(pos.shape[0]):
        inverse = 1.0 / pos[v, 3] if pos[v, 3] > 0 else np.nan
        screen[v, 0] = (pos[v, 0] * inverse + 1.0) * (0.5 * width) - 0.5
        screen[v, 1] = (1.0 - pos[v, 1] * inverse) * (0.5 * height) - 0.5


@inline
def _find_facing(screen: NDArray, tri: NDArray, facing: NDArray) -> None:
    for t in range(tri.shape[0]):
        i, j, k = np.uint32(tri[t, 0]), np.uint32(tri[t, 1]), np.uint32(tri[t, 2])
        xi, yi = screen[i, 0], screen[i, 1]
        area = (screen[j, 0] - xi) * (screen[k, 1] - yi) - (screen[j, 1] - yi) * (screen[k, 0] - xi)
        facing[t] = np.int8(area > 0) if abs(area) < np.inf else _UNKNOWN


@inline
def _cut(screen: NDArray, i: int, j: int, axis: int, line: int) -> float:
    """Where on the line the edge i, j crosses it; `axis` is the coordinate the line fixes."""
    step = (line - screen[i, axis]) / (screen[j, axis] - screen[i, axis])
    return screen[i, 1 - axis] + step * (screen[j, 1 - axis] - screen[i, 1 - axis])


@inline
def _first_exit(screen: NDArray, tri: NDArray, t: int, axis: int, line: int, way: int) -> int:
    """The corner opposite to the edge through which the line leaves triangle t; -1: none."""
    found, farthest = -1, -np.inf
    for c in range(3):
        i, j = tri[t, (c + 1) % 3], tri[t, (c + 2) % 3]
        if (screen[i, axis] <= line) != (screen[j, axis] <= line):
            reach = _cut(screen, i, j, axis, line) * way
            if reach > farthest:
                found, farthest = c, reach
    return found


@inline
def _leaves_through(
    screen: NDArray,
    tri: NDArray,
    neighbours: NDArray,
    facing: NDArray,
    t: int,
    i: int,
    j: int,
    axis: int,
    line: int,
    way: int,
) -> bool:
    """Whether the walk from triangle t along the line leaves its surface through edge i, j."""
    c = _first_exit(screen, tri, t, axis, line, way)
    if c < 0:
        return False
    for _ in range(MAX_STEPS):
        a, b = tri[t, (c + 1) % 3], tri[t, (c + 2) % 3]
        if (a == i and b == j) or (a == j and b == i):
            return True
        beyond = neighbours[t, c]
        if beyond < 0 or facing[beyond] != facing[t]:
            return False
        t = beyond
        # The line enters t between a and b, so it leaves between the third corner and the one
        # of a, b that lies on its other side.
        third = 0
        while tri[t, third] == a or tri[t, third] == b:
            third += 1
            if third == 3:
                return False
        same = a if (screen[a, axis] <= line) == (screen[tri[t, third], axis] <= line) else b
        c = 0 if tri[t, 0] == same else (1 if tri[t, 1] == same else 2)
    return False


@inline
def _pair_on_line(
    screen: NDArray,
    tri: NDArray,
    neighbours: NDArray,
    facing: NDArray,
    rast: NDArray,
    i: int,
    j: int,
    axis: int,
    line: int,
    upper: bool,
) -> tuple[int, int, float]:
    """The pair of pixels (flat indices A, B) that edge i, j splits on this line, and its blend.

    `upper`: the surface lies on the larger side along the line. A is -1 where there is no pair.
    """
    width = rast.shape[1]
    where = _cut(screen, i, j, axis, line)
    size = rast.shape[axis]  # rows are cut along columns: axis 1 (y) fixed, size = width
    if not (where >= 0 and where < size - 1):
        return -1, -1, 0.0
    low = int(where)
    near, far = (low + 1, low) if upper else (low, low + 1)
    if axis == 1:
        ya, xa, yb, xb = line, near, line, far
    else:
        ya, xa, yb, xb = near, line, far, line
    t = int(rast[ya, xa, 3]) - 1
    hidden = rast[yb, xb, 3] > 0 and not rast[yb, xb, 2] > rast[ya, xa, 2]
    if t < 0 or t >= tri.shape[0] or hidden or facing[t] == _UNKNOWN:
        return -1, -1, 0.0
    if not _leaves_through(
        screen, tri, neighbours, facing, t, i, j, axis, line, -1 if upper else 1
    ):
        return -1, -1, 0.0
    return ya * width + xa, yb * width + xb, abs(where - near) - 0.5


@inline
def _list_silhouettes(edges: NDArray, facing: NDArray, listed: NDArray) -> int:
    """List the edges between triangles of opposite facing, or of one triangle; returns how many.

    Every edge is written down, and those that count keep their place: no branches.
    """
    count = 0
    for e in range(edges.shape[1]):
        front, back = facing[np.uint32(edges[2, e])], facing[np.uint32(max(edges[3, e], 0))]
        alone = edges[3, e] < 0
        known = (front != _UNKNOWN) & (alone | (back != _UNKNOWN))
        listed[count] = e
        count += int(known & (alone | (front != back)))
    return count


@inline
def _find_pairs(
    screen: NDArray,
    tri: NDArray,
    neighbours: NDArray,
    edges: NDArray,
    facing: NDArray,
    rast: NDArray,
    listed: NDArray,
    pairs: NDArray,
    blends: NDArray,
) -> int:
    count = 0
    for n in range(_list_silhouettes(edges, facing, listed)):
        e = listed[n]
        i, j, front = edges[0, e], edges[1, e], edges[2, e]
        dx, dy = screen[j, 0] - screen[i, 0], screen[j, 1] - screen[i, 1]
        axis = 1 if abs(dy) >= abs(dx) else 0
        k = tri[front, edges[4, e]]
        side = dx * (screen[k, 1] - screen[i, 1]) - dy * (screen[k, 0] - screen[i, 0])
        if side == 0:
            continue
        upper = (side > 0) == ((-dy if axis == 1 else dx) > 0)
        low = min(screen[i, axis], screen[j, axis])
        high = max(screen[i, axis], screen[j, axis])
        lines = rast.shape[1 - axis]  # rows for axis 1 (y), columns for axis 0 (x)
        begin, end = math.ceil(max(low, 0.0)), math.ceil(min(high, float(lines)))
        for line in range(int(begin), int(end)):
            a, b, blend = _pair_on_line(
                screen, tri, neighbours, facing, rast, i, j, axis, line, upper
            )
            if a >= 0:
                if count < pairs.shape[0]:
                    pairs[count, 0], pairs[count, 1] = i, j
                    pairs[count, 2], pairs[count, 3] = a, b
                    blends[count] = blend
                count += 1
    return count


@kernel
def find_pairs_images(
    pos: NDArray,
    tri: NDArray,
    neighbours: NDArray,
    edges: NDArray,
    rast: NDArray,
    pairs: NDArray,
    blends: NDArray,
    counts: NDArray,
    first: int,
    last: int,
) -> None:
    """Fill pairs (B,N,4) int32: edge's vertices, pixels A, B; blends (B,N); counts (B).

    A blend is the cut's distance from A's centre - 0.5 pixels: what of B's pixel A's surface
    covers, or minus what it does not cover of its own. A count above N says how many are needed.
    """
    screen = np.empty((pos.shape[1], 2), np.float64)
    facing = np.empty(tri.shape[0], np.int8)
    listed = np.empty(edges.shape[1] + 1, np.int32)
    for b in range(first, last):
        _to_screen(pos[b], rast.shape[1], rast.shape[2], screen)
        _find_facing(screen, tri, facing)
        counts[b] = _find_pairs(
            screen, tri, neighbours, edges, facing, rast[b], listed, pairs[b], blends[b]
        )
