"""The generator's own short cuts give what the renderer, numpy and plain loops give."""

from __future__ import annotations

from collections import Counter
from dataclasses import replace

import numpy as np
import pytest
import torch
from scipy.ndimage import map_coordinates
from selfie3d.datasets.synthetic.canvas import Canvas, develop
from selfie3d.datasets.synthetic.chance import one_of, pick, running_shares
from selfie3d.datasets.synthetic.draw import Layer, front_faces, project, rasterize, rows_of
from selfie3d.datasets.synthetic.filters import to_linear, to_srgb
from selfie3d.datasets.synthetic.harmonics import fit_harmonics
from selfie3d.datasets.synthetic.head_classes import ON_FACE
from selfie3d.datasets.synthetic.light import Light
from selfie3d.datasets.synthetic.paint import Cards, Solids, paint_cards, paint_sheet, paint_solids
from selfie3d.datasets.synthetic.shadow import cast_shadow
from selfie3d.datasets.synthetic.shapes import Spot, blend, fade, multiply
from selfie3d.datasets.synthetic.surface import TextureTable
from selfie3d.geometry.segments import Segment
from selfie3d.geometry.sh import sh_basis
from selfie3d.render.back_ends import get_rasterizer

SIZE = 48
FACE = ON_FACE | Segment.SKIN


@pytest.fixture
def soup():
    """Triangles of all sizes with perspective, some outside the picture and some without area."""
    rng = np.random.default_rng(2)
    count = 400
    middle, spread = rng.uniform(-1.2, 1.2, (count, 1, 2)), rng.choice([0.02, 0.1, 0.8], count)
    points = middle + rng.uniform(-1, 1, (count, 3, 2)) * spread[:, None, None]
    points[::50, 2] = points[::50, 1]
    w = rng.uniform(1, 3, (count, 3, 1))
    clip = np.concatenate([points * w, rng.uniform(-0.9, 0.9, (count, 3, 1)) * w, w], 2)
    faces = np.arange(3 * count, dtype=np.int32).reshape(-1, 3)
    return clip.reshape(-1, 4).astype(np.float32), faces


def test_pixels_see_the_triangles_that_the_renderer_sees(soup):
    clip, faces = soup
    drawn = rasterize(project(clip, SIZE), faces, SIZE)
    expected = (
        get_rasterizer()
        .rasterize(torch.from_numpy(clip)[None], torch.from_numpy(faces), (SIZE, SIZE))
        .buffer[0]
        .numpy()
    )
    same = drawn.ids == expected[..., 3].astype(int)
    assert same.mean() > 0.999
    covered = same & (drawn.ids > 0)
    assert covered.mean() > 0.5
    np.testing.assert_allclose(drawn.depth[covered], expected[..., 2][covered], atol=1e-4)
    assert (drawn.depth[drawn.ids == 0] == 1).all()


def test_a_closed_grid_has_no_holes_and_no_pixel_twice():
    """Every triangle alone covers what it covers with the others."""
    rng = np.random.default_rng(3)
    y, x = np.meshgrid(np.linspace(-1.1, 1.1, 30), np.linspace(-1.1, 1.1, 30), indexing="ij")
    points = np.stack([x, y, 0 * x, 0 * x + 1], -1).reshape(-1, 4).astype(np.float32)
    inner = (np.abs(points[:, :2]) < 1.05).all(1)
    points[inner, :2] += rng.uniform(-0.02, 0.02, (inner.sum(), 2)).astype(np.float32)
    start = (np.arange(29)[:, None] * 30 + np.arange(29)).reshape(-1, 1)
    corners = np.array([[0, 1, 31], [0, 31, 30]])
    faces = (start[:, None] + corners).reshape(-1, 3).astype(np.int32)
    screen = project(points, SIZE)
    assert (rasterize(screen, faces, SIZE).ids > 0).all()
    assert sum(int((rasterize(screen, f[None], SIZE).ids > 0).sum()) for f in faces) == SIZE**2


def test_only_one_side_of_a_closed_body_is_kept():
    clip = np.array([[0, 0, 0, 1], [1, 0, 0, 1], [0, 1, 0, 1.0]], np.float32)
    screen = project(clip, SIZE)
    front, back = np.array([[0, 1, 2]], np.int32), np.array([[0, 2, 1]], np.int32)
    both, numbers = front_faces(screen, front, back)
    np.testing.assert_array_equal(both, [[0, 1, 2], [0, 2, 1]])
    np.testing.assert_array_equal(numbers, [0, 1])
    kept, numbers = front_faces(screen, back, front)
    np.testing.assert_array_equal(kept, [[0, 1, 2]])
    np.testing.assert_array_equal(numbers, [1])


def test_rows_are_the_pixels_of_each_triangle_by_itself(soup):
    clip, faces = soup
    screen = project(clip, SIZE)
    spans, planes = rows_of(screen, faces, SIZE)
    assert (np.diff(spans[:, 0]) >= 0).all()
    for number in np.unique(spans[:, 0])[::17]:
        alone = rasterize(screen, faces[number - 1 : number], SIZE)
        ids, depth = np.zeros((SIZE, SIZE), int), np.ones((SIZE, SIZE))
        for (_, row, first, end), (start, slope) in zip(
            spans[spans[:, 0] == number], planes[spans[:, 0] == number], strict=True
        ):
            ids[row, first:end] = 1
            depth[row, first:end] = start + slope * np.arange(first, end)
        shown = alone.ids > 0
        assert (ids[shown] == 1).all()
        np.testing.assert_allclose(depth[shown], alone.depth[shown], atol=1e-5)


def _solids(light, faces, head=0, texture=-1, detail=128, growth=0, kinds=FACE):
    """Solids of one class; the first `head` faces belong to the head."""
    others = len(faces) - head
    corners = np.array([[0, 0], [1, 0], [0, 1.0]], np.float32)
    texels = np.full((16, 4), (detail, detail, detail, int(growth)), np.uint8)
    return Solids(
        light=light, kinds=np.full(len(light), int(kinds), np.uint8),
        head_uv=np.tile(corners, (head, 1, 1)),
        texels=texels.view(np.uint32)[:, 0],
        texture=np.full(others, texture, np.int32), uv=np.tile(corners, (others, 1, 1)),
    )  # fmt: skip


def test_painted_colours_are_the_interpolated_ones(soup):
    """A pixel is the mean of four coded samples of the renderer's attributes."""
    clip, faces = soup
    light = np.random.default_rng(6).uniform(0, 0.7, (len(clip), 3)).astype(np.float32)
    layer, canvas = rasterize(project(clip, SIZE), faces, SIZE), Canvas.empty(SIZE)
    paint_solids(canvas, layer, _solids(light, faces), TextureTable())
    drawing = develop(canvas, 0.9)
    rasterizer, tri = get_rasterizer(), torch.from_numpy(faces)
    fragments = rasterizer.rasterize(torch.from_numpy(clip)[None], tri, (SIZE, SIZE))
    seen = rasterizer.interpolate(torch.from_numpy(light)[None], fragments, tri)[0].numpy()
    covered = (layer.ids > 0)[..., None]
    coded = to_srgb(np.clip(seen * 0.9, 0, 1)) * covered
    halved = coded.reshape(SIZE // 2, 2, SIZE // 2, 2, 3).mean((1, 3))
    wrong = np.abs(drawing.colour - halved).max(2) > 2e-3
    assert wrong.mean() < 0.005  # a sample on an edge may fall to the other triangle
    share = covered[..., 0].reshape(SIZE // 2, 2, SIZE // 2, 2).mean((1, 3))
    np.testing.assert_allclose(drawing.coverage, share, atol=1e-6)
    np.testing.assert_array_equal(drawing.segmentation[share == 1], Segment.SKIN)
    np.testing.assert_array_equal(drawing.segmentation[share == 0], Segment.BACKGROUND)


WHOLE = np.array([[-9, -9, 0, 1], [30, -9, 0, 1], [-9, 30, 0, 1]], np.float32)
ONE_FACE = np.array([[0, 1, 2]], np.int32)


def _layer(depth):
    ids = np.ones((4, 4), np.int32)
    number = np.zeros(1, np.int32)
    return Layer(ids, np.full((4, 4), depth, np.float32), WHOLE, ONE_FACE, number)


def _base(light=(0.1, 0.2, 0.3), textures=None, **look):
    canvas = Canvas.empty(4)
    solids = _solids(np.tile(np.float32(light), (3, 1)), ONE_FACE, **look)
    paint_solids(canvas, _layer(0.5), solids, textures or TextureTable())
    return canvas


@pytest.mark.parametrize(("opacity", "depth"), [(1.0, 0.2), (0.3, 0.2), (1.0, 0.8)])
def test_a_sheet_covers_what_lies_behind_it(opacity, depth):
    canvas = _base()
    sheet = np.tile(np.float32([0.5, 0.1, 0.1, opacity, 0, 0, 0, 1]), (3, 1))
    glasses = np.full(3, int(Segment.GLASSES), np.uint8)
    paint_sheet(np.random.default_rng(0), canvas, _layer(depth), values=sheet, kinds=glasses)
    drawing = develop(canvas, 1.0)
    share = opacity if depth < 0.5 else 0.0
    light = share * sheet[0, :3] + (1 - share) * np.float32([0.1, 0.2, 0.3])
    np.testing.assert_allclose(drawing.colour[1, 1], to_srgb(light), atol=2e-3)
    np.testing.assert_allclose(drawing.coverage, 1)
    assert drawing.skin[0, 0] == (1 if share < 0.5 else 0)
    assert drawing.segmentation[0, 0] == (Segment.SKIN if share < 0.5 else Segment.GLASSES)
    np.testing.assert_allclose(drawing.depth, 0.2 if share > 0.5 else 0.5)


def test_textures_multiply_the_light_of_what_is_worn():
    table = TextureTable()
    plain, colour = np.full((3, 2, 4), 255, np.uint8), np.array([200, 100, 50, 255], np.uint8)
    numbers = table.add([plain, np.broadcast_to(colour, (5, 7, 4)).copy()])
    assert numbers == [0, 1]
    for number, factor in zip(numbers, (np.ones(3), to_linear(colour[:3] / 255)), strict=True):
        drawing = develop(_base(textures=table, texture=number, kinds=Segment.CLOTHES), 1.0)
        expected = to_srgb(np.array([0.1, 0.2, 0.3]) * factor)
        np.testing.assert_allclose(drawing.colour[0, 0], expected, atol=2e-3)
        assert drawing.skin.max() == 0 and (drawing.segmentation == Segment.CLOTHES).all()


def test_the_skins_detail_darkens_it_and_hair_painted_on_it_counts_as_hair():
    drawing = develop(_base(head=1, detail=64, growth=Segment.BEARD), 1.0)
    np.testing.assert_allclose(
        drawing.colour[0, 0], to_srgb(np.array([0.05, 0.1, 0.15])), atol=2e-3
    )
    assert (drawing.segmentation == Segment.BEARD).all()
    eye = develop(_base(head=1, growth=Segment.BEARD, kinds=Segment.SCLERA), 1.0)
    assert (eye.segmentation == Segment.SCLERA).all()


def test_cards_are_blended_from_back_to_front():
    """Two cards that lie one behind the other, given the wrong way round."""
    table = TextureTable()
    half = np.full((2, 2, 4), 255, np.uint8)
    half[..., 3] = 128
    (number,) = table.add([half])
    canvas = _base()
    near, far = np.float32([0, 0, 0.1, 0]), np.float32([0, 0, 0.3, 0])
    screen = np.concatenate([WHOLE + near, WHOLE + far])
    colours = np.repeat(np.float32([[0.6, 0.1, 0.1], [0.1, 0.6, 0.1]]), 3, axis=0)
    cards = Cards(
        points=np.zeros((6, 3), np.float32), faces=np.array([[0, 1, 2], [3, 4, 5]], np.int32),
        uv=np.zeros((2, 3, 2), np.float32), texture=np.full(2, number, np.int32),
        level=np.ones(2, np.float32), power=np.full(2, 1.3, np.float32),
        kinds=np.full(2, int(Segment.HAIR), np.uint8),
        diffuse=colours, shine=np.zeros((6, 3), np.float32),
    )  # fmt: skip
    paint_cards(np.random.default_rng(0), canvas, screen, cards=cards, textures=table)
    alpha, under = 128 / 255, np.array([0.1, 0.2, 0.3])
    far = alpha * colours[3] + (1 - alpha) * under
    expected = alpha * colours[0] + (1 - alpha) * far
    np.testing.assert_allclose(canvas.light[:, 2, 2], expected, atol=1e-4)
    assert (canvas.kind == Segment.HAIR).all()
    np.testing.assert_allclose(canvas.depth, 0.1, atol=1e-6)


def test_a_plate_shades_the_floor_beneath_it():
    x, z = np.meshgrid(np.linspace(-100, 100, 41), np.linspace(-100, 100, 41))
    floor = np.stack([x, 0 * x, z], -1).reshape(-1, 3)
    plate = np.array([[-40, 60, -40], [40, 60, -40], [40, 60, 40], [-40, 60, 40.0]])
    points = np.concatenate([floor, plate]).astype(np.float32)
    faces = np.array([[0, 1, 2], [0, 2, 3]], np.int32) + np.int32(len(floor))
    lamp = np.array([[0.0, 1, 0]], np.float32)
    light = Light(np.ones(3), np.zeros((3, 3)), lamp, np.ones((1, 3)), 0, 1, 0.8, 1)
    seen = cast_shadow(light, points, faces[:0], other=faces, framed=len(floor))[: len(floor)]
    away = np.abs(floor[:, [0, 2]]).max(1)
    np.testing.assert_allclose(seen[away < 30], 0.2, atol=1e-5)
    np.testing.assert_allclose(seen[away > 50], 1, atol=1e-5)


def test_harmonics_explain_the_shading():
    """On the half of the sphere that faces the camera some of them can stand in for others."""
    rng = np.random.default_rng(7)
    normals = rng.standard_normal((4000, 3))
    normals = (normals / np.linalg.norm(normals, axis=1, keepdims=True)).astype(np.float32)
    light = np.array([[2.0, 1.8, 1.6], *rng.normal(0, 0.08, (8, 3))])
    albedo = rng.uniform(0.3, 0.9, (4000, 3)).astype(np.float32)
    basis = sh_basis(torch.from_numpy(normals)[None])[0].numpy()
    coded = np.clip(albedo * (basis @ light), 0.05, 1)
    linear = (((coded + 0.055) / 1.055) ** 2.4).astype(np.float32)
    found = fit_harmonics(normals, albedo, 2 * linear, exposure=0.5, vertices=np.arange(4000))
    front = normals[:, 2] > 0
    np.testing.assert_allclose((basis @ found)[front], (basis @ light)[front], rtol=0.03, atol=0.01)


def test_spots_colour_what_they_cover():
    rng = np.random.default_rng(8)
    mask = np.where(rng.random(50) < 0.5, rng.random(50), 0).astype(np.float32)
    spot, colour = Spot.of(mask), np.array([0.1, 0.5, 0.9])
    albedo = rng.random((50, 3)).astype(np.float32)
    blended, multiplied, faded = albedo.copy(), albedo.copy(), mask + 1
    blend(blended, spot, colour)
    multiply(multiplied, spot.scaled(0.5), -colour)
    fade(faded, spot)
    weight = mask[:, None]
    np.testing.assert_allclose(blended, albedo + weight * (colour - albedo), atol=5e-3)
    np.testing.assert_allclose(multiplied, albedo * (1 - 0.5 * weight * colour), atol=5e-3)
    np.testing.assert_allclose(faded, (mask + 1) * (1 - mask), atol=1e-2)


def test_draws_are_numpys():
    shares = (0.25, 0.27, 0.07, 0.16, 0.11, 0.06, 0.08)
    one, two = np.random.default_rng(9), np.random.default_rng(9)
    running = running_shares(shares)
    for _ in range(200):
        assert pick(one, running) == two.choice(len(shares), p=shares)
        assert one_of(one, (0.4, 0.7, 0.95)) == two.choice([0.4, 0.7, 0.95])


def test_pixels_of_the_head_show_the_texels_where_their_corners_lie():
    """Bilinear samples of random texels, and of classes the nearest, by scipy."""
    rng, size = np.random.default_rng(10), 32
    screen = np.array([[0, 0, 0, 1], [40, 0, 0, 1], [0, 40, 0, 1]], np.float32)
    uv = rng.uniform(-0.05, 1.05, (1, 3, 2)).astype(np.float32)
    texels = rng.integers(0, 256, (size, size, 4)).astype(np.uint8)
    texels[..., 3] = rng.choice([0, int(Segment.BROWS)], (size, size))
    solids = Solids(
        light=np.ones((3, 3), np.float32), kinds=np.full(3, int(FACE), np.uint8), head_uv=uv,
        texels=texels.reshape(-1).view(np.uint32),
        texture=np.zeros(0, np.int32), uv=np.zeros((0, 3, 2), np.float32),
    )  # fmt: skip
    canvas, layer = Canvas.empty(SIZE), rasterize(screen, ONE_FACE, SIZE)
    paint_solids(canvas, layer, solids, TextureTable())
    rows, columns = np.nonzero(layer.ids)
    b, d = columns / 40, rows / 40
    place = ((1 - b - d)[:, None] * uv[0, 0] + b[:, None] * uv[0, 1] + d[:, None] * uv[0, 2]) * size
    place = np.clip(place - 0.5, 0, size - 1)[:, ::-1].T
    for k in range(3):
        expected = map_coordinates(texels[..., k].astype(float), place, order=1) / 128
        np.testing.assert_allclose(canvas.light[k, rows, columns], expected, atol=2e-3)
    assert len(rows) > 800 and (canvas.light[:, layer.ids == 0] == 0).all()
    near = texels[..., 3][tuple(np.floor(place + 0.5).astype(int))]
    kinds = np.where(near > 0, near | ON_FACE, FACE)
    assert (canvas.kind[rows, columns] == kinds).mean() > 0.99  # halves may round the other way


def test_textures_repeat_outside_their_picture():
    rng, table = np.random.default_rng(11), TextureTable()
    picture = rng.integers(0, 256, (9, 14, 4)).astype(np.uint8)
    (number,) = table.add([picture])
    screen = np.array([[0, 0, 0, 1], [60, 0, 0, 1], [0, 60, 0, 1]], np.float32)
    uv = np.array([[[-1.3, -0.7], [2.1, 0.4], [0.2, 1.9]]], np.float32)
    solids = replace(
        _solids(np.ones((3, 3), np.float32), ONE_FACE, kinds=Segment.CLOTHES),
        texture=np.array([number], np.int32), uv=uv,
    )  # fmt: skip
    canvas, layer = Canvas.empty(SIZE), rasterize(screen, ONE_FACE, SIZE)
    paint_solids(canvas, layer, solids, table)
    rows, columns = np.nonzero(layer.ids)
    b, d = columns / 60, rows / 60
    place = (1 - b - d)[:, None] * uv[0, 0] + b[:, None] * uv[0, 1] + d[:, None] * uv[0, 2]
    place = (place * [14, 9] - 0.5)[:, ::-1].T
    for k in range(3):
        linear = to_linear(picture[..., k] / 255).astype(float)
        expected = map_coordinates(linear, place, order=1, mode="grid-wrap")
        np.testing.assert_allclose(canvas.light[k, rows, columns], expected, atol=1e-3)


def test_a_pixel_has_the_class_that_most_of_its_samples_have():
    """Of equals, the one that has as many first, row by row: by counting one after the other."""
    every = np.array(np.meshgrid(*[np.arange(4)] * 4)).reshape(4, -1).astype(np.uint8)
    canvas = Canvas.empty(32)
    canvas.kind[::2, ::2], canvas.kind[::2, 1::2] = every[:2].reshape(2, 16, 16)
    canvas.kind[1::2, ::2], canvas.kind[1::2, 1::2] = every[2:].reshape(2, 16, 16)
    found = develop(canvas, 1.0).segmentation.ravel()
    for own, samples in zip(found, every.T, strict=True):
        votes, best = Counter(), samples[0]
        for sample in samples:
            votes[sample] += 1
            best = sample if votes[sample] > votes[best] else best
        assert own == best
