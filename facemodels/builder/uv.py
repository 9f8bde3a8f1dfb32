"""Texture charts of surfaces like a disk: no overlap, wanted density, little stretch.

The head is cut up its back, so that the skin unrolls with the face in the middle.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from ..subdivide import edge_table, rim_loops
from .flatten import Hold, first_chart, relax
from .hm08 import Array, Index
from .net import Net, Outline, frame_net, hole_net, join, surface_net

_ROUND, _FULL = 2.2, 7.0  # roundness of the first chart's outline, and of the final one's
_FRAME_SIZE, _FRAME_WEIGHT = 1.25, 0.02  # of the frame that keeps the rim from folding over


@dataclass(frozen=True)
class Sheet:
    """A symmetric part of a surface by V vertices of its own.

    source (V,) the vertex of the surface that each one is, some of them twice; quads (F,4);
    mirror (V,).
    """

    source: Index
    quads: Index
    mirror: Index


def open_sheet(quads: Index, mirror: Index) -> Sheet:
    """The quads (F,4) of a surface with the mirror map `mirror` as they are."""
    source, local = np.unique(quads, return_inverse=True)
    place = np.full(len(mirror), -1)
    place[source] = np.arange(len(source))
    return Sheet(source, local.reshape(quads.shape), place[mirror[source]])


def cut_back(points: Array, sheet: Sheet, end: float) -> Sheet:
    """Cut a sheet that is open at the neck along its midline, up the back and over the crown.

    Args:
        points: (N,3) mm, of the surface.
        sheet: of its skin.
        end: the cut ends at the first vertex in front of this z, mm.

    Returns:
        The sheet with all vertices of the cut but the last one doubled. The quads on the side of
        negative x have the copies; the mirror swaps them with the originals.
    """
    path = _midline(points[sheet.source], sheet, end)[:-1]
    copy = np.arange(len(sheet.source))
    copy[path] = len(sheet.source) + np.arange(len(path))
    quads = sheet.quads.copy()
    right = points[sheet.source[quads], 0].mean(1) < 0
    quads[right] = copy[quads[right]]
    mirror = np.concatenate([sheet.mirror, path])
    mirror[path] = copy[path]
    return Sheet(np.concatenate([sheet.source, sheet.source[path]]), quads, mirror)


def _midline(points: Array, sheet: Sheet, end: float) -> Index:
    """The vertices from the rim's rearmost one up the midline to the first one beyond `end`."""
    edges, _, _ = edge_table(sheet.quads)
    on_seam = sheet.mirror == np.arange(len(sheet.mirror))
    beside: dict[int, list[int]] = {}
    for a, b in edges[on_seam[edges].all(1)].tolist():
        beside.setdefault(a, []).append(b)
        beside.setdefault(b, []).append(a)
    rim = rim_loops(sheet.quads)[-1]
    rim = rim[on_seam[rim]]
    path = [int(rim[points[rim, 2].argmin()])]
    while len(path) < 2 or points[path[-1], 2] < end:
        path.append(next(v for v in beside[path[-1]] if v not in path))
    return np.array(path)


def disk_chart(
    points: Array, quads: Index, mirror: Index | None, importance: Array, aspect: float = 1.0
) -> Array:
    """Map a surface that is open at its longest rim onto a rounded rectangle.

    Args:
        points: (V,3) mm, all of them used; quads (F,4); mirror (V,) of a symmetric surface whose
            side of positive x goes to the right, or None.
        importance: (V,) wanted lengths in the chart per mm, relative to other vertices.
        aspect: width over height of the rectangle.

    Returns:
        uv (V,2) from 0 to 1 in both directions, v up; u -> 1 - u under the mirror.
    """
    count, loops, outline = len(points), rim_loops(quads), Outline(aspect, _FULL)
    holes = [hole_net(points, hole, count + i, importance) for i, hole in enumerate(loops[:-1])]
    net = join([surface_net(points, quads, importance), *holes]).resized(outline.area())
    place = first_chart(points, quads, mirror, loops, net, Outline(aspect, _ROUND))
    place, net = _framed(place, net, loops[-1], outline)
    free = np.ones(place.shape, bool)
    free[-len(loops[-1]) :] = False
    if mirror is None:
        place = relax(place, net, Hold.of(place, loops[-1], outline, free))[:count]
    else:
        place, net, free = _right_half(place, net, free, mirror)
        place = relax(place, net, Hold.of(place, loops[-1], outline, free))[:count]
        moved = np.flatnonzero(free[:count].any(1))
        place[mirror[moved]] = place[moved] * [-1, 1]
    low, high = place.min(0), place.max(0)
    return (place - low) / (high - low)


def _framed(place: Array, net: Net, rim: Index, outline: Outline) -> tuple[Array, Net]:
    """With a frame round the rim, whose vertices come last."""
    turn = np.arctan2(place[rim, 1], place[rim, 0])
    frame = len(place) + np.arange(len(rim))
    place = np.concatenate([place, _FRAME_SIZE * outline.towards(turn)])
    return place, join([net, frame_net(place, rim, frame, _FRAME_WEIGHT)])


def _right_half(
    place: Array, net: Net, free: NDArray[np.bool_], mirror: Index
) -> tuple[Array, Net, NDArray[np.bool_]]:
    """Only what lies at positive x, with the vertices of the midline tied to it."""
    middle = np.abs(place[:, 0]) < 1e-6
    middle[: len(mirror)] = mirror == np.arange(len(mirror))
    place, free = place.copy(), free.copy()
    place[middle, 0], free[middle, 0] = 0, False
    net = net.only(place[net.corners, 0].mean(1) > 0)
    free &= np.isin(np.arange(len(place)), net.corners)[:, None]
    return place, net, free
