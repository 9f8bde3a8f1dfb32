"""Assets on heads: where they lie, how they move, which way their strands run."""

from __future__ import annotations

import numpy as np
import pytest
from selfie3d.datasets.synthetic.assets.asset import ROWS, find_carries
from selfie3d.datasets.synthetic.assets.curls import SIDE, find_cards, frizz, frizzy_uv
from selfie3d.datasets.synthetic.assets.finish import DROP, let_down, strand_coordinates
from selfie3d.datasets.synthetic.assets.lifting import FLOOR, ROOM, find_lift
from selfie3d.datasets.synthetic.assets.looks import FaceSamples, settled, turned_along_strands
from selfie3d.datasets.synthetic.assets.mean_head import load_mean_head
from selfie3d.datasets.synthetic.assets.placing import base_vertices, place, strand_directions
from selfie3d.datasets.synthetic.head import load_head
from selfie3d.facemodels.drawing_vertices import load_drawing_vertices

HELPER = 18800  # a vertex of MakeHuman's helper mesh for hair
NO_FACES = np.zeros((1, 3), np.int32)
NO_RULERS = (np.zeros((3, 2), np.int32), np.zeros(3, np.float32))


@pytest.fixture(scope="module")
def mean():
    return load_mean_head()


@pytest.fixture(scope="module")
def head():
    return load_head()


@pytest.fixture(scope="module")
def base_of(head):
    """The base mesh of the face with named expression weights and identity coefficients."""
    drawing = load_drawing_vertices()

    def make(identity=None, **weights: float):
        sizes = head.model.sizes
        shape = np.zeros(sizes[0], np.float32) if identity is None else identity
        move = np.zeros(sizes[1], np.float32)
        for name, weight in weights.items():
            move[head.model.expression_names.index(name)] = weight
        coarse = head.shape.coarse_vertices(shape, move)
        return base_vertices(drawing, coarse, drawing.positions(shape, move))

    return make


def hang(base, ids, weights, offsets, rulers=NO_RULERS):
    out = np.empty((len(ids), 3), np.float32)
    arrays = (np.asarray(ids, np.int32), np.asarray(weights, np.float32))
    place(base, *arrays, np.asarray(offsets, np.float32), *rulers, out)
    return out


def test_the_base_mesh_of_the_mean_is_the_heads(base_of, mean):
    base = base_of()
    assert np.isfinite(base).all(1).sum() == 4347 + 1776
    assert np.nanmax(np.abs(base - mean.base)) < 1e-3


def test_vertices_lie_at_weighted_sums_with_scaled_offsets():
    base = np.random.default_rng(0).normal(0, 50, (19158, 3)).astype(np.float32)
    rulers = np.array([[5, 6], [0, 0], [7, 8]], np.int32), np.array([2, 0, 4], np.float32)
    ids, weights = [[1, 2, 3], [4, 4, 4]], [[-3.07, 4, 0.07], [1, 0, 0]]
    points = hang(base, ids, weights, [[0.1, 0.2, -0.3], [0, 0, 0]], rulers)
    scale = [abs(base[5, 0] - base[6, 0]) / 2, 100, abs(base[7, 2] - base[8, 2]) / 4]
    expected = -3.07 * base[1] + 4 * base[2] + 0.07 * base[3] + np.array([0.1, 0.2, -0.3]) * scale
    assert np.allclose(points[0], expected, atol=1e-3)
    assert np.array_equal(points[1], base[4])


def test_strands_run_along_v_however_the_picture_is_mirrored():
    points = np.array([[0, 0, 0], [3, 0, 0], [3, 4, 0], [0, 4, 0]], np.float32)
    faces = np.array([[0, 1, 2], [0, 2, 3]], np.int32)
    flat = points[:, [0, 1]][faces] / 5
    part = np.array([[[1, 1]], [[1, -1]]])
    for uv in (flat, flat * [-1, 1], flat * [1, -1], flat * part):
        strands = strand_directions(points, faces, np.ascontiguousarray(uv, np.float32))
        assert np.allclose(np.abs(strands), [[0, 1, 0]] * 4, atol=1e-6)
    turned = np.ascontiguousarray(flat[..., ::-1], np.float32)
    assert np.allclose(np.abs(strand_directions(points, faces, turned)), [[1, 0, 0]] * 4, atol=1e-6)
    nothing = strand_directions(points, faces, np.zeros((2, 3, 2), np.float32))
    assert np.array_equal(nothing, np.zeros((4, 3)))


@pytest.mark.parametrize("degrees", [0, 30, 90, 150])
def test_painted_strands_are_found_whatever_way_they_run(degrees):
    """Degrees: of the strands from the right, counter-clockwise; the picture is twice as wide."""
    angle = np.deg2rad(degrees)
    y, x = np.mgrid[0:256, 0:512]
    across = np.sin(angle) * x + np.cos(angle) * y
    texture = np.full((256, 512, 4), 255, np.uint8)
    texture[..., :3] = (120 + 100 * np.sin(across * 0.8))[..., None].astype(np.uint8)
    points = np.array([[0, 0, 0], [2, 0, 0], [2, 1, 0], [0, 1, 0]], np.float32) / 4 + 0.2
    points[:, 2] = 0
    faces = np.array([[0, 1, 2], [0, 2, 3]], np.int32)
    uv = (points[:, :2] * [0.5, 1])[faces].astype(np.float32)
    strands = strand_directions(points, faces, turned_along_strands(texture, uv))
    along = np.abs(strands @ [np.cos(angle), np.sin(angle), 0])
    assert along.min() > 0.98
    texture[..., :3] = 90  # one colour shows no direction
    assert np.allclose(turned_along_strands(texture, uv), uv, atol=1e-6)


def test_luminance_is_that_of_what_faces_use():
    texture = np.full((64, 64, 4), 255, np.uint8)
    texture[:, :32, :3], texture[:, 32:, :3] = 51, 204
    texture[:32, :, 3] = 0
    points = np.array([[0, 0, 0], [1, 0, 0], [0, 1, 0]], np.float32)
    uv = np.array([[[0.1, 0.1], [0.4, 0.1], [0.1, 0.9]]], np.float32)
    faces = np.array([[0, 1, 2]], np.int32)
    mean, spread = FaceSamples.of(texture, points, faces, uv).luminance()
    assert mean == pytest.approx(0.21) and spread == pytest.approx(0, abs=1e-5)
    unseen = FaceSamples.of(texture, points, faces, uv * [1, 0.1] + [0, 0.8])
    assert unseen.luminance() == (0.5, 0.0)


def test_strand_coordinates_start_at_the_tips():
    """A curtain round half a head, open below: v grows upwards, u round the head."""
    angle, height = np.meshgrid(np.linspace(-1.5, 1.5, 16), np.linspace(80, 0, 9))
    points = np.stack([80 * np.sin(angle), height, 80 * np.cos(angle) - 80], -1).reshape(-1, 3)
    cell = np.arange(9 * 16).reshape(9, 16)
    corners = [cell[:-1, :-1], cell[1:, :-1], cell[1:, 1:], cell[:-1, 1:]]
    quads = np.stack(corners, -1).reshape(-1, 4)
    faces = np.concatenate([quads[:, :3], quads[:, [0, 2, 3]]])
    uv = strand_coordinates(points.astype(np.float32), faces)
    inside = np.abs(angle.ravel()[faces]) < 1.2
    v, y = uv[..., 1][inside], points[:, 1][faces][inside]
    assert np.allclose(v, np.minimum(y, 60) / 25, atol=0.02)
    assert np.allclose(uv[..., 0], angle.ravel()[faces] / (2 * np.pi), atol=1e-5)


@pytest.fixture(scope="module")
def wig(mean):
    """Samples of the skull, points 15 mm inside to 12 mm outside of it, and their heights."""
    sample = np.flatnonzero(mean.skin.points[:, 1] > 60)[::97]
    heights = np.linspace(-15, 12, len(sample))
    points = mean.skin.points[sample] + mean.skin.normals[sample] * heights[:, None]
    return sample, points.astype(np.float32), heights


def test_hair_on_helpers_is_kept_outside_of_the_skull(mean, wig):
    _, points, heights = wig
    lift = find_lift(mean.skin, points, NO_FACES, np.full((len(points), 3), HELPER))
    moved = points.copy()
    lift.apply(mean.base, moved)
    after = mean.skin.height(moved)
    assert after.min() > FLOOR / 2  # what lay deep comes out beside where it was
    assert after[heights < FLOOR].max() < FLOOR + ROOM
    far = heights > FLOOR + ROOM + 0.2
    assert np.array_equal(moved[far], points[far])


def test_hair_on_the_skin_stays_where_its_maker_placed_it(mean, wig):
    _, points, _ = wig
    lift = find_lift(mean.skin, points, NO_FACES, np.full((len(points), 3), 7))
    assert len(lift.vertices) == 0


def test_every_head_keeps_its_hair_outside(mean, base_of, wig):
    """A wig that stays where it is while the skull grows through it."""
    sample, points, _ = wig
    lift = find_lift(mean.skin, points, NO_FACES, np.full((len(points), 3), HELPER))
    base = base_of(np.random.default_rng(2).normal(0, 1.2, 120).astype(np.float32)) * 1.1
    skull = (mean.skin.weights[sample][..., None] * base[mean.skin.ids[sample]]).sum(1)
    assert ((points - skull) * mean.skin.normals[sample]).sum(1).max() < 12
    moved = points.copy()
    lift.apply(base.astype(np.float32), moved)
    assert ((moved - skull) * mean.skin.normals[sample]).sum(1).min() > FLOOR - 1


def test_brows_come_to_their_landmarks_and_stay_on_the_skin(mean, head, base_of):
    line = mean.brows.astype(np.float64)
    low = np.concatenate([line - [0, 9, 0], line - [0, 11, 0]])
    low[:, 1] += 0.05 * np.abs(low[:, 0])  # and slanted
    weights = np.ones((1, len(low)))
    samples = FaceSamples(low[None], np.ones((1, len(low), 4)), weights)
    ids, corner, offsets = settled(low.astype(np.float32), samples, mean)
    on_mean = hang(mean.base, ids, corner, offsets)
    middle = (on_mean[:10] + on_mean[10:]) / 2
    assert np.abs(middle[:, 1] - line[:, 1] + 1.2).max() < 2
    assert np.abs(mean.skin.height(on_mean) - 1).max() < 1.2
    raised = base_of(browInnerUp=1.0, browOuterUpLeft=1.0, browOuterUpRight=1.0)
    marks = head.landmarks(head.mean, "ibug68")[17:27]
    move = np.zeros(head.model.sizes[1], np.float32)
    for name in ("browInnerUp", "browOuterUpLeft", "browOuterUpRight"):
        move[head.model.expression_names.index(name)] = 1
    higher = head.landmarks(head.vertices(np.zeros(120, np.float32), move), "ibug68")[17:27]
    gained = (hang(raised, ids, corner, offsets) - on_mean)[:10]
    assert np.abs(gained - (higher - marks)).max() < 2.5


def test_teeth_turn_with_the_jaw(mean, base_of):
    """A point 20 mm below the lower row: fixed offsets leave it in front of the turning jaw."""
    row = np.arange(ROWS[0].start, ROWS[0].stop)
    ids = row[:2].repeat(3).reshape(2, 3)
    offsets = np.array([[0, 0, 0], [0, -0.2, 0]])
    weights = np.array([[1, 0, 0]] * 2)
    points = hang(mean.base, ids, weights, offsets)
    (carry,) = find_carries(points, ids, mean.base)
    open_mouth = base_of(jawOpen=1.0)
    moved = np.zeros((2, 3), np.float32)
    carry.apply(open_mouth, moved)
    fixed = hang(open_mouth, ids, weights, offsets)
    at_rest = np.zeros((2, 3), np.float32)
    carry.apply(mean.base, at_rest)
    assert np.abs(at_rest - points).max() < 2
    assert np.linalg.norm((moved - at_rest)[0] - (fixed - points)[0]) < 2
    assert (moved - at_rest)[1, 2] < (fixed - points)[1, 2] - 3


def test_clothes_are_let_down_where_they_are_cut():
    points = np.array(
        [[0, 10, 0], [10, 10, 0], [10, 0, 0], [0, 0, 0], [0, -9, 0], [10, -9, 0]], np.float32
    )
    faces = np.array([[0, 3, 1], [1, 3, 2], [3, 4, 2], [2, 4, 5]], np.int32)
    kept = np.array([True, True, False, False])
    uv = points[:, :2][faces] / 10
    hem = let_down(points, faces, kept, uv)
    assert hem.sources.tolist() == [2, 3]  # the side that was cut, not those the maker left open
    assert np.allclose(hem.shifts[:, 1], -DROP)
    whole = np.concatenate([points, points[hem.sources] + hem.shifts])
    corners = whole[hem.faces]
    normals = np.cross(corners[:, 1] - corners[:, 0], corners[:, 2] - corners[:, 0])
    assert (normals[:, 2] > 0).all()  # the same side is out
    assert hem.uv.shape == (2, 3, 2) and np.abs(hem.uv[..., 1]).max() < 1e-6


def test_hair_of_small_cards_without_a_picture_is_frizzy():
    """A sheet of 24 faces and 40 pairs of faces on their own."""
    y, x = np.mgrid[0:4, 0:5]
    sheet = np.stack([x, y, 0 * x], -1).reshape(-1, 3) * 10.0
    cell = np.arange(20).reshape(4, 5)
    quads = np.stack([cell[:-1, :-1], cell[:-1, 1:], cell[1:, 1:], cell[1:, :-1]], -1)
    single = 20 + np.arange(160).reshape(-1, 4)
    quads = np.concatenate([quads.reshape(-1, 4), single])
    faces = np.concatenate([quads[:, :3], quads[:, [0, 2, 3]]])
    square = np.array([[0, 90, 0], [30, 90, 0], [30, 99, 0], [0, 99, 0]])
    points = np.concatenate([sheet, np.tile(square, (40, 1))])
    cards = find_cards(faces, len(points))
    assert cards.sum() == 80 and not find_cards(faces[~cards], len(points)).any()
    strands = strand_coordinates(points, faces, every_side=True)
    uv = frizzy_uv(points[:, :2][faces] / 100, cards, strands)
    assert 0 < uv[cards][..., 1].min() < uv[cards][..., 1].max() < 0.5
    assert 0.5 < uv[~cards][..., 1].min() < uv[~cards][..., 1].max() < 1
    alpha = frizz()[::-1, :, 3] / 255  # row 0 at v = 0
    inside = alpha[int(0.53 * SIDE) : int(0.86 * SIDE)]
    strip = alpha[int(0.91 * SIDE) :].mean(1)
    assert inside.min() == 1
    assert strip[0] < 0.1 and strip[-1] == 1 and np.diff(strip[:: len(strip) // 5]).min() >= 0
    assert alpha[: SIDE // 2, [0, -1]].max() == 0 and 0.05 < alpha[: SIDE // 2].mean() < 0.5
