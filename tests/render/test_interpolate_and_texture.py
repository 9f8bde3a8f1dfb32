"""interpolate and texture: values, gradients, shared inputs, edges, bad input."""

from __future__ import annotations

import math

import pytest
import torch
from selfie3d.core.errors import InputError
from selfie3d.render.back_ends import get_rasterizer
from selfie3d.render.rasterizer import Fragments

RASTERIZER = get_rasterizer("cpu")


def relative(actual, expected) -> float:
    return float((actual - expected).norm() / expected.norm())


def test_gradients_of_the_whole_chain_equal_float64_autograd(oracle, meshes) -> None:
    pos, tri = meshes.soup(40, seed=1)
    generator = torch.Generator().manual_seed(2)
    attr = torch.rand(len(pos), 2, generator=generator)
    tex = torch.rand(7, 9, 3, generator=generator)
    weights = torch.rand(50, 60, 3, generator=generator)

    leaves = [t.clone().requires_grad_() for t in (pos, attr, tex)]
    rast = RASTERIZER.rasterize(leaves[0][None], tri, (50, 60))
    uv = RASTERIZER.interpolate(leaves[1][None], rast, tri)
    color = RASTERIZER.texture(leaves[2][None], uv)[0]
    (color * weights).sum().backward()

    exact = [t.double().requires_grad_() for t in (pos, attr, tex)]
    ideal = oracle.shade(exact[0], tri, rast.buffer[0, ..., 3].long())
    expected = oracle.texture(exact[2], oracle.interpolate(exact[1], ideal, tri))
    (expected * weights).sum().backward()

    assert (color - expected).abs().max() < 1e-4
    for leaf, ideal_leaf in zip(leaves, exact, strict=True):
        assert relative(leaf.grad, ideal_leaf.grad) < 2e-4


@pytest.mark.parametrize("batch", [1, 2, 3, 5, 9])
def test_shared_inputs_equal_repeated_ones(meshes, batch) -> None:
    pos, tri = meshes.soup(30, seed=6)
    generator = torch.Generator().manual_seed(batch)
    views = pos + 0.05 * torch.rand(batch, len(pos), 4, generator=generator)
    rast = RASTERIZER.rasterize(views, tri, (20, 30))
    attr = torch.rand(1, len(pos), 2, generator=generator)
    tex = torch.rand(1, 5, 6, 3, generator=generator)
    results = []
    for repeat in (1, batch):
        leaves = [t.repeat(repeat, *[1] * (t.dim() - 1)).requires_grad_() for t in (attr, tex)]
        color = RASTERIZER.texture(leaves[1], RASTERIZER.interpolate(leaves[0], rast, tri))
        color.square().sum().backward()
        results.append((color.detach(), *[leaf.grad.sum(0) for leaf in leaves]))
    assert torch.equal(results[0][0], results[1][0])
    for shared, repeated in zip(results[0][1:], results[1][1:], strict=True):
        assert torch.allclose(shared, repeated, rtol=1e-4, atol=1e-4)


def test_attributes_may_have_their_own_triangles(oracle, meshes) -> None:
    pos, tri = meshes.soup(10, seed=7)
    rast = RASTERIZER.rasterize(pos[None], tri, (20, 20))
    attr = torch.rand(4, 3)
    own = torch.randint(0, 4, (10, 3), dtype=torch.int32)
    actual = RASTERIZER.interpolate(attr[None], rast, own)[0]
    assert torch.allclose(actual, oracle.interpolate(attr, rast.buffer[0], own), atol=1e-6)
    assert (actual[~rast.covered[0]] == 0).all()


def test_interpolate_only_reads_triangles_that_exist() -> None:
    rast = (
        torch.tensor([2.0, -5.0, 1e30, math.nan, math.inf]).reshape(1, 1, 5, 1).repeat(1, 1, 1, 4)
    )
    tri = torch.tensor([[0, 0, 0]], dtype=torch.int32)
    attr = torch.ones(1, 1, 1, requires_grad=True)
    out = RASTERIZER.interpolate(attr, Fragments(rast), tri)
    out.sum().backward()
    assert out.abs().sum() == 0 and attr.grad.sum() == 0


def test_texel_centres_and_orientation() -> None:
    tex = torch.arange(12.0).reshape(1, 3, 4, 1)
    row, column = torch.meshgrid(torch.arange(3), torch.arange(4), indexing="ij")
    uv = torch.stack([(column + 0.5) / 4, 1 - (row + 0.5) / 3], -1)[None]
    assert torch.allclose(RASTERIZER.texture(tex, uv), tex, atol=1e-5)


def test_texture_clamps_without_gradient_and_survives_nan() -> None:
    tex = torch.rand(1, 3, 4, 2)
    uv = torch.tensor([[-2.0, 7.0], [5.0, -1.0], [math.nan, math.nan]]).reshape(1, 1, 3, 2)
    uv.requires_grad_()
    out = RASTERIZER.texture(tex, uv)
    out.sum().backward()
    assert torch.equal(out[0, 0, 0], tex[0, 0, 0]) and torch.equal(out[0, 0, 1], tex[0, 2, 3])
    assert out.isfinite().all()
    assert uv.grad[0, 0, :2].abs().sum() == 0


def test_inputs_need_not_be_contiguous(meshes) -> None:
    pos, tri = meshes.soup(10, seed=8)
    strided = pos.t().contiguous().t()[None]
    tri_strided = tri.t().contiguous().t()
    assert not strided.is_contiguous() and not tri_strided.is_contiguous()
    rast = RASTERIZER.rasterize(strided, tri_strided, (16, 16))
    assert torch.equal(rast.buffer, RASTERIZER.rasterize(pos[None], tri, (16, 16)).buffer)
    # An expanded gradient has strides of 0.
    leaf = pos[None].clone().requires_grad_()
    RASTERIZER.interpolate(leaf, rast, tri_strided).sum().backward()
    assert leaf.grad.isfinite().all()


def test_an_empty_batch_goes_through_everything(meshes) -> None:
    pos, tri = meshes.soup(5, seed=1)
    none = pos[None][:0].clone().requires_grad_()
    attr = torch.rand(1, len(pos), 2, requires_grad=True)
    tex = torch.rand(1, 4, 4, 3, requires_grad=True)
    rast = RASTERIZER.rasterize(none, tri, (6, 5))
    color = RASTERIZER.texture(tex, RASTERIZER.interpolate(attr, rast, tri))
    out = RASTERIZER.antialias(color, rast, none, tri)
    out.sum().backward()
    assert out.shape == (0, 6, 5, 3)
    assert attr.grad.abs().sum() == 0 and tex.grad.abs().sum() == 0


def bad_calls():
    rast = torch.zeros(2, 4, 4, 4)
    tri = torch.zeros(1, 3, dtype=torch.int32)
    return {
        "attr": lambda: RASTERIZER.interpolate(torch.zeros(3, 5, 2), Fragments(rast), tri),
        "attr shape": lambda: RASTERIZER.interpolate(torch.zeros(5, 2), Fragments(rast), tri),
        "fragments": lambda: RASTERIZER.interpolate(
            torch.zeros(2, 5, 2), Fragments(rast[..., :3]), tri
        ),
        "fragments bare": lambda: RASTERIZER.interpolate(torch.zeros(2, 5, 2), rast, tri),
        "tri": lambda: RASTERIZER.interpolate(torch.zeros(2, 5, 2), Fragments(rast), tri + 5),
        "tex": lambda: RASTERIZER.texture(torch.zeros(3, 4, 4, 2), rast[..., :2]),
        "tex empty": lambda: RASTERIZER.texture(torch.zeros(1, 0, 4, 2), rast[..., :2]),
        "uv": lambda: RASTERIZER.texture(torch.zeros(2, 4, 4, 2), rast),
        "color": lambda: RASTERIZER.antialias(rast[:1], Fragments(rast), torch.zeros(2, 1, 4), tri),
        "pos": lambda: RASTERIZER.antialias(rast, Fragments(rast), torch.zeros(1, 1, 4), tri),
    }


@pytest.mark.parametrize("name", list(bad_calls()))
def test_bad_input_is_an_input_error_that_names_it(name) -> None:
    with pytest.raises(InputError) as caught:
        bad_calls()[name]()
    assert caught.value.argument == name.split()[0]
