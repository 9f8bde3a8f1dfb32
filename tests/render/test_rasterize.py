"""rasterize, interpolate and texture against the oracle."""

from __future__ import annotations

import pytest
import torch
from selfie3d.core.errors import InputError, UnknownNameError
from selfie3d.render.rasterizer import RASTERIZERS, get_rasterizer

RASTERIZER = get_rasterizer("cpu")


def relative(actual, expected) -> float:
    return float((actual - expected).norm() / expected.norm())


@pytest.mark.parametrize("mesh", ["soup", "ball"])
def test_ids_and_barycentrics_equal_the_oracle(oracle, meshes, mesh) -> None:
    pos, tri = meshes.soup(60, seed=0) if mesh == "soup" else meshes.bumpy_ball(20, 30)
    height, width = 61, 83
    actual = RASTERIZER.rasterize(pos[None], tri, (height, width))[0]
    expected = oracle.rasterize(pos, tri, (height, width))
    same = actual[..., 3] == expected[..., 3]
    assert same.float().mean() >= 0.9999
    assert (expected[..., 3] > 0).float().mean() > 0.3
    assert (actual - expected)[same].abs().max() < 1e-4


def test_gradients_of_the_whole_chain_equal_float64_autograd(oracle, meshes) -> None:
    pos, tri = meshes.soup(40, seed=1)
    generator = torch.Generator().manual_seed(2)
    attr = torch.rand(len(pos), 2, generator=generator)
    tex = torch.rand(7, 9, 3, generator=generator)
    weights = torch.rand(50, 60, 3, generator=generator)
    depth_weights = torch.rand(50, 60, generator=generator)

    leaves = [t.clone().requires_grad_() for t in (pos, attr, tex)]
    rast = RASTERIZER.rasterize(leaves[0][None], tri, (50, 60))
    uv = RASTERIZER.interpolate(leaves[1][None], rast, tri)
    color = RASTERIZER.texture(leaves[2][None], uv)
    ((color[0] * weights).sum() + (rast[0, ..., 2] * depth_weights).sum()).backward()

    exact = [t.double().requires_grad_() for t in (pos, attr, tex)]
    ideal = oracle.shade(exact[0], tri, rast[0, ..., 3].long())
    expected = oracle.texture(exact[2], oracle.interpolate(exact[1], ideal, tri))
    ((expected * weights).sum() + (ideal[..., 2] * depth_weights).sum()).backward()

    assert (color[0] - expected).abs().max() < 1e-4
    for leaf, ideal_leaf in zip(leaves, exact, strict=True):
        assert relative(leaf.grad, ideal_leaf.grad) < 2e-4


def test_unknown_back_end_names_the_known() -> None:
    assert "cpu" in RASTERIZERS.names()
    with pytest.raises(UnknownNameError, match="cpu"):
        get_rasterizer("cpuu")
    with pytest.raises(InputError):
        RASTERIZER.rasterize(torch.zeros(1, 3, 3), torch.zeros(1, 3, dtype=torch.int32), (4, 4))
