"""Matches between two point sets under the current pose, for iterative closest points."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from ..core.errors import InputError
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
