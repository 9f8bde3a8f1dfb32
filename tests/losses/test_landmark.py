from __future__ import annotations

import numpy as np
import pytest
import torch
from selfie3d.core.errors import InputError
from selfie3d.losses.landmark import known_points, landmark_distance, landmark_loss

SAME = ("3d", "3d")


def test_against_a_loop():
    rng = np.random.default_rng(0)
    a, b, unit = rng.normal(size=(2, 5, 2)), rng.normal(size=(2, 5, 2)), rng.random((2, 1)) + 1
    own = landmark_distance(*map(torch.from_numpy, (a, b, unit)))
    assert own.shape == (2, 5)
    for i, k in np.ndindex(2, 5):
        expected = (np.linalg.norm(a[i, k] - b[i, k]) / unit[i, 0]) ** 2
        assert float(own[i, k]) == pytest.approx(expected)


def test_independent_of_the_image_size():
    a, b = torch.rand(2, 1, 5, 2, generator=torch.Generator().manual_seed(0))
    small = landmark_distance(a, b, torch.ones(1, 1))
    large = landmark_distance(7 * a, 7 * b, torch.full((1, 1), 7.0))
    assert torch.allclose(small, large, rtol=1e-5)


def test_gradient():
    points = torch.randn(2, 3, 2, dtype=torch.float64, requires_grad=True)
    target = torch.randn(2, 3, 2, dtype=torch.float64)
    unit = torch.tensor([[2.0], [3.0]], dtype=torch.float64, requires_grad=True)
    assert torch.autograd.gradcheck(lambda p, u: landmark_distance(p, target, u), (points, unit))


@pytest.mark.parametrize(
    ("target", "unit", "named"),
    [((2, 1, 2), (2, 1), "target"), ((2, 5, 3), (2, 1), "target"), ((2, 5, 2), (2,), "unit")],
)
def test_shapes(target, unit, named):
    with pytest.raises(InputError, match=named):
        landmark_distance(torch.zeros(2, 5, 2), torch.zeros(target), torch.ones(unit))


def faces(count: int = 3, points: int = 6) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
    """Predictions, targets with two unknown points in face 0 and none known in face 1, units."""
    generator = torch.Generator().manual_seed(5)
    a, b = torch.rand(2, count, points, 2, generator=generator, dtype=torch.float64) * 100
    b[0, 1] = torch.nan
    b[0, 4, 0] = torch.nan
    b[1] = torch.nan
    return a, b, torch.full((count, 1), 112.0, dtype=torch.float64)


def test_known_points():
    _, target, _ = faces()
    assert known_points(target).sum(1).tolist() == [4, 0, 6]


def test_loss_against_a_loop():
    predicted, target, unit = faces()
    weights = torch.tensor([20, 1, 0.5, 0, 1, 1], dtype=torch.float64)
    own = landmark_loss(predicted, target, weights, unit, contours=SAME)
    for b in range(3):
        total, count = 0.0, 0
        for n in range(6):
            if weights[n] == 0 or any(np.isnan(target[b, n].numpy())):
                continue
            gap = (predicted[b, n] - target[b, n]).numpy() / 112
            total, count = total + float(weights[n]) * float(gap @ gap), count + 1
        assert float(own[b]) == pytest.approx(total / max(count, 1))


def test_unknown_points_have_a_gradient_of_zero():
    predicted, target, unit = faces()
    weights = torch.ones(6, dtype=torch.float64)
    weights[2] = 0
    with torch.no_grad():
        predicted[0, 2] = torch.nan  # a point that the model lacks
    loss = landmark_loss(predicted.requires_grad_(), target, weights, unit, contours=SAME)
    assert bool(torch.isfinite(loss).all()) and float(loss[1].detach()) == 0
    loss.sum().backward()
    still = (predicted.grad == 0).all(-1)
    assert torch.equal(still, ~known_points(target) | (weights == 0))


def test_a_nan_that_was_predicted_is_not_hidden():
    predicted, target, unit = faces()
    predicted[2, 0] = torch.nan
    loss = landmark_loss(predicted, target, torch.ones(6).double(), unit, contours=SAME)
    assert torch.isnan(loss).tolist() == [False, False, True]


def test_gradient_of_the_loss():
    predicted, target, unit = faces()
    weights = torch.tensor([20, 1, 0.5, 0, 1, 1], dtype=torch.float64)
    assert torch.autograd.gradcheck(
        lambda p: landmark_loss(p, target, weights, unit, contours=SAME), predicted.requires_grad_()
    )


def test_refuses_another_kind_of_jaw_and_other_shapes():
    predicted, target, unit = faces()
    weights = torch.ones(6)
    with pytest.raises(InputError, match="contour"):
        landmark_loss(predicted, target, weights, unit, contours=("3d", "2d"))
    with pytest.raises(InputError, match="target"):
        landmark_loss(predicted, target[:, :1], weights, unit, contours=SAME)
    with pytest.raises(InputError, match="weights"):
        landmark_loss(predicted, target, weights[None], unit, contours=SAME)
    with pytest.raises(InputError, match="unit"):
        landmark_loss(predicted, target, weights, unit[:, 0], contours=SAME)
