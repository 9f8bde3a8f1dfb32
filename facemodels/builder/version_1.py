"""Where the vertices of the face model's version 1 are now, for tables that were made on it."""

from __future__ import annotations

import numpy as np

from ..parts import EYE
from ..subdivide import edge_table
from .head import Head, classify
from .hm08 import LEFT_EYE, RIGHT_EYE, BaseMesh, Index
from .source import AnnySource

GONE = 65535
"""The number that stands for a vertex that version 2 does not have: eyeballs and shoulders."""


def version_1_vertices(mesh: BaseMesh, source: AnnySource, head: Head) -> Index:
    """The vertices of today's model (17933,) that were those of version 1's `default-head`.

    Both subdivide faces of the base mesh once: a vertex is a base vertex, an edge or a face.
    """
    part = classify(mesh, source, shoulders=True)
    eyes = np.concatenate([np.arange(e.start, e.stop) for e in (LEFT_EYE, RIGHT_EYE)])
    part[np.isin(mesh.faces, eyes).all(1)] = EYE
    faces = np.concatenate([mesh.faces[part == code] for code in range(EYE + 1)])
    keep, local = np.unique(faces, return_inverse=True)
    before = _elements(local.reshape(-1, 4), keep)
    now = {element: i for i, element in enumerate(_elements(head.quads, head.keep))}
    return np.array([now.get(element, GONE) for element in before])


def _elements(quads: Index, keep: Index) -> list[tuple[int, ...]]:
    """What each subdivided vertex stands for, in base-mesh vertices, sorted."""
    rows = [keep[:, None], keep[edge_table(quads)[0]], keep[quads]]
    return [tuple(sorted(row)) for part in rows for row in part.tolist()]
