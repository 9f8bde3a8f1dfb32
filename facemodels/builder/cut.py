"""Which quads of the head make the `default` model: the face with its ears seen from the front."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from scipy import sparse
from scipy.sparse.csgraph import connected_components

from ..parts import EYE, FACE, MOUTH, SKIN
from ..subdivide import edge_table
from .hm08 import Array, Index
from .surface import Surface

Mask = NDArray[np.bool_]
# Planes in mm, model space. Behind the rear plane (which comes forward below the ears), above the
# hairline and below the chin the skin is dropped; so are the ears' backs, the ear quads reached
# from behind whose normal has less than _EAR_FACING along the half-sideward view.
# The values give 12,550 quads, 12,780 vertices, and a rim that touches itself nowhere.
_REAR, _REAR_SLOPE, _SLOPE_STARTS = -55.5, 0.79, -60.0
_HAIRLINE, _CHIN = 80.6, -106.687
_EAR_FACING = -0.26
_HALF_SIDEWARD = np.array([0.5, 0.0, 0.85])


def face_quads(surface: Surface) -> Mask:
    """Quads (F,) of the `default` model: facial skin and ears, eyeballs, the whole mouth sock."""
    skin = np.flatnonzero(np.isin(surface.part, (FACE, SKIN)))
    quads = surface.quads[skin]
    centre = surface.points[quads].mean(1)
    ear = surface.masks["ears"][quads].mean(1) > 0.1
    front = _in_front(centre)
    behind = ~ear & ~front
    graph = _neighbours(quads)
    hidden = ear & (_facing(surface, quads, centre) < _EAR_FACING)
    dropped = _reached(graph, behind | hidden, behind)
    kept = (front & ~ear) | (ear & ~dropped)
    nose = np.zeros(len(quads), bool)
    nose[np.abs(centre - surface.points[surface.landmarks[30]]).sum(1).argmin()] = True
    out = np.isin(surface.part, (MOUTH, EYE))
    out[skin] = _reached(graph, kept, nose)
    return out


def _in_front(centre: Array) -> Mask:
    _, y, z = centre.T
    rear = _REAR + _REAR_SLOPE * np.clip(_SLOPE_STARTS - y, 0, None)
    return (z > rear) & (y > _CHIN) & (y < _HAIRLINE)


def _facing(surface: Surface, quads: Index, centre: Array) -> Array:
    normals = surface.normals()
    normals += normals[surface.mirror] * [-1, 1, 1]  # the triangles are not quite symmetric
    normal = normals[quads].mean(1)
    normal /= np.linalg.norm(normal, axis=1, keepdims=True)
    view = np.stack([np.sign(centre[:, 0]), np.ones(len(centre)), np.ones(len(centre))], 1)
    return (normal * view * _HALF_SIDEWARD).sum(1)


def _neighbours(quads: Index) -> sparse.csr_matrix:
    """Which quads share an edge."""
    edges, _, corner_edge = edge_table(quads)
    rows = np.repeat(np.arange(len(quads)), 4)
    table = (np.ones(4 * len(quads)), (rows, corner_edge.ravel()))
    incidence = sparse.csr_matrix(table, shape=(len(quads), len(edges)))
    return (incidence @ incidence.T).tocsr()


def _reached(graph: sparse.csr_matrix, allowed: Mask, start: Mask) -> Mask:
    """The quads in `allowed` connected to `start` through allowed ones."""
    index = np.flatnonzero(allowed)
    label = connected_components(graph[index][:, index], directed=False)[1]
    out = np.zeros(len(allowed), bool)
    out[index[np.isin(label, np.unique(label[start[index]]))]] = True
    return out
