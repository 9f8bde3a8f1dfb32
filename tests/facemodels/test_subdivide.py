"""Catmull-Clark against the rules written as loops, and rim smoothing against its definition."""

from __future__ import annotations

import numpy as np
from scipy import sparse
from selfie3d.facemodels.subdivide import catmull_clark, rim_loops, smooth_rim, triangles

CUBE = np.array(
    [[0, 3, 2, 1], [4, 5, 6, 7], [0, 1, 5, 4], [1, 2, 6, 5], [2, 3, 7, 6], [3, 0, 4, 7]]
)
CORNERS = np.array([[x, y, z] for z in (0.0, 1) for x, y in ((0, 0), (1, 0), (1, 1), (0, 1))])


def grid(n: int) -> tuple[np.ndarray, np.ndarray]:
    i = np.arange(n + 1)
    points = np.stack([*np.meshgrid(i, i), np.zeros((n + 1, n + 1))], -1).reshape(-1, 3) * 1.0
    quads = [
        [r * (n + 1) + c, r * (n + 1) + c + 1, (r + 1) * (n + 1) + c + 1, (r + 1) * (n + 1) + c]
        for r in range(n)
        for c in range(n)
    ]
    return points, np.array(quads)


def naive_closed(points: np.ndarray, quads: np.ndarray) -> np.ndarray:
    """Old vertices, edge points, face points of a closed surface (Catmull and Clark 1978)."""
    centres = points[quads].mean(1)
    edges = sorted({tuple(sorted((q[i], q[(i + 1) % 4]))) for q in quads for i in range(4)})
    holders = [[f for f, q in enumerate(quads) if a in q and b in q] for a, b in edges]
    edge_points = [
        (points[a] + points[b] + centres[h].sum(0)) / 4
        for (a, b), h in zip(edges, holders, strict=True)
    ]
    moved = []
    for v, p in enumerate(points):
        around = [f for f, q in enumerate(quads) if v in q]
        spokes = [(points[a] + points[b]) / 2 for a, b in edges if v in (a, b)]
        k = len(spokes)
        q, r = centres[around].mean(0), np.mean(spokes, axis=0)
        moved.append((q + 2 * r + (k - 3) * p) / k)
    return np.concatenate([moved, edge_points, centres])


def test_closed_surface_follows_the_rules():
    matrix, quads = catmull_clark(CUBE, 8)
    assert np.allclose(matrix @ CORNERS, naive_closed(CORNERS, CUBE))
    assert quads.shape == (24, 4) and matrix.shape == (8 + 12 + 6, 8)


def test_flat_patch_stays_flat_keeps_straight_rims_and_orientation():
    points, quads = grid(4)
    matrix, fine = catmull_clark(quads, len(points))
    refined = matrix @ points
    assert np.allclose(matrix.sum(1), 1)
    assert np.allclose(refined[:, 2], 0)
    assert refined[:, :2].min() >= 0 and refined[:, :2].max() <= 4
    corner = refined[triangles(fine)]
    area = np.cross(corner[:, 1] - corner[:, 0], corner[:, 2] - corner[:, 0])[:, 2]
    assert (area > 0).all()


def test_rim_loops_and_smoothing():
    points, quads = grid(4)
    hole = np.delete(quads, 5, axis=0)
    loops = rim_loops(hole)
    assert [len(loop) for loop in loops] == [4, 16]
    smooth = smooth_rim(sparse.identity(len(points), format="csr"), quads).toarray()
    rim = set(rim_loops(quads)[-1].tolist())
    for v in range(len(points)):
        if v in rim:
            assert np.isclose(smooth[v].sum(), 1) and set(np.flatnonzero(smooth[v])) <= rim
        else:
            assert smooth[v, v] == 1 and np.count_nonzero(smooth[v]) == 1
    corner = smooth[0] @ points
    assert 0 < corner[0] < 2 and np.isclose(corner[0], corner[1])  # pulled inwards, symmetric
