"""rasterize against the oracle, on closed sheets, and at the edges of its domain."""

from __future__ import annotations

import math

import pytest
import torch
from selfie3d.core.errors import InputError, UnknownNameError
from selfie3d.render.back_ends import RASTERIZERS, get_rasterizer

RASTERIZER = get_rasterizer("cpu")
ONE = torch.tensor([[0, 1, 2]], dtype=torch.int32)


def relative(actual, expected) -> float:
    return float((actual - expected).norm() / expected.norm())


def behind_the_camera(meshes):
    """A soup some of whose vertices have w <= 0."""
    pos, tri = meshes.soup(30, seed=4)
    pos[::4, 3] *= -0.5
    pos[1::9, 3] = 0
    return pos, tri


def scene(meshes, name: str):
    return {
        "soup": lambda: meshes.soup(60, seed=0),
        "ball": lambda: meshes.bumpy_ball(10, 14),
        "behind": lambda: behind_the_camera(meshes),
    }[name]()


@pytest.mark.parametrize("name", ["soup", "ball", "behind"])
def test_ids_and_barycentrics_equal_the_oracle(oracle, meshes, name) -> None:
    pos, tri = scene(meshes, name)
    actual = RASTERIZER.rasterize(pos[None], tri, (47, 61)).buffer[0]
    expected = oracle.rasterize(pos, tri, (47, 61))
    same = actual[..., 3] == expected[..., 3]
    assert same.float().mean() >= 0.9999
    assert (expected[..., 3] > 0).float().mean() > 0.3
    # Barycentrics of triangles thousands of pixels large (w near 0) are the least exact.
    assert (actual - expected)[same].abs().max() < (1e-3 if name == "behind" else 1e-4)


def test_ids_of_a_mesh_finer_than_pixels_equal_the_oracle(oracle, meshes) -> None:
    pos, tri = meshes.bumpy_ball(70, 140)
    actual = RASTERIZER.rasterize(pos[None], tri, (64, 64)).buffer[0, ..., 3]
    expected = oracle.small_triangle_ids(pos, tri, 64, reach=5)
    assert (expected > 0).float().mean() > 0.3
    assert (actual == expected).float().mean() >= 0.9999


@pytest.mark.parametrize("name", ["soup", "ball", "behind"])
def test_gradients_equal_float64_autograd(oracle, meshes, name) -> None:
    pos, tri = scene(meshes, name)
    weights = torch.rand(47, 61, 3, generator=torch.Generator().manual_seed(2))
    leaf = pos.clone().requires_grad_()
    rast = RASTERIZER.rasterize(leaf[None], tri, (47, 61)).buffer[0]
    (rast[..., :3] * weights).sum().backward()
    exact = pos.double().requires_grad_()
    (oracle.shade(exact, tri, rast[..., 3].long())[..., :3] * weights).sum().backward()
    assert relative(leaf.grad, exact.grad) < 2e-4


@pytest.mark.parametrize("angle", [0.0, math.pi / 4, 0.3, 1.1])
@pytest.mark.parametrize("cells", [1, 8, 9, 61])
def test_closed_sheet_has_no_holes_and_no_pixel_twice(meshes, angle, cells) -> None:
    # At 8 cells over half = 1 the edges run exactly through the pixel centres of 8 x 8 (+ half a
    # pixel), at 61 most triangles are smaller than a pixel.
    pos, tri = meshes.sheet(cells, cells, half=1.0, angle=angle)
    size = 32
    pos[:, :2] += 1.0 / size
    rast = RASTERIZER.rasterize(pos[None], tri, (size, size)).buffer[0]
    x, y = meshes.centres(size, size, -1.0 / size)
    c, s = math.cos(angle), math.sin(angle)
    inside = torch.maximum((c * x + s * y).abs(), (c * y - s * x).abs()) < 1 - 1e-6
    assert (rast[..., 3] > 0)[inside].all()

    # The reversed order of ids would win on any pixel that two triangles claim.
    reverse = RASTERIZER.rasterize(pos[None], tri.flip(0), (size, size)).buffer[0]
    hit = rast[..., 3] > 0
    assert ((len(tri) + 1 - reverse[..., 3])[hit] == rast[..., 3][hit]).all()


def test_vertex_at_a_pixel_centre_belongs_to_one_triangle() -> None:
    ring = [(math.cos(a), math.sin(a)) for a in torch.linspace(0, 2 * math.pi, 8)[:-1].tolist()]
    pos = torch.tensor([[0.0, 0.0, 0.0, 1.0]] + [[x, y, 0.0, 1.0] for x, y in ring])
    tri = torch.tensor([[0, 1 + i, 1 + (i + 1) % 7] for i in range(7)], dtype=torch.int32)
    owners = [RASTERIZER.rasterize(pos[None], t[None], (9, 9)).buffer[0, 4, 4, 3] for t in tri]
    assert sum(owners) == 1


def test_row_0_is_the_top_and_v0_is_u() -> None:
    pos = torch.tensor([[[-1.0, 1.0, 0.5, 1.0], [-0.5, 1.0, 0.5, 1.0], [-1.0, 0.5, 0.5, 1.0]]])
    rast = RASTERIZER.rasterize(pos, ONE, (16, 16)).buffer[0]
    assert rast[0, 0, 3] == 1 and rast[15, :, 3].sum() == 0
    assert torch.allclose(rast[0, 0], torch.tensor([0.75, 0.125, 0.5, 1.0]))


def test_nearer_wins_and_the_lower_id_at_equal_depth() -> None:
    corners = torch.tensor([[-3.0, -1.0], [3.0, -1.0], [0.0, 4.0]])
    layers = [torch.cat([corners, torch.tensor([[z, 1.0]] * 3)], 1) for z in (0.5, 0.1, 0.1, 1.5)]
    tri = torch.arange(12, dtype=torch.int32).reshape(4, 3)
    rast = RASTERIZER.rasterize(torch.cat(layers)[None], tri, (4, 4)).buffer
    assert (rast[..., 3] == 2).all()


def test_both_sides_are_visible(meshes) -> None:
    pos, tri = meshes.soup(20, seed=3)
    front = RASTERIZER.rasterize(pos[None], tri, (40, 40)).buffer[..., 3]
    back = RASTERIZER.rasterize(pos[None], tri.flip(1).contiguous(), (40, 40)).buffer[..., 3]
    assert torch.equal(front, back)


@pytest.mark.parametrize("bad", [math.nan, math.inf, -math.inf])
@pytest.mark.parametrize("component", range(4))
def test_triangle_with_a_vertex_not_finite_is_skipped(meshes, bad, component) -> None:
    pos, tri = meshes.soup(20, seed=5)
    broken = pos.clone()
    broken[30, component] = bad
    without = torch.cat([tri[:10], tri[:1], tri[11:]])
    actual = RASTERIZER.rasterize(broken[None], tri, (40, 40)).buffer
    assert actual.isfinite().all()
    assert torch.equal(actual, RASTERIZER.rasterize(pos[None], without, (40, 40)).buffer)


@pytest.mark.parametrize("pixels", [1.5, 3, 6, 14, 40])
def test_triangles_of_every_size_equal_the_oracle(oracle, pixels) -> None:
    """Boxes up to 2 x 2 and 4 x 4, whole rows and rows by spans go different ways."""
    generator = torch.Generator().manual_seed(int(10 * pixels))
    height, width, triangles = 64, 96, 150
    middle = torch.rand(triangles, 1, 2, generator=generator) * torch.tensor([width, height])
    corner = middle + pixels * (torch.rand(triangles, 3, 2, generator=generator) - 0.5)
    x, y = (2 * corner[..., 0] + 1) / width - 1, 1 - (2 * corner[..., 1] + 1) / height
    z = torch.rand(triangles, 3, generator=generator) - 0.5
    pos = torch.stack([x, y, z, torch.ones_like(x)], -1).reshape(-1, 4)
    tri = torch.arange(3 * triangles, dtype=torch.int32).reshape(-1, 3)
    actual = RASTERIZER.rasterize(pos[None], tri, (height, width)).buffer[0]
    expected = oracle.rasterize(pos, tri, (height, width))
    same = actual[..., 3] == expected[..., 3]
    assert (~same).sum() <= 1
    assert (actual - expected)[same].abs().max() < 1e-3


def test_huge_coordinates_are_clipped_exactly() -> None:
    pos = torch.tensor([[[-1e30, -1e30, 0, 1.0], [1e30, -1e30, 0, 1.0], [0, 1e30, 0, 1.0]]])
    assert (RASTERIZER.rasterize(pos, ONE, (5, 5)).buffer[..., 3] == 1).all()


def test_empty_and_degenerate_input_gives_an_empty_image() -> None:
    pos = torch.tensor([[[0.0, 0.0, 0.0, 1.0], [0.5, 0.5, 0.0, 1.0], [1.0, 1.0, 0.0, 1.0]]])
    none = torch.zeros(0, 3, dtype=torch.int32)
    assert RASTERIZER.rasterize(pos, ONE, (7, 7)).buffer.abs().sum() == 0
    assert RASTERIZER.rasterize(pos * 0, ONE, (7, 7)).buffer.abs().sum() == 0
    assert RASTERIZER.rasterize(pos, none, (7, 7)).buffer.abs().sum() == 0
    assert RASTERIZER.rasterize(pos[:0], ONE, (7, 7)).buffer.shape == (0, 7, 7, 4)


@pytest.mark.parametrize("resolution", [(1, 1), (1, 90), (90, 1), (3, 5000)])
def test_thin_images(resolution) -> None:
    corners = [[-3.0, -1.0, 0.0, 1.0], [3.0, -1.0, 0.0, 1.0], [0.0, 4.0, 0.0, 1.0]]
    pos = torch.tensor([corners])
    assert (RASTERIZER.rasterize(pos, ONE, resolution).buffer[..., 3] == 1).all()


def bad_calls():
    pos = torch.zeros(1, 3, 4)
    size = (4, 4)
    return {
        "pos shape": lambda: RASTERIZER.rasterize(pos[0], ONE, size),
        "pos dtype": lambda: RASTERIZER.rasterize(pos.double(), ONE, size),
        "tri shape": lambda: RASTERIZER.rasterize(pos, ONE[:, :2], size),
        "tri dtype": lambda: RASTERIZER.rasterize(pos, ONE.long(), size),
        "tri too large": lambda: RASTERIZER.rasterize(pos, ONE + 1, size),
        "tri negative": lambda: RASTERIZER.rasterize(pos, ONE - 1, size),
        "resolution 0": lambda: RASTERIZER.rasterize(pos, ONE, (0, 4)),
        "resolution float": lambda: RASTERIZER.rasterize(pos, ONE, (4.0, 4)),
        "device": lambda: RASTERIZER.rasterize(pos.to("meta"), ONE, size),
    }


@pytest.mark.parametrize("name", list(bad_calls()))
def test_bad_input_is_an_input_error_that_names_it(name) -> None:
    with pytest.raises(InputError) as caught:
        bad_calls()[name]()
    assert caught.value.argument == name.split()[0].replace("device", "pos")


def test_triangles_changed_in_place_are_checked_again() -> None:
    tri = ONE.clone()
    RASTERIZER.rasterize(torch.zeros(1, 3, 4), tri, (4, 4))
    tri += 1
    with pytest.raises(InputError, match="indices"):
        RASTERIZER.rasterize(torch.zeros(1, 3, 4), tri, (4, 4))


def test_unknown_back_end_names_the_known() -> None:
    assert "cpu" in RASTERIZERS.names()
    with pytest.raises(UnknownNameError, match="cpu"):
        get_rasterizer("cpuu")


def test_fragments_name_the_channels_without_copying_them(meshes) -> None:
    pos, tri = meshes.soup(10, seed=3)
    leaf = pos[None].clone().requires_grad_()
    fragments = RASTERIZER.rasterize(leaf, tri, (20, 20))
    for channel, view in enumerate((fragments.u, fragments.v, fragments.depth)):
        assert torch.equal(view, fragments.buffer[..., channel])
        assert view.data_ptr() == fragments.buffer[..., channel].data_ptr()
    assert torch.equal(fragments.triangle + 1, fragments.buffer[..., 3].long())
    assert torch.equal(fragments.covered, fragments.triangle >= 0)
    assert 0 < fragments.covered.float().mean() < 1
    fragments.depth.sum().backward()
    assert leaf.grad[..., 2:].abs().sum() > 0
