"""Distances between two surfaces by the kinds of correspondence that are in use."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from ..core.errors import InputError
from ..geometry.closest import ClosestPoints
from .geometric_recipe import Measure
from .geometric_surface import Array, Surface


@dataclass(frozen=True)
class Distances:
    """Distances of some vertices of one surface to another.

    Attributes:
        values: (K,) mm.
        ids: (K,) the vertices they belong to.
        left_out: how many vertices had their partner on the open border, and were dropped.
    """

    values: Array
    ids: NDArray[np.int64]
    left_out: int


def distances(
    one: Surface,
    asking: Array,
    other: Surface,
    searched: Array,
    measure: Measure,
    inside: NDArray[np.bool_] | None,
) -> Distances:
    """Distances of the vertices of `one` to `other`.

    Partners are looked for from the points `asking` on the mesh of `other` with its vertices at
    `searched`; both are the surfaces' own, or those of a bent copy. The distance is always
    between the unbent ones.

    Args:
        one, asking: the surface that asks, and (V,3) from where its vertices do.
        other, searched: the other surface, and (W,3) where its vertices are searched.
        measure: correspondence and border.
        inside: (V,) which vertices of `one` count; None: all.

    Raises:
        InputError: known correspondence between unequal meshes.
    """
    ids = np.arange(len(one.vertices)) if inside is None else np.flatnonzero(inside)
    points = one.vertices[ids]
    if measure.correspondence == "known":
        _check_equal(one, other)
        return Distances(np.linalg.norm(points - other.vertices[ids], axis=1), ids, 0)
    surface = ClosestPoints(searched, other.faces)
    found = surface.query(asking[ids], exact=True)
    if measure.correspondence == "point":
        nearest = ClosestPoints(searched).query(asking[ids]).corners[:, 0]
        gap = np.linalg.norm(points - other.vertices[nearest], axis=1)
    else:
        corners = other.vertices[found.corners]
        partner = np.einsum("nk,nkc->nc", found.weights, corners)
        gap = np.linalg.norm(points - partner, axis=1)
        if measure.correspondence == "plane":
            gap = _to_planes(points - partner, corners)
    keep = ~found.on_border if measure.drop_boundary else np.ones(len(ids), dtype=bool)
    return Distances(gap[keep], ids[keep], int((~keep).sum()))


def _to_planes(offset: Array, corners: Array) -> Array:
    """Length of the offsets (N,3) along the normals of triangles (N,3,3)."""
    normals = np.cross(corners[:, 1] - corners[:, 0], corners[:, 2] - corners[:, 0])
    length = np.maximum(np.linalg.norm(normals, axis=1), np.finfo(float).tiny)
    return np.abs((offset * normals).sum(1)) / length


def _check_equal(one: Surface, other: Surface) -> None:
    if one.vertices.shape != other.vertices.shape:
        raise InputError(
            f"{one.name}, {other.name}",
            "meshes of one topology for known correspondence",
            f"{len(one.vertices)} and {len(other.vertices)} vertices",
        )
