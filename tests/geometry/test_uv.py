from __future__ import annotations

import time

import numpy as np
import pytest
import torch
from scipy.sparse import coo_matrix
from scipy.sparse.csgraph import connected_components
from scipy.spatial import Delaunay
from selfie3d.core.errors import InputError
from selfie3d.geometry import uv as uvmaps
from selfie3d.geometry.uv_tables import triangle_charts

F64 = torch.float64


def layout(count=120, seed=0, centre=(0.5, 0.5), radius=0.45):
    """A triangulated disc of random points; (T, 2) and (F, 3)."""
    rng = np.random.default_rng(seed)
    angle = rng.uniform(0, 2 * np.pi, count)
    r = radius * np.sqrt(rng.uniform(0, 1, count))
    points = np.stack((centre[0] + r * np.cos(angle), centre[1] + r * np.sin(angle)), 1)
    return torch.from_numpy(points), torch.from_numpy(Delaunay(points).simplices.astype(np.int64))


def two_charts():
    a, fa = layout(60, 1, (0.24, 0.5), 0.22)
    b, fb = layout(60, 2, (0.76, 0.5), 0.22)
    return torch.cat((a, b)), torch.cat((fa, fb + len(a)))


def naive_scan(uv, faces, height, width):
    triangle = np.full((height, width), -1)
    for r in range(height):
        for c in range(width):
            p = np.array([(c + 0.5) / width, 1 - (r + 0.5) / height])
            for f, (i, j, k) in enumerate(faces):
                M = np.stack((uv[i], uv[j], uv[k]), 1)
                w = np.linalg.solve(np.vstack((M, np.ones(3))), np.append(p, 1))
                if (w >= 0).all():
                    triangle[r, c] = f
                    break
    return triangle


def test_scan_conversion_matches_the_loop():
    uv, faces = layout(30)
    expected = naive_scan(uv.numpy(), faces.numpy(), 20, 24)
    mapper = uvmaps.UVMapper(uv, faces, faces, (20, 24))
    assert np.array_equal(mapper.triangle.numpy(), expected)
    assert np.array_equal(mapper.mask.numpy(), expected >= 0)


def test_charts_are_the_connected_parts():
    corners = np.random.default_rng(0).integers(0, 900, (300, 3))
    rows, columns = corners[:, [0, 1]].reshape(-1), corners[:, [1, 2]].reshape(-1)
    graph = coo_matrix((np.ones(600), (rows, columns)), shape=(900, 900))
    wanted = connected_components(graph, directed=False)[1][corners[:, 0]]
    assert np.array_equal(triangle_charts(corners, 900), wanted) and len(np.unique(wanted)) > 9


def test_triangles_may_reach_over_the_map():
    uv = torch.tensor([[-3.0, -2.0], [4.0, -1.0], [0.4, 5.0]], dtype=F64)
    mapper = uvmaps.UVMapper(uv, torch.tensor([[0, 1, 2]]), torch.tensor([[0, 1, 2]]), (5, 7))
    assert bool(mapper.mask.all())
    place = mapper.position_map(uv[None])[0].permute(1, 2, 0)
    assert (place - uvmaps.texel_centres(5, 7)).abs().max() < 1e-6


def test_a_mapper_may_do_without_reading():
    uv, faces = layout(30)
    mapper = uvmaps.UVMapper(uv, faces, faces, 16, reading=False)
    whole = uvmaps.UVMapper(uv, faces, faces, 16)
    assert torch.equal(mapper.position_map(uv[None]), whole.position_map(uv[None]))
    with pytest.raises(InputError, match="reading=True"):
        mapper.sample(torch.zeros(1, 1, 16, 16))
    with pytest.raises(InputError, match="cover a texel"):
        uvmaps.UVMapper(uv * 1e-4, faces, faces, 12, reading=False)


def test_overlap_goes_to_the_lowest_triangle_and_flat_ones_cover_nothing():
    uv = torch.tensor([[0.0, 0], [1, 0], [1, 1], [0, 1], [0.5, 0.5]], dtype=F64)
    faces = torch.tensor([[0, 4, 2], [0, 1, 2], [0, 1, 2], [0, 2, 3], [2, 0, 1]])
    mapper = uvmaps.UVMapper(uv, faces, faces, 8)
    assert set(mapper.triangle.unique().tolist()) == {1, 3}
    assert (mapper.triangle[-1, 1:] == 1).all() and (mapper.triangle[0, :-1] == 3).all()


def test_map_of_the_uv_itself_is_the_texel_centres():
    uv, faces = layout()
    for size in (16, (40, 30)):
        mapper = uvmaps.UVMapper(uv, faces, faces, size)
        result = mapper.position_map(uv[None])[0].permute(1, 2, 0)
        centres = uvmaps.texel_centres(*mapper.size)
        assert (result - centres)[mapper.mask].abs().max() < 1e-6
        assert (result[~mapper.mask] == 0).all()
    assert centres[0, 0].tolist() == pytest.approx([0.5 / 30, 1 - 0.5 / 40])


def test_linear_functions_are_read_exactly_to_the_border():
    uv, faces = two_charts()
    mapper = uvmaps.UVMapper(uv, faces, faces, 64)
    attributes = torch.stack((3 * uv[:, 0] - 2 * uv[:, 1] + 1, uv[:, 1]), -1)[None]
    assert (mapper.sample(mapper.position_map(attributes)) - attributes).abs().max() < 1e-6


def test_round_trip_of_a_smooth_surface():
    """A face-sized cap, mm: below 0.1 everywhere at 256 and shrinking with the texel."""
    uv, faces = layout(4000)
    x, y = (200 * (uv - 0.5)).unbind(1)
    z = 60 * torch.exp(-(x**2 + y**2) / 60**2) + 8 * torch.sin(x / 15) * torch.cos(y / 18)
    vertices = torch.stack((x, y, z), -1)[None].float()
    error = {}
    for size in (128, 256):
        mapper = uvmaps.UVMapper(uv, faces, faces, size)
        found = mapper.sample(mapper.position_map(vertices))
        error[size] = (found - vertices).norm(dim=-1)
    assert error[256].mean() < 0.03
    assert error[256].quantile(0.99) < 0.1
    assert error[256].mean() < 0.7 * error[128].mean()


def test_nothing_bleeds_in_from_outside_or_across_charts():
    uv, faces = two_charts()
    mapper = uvmaps.UVMapper(uv, faces, faces, 48)
    attributes = torch.zeros(1, 120, 1)
    attributes[:, 60:] = 1.0
    uv_map = mapper.position_map(attributes)
    uv_map[:, :, ~mapper.mask] = torch.nan
    assert (mapper.sample(uv_map) - attributes).abs().max() < 1e-6


def test_inside_reading_is_grid_sample():
    uv, faces = layout(radius=0.3)
    square = torch.tensor([[0.0, 0], [1, 0], [1, 1], [0, 1]], dtype=F64)
    everything = torch.cat((square, uv))
    frame = torch.tensor([[0, 1, 2], [0, 2, 3], [0, 1, 4]])  # the last joins the disc to it
    corners = torch.cat((frame, faces + 4))
    mapper = uvmaps.UVMapper(everything, corners, corners, 32)
    uv_map = torch.randn(2, 3, 32, 32, generator=torch.manual_seed(0))
    grid = (
        torch.stack((2 * uv[:, 0] - 1, 1 - 2 * uv[:, 1]), -1)
        .float()[None, None]
        .expand(2, -1, -1, -1)
    )
    expected = torch.nn.functional.grid_sample(uv_map, grid, align_corners=False)[:, :, 0]
    assert (mapper.sample(uv_map)[:, 4:] - expected.transpose(1, 2)).abs().max() < 1e-5


def test_seams_read_one_of_their_places_and_unused_vertices_are_zero():
    """Two triangles cut apart in UV share an edge of vertices; vertex 2 is used by none."""
    uv = torch.tensor([[0.1, 0.1], [0.4, 0.1], [0.1, 0.9], [0.6, 0.1], [0.9, 0.1], [0.9, 0.9]])
    uv_faces = torch.tensor([[0, 1, 2], [3, 4, 5]])
    faces = torch.tensor([[0, 1, 3], [1, 4, 3]])
    mapper = uvmaps.UVMapper(uv, uv_faces, faces, 64)
    assert mapper.vertex_count == 5
    vertices = torch.randn(1, 6, 3, generator=torch.manual_seed(0))
    read = mapper.sample(mapper.position_map(vertices))
    assert read.shape == (1, 5, 3)
    assert (read - vertices[:, :5])[:, [0, 1, 3, 4]].abs().max() < 1e-4
    assert (read[:, 2] == 0).all()


def test_seams_are_read_where_the_triangles_are_wider():
    uv = torch.tensor([[0.1, 0.1], [0.2, 0.1], [0.1, 0.2], [0.3, 0.1], [0.9, 0.1], [0.9, 0.9]])
    uv_faces = torch.tensor([[0, 1, 2], [3, 4, 5]])
    faces = torch.tensor([[0, 1, 2], [1, 3, 2]])
    mapper = uvmaps.UVMapper(uv, uv_faces, faces, 64)
    uv_map = torch.zeros(1, 1, 64, 64)
    uv_map[..., 18:] = 1.0  # right of u = 0.28: the wider triangle
    assert torch.allclose(mapper.sample(uv_map)[0, :, 0], torch.tensor([0.0, 1, 1, 1]), atol=1e-6)


def test_gradients_both_ways():
    uv, faces = layout(20)
    mapper = uvmaps.UVMapper(uv, faces, faces, 12)
    attributes = torch.randn(
        2, 20, 2, dtype=F64, generator=torch.manual_seed(0), requires_grad=True
    )
    assert torch.autograd.gradcheck(mapper.position_map, attributes)
    uv_map = torch.randn(
        2, 2, 12, 12, dtype=F64, generator=torch.manual_seed(1), requires_grad=True
    )
    assert torch.autograd.gradcheck(mapper.sample, uv_map)


def test_position_map_function():
    uv, faces = layout()
    vertices = torch.randn(2, 120, 3)
    uv_map, mask = uvmaps.position_map(vertices, uv, faces, faces=faces, size=20)
    mapper = uvmaps.UVMapper(uv, faces, faces, 20)
    assert torch.equal(uv_map, mapper.position_map(vertices)) and torch.equal(mask, mapper.mask)


@pytest.mark.parametrize("pixels", [0, 1, 3, 50])
def test_padding_takes_the_nearest_texel_within_reach(pixels):
    generator = torch.manual_seed(0)
    mask = torch.rand(15, 18, generator=generator) < 0.06
    uv_map = torch.randn(1, 2, 15, 18, generator=generator)
    padded = uvmaps.pad_chart(uv_map, mask, pixels)
    inside = mask.nonzero()
    for r in range(15):
        for c in range(18):
            distance = (inside - torch.tensor([r, c])).double().norm(dim=1)
            own = padded[0, :, r, c]
            if distance.min() > pixels:
                assert torch.equal(own, uv_map[0, :, r, c])
            else:
                nearest = inside[distance == distance.min()]
                assert any(torch.equal(own, uv_map[0, :, i, j]) for i, j in nearest.tolist())
    uv_map = uv_map.double().requires_grad_()
    assert torch.autograd.gradcheck(lambda m: uvmaps.pad_chart(m, mask, pixels), uv_map)


def test_padding_nothing():
    uv_map = torch.rand(1, 1, 4, 4)
    assert torch.equal(uvmaps.pad_chart(uv_map, torch.zeros(4, 4, dtype=torch.bool), 2), uv_map)


def test_bad_input_is_refused():
    uv, faces = layout(20)
    mapper = uvmaps.UVMapper(uv, faces, faces, 12)
    with pytest.raises(InputError, match="at least 20 vertices"):
        mapper.position_map(torch.zeros(1, 19, 3))
    with pytest.raises(InputError, match="uv_map"):
        mapper.sample(torch.zeros(1, 3, 13, 12))
    with pytest.raises(InputError, match="uv"):
        uvmaps.UVMapper(uv * torch.nan, faces, faces, 12)
    with pytest.raises(InputError, match="faces"):
        uvmaps.UVMapper(uv, faces, faces[:-1], 12)
    with pytest.raises(InputError, match="at least one triangle"):
        uvmaps.UVMapper(uv, faces[:0], faces[:0], 12)
    with pytest.raises(InputError, match="cover a texel"):
        uvmaps.UVMapper(uv * 1e-4, faces, faces, 12)
    with pytest.raises(InputError, match="bool"):
        uvmaps.pad_chart(torch.zeros(1, 1, 4, 4), torch.ones(4, 4), 1)


def test_tables_of_a_face_sized_layout_are_fast():
    uv, faces = layout(12_700)
    assert len(faces) > 25_000
    start = time.perf_counter()
    uvmaps.UVMapper(uv, faces, faces, 256)
    assert time.perf_counter() - start < 2


def test_real_models(shared_data):
    archive = np.load(shared_data("models", "sfm", "sfm_3448.npz"))
    faces = torch.from_numpy(archive["faces"]).long()
    vertices = torch.from_numpy(archive["mean"])[None]
    mapper = uvmaps.UVMapper(torch.from_numpy(archive["uv"]), faces, faces, 256)
    error = (mapper.sample(mapper.position_map(vertices)) - vertices).norm(dim=-1)
    assert error.median() < 0.1 and mapper.mask.float().mean() > 0.7
