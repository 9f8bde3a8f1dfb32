"""Bounded quadratics against scipy's solver."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from scipy.optimize import lsq_linear
from selfie3d.core.errors import InputError
from selfie3d.models.sadrnet.decoder import least_in_box

COUNT = 25


@pytest.fixture(scope="module")
def problem():
    """Least squares whose free solution leaves the box in about half of the unknowns."""
    g = torch.Generator().manual_seed(0)
    matrix = torch.randn(60, COUNT, generator=g, dtype=torch.float64) * torch.logspace(-1, 1, COUNT)
    wanted = torch.randn(8, 60, generator=g, dtype=torch.float64) * 5
    low = torch.full((COUNT,), -torch.inf, dtype=torch.float64)
    low[10:] = 0.0
    high = torch.full((COUNT,), torch.inf, dtype=torch.float64)
    high[10:] = 1.0
    return matrix, wanted, low, high


def test_is_scipys_solution(problem):
    matrix, wanted, low, high = problem
    found = least_in_box(matrix.T @ matrix, wanted @ matrix, low, high=high)
    for row in range(len(wanted)):
        bounds = (low.numpy(), high.numpy())
        expected = lsq_linear(matrix.numpy(), wanted[row].numpy(), bounds, tol=1e-14).x
        np.testing.assert_allclose(found[row].numpy(), expected, atol=1e-6)
    held = (found[:, 10:] == 0) | (found[:, 10:] == 1)
    assert 0.1 < held.double().mean() < 0.9


def test_without_bounds_it_is_a_linear_solve(problem):
    matrix, wanted = problem[:2]
    normal, right = matrix.T @ matrix, wanted @ matrix
    free = torch.full((COUNT,), torch.inf, dtype=torch.float64)
    expected = torch.linalg.solve(normal, right.T).T
    assert torch.allclose(least_in_box(normal, right, -free, high=free), expected)


def test_gradients_are_those_of_the_solution(problem):
    matrix, wanted, low, high = problem
    normal = matrix.T @ matrix

    def solve(right):
        return least_in_box(normal, right, low, high=high)

    right = (wanted[:2] @ matrix).requires_grad_()
    assert torch.autograd.gradcheck(solve, (right,), eps=1e-6, atol=1e-6)


def test_half_the_precision_is_enough(problem):
    matrix, wanted, low, high = problem
    normal, right = matrix.T @ matrix, wanted @ matrix
    exact = least_in_box(normal, right, low, high=high)
    rough = least_in_box(normal.float(), right.float(), low.float(), high=high.float())
    assert torch.allclose(rough.double(), exact, atol=1e-3)


def test_wrong_shapes_are_named(problem):
    matrix, wanted, low, high = problem
    normal = matrix.T @ matrix
    with pytest.raises(InputError, match="right"):
        least_in_box(normal, wanted, low, high=high)
    with pytest.raises(InputError, match="low"):
        least_in_box(normal, wanted @ matrix, low[:3], high=high)
