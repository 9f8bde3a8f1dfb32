"""A cut up the back of the head, so that the skin unrolls with the face in the middle."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from ..rim import rim_loops
from ..subdivide import edge_table
from .hm08 import Array, Index


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
    own = sheet.mirror == np.arange(len(sheet.mirror))
    beside: dict[int, list[int]] = {}
    for a, b in edges[own[edges].all(1)].tolist():
        beside.setdefault(a, []).append(b)
        beside.setdefault(b, []).append(a)
    rim = rim_loops(sheet.quads)[-1]
    rim = rim[own[rim]]
    path = [int(rim[points[rim, 2].argmin()])]
    while len(path) < 2 or points[path[-1], 2] < end:
        path.append(next(v for v in beside[path[-1]] if v not in path))
    return np.array(path)
