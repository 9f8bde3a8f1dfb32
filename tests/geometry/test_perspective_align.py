"""Cameras from points: exact where they are exact, the least squares where not."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from scipy.optimize import least_squares
from selfie3d.core.errors import InputError
from selfie3d.geometry.camera import PerspectiveCamera
from selfie3d.geometry.point_view import PIVOT_MM
from selfie3d.geometry.rotation import euler_to_matrix, geodesic_angle
from selfie3d.models.sadrnet.alignment import sadrnet_alignment
from selfie3d.models.sadrnet.perspective_alignment import perspective_align

PIVOT = torch.tensor(PIVOT_MM)


def points(batch=3, count=68):
    g = torch.Generator().manual_seed(0)
    spread = torch.tensor([60.0, 70, 40])
    return torch.randn(batch, count, 3, generator=g).clamp(-1.5, 1.5) * spread + PIVOT / 2


def camera(distances=(450.0, 900.0, 4000.0)):
    """Cameras that look at the pivot; the faces are about 150 pixels large."""
    distance = torch.tensor(distances)
    rotation = euler_to_matrix(torch.tensor([[0.1, 0.9, -0.4], [0.0, 0.0, 0.0], [-0.3, -0.5, 1.2]]))
    away = torch.stack([torch.zeros(3), torch.zeros(3), -distance], -1) - rotation @ PIVOT
    return PerspectiveCamera(rotation, away, 1.1 * distance, torch.tensor([[120.0, 130.0]] * 3))


def gap(found, known, x):
    return (found.project(x) - known.project(x)).norm(dim=-1).mean(1)


def test_points_of_a_camera_give_it_back():
    x, known = points(), camera()
    found = perspective_align(x, known.project(x))
    assert gap(found, known, x).max() < 0.15  # pixels; the nearness is held a little towards 0
    assert torch.rad2deg(geodesic_angle(found.rotation, known.rotation)).max() < 0.1
    weak = sadrnet_alignment(x, known.project(x) * torch.tensor([1.0, -1.0, 1.0]))
    up = (weak.apply(x) * torch.tensor([1.0, -1.0, 1.0]) - known.project(x)).norm(dim=-1).mean(1)
    assert up[0] > 5  # what a similarity leaves at 45 cm
    assert (1 / -(found.translation + (found.rotation @ PIVOT))[:, 2])[0] == pytest.approx(
        1 / 450, rel=0.02
    )


def test_noisy_points_give_the_least_squares():
    """Against scipy, with the prior of the nearness as one residual more."""
    x, known = points().double(), camera()
    g = torch.Generator().manual_seed(1)
    y = known.project(points()).double() + 3 * torch.randn(x.shape, generator=g)
    weights = torch.rand(x.shape[:2], generator=g).double() + 0.1
    found = perspective_align(x, y, weights)
    share = weights / weights.sum(1, keepdim=True)
    mean = (share[..., None] * y).sum(1, keepdim=True)
    size = (share * (y - mean).square().sum(-1)).sum(1)
    for row in range(3):
        information = 17 * share[row] / (0.02**2 * size[row])

        def cost(v, row=row, information=information):
            turn = torch.linalg.matrix_exp(_skew(torch.tensor(v[:3]))) @ found.rotation[row]
            away = torch.tensor([0, 0, -1 / v[6]]) - turn @ PIVOT.double()
            one = PerspectiveCamera(
                turn[None], away[None], torch.tensor([v[3] / v[6]]), torch.tensor(v[None, 4:6])
            )
            residual = (one.project(x[row : row + 1])[0] - y[row]) * information.sqrt()[:, None]
            return np.append(residual.numpy().ravel(), v[6] / 1e-3)

        near = -1 / (found.translation[row] + found.rotation[row] @ PIVOT.double())[2]
        start = [0, 0, 0, float(found.focal[row] * near), *found.center[row].tolist(), float(near)]
        best = least_squares(cost, start, x_scale=[0.1, 0.1, 0.1, 1, 10, 10, 1e-3])
        here = 0.5 * np.square(cost(np.array(start))).sum()
        assert here == pytest.approx(best.cost, rel=2e-3)


def _skew(v):
    o = torch.zeros((), dtype=v.dtype)
    rows = [torch.stack([o, -v[2], v[1]]), torch.stack([v[2], o, -v[0]])]
    return torch.stack([*rows, torch.stack([-v[1], v[0], o])])


def test_points_without_weight_do_not_count():
    x, known = points(), camera()
    y = known.project(x)
    weights = torch.ones(3, 68)
    weights[:, 40:] = 0
    wrong = y.clone()
    wrong[:, 40:] += 50
    found = perspective_align(x, wrong, weights)
    assert gap(found, known, x).max() < 0.2
    assert gap(perspective_align(x, wrong), known, x).min() > 5


def test_gradients_are_those_of_the_solution():
    """By finite differences of the whole solve, where the points fit well."""
    x, y = points()[:1].double(), camera().project(points())[:1].double()
    direction = torch.randn(y.shape, generator=torch.Generator().manual_seed(2)).double()
    probe = torch.randn(7, 3, generator=torch.Generator().manual_seed(3)).double() * 50

    def seen(source, target):
        return perspective_align(source, target).project(probe[None]).square().mean()

    for index in (0, 1):
        inputs = [x.clone(), y.clone()]
        inputs[index].requires_grad_()
        seen(*inputs).backward()
        slope = float((inputs[index].grad * direction).sum())
        step = [torch.zeros_like(x), torch.zeros_like(x)]
        step[index] = 1e-3 * direction
        ahead = seen(x + step[0], y + step[1])
        behind = seen(x - step[0], y - step[1])
        assert slope == pytest.approx(float(ahead - behind) / 2e-3, rel=0.05)


def test_whatever_comes_gradients_are_finite():
    x = points(4).requires_grad_()
    y = torch.zeros(4, 68, 3)  # one point, as of a new network
    y[1] = torch.arange(68.0)[:, None]  # a line
    y[2] = camera().project(points())[1]
    y[3] = camera().project(points())[1] * torch.tensor([1.0, 1.0, -1.0])  # inside out
    y.requires_grad_()
    weights = torch.ones(4, 68)
    weights[2] = 0
    weights.requires_grad_()
    found = perspective_align(x, y, weights)
    seen = found.project(points(4))
    assert torch.isfinite(seen).all()
    seen.square().mean().backward()
    assert all(torch.isfinite(v.grad).all() for v in (x, y, weights))


def test_a_bad_item_leaves_the_others_alone():
    x, known = points(), camera()
    y = known.project(x)
    y[1, 5, 0] = torch.nan
    found = perspective_align(x, y)
    assert torch.isnan(found.rotation[1]).all()
    assert gap(found, known, x)[[0, 2]].max() < 0.15


def test_wrong_shapes_are_named():
    with pytest.raises(InputError, match="target"):
        perspective_align(points(), points()[:, :5])
