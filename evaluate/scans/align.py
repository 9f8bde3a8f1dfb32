"""Bringing a reconstruction onto the ground truth, and the distances between the two surfaces.

A reconstruction is aligned by landmarks, by ICP or by non-rigid ICP; distances are taken by the
kinds of correspondence that are in use.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray

from ...core.errors import InputError
from ...geometry.align import Similarity, align_points, is_determined
from ...geometry.closest import ClosestPoints
from ...geometry.icp import IcpOptions, IcpResult, iterative_closest_point
from ...geometry.nonrigid import nonrigid_icp
from .recipe import Alignment, Measure
from .surface import Array, Surface, common_landmarks

# Of the target's rms radius, about 60 mm. Planes get there in a few steps, and then wander by some
# hundredths of a millimetre as matches flip between sheets; points creep, in ever smaller steps.
_TOLERANCE = {"plane": 3e-4, "surface": 1e-5}
_MOST_STEPS = 100
_RUN_AWAY = 1.25  # factor between the landmarks' scale and ICP's beyond which ICP has failed


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
    *,
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
    closest = surface.query(asking[ids], exact=True)
    if measure.correspondence == "point":
        nearest = ClosestPoints(searched).query(asking[ids]).corners[:, 0]
        gap = np.linalg.norm(points - other.vertices[nearest], axis=1)
    else:
        corners = other.vertices[closest.corners]
        partner = np.einsum("nk,nkc->nc", closest.weights, corners)
        gap = np.linalg.norm(points - partner, axis=1)
        if measure.correspondence == "plane":
            gap = _to_planes(points - partner, corners)
    keep = ~closest.on_border if measure.drop_boundary else np.ones(len(ids), dtype=bool)
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


@dataclass(frozen=True)
class Aligned:
    """A reconstruction on the ground truth.

    Attributes:
        surface: moved, not bent.
        searched: (V,3) its vertices where partners are looked for: bent by non-rigid ICP.
        scale: by which it was multiplied.
        icp: how ICP ended, or None.
    """

    surface: Surface
    searched: Array
    scale: float
    icp: IcpResult | None


def align_to_scan(
    rec: Surface,
    gt: Surface,
    truth: Surface,
    *,
    alignment: Alignment,
    fixed_scale: float | None,
    sphere: tuple[Array, float],
) -> Aligned:
    """Bring `rec` onto the ground truth.

    Args:
        rec: the reconstruction.
        gt: the whole ground truth, for known correspondence and landmarks.
        truth: the part of it that ICP sees.
        alignment: how.
        fixed_scale: for `alignment.scale == "global"`.
        sphere: centre (3,) and radius of the crop: the reconstruction's points within it, by
            the landmarks' alignment, look for partners where `alignment.matches` is not "gt".
            With "each" the whole ground truth answers, otherwise `truth`.

    Raises:
        InputError: missing landmarks, an ICP that ran away.
    """
    if alignment.kind == "given":
        return Aligned(rec, rec.vertices, 1.0, None)
    if alignment.scale == "global" and fixed_scale is None:
        raise InputError("fixed_scale", "the one scale for all", "None", "Use geometric_errors().")
    fixed = fixed_scale if alignment.scale == "global" else None
    free = alignment.scale == "mesh"
    if alignment.kind == "known":
        start = _similarity(rec, rec.vertices, gt.vertices, free, fixed)
    else:
        start = landmark_similarity(rec, gt, scale=free, fixed=fixed)
    if alignment.kind in ("known", "landmarks"):
        moved = rec.moved(*start.as_arrays())
        return Aligned(moved, moved.vertices, start.as_arrays()[0], None)
    if alignment.matches == "gt":
        icp = _icp(rec, truth, alignment, start, matches="gt")
    else:
        scale, rotation, translation = start.as_arrays()
        ball = (rotation.T @ (sphere[0] - translation)) / scale
        asking = rec.within(ball, sphere[1] / scale)
        answering = gt if alignment.matches == "each" else truth
        icp = _icp(asking, answering, alignment, start, matches="rec")
    moved = rec.moved(*icp.similarity.as_arrays())
    searched = moved.vertices
    if alignment.kind == "nonrigid":
        searched = nonrigid_icp(moved.vertices, moved.faces, gt.vertices, gt.faces)
    return Aligned(moved, searched, icp.similarity.as_arrays()[0], icp)


def align_back(rec: Surface, truth: Surface, aligned: Aligned, alignment: Alignment) -> Surface:
    """The ground truth brought onto the unmoved reconstruction by its own points.

    Starts from the inverse of `aligned`. Distances are then in the reconstruction's millimetres.
    """
    if aligned.icp is None:
        raise InputError("alignment.matches", "'gt' or 'rec' without ICP", "'each'")
    start = aligned.icp.similarity.inverse()
    icp = _icp(truth, rec, alignment, start, matches="rec")
    return truth.moved(*icp.similarity.as_arrays())


def landmark_similarity(
    rec: Surface, gt: Surface, *, scale: bool, fixed: float | None = None
) -> Similarity:
    """The similarity between the landmarks that both have (Umeyama)."""
    both = common_landmarks(rec, gt)
    return _similarity(rec, rec.landmarks[both], gt.landmarks[both], scale, fixed)


def _similarity(
    rec: Surface, source: Array, target: Array, scale: bool, fixed: float | None
) -> Similarity:
    if source.shape != target.shape:
        got = f"{len(source)} and {len(target)} vertices"
        raise InputError(rec.name, "meshes of one topology for known correspondence", got)
    pair = [torch.from_numpy(np.ascontiguousarray(p))[None] for p in (source, target)]
    if not bool(is_determined(pair[0], pair[1])):
        raise InputError(
            f"{rec.name}: landmarks", "three that do not lie on a line", "a rotation left open"
        )
    kept = 1.0 if fixed is None else fixed
    return align_points(source, target, fixed_scale=None if scale else kept)


def _icp(
    source: Surface, target: Surface, alignment: Alignment, start: Similarity, matches: str
) -> IcpResult:
    icp = iterative_closest_point(
        source.vertices,
        target.vertices,
        target.faces,
        source_faces=source.faces,
        initial=start,
        options=IcpOptions(
            kind="point-to-plane" if alignment.distance == "plane" else "point-to-point",
            match="target" if matches == "gt" else "source",
            scale=alignment.scale == "mesh",
            max_iterations=_MOST_STEPS,
            tolerance=_TOLERANCE[alignment.distance],
            trim=alignment.trim,
            drop_boundary=alignment.drop_boundary,
        ),
    )
    before, after = start.as_arrays()[0], icp.similarity.as_arrays()[0]
    if not 1 / _RUN_AWAY < after / before < _RUN_AWAY:
        raise InputError(
            f"{source.name} on {target.name}: ICP",
            f"a scale within a factor {_RUN_AWAY:g} of the landmarks' {before:.3g}",
            f"{after:.3g}",
            "The surfaces slid over each other: are the landmarks right?",
        )
    return icp
