from __future__ import annotations

import numpy as np
import pytest
import torch
from selfie3d.core.errors import InputError
from selfie3d.losses.landmark import landmark_distance


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
