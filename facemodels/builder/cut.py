"""Which quads of the head make the `default-face`: the face with its ears seen from the front."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from scipy import sparse
from scipy.sparse.csgraph import connected_components

from ..parts import CAP, CAVITY, FACE, SKIN
from ..subdivide import edge_table
from .hm08 import Array, Index
from .surface import Surface

Mask = NDArray[np.bool_]
# Planes in mm, model space. Behind the rear plane (which comes forward below the ears), above the
# hairline and below the chin the skin is dropped; so are the ears' backs, the ear quads reached
# from behind whose normal has less than _EAR_FACING along the half-sideward view. What is left of
# the ears' backs in flaps narrower than 2 * _FLAP quads is dropped too.
_REAR, _REAR_SLOPE, _SLOPE_STARTS = -62.8, 1.177, -61.4
_HAIRLINE, _CHIN = 81.0, -114.5
_EAR_FACING = -0.2
_FLAP = 3
_HALF_SIDEWARD = np.array([0.5, 0.0, 0.85])


def face_quads(surface: Surface) -> Mask:
    """Quads (F,) of the `default-face`: facial skin and ears, eyes, all that is in the mouth."""
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
    out = ~np.isin(surface.part, (FACE, SKIN, CAVITY, CAP))
    out[skin] = _reached(graph, kept & _without_flaps(kept, quads), nose)
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


def _without_flaps(kept: Mask, quads: Index) -> Mask:
    """The kept quads less than _FLAP steps from one that has no dropped quad as near."""
    rows = np.repeat(np.arange(len(quads)), 4)
    touching = sparse.csr_matrix((np.ones(quads.size), (rows, quads.ravel())))
    inside = kept
    for _ in range(_FLAP):
        inside = touching @ (touching.T @ ~inside) == 0
    for _ in range(_FLAP):
        inside = touching @ (touching.T @ inside) > 0
    return inside


def _reached(graph: sparse.csr_matrix, allowed: Mask, start: Mask) -> Mask:
    """The quads in `allowed` connected to `start` through allowed ones."""
    index = np.flatnonzero(allowed)
    label = connected_components(graph[index][:, index], directed=False)[1]
    out = np.zeros(len(allowed), bool)
    out[index[np.isin(label, np.unique(label[start[index]]))]] = True
    return out
