"""antialias: by exact areas, by autograd on fixed pairs, on meshes finer than pixels."""

from __future__ import annotations

import math

import pytest
import torch
from selfie3d.render.back_ends import get_rasterizer
from selfie3d.render.rasterizer import Fragments

RASTERIZER = get_rasterizer("cpu")


def coverage(pos, tri, size: int):
    rast = RASTERIZER.rasterize(pos, tri, (size, size))
    return RASTERIZER.antialias(rast.covered[..., None].float(), rast, pos, tri)


def scaled(pos, scale):
    one = torch.ones_like(scale)
    return (pos * torch.stack([scale, scale, one, one]))[None]


@pytest.mark.parametrize("cells", [1, 10, 150])
@pytest.mark.parametrize("angle", [0.0, 0.3, 0.77])
def test_area_of_a_square_and_its_derivative(meshes, cells, angle) -> None:
    # At 150 cells a triangle is half a pixel: its own edges alone would find a quarter of it.
    pos, tri = meshes.sheet(cells, cells, half=0.55, angle=angle)
    scale = torch.ones((), requires_grad=True)
    area = coverage(scaled(pos, scale), tri, 128).sum()
    area.backward()
    truth = (1.1 * 64) ** 2
    assert float(area.detach()) == pytest.approx(truth, rel=2e-3)
    assert float(scale.grad) == pytest.approx(2 * truth, rel=0.03)


@pytest.mark.parametrize(("rows", "columns"), [(30, 60), (130, 270)])
def test_area_of_a_bumpy_ball_and_its_derivative(meshes, rows, columns) -> None:
    pos, tri = meshes.bumpy_ball(rows, columns, size=0.6)
    scale = torch.ones((), requires_grad=True)
    area = coverage(scaled(pos, scale), tri, 224).sum()
    area.backward()
    fine = [coverage(scaled(pos, torch.tensor(s)), tri, 1536).sum() for s in (0.98, 1.0, 1.02)]
    shrink = (224 / 1536) ** 2
    assert float(area.detach()) == pytest.approx(float(fine[1]) * shrink, rel=2e-3)
    assert float(scale.grad) == pytest.approx(float(fine[2] - fine[0]) / 0.04 * shrink, rel=0.03)


def reference_blend(color, hit, pos):
    """Antialias one triangle over the background, by the definition, in float64 with autograd.

    For each covered pixel beside an uncovered one, along rows for the steep edges and along
    columns for the others.
    """
    height, width = hit.shape
    x = (pos[:, 0] / pos[:, 3] + 1) * width / 2 - 0.5
    y = (1 - pos[:, 1] / pos[:, 3]) * height / 2 - 0.5
    out = color.clone()
    for i, j in ((0, 1), (1, 2), (2, 0)):
        steep = bool((y[j] - y[i]).abs() >= (x[j] - x[i]).abs())
        across, along = (y, x) if steep else (x, y)
        for line in range(height if steep else width):
            if bool(across[i] <= line) == bool(across[j] <= line):
                continue
            cut = along[i] + (line - across[i]) / (across[j] - across[i]) * (along[j] - along[i])
            low = math.floor(cut.item())
            if low < 0 or low + 1 >= (width if steep else height):
                continue
            pair = [(line, low), (line, low + 1)] if steep else [(low, line), (low + 1, line)]
            if bool(hit[pair[0]]) == bool(hit[pair[1]]):
                continue
            near, far = pair if hit[pair[0]] else pair[::-1]
            blend = (cut - (low if near == pair[0] else low + 1)).abs() - 0.5
            change = torch.zeros_like(out)
            change[far if blend > 0 else near] = 1.0
            out = out + change * blend * (color[near] - color[far])
    return out


@pytest.mark.parametrize("seed", range(6))
def test_values_and_gradients_equal_autograd_on_fixed_pairs(seed) -> None:
    generator = torch.Generator().manual_seed(seed)
    pos = torch.rand(3, 4, generator=generator) * 2 - 1
    pos[:, 3] = 0.8 + 0.4 * torch.rand(3, generator=generator)
    tri = torch.tensor([[0, 1, 2]], dtype=torch.int32)
    color = torch.rand(24, 30, 2, generator=generator)
    weights = torch.rand(24, 30, 2, generator=generator)
    leaves = [pos.clone().requires_grad_(), color.clone().requires_grad_()]
    rast = RASTERIZER.rasterize(leaves[0].detach()[None], tri, (24, 30))
    out = RASTERIZER.antialias(leaves[1][None], rast, leaves[0][None], tri)[0]
    (out * weights).sum().backward()
    exact = [pos.double().requires_grad_(), color.double().requires_grad_()]
    expected = reference_blend(exact[1], rast.covered[0], exact[0])
    (expected * weights).sum().backward()
    assert float((expected - color).detach().abs().max()) > 0.05
    assert (out - expected).abs().max() < 1e-4
    for leaf, ideal in zip(leaves, exact, strict=True):
        assert float((leaf.grad - ideal.grad).norm() / ideal.grad.norm()) < 2e-4


def test_nothing_moves_inside_a_sheet_or_where_nothing_is(meshes) -> None:
    pos, tri = meshes.sheet(20, 20, half=2.0, angle=0.2)
    leaf = pos[None].clone().requires_grad_()
    color = torch.rand(1, 32, 32, 3)
    rast = RASTERIZER.rasterize(pos[None], tri, (32, 32))
    out = RASTERIZER.antialias(color, rast, leaf, tri)
    out.sum().backward()
    assert torch.equal(out, color) and leaf.grad.abs().sum() == 0
    nothing = tri[:0].contiguous()
    assert torch.equal(
        RASTERIZER.antialias(color, Fragments(rast.buffer * 0), pos[None], nothing), color
    )


def test_an_occluded_outline_is_not_blended(meshes) -> None:
    near, tri = meshes.sheet(4, 4, half=0.9)
    far, _ = meshes.sheet(4, 4, half=0.5)
    far[:, 2] = 0.5
    pos = torch.cat([near, far])[None]
    both = torch.cat([tri, tri + len(near)])
    rast = RASTERIZER.rasterize(pos, both, (40, 40))
    leaf = pos.clone().requires_grad_()
    RASTERIZER.antialias(torch.rand(1, 40, 40, 3), rast, leaf, both).square().sum().backward()
    assert leaf.grad[0, : len(near)].abs().sum() > 0
    assert leaf.grad[0, len(near) :].abs().sum() == 0


def test_more_pairs_than_expected_find_room() -> None:
    # A comb of upright strips: more outline than any face has.
    strips = []
    for i in range(20):
        x0, x1 = -0.97 + i * 0.097, -0.921 + i * 0.097
        corners = [(x0, -0.9), (x1, -0.9), (x1, 0.9), (x0, -0.9), (x1, 0.9), (x0, 0.9)]
        strips += [[x, y, 0.0, 1.0] for x, y in corners]
    tri = torch.arange(120, dtype=torch.int32).reshape(-1, 3)
    pos = torch.tensor([strips])
    together = coverage(pos, tri, 224)
    apart = sum(coverage(pos, part.contiguous(), 224) for part in tri.split(8))
    assert torch.allclose(together, apart, atol=1e-5)
    assert float(together.sum() / 112**2) == pytest.approx(20 * 0.049 * 1.8, rel=0.02)


def test_triangles_behind_the_camera_are_left_alone(meshes) -> None:
    pos, tri = meshes.soup(20, seed=9)
    pos[::2, 3] *= -1
    pos[5] = math.nan
    leaf = pos[None].clone().requires_grad_()
    rast = RASTERIZER.rasterize(pos[None], tri, (30, 30))
    out = RASTERIZER.antialias(torch.rand(1, 30, 30, 1), rast, leaf, tri)
    out.square().sum().backward()
    assert out.isfinite().all() and leaf.grad.isfinite().all()
