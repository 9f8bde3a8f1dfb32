from __future__ import annotations

import numpy as np
import pytest
import torch
from selfie3d.core.errors import InputError
from selfie3d.losses.surface import normal_deviation

TRIANGLES = torch.tensor([[0, 1, 2], [2, 1, 3], [4, 0, 3]])


def points(seed: int, faces: int = 2) -> torch.Tensor:
    generator = torch.Generator().manual_seed(seed)
    return torch.randn(faces, 5, 3, generator=generator, dtype=torch.float64)


def test_against_a_loop():
    a, b = points(0), points(1)
    own = normal_deviation(a, b, TRIANGLES)
    assert own.shape == (2, 3, 3)
    for n, t in np.ndindex(2, 3):
        corners = TRIANGLES[t].tolist()
        p, g = (x[n, corners].numpy() for x in (a, b))
        normal = np.cross(g[0] - g[1], g[1] - g[2])
        normal /= np.linalg.norm(normal)
        for e, (i, j) in enumerate(((0, 1), (1, 2), (2, 0))):
            edge = (p[i] - p[j]) / np.linalg.norm(p[i] - p[j])
            assert float(own[n, t, e]) == pytest.approx(abs(edge @ normal))


def test_as_printed_it_would_be_zero():
    """With the prediction's own normal, as eq 22 has it, nothing is ever wrong."""
    prediction = points(3, 1000)
    assert float(normal_deviation(prediction, prediction, TRIANGLES).max()) < 1e-12
    truth = normal_deviation(prediction, points(4, 1000), TRIANGLES)
    assert float(truth.mean()) == pytest.approx(0.5, abs=0.02)  # E |z| of a random direction


def test_a_shape_that_is_only_larger_costs_nothing():
    b = points(1)
    assert float(normal_deviation(3 * b + 2, b, TRIANGLES).max()) < 1e-12


def test_gradient_also_of_degenerate_triangles():
    a, b = points(0).requires_grad_(), points(1)
    assert torch.autograd.gradcheck(lambda x: normal_deviation(x, b, TRIANGLES), a)
    flat = torch.zeros(2, 5, 3, dtype=torch.float64, requires_grad=True)
    normal_deviation(flat, b, TRIANGLES).sum().backward()
    assert torch.equal(flat.grad, torch.zeros_like(flat))
    assert float(normal_deviation(a, torch.zeros_like(b), TRIANGLES).detach().max()) == 0


def test_wrong_input():
    a = points(0)
    with pytest.raises(InputError, match="target"):
        normal_deviation(a, a[:1], TRIANGLES)
    with pytest.raises(InputError, match="faces"):
        normal_deviation(a, a, TRIANGLES + 3)
