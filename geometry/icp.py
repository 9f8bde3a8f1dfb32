"""Iterative closest points: the similarity between two surfaces without known correspondence.

Matches between two point sets under the current pose, for iterative closest points.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Literal

import numpy as np
import torch
from scipy.spatial.transform import Rotation

from ..core.errors import InputError
from .align import Similarity, similarity_align
from .closest import ClosestPoints

FEWEST = 7  # matches: as many as there are unknowns


@dataclass(frozen=True)
class IcpResult:
    """x -> scale * rotation @ x + translation, and how well it fits."""

    scale: float
    rotation: np.ndarray  # (3, 3)
    translation: np.ndarray  # (3,), in the target's unit
    rms: float  # of the kept matches' distances (point-to-plane: to the planes), target's unit
    iterations: int  # steps taken
    converged: bool  # the last step moved the source by less than the tolerance
    motion: float = np.inf  # rms movement of the source in the last step, target's unit
    kept: int = 0  # matches left after trimming and dropping those on a border

    def apply(self, points: np.ndarray) -> np.ndarray:
        """Transform (N, 3) points."""
        return self.scale * (points @ self.rotation.T) + self.translation


@dataclass(frozen=True)
class Matches:
    """Kept pairs, in the target's frame: moved points, goals, and the planes between them."""

    source: np.ndarray  # (K, 3), not moved
    moved: np.ndarray  # (K, 3)
    goal: np.ndarray  # (K, 3)
    normals: np.ndarray | None  # (K, 3) for point-to-plane

    def rms(self) -> float:
        """Root mean square distance, to the planes where there are any."""
        gap = self.moved - self.goal
        if self.normals is not None:
            return float(np.sqrt(np.square((gap * self.normals).sum(1)).mean()))
        return float(np.sqrt(np.square(gap).sum(1).mean()))


@dataclass(frozen=True)
class Matcher:
    """Finds and filters matches.

    `points` look for their nearest on `surface`: the source's on the target (`from_target`
    False), or the target's on the source, in the source's own frame, which does not move.
    """

    points: np.ndarray
    surface: ClosestPoints
    from_target: bool
    planes: bool
    trim: float
    drop_boundary: bool

    def thinned(self, step: int) -> Matcher:
        """Every `step`-th point alone."""
        return replace(self, points=self.points[::step])

    def __call__(self, now: IcpResult) -> Matches:
        """The kept matches under the pose `now`."""
        points = self.points
        if self.from_target:
            found = self.surface.query((points - now.translation) @ now.rotation / now.scale)
            pair = [found.points, now.apply(found.points), points]
        else:
            moved = now.apply(points)
            found = self.surface.query(moved)
            pair = [points, moved, found.points]
        normals = found.normals if self.planes else None
        if normals is not None and self.from_target:
            normals = normals @ now.rotation.T
        ids = np.flatnonzero(~found.on_border) if self.drop_boundary else np.arange(len(points))
        ids = ids[self._nearest(np.square(pair[1][ids] - pair[2][ids]).sum(1))]
        source, moved, goal = (p[ids] for p in pair)
        return Matches(source, moved, goal, None if normals is None else normals[ids])

    def _nearest(self, square: np.ndarray) -> np.ndarray:
        """Which of the matches stay after trimming, in their order."""
        keep = len(square) - int(self.trim * len(square))
        if keep < FEWEST:
            raise InputError(
                "source",
                f"at least {FEWEST} kept matches",
                f"{keep}",
                "Start nearer to the target, trim less, or keep matches on the border.",
            )
        if keep == len(square):
            return np.arange(keep)
        return np.sort(np.argsort(square, kind="stable")[:keep])


Kind = Literal["point-to-point", "point-to-plane"]
_COARSE = 5000  # points that find the pose first when there are many more
_LOOSE = 1e-4  # tolerance of the coarse stage


_START = IcpResult(1.0, np.eye(3), np.zeros(3), np.inf, 0, False)


def _check_points(name: str, points: np.ndarray) -> np.ndarray:
    array = np.asarray(points, dtype=np.float64)
    if array.ndim != 2 or array.shape[1] != 3 or len(array) < FEWEST:
        raise InputError(name, f"(N, 3) with N >= {FEWEST}", f"shape {array.shape}")
    bad = int((~np.isfinite(array)).sum())
    if bad:
        raise InputError(name, "finite numbers", f"{bad} NaN or infinite of {array.size}")
    return array


def _as_result(found: Similarity) -> IcpResult:
    scale, rotation, translation = found.scale, found.rotation, found.translation
    if scale.shape != (1,):
        raise InputError("initial", "one similarity (B = 1)", f"B = {len(scale)}")
    arrays = [t.detach().cpu().double().numpy()[0] for t in (rotation, translation)]
    return IcpResult(float(scale[0]), arrays[0], arrays[1], np.inf, 0, False)


def _point_step(source: np.ndarray, matched: np.ndarray, scale: bool, now: IcpResult) -> IcpResult:
    """Umeyama's optimum for the matches; a fixed scale is kept, not reset to 1."""
    fixed = 1.0 if scale else now.scale
    pair = [torch.from_numpy(p)[None] for p in (fixed * source, matched)]
    step = _as_result(similarity_align(pair[0], pair[1], scale=scale))
    return replace(step, scale=step.scale * fixed)


def _plane_step(
    moved: np.ndarray, matched: np.ndarray, normals: np.ndarray, scale: bool, now: IcpResult
) -> IcpResult:
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
    return replace(
        now,
        scale=grow * now.scale,
        rotation=turn @ now.rotation,
        translation=grow * (turn @ (now.translation - mean)) + shift,
    )


def _step(pairs: Matches, now: IcpResult, scale: bool) -> IcpResult:
    if pairs.normals is None:
        return _point_step(pairs.source, pairs.goal, scale, now)
    return _plane_step(pairs.moved, pairs.goal, pairs.normals, scale, now)


def _iterate(
    match: Matcher, start: IcpResult, probe: np.ndarray, scale: bool, steps: int, limit: float
) -> IcpResult:
    """Match and move in turns until a step moves the `probe` points by less than `limit`."""
    now, converged, count, motion, pairs = start, False, 0, np.inf, match(start)
    while not converged and count < steps:
        after = _step(pairs, now, scale)
        moved = after.apply(probe)
        motion = float(np.square(moved - now.apply(probe)).sum(1).mean() ** 0.5)
        converged, count, now = motion < limit, count + 1, after
        pairs = match(now)
    count += start.iterations
    return replace(
        now,
        rms=pairs.rms(),
        iterations=count,
        converged=converged,
        motion=motion,
        kept=len(pairs.goal),
    )


def _check_options(kind: str, match: str, trim: float, max_iterations: int) -> None:
    if kind not in ("point-to-point", "point-to-plane"):
        raise InputError("kind", "'point-to-point' or 'point-to-plane'", repr(kind))
    if match not in ("source", "target"):
        raise InputError("match", "'source' or 'target'", repr(match))
    if not 0 <= trim < 1:
        raise InputError("trim", "a share in [0, 1)", str(trim))
    if max_iterations < 1:
        raise InputError("max_iterations", "at least 1", str(max_iterations))


def iterative_closest_point(
    source: np.ndarray,
    target_points: np.ndarray,
    target_faces: np.ndarray | None = None,
    *,
    source_faces: np.ndarray | None = None,
    match: Literal["source", "target"] = "source",
    kind: Kind = "point-to-point",
    scale: bool = False,
    initial: Similarity | None = None,
    max_iterations: int = 100,
    tolerance: float = 1e-6,
    trim: float = 0.0,
    drop_boundary: bool = False,
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
        match: whose points look for their nearest on the other. "source": every source point
            should lie on the target. "target": every target point should be covered by the
            source, as scan-to-mesh distances want it; planes and border are then the source's.
        kind: "point-to-point" or "point-to-plane".
        scale: estimate the scale too; otherwise that of `initial` (or 1) is kept.
        initial: where to start, one `Similarity`, as `similarity_align` gives; None: identity.
        max_iterations: most steps.
        tolerance: stop when a step moves the source by less (rms), relative to the target's rms
            distance from its mean.
        trim: share of the matches, the farthest ones, left out of every step, in [0, 1).
        drop_boundary: leave out matches on the open border of the mesh that is searched, where
            the other reaches beyond it (Turk and Levoy, SIGGRAPH 1994).

    Returns:
        `IcpResult`; `converged` is False if `max_iterations` ended it.

    Raises:
        InputError: wrong shapes, NaN, an option out of range, or too few matches.
    """
    _check_options(kind, match, trim, max_iterations)
    planes, from_target = kind == "point-to-plane", match == "target"
    faces, name = (source_faces, "source_faces") if from_target else (target_faces, "target_faces")
    if faces is None and (planes or drop_boundary):
        raise InputError(name, f"faces for {kind if planes else 'drop_boundary'}", "None")
    source = _check_points("source", source)
    target_points = _check_points("target_points", target_points)
    extent = float(np.sqrt(np.square(target_points - target_points.mean(0)).sum(1).mean()))
    if extent == 0:
        raise InputError("target_points", "points that differ", "one point")
    points, searched = (target_points, source) if from_target else (source, target_points)
    surface = ClosestPoints(searched, faces)
    matcher = Matcher(points, surface, from_target, planes, trim, drop_boundary)
    now = _START if initial is None else _as_result(initial)
    limit = tolerance * extent
    if len(points) >= 2 * _COARSE:
        few = matcher.thinned(len(points) // _COARSE)
        loose = max(_LOOSE * extent, limit)
        now = _iterate(few, now, source, scale, max(1, max_iterations // 2), loose)
    left = max(1, max_iterations - now.iterations)
    return _iterate(matcher, now, source, scale, left, limit)
