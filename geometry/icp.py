"""Iterative closest points: the similarity between two surfaces without known correspondence.

Two steps alternate until the source comes to rest. Matching (`_Matcher`) pairs every point of one
surface with the nearest point of the other under the current pose and drops the pairs that mislead;
fitting moves the source onto its partners, in closed form (point-to-point) or by a Gauss-Newton
step (point-to-plane).
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Literal, get_args

import numpy as np
from scipy.spatial.transform import Rotation

from ..core.errors import InputError
from .align import Array, Similarity, align_points
from .checks import check_shape
from .closest import ClosestPoints

Kind = Literal["point-to-point", "point-to-plane"]
Side = Literal["source", "target"]

_FEWEST = 7  # matches: as many as there are unknowns
_COARSE = 5000  # points that find the pose first when there are many more
_LOOSE = 1e-4  # tolerance of the coarse stage


@dataclass(frozen=True)
class IcpOptions:
    """How `iterative_closest_point` matches, fits and stops.

    >>> IcpOptions(kind="point-to-plane", trim=0.1).max_iterations
    100

    Attributes:
        kind: "point-to-point" or "point-to-plane".
        match: whose points look for their nearest on the other. "source": every source point
            should lie on the target. "target": every target point should be covered by the
            source, as scan-to-mesh distances want it; planes and border are then the source's.
        scale: estimate the scale too; otherwise that of the start (or 1) is kept.
        max_iterations: most steps.
        tolerance: stop when a step moves the source by less (rms), relative to the target's rms
            distance from its mean.
        trim: share of the matches, the farthest ones, left out of every step, in [0, 1).
        drop_boundary: leave out matches on the open border of the mesh that is searched, where
            the other reaches beyond it (Turk and Levoy, SIGGRAPH 1994).

    Raises:
        InputError: an option out of range.
    """

    kind: Kind = "point-to-point"
    match: Side = "source"
    scale: bool = False
    max_iterations: int = 100
    tolerance: float = 1e-6
    trim: float = 0.0
    drop_boundary: bool = False

    def __post_init__(self) -> None:
        if self.kind not in get_args(Kind):
            raise InputError("kind", "'point-to-point' or 'point-to-plane'", repr(self.kind))
        if self.match not in get_args(Side):
            raise InputError("match", "'source' or 'target'", repr(self.match))
        if not 0 <= self.trim < 1:
            raise InputError("trim", "a share in [0, 1)", str(self.trim))
        if self.max_iterations < 1:
            raise InputError("max_iterations", "at least 1", str(self.max_iterations))


@dataclass(frozen=True)
class IcpResult:
    """The similarity that iterative closest points found, and how well it fits.

    Attributes:
        similarity: from the source to the target, a batch of one in float64.
        rms: root mean square of the kept matches' distances (point-to-plane: to the planes), in
            the target's unit.
        iterations: steps taken.
        converged: whether the last step moved the source by less than the tolerance.
        motion: rms movement of the source in the last step, in the target's unit.
        kept: matches left after trimming and dropping those on a border.
    """

    similarity: Similarity
    rms: float
    iterations: int
    converged: bool
    motion: float
    kept: int


def iterative_closest_point(
    source: Array,
    target_points: Array,
    target_faces: np.ndarray | None = None,
    *,
    source_faces: np.ndarray | None = None,
    initial: Similarity | None = None,
    options: IcpOptions | None = None,
) -> IcpResult:
    """Move `source` onto the target by matching nearest points and fitting, in turns.

    Point-to-point: Besl and McKay, PAMI 1992, with Umeyama's closed form. Point-to-plane: Chen and
    Medioni, IVC 1992, linearised about the current pose, 6 unknowns or 7 with scale; it converges
    in far fewer steps. With faces both match points of the surface, not only its vertices. Both
    find the minimum nearest to the start: turns beyond about 20 degrees need an `initial` from
    landmarks. With scale and `match="source"` a source on a smooth target may shrink: use an
    `initial` or `match="target"`. Many points are thinned evenly to find the pose, then all of
    them finish it; equal input gives equal output.

    Args:
        source: (N, 3), N >= 7.
        target_points: (M, 3), M >= 7.
        target_faces: (F, 3) indices, counter-clockwise seen from outside; needed for planes and
            for `drop_boundary`. None: the target is its points.
        source_faces: the same of the source, for `match="target"`.
        initial: where to start, one `Similarity`, as `similarity_align` gives; None: identity.
        options: how to match, fit and stop; None: the defaults of `IcpOptions`.

    Returns:
        `IcpResult`; `converged` is False if `max_iterations` ended it.

    Raises:
        InputError: wrong shapes, NaN, missing faces, or too few matches.

    >>> points = np.random.default_rng(0).normal(size=(50, 3))
    >>> result = iterative_closest_point(points - 0.01, points)
    >>> scale, rotation, translation = result.similarity.as_arrays()
    >>> translation.round(6).tolist(), result.converged
    ([0.01, 0.01, 0.01], True)
    """
    options = options or IcpOptions()
    source = _check_points("source", source)
    target_points = _check_points("target_points", target_points)
    extent = float(np.sqrt(np.square(target_points - target_points.mean(0)).sum(1).mean()))
    if extent == 0:
        raise InputError("target_points", "points that differ", "one point")
    matcher = _make_matcher((source, source_faces), (target_points, target_faces), options)
    start = _IDENTITY if initial is None else _single(initial)
    limit, left = options.tolerance * extent, options.max_iterations
    if len(matcher.points) >= 2 * _COARSE:
        few = matcher.thinned(len(matcher.points) // _COARSE)
        loose = max(_LOOSE * extent, limit)
        coarse = _iterate(few, start, source, max(1, left // 2), loose)
        fine = _iterate(matcher, coarse.similarity, source, max(1, left - coarse.iterations), limit)
        return replace(fine, iterations=coarse.iterations + fine.iterations)
    return _iterate(matcher, start, source, left, limit)


_IDENTITY = Similarity.from_arrays(1.0, np.eye(3), np.zeros(3))
_Mesh = tuple[Array, np.ndarray | None]


def _check_points(name: str, points: np.ndarray) -> Array:
    array = np.asarray(points, dtype=np.float64)
    if array.ndim != 2 or array.shape[1] != 3 or len(array) < _FEWEST:
        raise InputError(name, f"(N, 3) with N >= {_FEWEST}", f"shape {array.shape}")
    bad = int((~np.isfinite(array)).sum())
    if bad:
        raise InputError(name, "finite numbers", f"{bad} NaN or infinite of {array.size}")
    return array


def _single(initial: Similarity) -> Similarity:
    """The one similarity of `initial`, in float64 on the CPU."""
    check_shape("initial.scale", initial.scale, (1,))
    return Similarity.from_arrays(*initial.as_arrays())


@dataclass(frozen=True)
class _Matches:
    """Kept pairs: points of the source, where they are now, their goals, and planes there.

    Attributes:
        source: (K, 3), not moved.
        moved: (K, 3), in the target's frame.
        goal: (K, 3), in the target's frame.
        normals: (K, 3) for point-to-plane.
    """

    source: Array
    moved: Array
    goal: Array
    normals: Array | None

    def rms(self) -> float:
        """Root mean square distance, to the planes where there are any."""
        gap = self.moved - self.goal
        if self.normals is not None:
            return float(np.sqrt(np.square((gap * self.normals).sum(1)).mean()))
        return float(np.sqrt(np.square(gap).sum(1).mean()))


@dataclass(frozen=True)
class _Matcher:
    """Finds and filters matches.

    `points` look for their nearest on `surface`: the source's on the target, or (`match` is
    "target") the target's on the source, in the source's own frame, which does not move.
    """

    points: Array
    surface: ClosestPoints
    options: IcpOptions

    def thinned(self, step: int) -> _Matcher:
        """Every `step`-th point alone."""
        return replace(self, points=self.points[::step])

    def __call__(self, pose: Similarity) -> _Matches:
        """The kept matches under a pose of the source."""
        points, (scale, rotation, translation) = self.points, pose.as_arrays()
        from_target = self.options.match == "target"
        if from_target:
            nearest = self.surface.query((points - translation) @ rotation / scale)
            pair = [nearest.points, pose.apply_array(nearest.points), points]
        else:
            moved = pose.apply_array(points)
            nearest = self.surface.query(moved)
            pair = [points, moved, nearest.points]
        normals = nearest.normals if self.options.kind == "point-to-plane" else None
        if normals is not None and from_target:
            normals = normals @ rotation.T
        inside = ~nearest.on_border if self.options.drop_boundary else np.ones(len(points), bool)
        ids = np.flatnonzero(inside)
        ids = ids[self._nearest(np.square(pair[1][ids] - pair[2][ids]).sum(1))]
        source, moved, goal = (p[ids] for p in pair)
        return _Matches(source, moved, goal, None if normals is None else normals[ids])

    def _nearest(self, square: Array) -> np.ndarray:
        """Which of the matches stay after trimming, in their order."""
        keep = len(square) - int(self.options.trim * len(square))
        if keep < _FEWEST:
            raise InputError(
                "source",
                f"at least {_FEWEST} kept matches",
                f"{keep}",
                "Start nearer to the target, trim less, or keep matches on the border.",
            )
        if keep == len(square):
            return np.arange(keep)
        return np.sort(np.argsort(square, kind="stable")[:keep])


def _make_matcher(source: _Mesh, target: _Mesh, options: IcpOptions) -> _Matcher:
    """The matcher between two meshes, each its points and faces or None."""
    from_target = options.match == "target"
    asking, searched = (target, source) if from_target else (source, target)
    points, faces = searched
    planes = options.kind == "point-to-plane"
    if faces is None and (planes or options.drop_boundary):
        name = "source_faces" if from_target else "target_faces"
        raise InputError(name, f"faces for {options.kind if planes else 'drop_boundary'}", "None")
    return _Matcher(asking[0], ClosestPoints(points, faces), options)


def _iterate(
    match: _Matcher, start: Similarity, probe: Array, steps: int, limit: float
) -> IcpResult:
    """Match and move in turns until a step moves the `probe` points by less than `limit`."""
    pose, converged, count, motion, pairs = start, False, 0, np.inf, match(start)
    while not converged and count < steps:
        after = _step(pairs, pose, match.options.scale)
        gap = after.apply_array(probe) - pose.apply_array(probe)
        motion = float(np.square(gap).sum(1).mean() ** 0.5)
        converged, count, pose = motion < limit, count + 1, after
        pairs = match(pose)
    return IcpResult(pose, pairs.rms(), count, converged, motion, len(pairs.goal))


def _step(pairs: _Matches, pose: Similarity, scale: bool) -> Similarity:
    if pairs.normals is None:
        kept = None if scale else pose.as_arrays()[0]
        return align_points(pairs.source, pairs.goal, fixed_scale=kept)
    return _plane_step(pairs.moved, pairs.goal, pairs.normals, scale, pose)


def _plane_step(
    moved: Array, matched: Array, normals: Array, scale: bool, pose: Similarity
) -> Similarity:
    """One Gauss-Newton step on the distances to the planes (Chen and Medioni 1992; Low 2004).

    Turn, shift and relative growth act about the moved points' mean, and lengths are in units of
    their spread, so that the columns have like sizes. Directions that the planes leave open (a
    sphere turns freely) get the smallest step, 0.
    """
    mean = moved.mean(0)
    p = moved - mean
    unit = max(float(np.sqrt(np.square(p).sum(1).mean())), np.finfo(float).tiny)
    columns = [np.cross(p, normals) / unit, normals]
    if scale:
        columns.append((p * normals).sum(1, keepdims=True) / unit)
    gap = ((matched - moved) * normals).sum(1) / unit
    step = np.linalg.lstsq(np.concatenate(columns, 1), gap, rcond=1e-10)[0]
    turn = Rotation.from_rotvec(step[:3]).as_matrix()
    grow = float(np.exp(np.clip(step[6], -0.5, 0.5))) if scale else 1.0
    shift = mean + unit * step[3:6]
    size, rotation, translation = pose.as_arrays()
    return Similarity.from_arrays(
        grow * size, turn @ rotation, grow * (turn @ (translation - mean)) + shift
    )
