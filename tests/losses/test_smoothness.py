from __future__ import annotations

import numpy as np
import pytest
import torch
from selfie3d.core.errors import InputError
from selfie3d.geometry.topology import uniform_laplacian
from selfie3d.losses.surface import laplacian_difference, map_laplacian, smoothness

# A fan of four triangles round vertex 0, and a vertex 5 that no triangle uses.
FACES = torch.tensor([[0, 1, 2], [0, 2, 3], [0, 3, 4], [0, 4, 1]])
NEIGHBOURS = [[1, 2, 3, 4], [0, 2, 4], [0, 1, 3], [0, 2, 4], [0, 3, 1], []]
LAPLACIAN = uniform_laplacian(FACES, 6)


def points(seed: int = 0) -> torch.Tensor:
    generator = torch.Generator().manual_seed(seed)
    return torch.randn(2, 6, 3, generator=generator, dtype=torch.float64)


def umbrella(vertices: np.ndarray, i: int) -> np.ndarray:
    around = NEIGHBOURS[i]
    if not around:
        return np.zeros(3)
    return sum((vertices[i] - vertices[j] for j in around), np.zeros(3)) / len(around)


def test_smoothness_is_eq_16():
    vertices = points()
    own = smoothness(vertices, LAPLACIAN)
    for b, i in np.ndindex(2, 6):
        expected = np.square(umbrella(vertices[b].numpy(), i)).sum()
        assert float(own[b, i]) == pytest.approx(expected, rel=1e-6)


def test_smoothness_of_a_flat_fan_and_wherever_it_is():
    flat = torch.tensor([[0.0, 0, 0], [1, 0, 0], [0, 1, 0], [-1, 0, 0], [0, -1, 0], [9, 9, 9]])
    assert float(smoothness(flat[None], LAPLACIAN)[0, 0]) == 0
    here, there = smoothness(points(), LAPLACIAN), smoothness(points() + 100, LAPLACIAN)
    torch.testing.assert_close(here, there, atol=1e-4, rtol=1e-4)


def test_difference_is_of_the_laplacians():
    a, b = points(), points(1)
    own = laplacian_difference(a, b, LAPLACIAN)
    for n, i in np.ndindex(2, 6):
        gap = umbrella(a[n].numpy(), i) - umbrella(b[n].numpy(), i)
        assert float(own[n, i]) == pytest.approx(gap @ gap, rel=1e-6)
    assert float(laplacian_difference(a + 5, a, LAPLACIAN).max()) < 1e-12


def test_gradients():
    a, b = points().requires_grad_(), points(1)
    assert torch.autograd.gradcheck(lambda v: smoothness(v, LAPLACIAN), a)
    assert torch.autograd.gradcheck(lambda v: laplacian_difference(v, b, LAPLACIAN), a)
    maps = torch.randn(1, 2, 3, 4, dtype=torch.float64, requires_grad=True)
    assert torch.autograd.gradcheck(map_laplacian, maps)


def test_map_laplacian_against_a_loop():
    maps = torch.randn(2, 3, 5, 6, generator=torch.Generator().manual_seed(0)).double()
    own = map_laplacian(maps)
    assert own.shape == (2, 1, 5, 6)
    for b, y, x in np.ndindex(2, 3, 4):
        y, x = y + 1, x + 1
        here = maps[b, :, y, x]
        around = maps[b, :, y - 1, x] + maps[b, :, y + 1, x]
        around = around + maps[b, :, y, x - 1] + maps[b, :, y, x + 1]
        expected = float((around / 4 - here).square().sum())
        assert float(own[b, 0, y, x]) == pytest.approx(expected)


def test_a_linear_map_is_smooth_inside():
    rows, columns = torch.meshgrid(torch.arange(6.0), torch.arange(7.0), indexing="ij")
    ramp = torch.stack([rows, 2 * columns, rows - columns])[None]
    assert float(map_laplacian(ramp)[..., 1:-1, 1:-1].abs().max()) < 1e-10


def test_shapes():
    with pytest.raises(InputError, match="vertices"):
        smoothness(torch.zeros(1, 5, 3), LAPLACIAN)
    with pytest.raises(InputError, match="reference"):
        laplacian_difference(points(), points()[:1], LAPLACIAN)
    with pytest.raises(InputError, match="maps"):
        map_laplacian(torch.zeros(3, 4, 5))
