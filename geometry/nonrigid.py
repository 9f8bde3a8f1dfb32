"""Non-rigid ICP: one surface bent smoothly onto another, to know which point is which."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
from scipy.sparse import csr_matrix, diags
from scipy.sparse.linalg import splu

from ..core.errors import InputError
from .closest import ClosestPoints
from .mesh import edges, vertex_normals


@dataclass(frozen=True)
class NonrigidConfig:
    """How stiff the surface is.

    Attributes:
        stiffness: weight of the edges' smoothness, stage by stage, softer and softer.
        rounds: matches and solutions per stage.
        max_distance: mm, farther matches do not pull.
        max_angle: degrees between the normals beyond which a match does not pull.
        landmark: weight of one landmark in the first stage, relative to one vertex; it falls
            with the stiffness.
    """

    stiffness: tuple[float, ...] = (50.0, 20.0, 10.0, 5.0, 2.0, 1.0)
    rounds: int = 2
    max_distance: float = 15.0
    max_angle: float = 60.0
    landmark: float = 20.0


def nonrigid_icp(
    source: np.ndarray,
    source_faces: np.ndarray,
    target: np.ndarray,
    target_faces: np.ndarray,
    *,
    landmarks: tuple[np.ndarray, np.ndarray] | None = None,
    config: NonrigidConfig | None = None,
) -> np.ndarray:
    """Bend the source onto the target; both must be aligned already.

    The schedule of Amberg, Romdhani and Vetter, Optimal Step Nonrigid ICP Algorithms for Surface
    Registration, CVPR 2007, with one displacement per vertex in place of an affine map:
    minimise sum_i w_i |v_i + d_i - c_i|^2 + s sum_edges |d_i - d_j|^2 for falling s, where c_i is
    the nearest point of the target and w_i is 0 where that lies on the target's open border, is
    far, or faces elsewhere.

    Args:
        source: (V, 3) mm.
        source_faces: (F, 3) indices of its vertices.
        target: (W, 3) mm.
        target_faces: (G, 3) indices of its vertices.
        landmarks: vertex ids (L,) of the source and where they belong (L, 3).
        config: the schedule.

    Returns:
        (V, 3) bent vertices.

    Raises:
        InputError: no vertex of the source has a match.
    """
    config = config or NonrigidConfig()
    faces = torch.as_tensor(source_faces)
    ends = edges(faces).numpy()
    surface = ClosestPoints(target, target_faces)
    smooth = _laplacian(ends, len(source))
    ids, goals = landmarks if landmarks is not None else (np.empty(0, int), np.empty((0, 3)))
    moved = source.copy()
    for stiffness in config.stiffness:
        pull = config.landmark * stiffness / config.stiffness[0]
        for _ in range(config.rounds):
            weight, goal = _matches(surface, moved, faces, config)
            total, right = weight.copy(), weight[:, None] * (goal - source)
            np.add.at(total, ids, pull)
            np.add.at(right, ids, pull * (goals - source[ids]))
            # A vertex that no edge and no match holds stays where it is.
            system = stiffness * smooth + diags(total + 1e-6)
            moved = source + splu(system.tocsc()).solve(right)
    return moved


def _laplacian(ends: np.ndarray, count: int) -> csr_matrix:
    """The matrix of sum_edges |d_i - d_j|^2."""
    rows, columns = ends.T
    ones = np.ones(len(ends))
    adjacency = csr_matrix((ones, (rows, columns)), shape=(count, count))
    adjacency = adjacency + adjacency.T
    return diags(np.asarray(adjacency.sum(1)).ravel()) - adjacency


def _matches(
    surface: ClosestPoints, moved: np.ndarray, faces: torch.Tensor, config: NonrigidConfig
) -> tuple[np.ndarray, np.ndarray]:
    """Which vertices are pulled (V,), and where to (V, 3)."""
    nearest = surface.query(moved)
    normals = vertex_normals(torch.from_numpy(moved)[None], faces)[0].numpy()
    alike = (normals * nearest.normals).sum(1) > np.cos(np.radians(config.max_angle))
    near = np.square(nearest.points - moved).sum(1) < config.max_distance**2
    weight = (alike & near & ~nearest.on_border).astype(np.float64)
    if not weight.any():
        raise InputError(
            "source",
            f"a surface within {config.max_distance:g} mm of the target",
            "none of its vertices matched",
            "Align the two first, by landmarks or ICP.",
        )
    return weight, nearest.points
