"""Displacements by identity coefficients, agreement of one person's, gaps, classes, visibility."""

from __future__ import annotations

import math

import pytest
import torch
from selfie3d.core.errors import InputError
from selfie3d.losses.pixel_classes import segmentation_error
from selfie3d.losses.points import gap_distance, visibility_error
from selfie3d.losses.shape import disagreement, displacement_matrix, squared_displacement


def normal(*shape: int, seed: int = 0) -> torch.Tensor:
    generator = torch.Generator().manual_seed(seed)
    return torch.randn(*shape, generator=generator, dtype=torch.float64)


def test_squared_displacement_is_that_of_the_meshes():
    basis, a, b = normal(5, 30, 3), normal(4, 5, seed=1), normal(4, 5, seed=2)
    found = squared_displacement(a, b, displacement_matrix(basis))
    meshes = [torch.einsum("bk,kvc->bvc", c, basis) for c in (a, b)]
    expected = (meshes[0] - meshes[1]).square().sum(-1).mean(1)
    torch.testing.assert_close(found, expected)
    with pytest.raises(InputError, match="matrix"):
        squared_displacement(a, b, torch.eye(4).double())


def test_disagreement_is_the_distance_from_the_persons_mean():
    errors = normal(5, 3)
    found = disagreement(errors, torch.tensor([7, 2, 7, 7, 5]))
    mean = errors[[0, 2, 3]].mean(0)
    for row in (0, 2, 3):
        torch.testing.assert_close(found[row], (errors[row] - mean).square())
    assert float(found[[1, 4]].abs().max()) == 0
    shifted = errors + torch.tensor([[1.0], [0], [1], [1], [3]]).double()
    torch.testing.assert_close(disagreement(shifted, torch.tensor([7, 2, 7, 7, 5])), found)


def test_gaps_are_wrong_where_points_err_differently():
    points = normal(2, 6, 3)
    pairs, unit = torch.tensor([[0, 1], [2, 5]]), torch.tensor([[2.0], [4.0]]).double()
    moved = points.clone()
    moved[:, 2, :2] += torch.tensor([3.0, 4.0])
    found = gap_distance(moved, points, pairs, unit)
    torch.testing.assert_close(found, torch.tensor([[0, 2.5], [0, 1.25]]).double(), atol=1e-5,
                               rtol=0)  # fmt: skip
    moved[:, 5, :2] += torch.tensor([3.0, 4.0])
    assert float(gap_distance(moved, points, pairs, unit).abs().max()) < 1e-5


def test_cross_entropies():
    logits = normal(2, 4, 3, 3)
    classes = torch.randint(0, 4, (2, 3, 3), generator=torch.Generator().manual_seed(0))
    found = segmentation_error(logits, classes)
    odds = logits[1, :, 2, 0].exp()
    expected = -math.log(float(odds[classes[1, 2, 0]] / odds.sum()))
    assert float(found[1, 2, 0]) == pytest.approx(expected)
    seen = torch.tensor([[True, False]])
    found = visibility_error(torch.tensor([[2.0, 2.0]]), seen)
    chance = 1 / (1 + math.exp(-2))
    expected = [-math.log(chance), -math.log(1 - chance)]
    assert found[0].tolist() == pytest.approx(expected, rel=1e-5)
    with pytest.raises(InputError, match="classes"):
        segmentation_error(logits, classes[:1])
    with pytest.raises(InputError, match="visible"):
        visibility_error(torch.zeros(1, 2), seen[:, :1])


def test_gradients():
    matrix = displacement_matrix(normal(3, 8, 3))
    a, b = normal(4, 3, seed=1).requires_grad_(), normal(4, 3, seed=2)
    person = torch.tensor([0, 0, 1, 1])

    def terms(x: torch.Tensor) -> tuple[torch.Tensor, ...]:
        return squared_displacement(x, b, matrix), disagreement(x - b, person)

    assert torch.autograd.gradcheck(terms, (a,))
