"""Iterative closest points: the similarity between two surfaces without known correspondence."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Literal

import numpy as np
import torch
from scipy.spatial.transform import Rotation

from ..core.errors import InputError
from .align import Similarity, similarity_align
from .closest import ClosestPoints

Kind = Literal["point-to-point", "point-to-plane"]
_FEWEST = 7  # matches: as many as there are unknowns


@dataclass(frozen=True)
class IcpResult:
    """x -> scale * rotation @ x + translation, and how well it fits."""

    scale: float
    rotation: np.ndarray  # (3, 3)
    translation: np.ndarray  # (3,), in the target's unit
    rms: float  # of the kept matches' distances (point-to-plane: to the planes), target's unit
    iterations: int  # steps taken
    converged: bool  # the last step moved the source by less than the tolerance

    def apply(self, points: np.ndarray) -> np.ndarray:
        """Transform (N, 3) points."""
        return self.scale * (points @ self.rotation.T) + self.translation


_START = IcpResult(1.0, np.eye(3), np.zeros(3), np.inf, 0, False)


@dataclass(frozen=True)
class _Matches:
    """Kept matches: rows of the source, points of the target and their normals."""

    ids: np.ndarray  # (K,)
    points: np.ndarray  # (K, 3)
    normals: np.ndarray | None  # (K, 3) for point-to-plane


@dataclass(frozen=True)
class _Matcher:
    """Finds and filters matches."""

    surface: ClosestPoints
    planes: bool
    trim: float
    drop_boundary: bool

    def __call__(self, moved: np.ndarray) -> _Matches:
        found = self.surface.query(moved)
        ids = np.arange(len(moved))
        if self.drop_boundary:
            ids = np.flatnonzero(~found.on_border)
        keep = len(ids) - int(self.trim * len(ids))
        if keep < _FEWEST:
            raise InputError(
                "source",
                f"at least {_FEWEST} kept matches",
                f"{keep}",
                "Start nearer to the target, trim less, or keep matches on the border.",
            )
        if keep < len(ids):
            distance = np.square(found.points[ids] - moved[ids]).sum(1)
            ids = ids[np.argpartition(distance, keep - 1)[:keep]]
        normals = found.normals[ids] if self.planes and found.normals is not None else None
        return _Matches(ids, found.points[ids], normals)


def _check_points(name: str, points: np.ndarray) -> np.ndarray:
    array = np.asarray(points, dtype=np.float64)
    if array.ndim != 2 or array.shape[1] != 3 or len(array) < _FEWEST:
        raise InputError(name, f"(N, 3) with N >= {_FEWEST}", f"shape {array.shape}")
    bad = int((~np.isfinite(array)).sum())
    if bad:
        raise InputError(name, "finite numbers", f"{bad} NaN or infinite of {array.size}")
    return array


def _rms(moved: np.ndarray, matches: _Matches) -> float:
    gap = moved[matches.ids] - matches.points
    if matches.normals is not None:
        return float(np.sqrt(np.square((gap * matches.normals).sum(1)).mean()))
    return float(np.sqrt(np.square(gap).sum(1).mean()))


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


def _step(source: np.ndarray, match: _Matcher, now: IcpResult, scale: bool) -> IcpResult:
    moved = now.apply(source)
    found = match(moved)
    if found.normals is None:
        return _point_step(source[found.ids], found.points, scale, now)
    return _plane_step(moved[found.ids], found.points, found.normals, scale, now)


def icp(
    source: np.ndarray,
    target_points: np.ndarray,
    target_faces: np.ndarray | None = None,
    *,
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
    landmarks. With scale, a source on a smooth target may shrink: use an `initial` as well.

    Args:
        source: (N, 3), N >= 7.
        target_points: (M, 3), M >= 7.
        target_faces: (F, 3) indices, counter-clockwise seen from outside; needed for planes and
            for `drop_boundary`. None: the target is its points.
        kind: "point-to-point" or "point-to-plane".
        scale: estimate the scale too; otherwise that of `initial` (or 1) is kept.
        initial: where to start, one `Similarity`, as `similarity_align` gives; None: identity.
        max_iterations: most steps.
        tolerance: stop when a step moves the source by less (rms), relative to the target's rms
            distance from its mean.
        trim: share of the matches, the farthest ones, left out of every step, in [0, 1).
        drop_boundary: leave out matches on the target's open border, where the source reaches
            beyond the target (Turk and Levoy, SIGGRAPH 1994).

    Returns:
        `IcpResult`; `converged` is False if `max_iterations` ended it.

    Raises:
        InputError: wrong shapes, NaN, an option out of range, or too few matches.
    """
    if kind not in ("point-to-point", "point-to-plane"):
        raise InputError("kind", "'point-to-point' or 'point-to-plane'", repr(kind))
    if not 0 <= trim < 1:
        raise InputError("trim", "a share in [0, 1)", str(trim))
    if max_iterations < 1:
        raise InputError("max_iterations", "at least 1", str(max_iterations))
    planes = kind == "point-to-plane"
    if target_faces is None and (planes or drop_boundary):
        raise InputError("target_faces", f"faces for {kind if planes else 'drop_boundary'}", "None")
    source, target_points = (
        _check_points("source", source),
        _check_points("target_points", target_points),
    )
    extent = float(np.sqrt(np.square(target_points - target_points.mean(0)).sum(1).mean()))
    if extent == 0:
        raise InputError("target_points", "points that differ", "one point")
    match = _Matcher(ClosestPoints(target_points, target_faces), planes, trim, drop_boundary)
    now = _START if initial is None else _as_result(initial)
    converged, count = False, 0
    while not converged and count < max_iterations:
        after = _step(source, match, now, scale)
        motion = np.square(after.apply(source) - now.apply(source)).sum(1).mean() ** 0.5
        converged, count, now = bool(motion < tolerance * extent), count + 1, after
    moved = now.apply(source)
    return replace(now, rms=_rms(moved, match(moved)), iterations=count, converged=converged)
