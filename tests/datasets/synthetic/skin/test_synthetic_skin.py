"""Skin of drawn people: where it is painted and what it goes by."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.ndimage import uniform_filter
from selfie3d.datasets.synthetic.skin.details import SIZE, covered
from selfie3d.datasets.synthetic.skin.hairs import FULL, MOUSTACHE
from selfie3d.datasets.synthetic.skin.marks import stamp_moles
from selfie3d.datasets.synthetic.skin.noise import spots, value_noise
from selfie3d.datasets.synthetic.skin.strokes import Strokes, draw_strokes
from selfie3d.datasets.synthetic.skin.tone import from_lab
from selfie3d.geometry.segments import Segment

# Where texels lie ---------------------------------------------------------------------------


def test_texels_are_interpolated_vertices(head, details):
    skin = details.map
    np.testing.assert_allclose(skin.sample(head.mean), skin.points, atol=1e-4)
    assert skin.shares.sum(1) == pytest.approx(1, abs=1e-4)
    assert 0.6 < len(skin.where) / SIZE**2 < 0.95


def test_texels_agree_with_the_coordinates_that_the_head_is_drawn_with(head, details):
    """Corners of faces, in texels, lie next to the texel that shows their vertex."""
    whole = np.flatnonzero((head.masks.skin[head.faces] > 0.5).all(1))
    some = np.random.default_rng(1).choice(whole, 300)
    texels = details.map.nearest(head.corners[some].reshape(-1, 2) * SIZE - 0.5)
    away = details.map.points[texels] - head.mean[head.faces[some].ravel()]
    assert np.linalg.norm(away, axis=1).max() < 3.5


def test_values_at_vertices_and_texels_belong_together(head, details):
    skin = details.map
    back = skin.at_vertices(skin.points.T).T
    shown = np.unique(skin.corners)
    far = np.linalg.norm(back[shown] - head.mean[shown], axis=1)
    assert np.median(far) < 0.8 and np.percentile(far, 99) < 3
    assert (back[~np.isin(np.arange(len(back)), shown)] == 0).all()


def test_noise_varies_over_its_length_and_is_the_same_at_the_same_place(details):
    points = details.map.points[::7]
    field = value_noise(points, 5.0, 3)
    assert abs(field.mean()) < 1e-3 and abs(field.std() - 1) < 1e-3
    order = np.random.default_rng(0).permutation(len(points))
    np.testing.assert_allclose(value_noise(points[order], 5.0, 3), field[order], atol=1e-3)
    line = np.zeros((4000, 3), np.float32)
    line[:, 0] = np.arange(4000) * 0.5
    along = value_noise(line, 5.0, 3)
    assert np.corrcoef(along[:-1], along[1:])[0, 1] > 0.9
    assert abs(np.corrcoef(along[:-30], along[30:])[0, 1]) < 0.25
    distance, number = spots(points, 4.0, 5)
    assert distance.min() >= 0 and distance.max() < 4 * 1.8
    assert number.min() >= 0 and number.max() < 1


def test_strokes_are_as_wide_as_they_say():
    canvas = np.zeros((40, 40), np.float32)
    path = np.array([[[5.0, 20], [30, 20]]])
    draw_strokes(canvas, Strokes(path, np.full((1, 2), 3.0), np.array([[0.5, 1.0]])))
    assert canvas[20, 5] == pytest.approx(0.5) and canvas[20, 30] == pytest.approx(1)
    assert canvas[18, 17] > 0 and canvas[16, 17] == 0 and canvas[20, 34] == 0
    assert canvas[22, 17] == pytest.approx(canvas[18, 17])


def test_brows_are_seen_where_hairs_lie_close():
    hairs = np.random.default_rng(5).random((30, 40)).astype(np.float32) ** 3
    near = uniform_filter(hairs.astype(float), 5, mode="constant")
    clear = abs(near - 0.3) > 1e-6
    np.testing.assert_array_equal(covered(hairs)[clear], (near > 0.3)[clear])


def test_strokes_on_a_part_of_a_canvas_are_those_of_the_whole():
    rng = np.random.default_rng(6)
    paths = rng.uniform(-5, 45, (20, 3, 2)).astype(np.float32)
    strokes = Strokes(paths, rng.uniform(1, 4, (20, 3)), rng.uniform(0.2, 1, (20, 3)))
    whole, part = np.zeros((40, 40), np.float32), np.zeros((15, 40), np.float32)
    draw_strokes(whole, strokes)
    draw_strokes(part, strokes, top=12)
    assert (part > 0).any()
    np.testing.assert_array_equal(part, whole[12:27])


# What is painted ----------------------------------------------------------------------------


def test_a_person_is_the_same_every_time_and_not_another(person):
    one, same, other = person(1, beard=True), person(1, beard=True), person(2, beard=True)
    np.testing.assert_array_equal(one.painting.detail, same.painting.detail)
    np.testing.assert_array_equal(one.painting.growth, same.painting.growth)
    assert (one.painting.detail != other.painting.detail).any(-1).mean() > 0.5


def test_detail_leaves_the_colour_as_it_is_on_the_average(person, details):
    for seed in range(6):
        detail = person(seed, brows=False).painting.detail.reshape(-1, 3)
        assert (detail[np.setdiff1d(np.arange(SIZE**2), details.map.where)] == 128).all()
        skin = detail[details.map.where] / 128
        assert 0.93 < skin.mean() < 1.03
        assert 0.015 < skin.std() < 0.2


def test_brows_lie_on_the_brows_and_nowhere_else(person, details):
    painted = person(3).painting.growth
    rows, columns = np.nonzero(painted == Segment.BROWS)
    assert 300 < len(rows) < 4000
    marks = details.marks[17:27]
    far = np.linalg.norm(np.stack([columns, rows], 1)[:, None] - marks, axis=2).min(1)
    assert np.percentile(far, 99) < 20
    assert set(np.unique(painted)) == {0, int(Segment.BROWS)}
    bare = person(3, brows=False).painting
    assert (bare.growth == 0).all()


def test_brows_are_darker_than_light_skin(person):
    skin = person(4)
    where = skin.painting.growth == Segment.BROWS
    assert skin.painting.detail[where].mean() < 85


def test_the_models_own_brows_are_gone(head, details):
    bare = details.bare
    coded = head.albedo(np.zeros(len(details.tones[1]), np.float32))
    filled = bare.fill(coded)
    ring = coded[bare.ring].mean(1)
    assert coded[bare.inner].mean(1).min() < ring.min() - 0.05
    assert ring.min() - 1e-4 <= filled[bare.inner].mean(1).min()
    np.testing.assert_allclose(bare.weights.sum(1), 1, atol=1e-4)
    rest = np.setdiff1d(np.arange(len(coded)), bare.inner)
    np.testing.assert_array_equal(filled[rest], coded[rest])


def test_beards_grow_on_chin_and_cheeks_but_not_on_lips_and_forehead(details):
    full, moustache = details.layers.beards[[FULL, MOUSTACHE]] / 255
    marks = details.marks

    def at(field, point):
        return field[details.map.nearest(np.array([point], float))[0]]

    assert at(full, marks[8] - [0, 6]) > 0.8 and at(full, (marks[5] + marks[48]) / 2) > 0.6
    assert at(moustache, (marks[33] + 2 * marks[51]) / 3) > 0.6
    assert at(moustache, marks[8]) < 0.05
    for place in (
        marks[57] - [0, 6],
        marks[51] + [0, 8],
        marks[27] - [0, 40],
        marks[30],
        marks[46],
    ):
        assert at(full, place) < 0.05
    assert details.map.points[full > 0.5, 1].min() > -135  # mm: the throat is bare


def test_beards_are_labelled_where_they_are_dark(person):
    skin = person(6, beard=True)
    seeds = iter(range(6, 60))
    while not (skin.painting.growth == Segment.BEARD).mean() > 0.05:
        skin = person(next(seeds), beard=True)
    painted = skin.painting
    beard = painted.growth == Segment.BEARD
    assert painted.detail[beard].mean() < 0.6 * painted.detail[painted.growth == 0].mean()
    assert (skin.shiny < person(6).shiny).any()


def test_light_beards_on_dark_skin_keep_their_colour(head, details, person, surface):
    """A factor above 2 does not fit into a byte: the skin below is lightened instead."""
    white = np.full(3, 0.3)
    for seed in range(40):
        skin = person(seed, tone=(28, 8, 9), hair=white, traits=(80, 0.9), beard=True)
        beard = skin.painting.growth == Segment.BEARD
        if skin.lift is None or beard.mean() < 0.05:
            continue
        drawn = details.map.sample(surface(skin).albedo)
        drawn *= skin.painting.detail.reshape(-1, 3)[details.map.where] / np.float32(128)
        on_beard = drawn[beard.ravel()[details.map.where]]
        bare = from_lab(np.array([28.0, 8, 9])).mean()
        assert np.percentile(on_beard.mean(1), 80) > 3 * bare
        beside = details.map.points[:, 1] > 20
        assert np.median(drawn[beside]) < 1.5 * bare
        return
    pytest.fail("no white beard was drawn")


def test_wrinkles_come_with_age(person, details):
    """Foreheads vary more from row to row."""

    def roughness(age):
        detail = np.stack([person(k, traits=(age, 0.0)).painting.detail[68:112, 200:312, 1]
                           for k in range(8)]).astype(float)  # fmt: skip
        return detail.mean(2).std(1).mean()

    assert roughness(78) > 1.5 * roughness(22)


def test_moles_only_darken(details):
    for seed in range(8):
        detail = np.full((SIZE, SIZE, 3), 128, np.uint8)
        stamp_moles(np.random.default_rng(seed), detail, details.map.where)
        assert detail.max() == 128 and (detail < 128).any(2).sum() < 1500
    assert (detail[..., 2] <= detail[..., 0]).all()
