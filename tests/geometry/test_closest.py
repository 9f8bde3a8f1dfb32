from __future__ import annotations

import numpy as np
import pytest
from scipy.optimize import minimize
from selfie3d.core.errors import InputError
from selfie3d.geometry.closest import ClosestPoints, closest_on_triangles


def test_triangle_matches_an_optimiser():
    rng = np.random.default_rng(0)
    x, corners = rng.normal(size=(40, 3)) * 2, rng.normal(size=(40, 3, 3))
    weights, square = closest_on_triangles(x, corners)
    assert (weights >= 0).all() and np.allclose(weights.sum(1), 1)
    assert np.allclose(np.square(np.einsum("nk,nkc->nc", weights, corners) - x).sum(1), square)
    constraints = [
        {"type": "eq", "fun": lambda w: w.sum() - 1},
        {"type": "ineq", "fun": lambda w: w},
    ]
    for point, triangle, own in zip(x, corners, square, strict=True):
        best = minimize(
            lambda w, p=point, t=triangle: np.square(w @ t - p).sum(),
            np.full(3, 1 / 3),
            constraints=constraints,
            options={"ftol": 1e-14},
        )
        assert own == pytest.approx(best.fun, abs=1e-6)


def sheet(steps=12):
    y, x = np.meshgrid(np.linspace(0, 1, steps), np.linspace(0, 1, steps), indexing="ij")
    points = np.stack((x, y, 0.3 * np.sin(4 * x) * y), -1).reshape(-1, 3)
    i = np.arange(steps * steps).reshape(steps, steps)
    a, b, c, d = i[:-1, :-1], i[:-1, 1:], i[1:, 1:], i[1:, :-1]
    return points, np.concatenate((np.stack((a, b, c), -1), np.stack((a, c, d), -1))).reshape(-1, 3)


def test_surface_matches_the_search_over_all_triangles():
    points, faces = sheet()
    x = np.random.default_rng(1).uniform([-0.2, -0.2, -0.3], [1.2, 1.2, 0.5], (300, 3))
    found = ClosestPoints(points, faces).query(x)
    own = np.linalg.norm(found.points - x, axis=1)
    corners = points[faces]
    best = np.array(
        [closest_on_triangles(np.repeat(p[None], len(faces), 0), corners)[1].min() for p in x]
    )
    assert (own >= np.sqrt(best) - 1e-12).all()
    assert (own <= np.sqrt(best) + 1e-9).mean() > 0.98
    sure = ClosestPoints(points, faces).query(x, exact=True)
    assert np.allclose(np.square(sure.points - x).sum(1), best, rtol=0, atol=1e-12)
    vertex = np.linalg.norm(points[None] - x[:, None], axis=2).min(1)
    assert (own <= vertex + 1e-12).all()


def test_border_and_normals():
    points, faces = sheet()
    points[:, 2] = 0
    x = np.array([[0.51, 0.52, 0.2], [1.3, 0.5, 0.1], [-1, -1, 0], [0.5, 0.999, -0.1]])
    found = ClosestPoints(points, faces).query(x)
    assert found.on_border.tolist() == [False, True, True, False]
    assert np.allclose(found.normals, [0, 0, 1])
    assert np.allclose(found.points, [[0.51, 0.52, 0], [1, 0.5, 0], [0, 0, 0], [0.5, 0.999, 0]])


def test_points_alone_and_unused_vertices():
    points, faces = sheet()
    found = ClosestPoints(points).query(points + 1e-3)
    assert np.array_equal(found.points, points) and found.normals is None
    stray = np.concatenate((points, [[0.5, 0.5, 5.0]]))
    assert ClosestPoints(stray, faces).query(stray[-1:]).points[0, 2] < 1
    flat = np.concatenate((faces, [[3, 3, 4]]))
    assert np.isfinite(ClosestPoints(points, flat).query(points).points).all()
    with pytest.raises(InputError, match="area"):
        ClosestPoints(points, np.array([[0, 0, 1]]))
    with pytest.raises(InputError, match="indices"):
        ClosestPoints(points, faces + 5)


def test_exact_search_finds_long_triangles_and_other_sheets():
    """A vertex of one sheet is nearest, a long triangle of another is nearer still."""
    rng = np.random.default_rng(3)
    points = rng.normal(size=(60, 3)) * [30, 30, 2]
    faces = rng.permutation(60).reshape(-1, 3)
    x = rng.normal(size=(200, 3)) * [40, 40, 10]
    surface = ClosestPoints(points, faces)
    corners = points[faces]
    best = [closest_on_triangles(np.repeat(p[None], len(faces), 0), corners)[1].min() for p in x]
    sure = np.square(surface.query(x, exact=True).points - x).sum(1)
    quick = np.square(surface.query(x).points - x).sum(1)
    assert np.allclose(sure, best, rtol=1e-12)
    assert (quick > sure + 1e-6).any()
