"""Panoramas light faces, stand behind them and show in their eyes as photographs' places do."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import torch
from selfie3d.core.errors import InputError
from selfie3d.datasets.synthetic.colours import CODE, STEPS, code
from selfie3d.datasets.synthetic.filters import to_srgb
from selfie3d.datasets.synthetic.harmonics import (
    directions,
    irradiance_harmonics,
    take_out_lamp,
    turned,
    vertical_turn,
)
from selfie3d.datasets.synthetic.light import draw_light, shade
from selfie3d.datasets.synthetic.panorama import Panorama
from selfie3d.datasets.synthetic.panorama_view import panorama_background, reflections
from selfie3d.datasets.synthetic.pose import View
from selfie3d.geometry.sh import sh_basis

WIDTH = 128


def place(seed=0, lamp=True):
    """A smooth coloured panorama (64,128,3), with a lamp of 5 x 5 pixels."""
    rng = np.random.default_rng(seed)
    ways, _ = directions(WIDTH // 2, WIDTH)
    light = 1.5 + np.sin(ways @ rng.normal(0, 1, (3, 3)) + rng.normal(0, 1, 3))
    if lamp:
        light[14:19, 90:95] = [300, 250, 200]
    return light.astype(np.float32)


@pytest.fixture(scope="module")
def panorama():
    return Panorama.of("place", place())


def normals(count=400, seed=1):
    n = np.random.default_rng(seed).normal(0, 1, (count, 3))
    return (n / np.linalg.norm(n, axis=1, keepdims=True)).astype(np.float32)


def shading(light, at):
    return sh_basis(torch.from_numpy(at)[None])[0].numpy() @ light


def view(size, focal=1.3, distance=900):
    middle = np.array([size / 2, size / 2], np.float32)
    back = np.array([0, 0, -distance], np.float32)
    return View(np.eye(3, dtype=np.float32), back, focal * size, middle)


def test_directions_cover_the_sphere_and_look_where_they_should():
    ways, solid = directions(64, 128)
    np.testing.assert_allclose(np.linalg.norm(ways, axis=2), 1)
    assert (solid.repeat(128, 1)).sum() == pytest.approx(4 * np.pi)
    np.testing.assert_allclose(ways[31:33, 63:65].mean((0, 1)), [0, 0, -1], atol=1e-3)
    np.testing.assert_allclose(ways[31:33, 95:97].mean((0, 1)), [1, 0, 0], atol=1e-3)
    assert ways[0, :, 1].min() > 0.99


def test_harmonics_are_the_irradiance_of_a_brute_force_integral():
    light = place(lamp=False)
    ways, solid = directions(*light.shape[:2])
    at = normals(60)
    cosine = np.maximum(ways.reshape(-1, 3) @ at.T, 0)
    truth = cosine.T @ (light * solid[..., None]).reshape(-1, 3) / np.pi
    got = shading(irradiance_harmonics(light), at)
    np.testing.assert_allclose(got, truth, atol=0.02)
    assert np.ptp(truth, axis=0).min() > 0.3
    even = irradiance_harmonics(np.ones((32, 64, 3), np.float32))
    np.testing.assert_allclose(shading(even, at), 1, atol=2e-3)


@pytest.mark.parametrize("columns", [1, 17, 64, -40])
def test_turned_harmonics_are_those_of_the_turned_panorama(columns):
    light = place()
    angle = columns / WIDTH * 2 * np.pi
    rolled = irradiance_harmonics(np.roll(light, columns, 1))
    got = turned(irradiance_harmonics(light), vertical_turn(angle))
    np.testing.assert_allclose(got, rolled, atol=1e-4 * np.abs(rolled).max())
    assert np.abs(rolled - irradiance_harmonics(light)).max() > 0.01


def test_the_lamp_is_found_and_no_light_is_lost():
    light = place()
    ways, solid = directions(*light.shape[:2])
    way, colour, rest = take_out_lamp(light)
    middle = ways[16, 92]
    assert way @ middle > np.cos(np.deg2rad(2))
    np.testing.assert_allclose(colour / colour[1], [1.2, 1, 0.8], atol=0.02)
    before, after = ((part * solid[..., None]).sum() for part in (light, rest))
    assert before == pytest.approx(after + 3 * colour.mean() * np.pi, rel=1e-4)
    assert rest.max() < 30 and (rest >= 0).all()
    far = np.ones(light.shape[:2], bool)
    far[14:19, 90:95] = False
    np.testing.assert_array_equal(rest[far], light[far])


def test_of_two_lamps_the_stronger_is_taken_and_an_even_place_has_none():
    light = place()
    light[30:34, 20:24] = 100
    way, _, rest = take_out_lamp(light)
    assert way @ directions(64, 128)[0][16, 92] > 0.99
    assert rest[31, 21].mean() > 90
    way, colour, rest = take_out_lamp(np.ones((64, 128, 3), np.float32))
    assert (colour == 0).all() and np.linalg.norm(way) == 1 and (rest == 1).all()


def test_exposure_and_size_of_files_do_not_matter():
    light = place()
    one, two = Panorama.of("one", light), Panorama.of("two", 37 * light)
    np.testing.assert_allclose(one.ambient, two.ambient, rtol=1e-4, atol=1e-5)
    large = Panorama.of("large", light.repeat(16, 0).repeat(16, 1))
    assert large.picture.shape == (256, 512, 3)
    np.testing.assert_allclose(large.ambient, one.ambient, rtol=1e-3, atol=1e-3)
    np.testing.assert_allclose(large.colour, one.colour, rtol=1e-3)
    odd = Panorama.of("odd", place()[:50, :100])
    assert np.isfinite(odd.ambient).all() and odd.mirrored.shape[1] == 64


def test_light_of_a_panorama_replaces_the_sky(panorama):
    light = draw_light(np.random.default_rng(0), 0.6, panorama)
    dark = replace(light, colours=np.zeros_like(light.colours))
    at, count = normals(), 400
    rng = np.random.default_rng(2)
    albedo = rng.uniform(0.1, 0.9, (count, 3)).astype(np.float32)
    occlusion, ones = rng.uniform(0.2, 1, count).astype(np.float32), np.ones(count, np.float32)
    got = shade(dark, albedo, at, gloss=0 * ones, occlusion=occlusion, open_sky=ones)
    floor = 0.05 * light.sky
    expected = albedo * np.maximum(shading(light.ambient, at), floor) * occlusion[:, None]
    np.testing.assert_allclose(got, expected, rtol=1e-4, atol=1e-5)
    brighter = shade(light, albedo, at, gloss=0 * ones, occlusion=occlusion, open_sky=ones)
    assert (brighter >= got - 1e-6).all() and (brighter > got + 0.01).any()


def test_the_light_turns_with_the_panorama(panorama):
    light = draw_light(np.random.default_rng(3), 0.6, panorama)
    rotation = vertical_turn(light.turn)
    strongest = light.lamps @ (rotation @ panorama.lamp)
    assert strongest.max() == pytest.approx(1, abs=1e-5)
    np.testing.assert_allclose(
        light.ambient, turned(panorama.ambient, rotation) * light.white, atol=1e-5
    )


def test_light_comes_from_the_front_as_a_rule(panorama):
    lamps = np.array([
        vertical_turn(draw_light(np.random.default_rng(s), 0.6, panorama).turn) @ panorama.lamp
        for s in range(300)
    ])  # fmt: skip
    front = (lamps[:, 2] > 0).mean()
    assert 0.75 < front < 0.97
    assert (lamps[:, 0] > 0.3).any() and (lamps[:, 0] < -0.3).any()


def test_the_camera_balances_most_of_a_tint_away(panorama):
    tint = np.array([2.0, 1.0, 0.4])
    tinted = Panorama.of("tinted", place() * tint)
    at = normals()
    at = at[at[:, 2] > 0.5]

    def cast(panorama, seed):
        light = draw_light(np.random.default_rng(seed), 0.6, panorama)
        seen = shading(light.ambient, at).mean(0) + 0.5 * light.colours.sum(0)
        return np.log(seen[0] / seen[2])

    before = np.array([cast(panorama, s) for s in range(40)])
    after = np.array([cast(tinted, s) for s in range(40)]) - before
    assert np.log(5) * 0.05 < after.mean() < np.log(5) * 0.45
    assert after.max() < np.log(5) * 0.6


def test_shadows_are_drawn_only_where_they_are_wanted(panorama):
    never = [draw_light(np.random.default_rng(s), 0, panorama).shadow for s in range(40)]
    often = [draw_light(np.random.default_rng(s), 0.6, panorama).shadow for s in range(40)]
    assert max(never) == 0 and np.mean(np.array(often) > 0.5) > 0.7


def test_painted_light_is_what_it_was():
    """The same numbers from the same chance as before there were panoramas."""
    rng = np.random.default_rng(3)
    light = draw_light(rng, 0.6)
    assert light.panorama is None and light.ambient is None
    assert light.exposure == pytest.approx(0.19755618384636645, rel=1e-12)
    assert light.wrap == pytest.approx(0.2225270040207991, rel=1e-12)
    np.testing.assert_allclose(light.lamps[1], [0.17573954, 0.38874888, 0.90442795], rtol=1e-6)
    np.testing.assert_array_equal(light.white, 1)


def test_the_background_shows_what_lies_behind_the_face():
    """A red window in a grey place is where a camera that looks along -z sees it."""
    light = np.ones((64, 128, 3), np.float32)
    light[26:30, 66:72] = [6, 0.2, 0.2]
    panorama = Panorama.of("window", light)
    drawn = draw_light(np.random.default_rng(0), 0.6, panorama)
    drawn = replace(drawn, turn=0.0, white=np.ones(3, np.float32))
    places = []
    for seed in range(30):
        picture = panorama_background(
            np.random.default_rng(seed), drawn, 0.5, view=view(96, 0.6), size=96
        )
        assert picture.shape == (96, 96, 3) and picture.dtype == np.float32
        assert picture.min() >= 0 and picture.max() <= 1
        red = np.maximum(picture[..., 0] - picture[..., 1] - 0.01, 0)
        y, x = np.mgrid[:96, :96]
        places.append([(red * x).sum() / red.sum(), (red * y).sum() / red.sum()])
    x, y = np.mean(places, 0)
    assert 58 < x < 67 and 32 < y < 41  # right of the middle and above it


def test_the_background_turns_with_the_light(panorama):
    drawn = draw_light(np.random.default_rng(0), 0.6, panorama)
    columns = 11
    rolled = Panorama.of("rolled", np.roll(place(), columns, 1))
    pictures = [
        panorama_background(np.random.default_rng(5), light, 0.5, view=view(64), size=64)
        for light in (
            replace(drawn, turn=columns / WIDTH * 2 * np.pi),
            replace(drawn, turn=0.0, panorama=rolled),
            replace(drawn, turn=1.0),
        )
    ]
    np.testing.assert_allclose(pictures[0], pictures[1], atol=3e-3)
    assert np.abs(pictures[0] - pictures[2]).max() > 0.05


def test_the_background_has_the_exposure_and_the_white_balance_of_the_light():
    panorama = Panorama.of("grey", np.ones((64, 128, 3), np.float32))
    drawn = draw_light(np.random.default_rng(0), 0.6, panorama)
    picture = panorama_background(np.random.default_rng(1), drawn, 0.4, view=view(64), size=64)
    expected = to_srgb(0.4 * drawn.white)
    np.testing.assert_allclose(picture, np.broadcast_to(expected, picture.shape), atol=5e-3)


def test_a_close_camera_sees_more_of_the_place(panorama):
    drawn = draw_light(np.random.default_rng(0), 0.6, panorama)
    wide, narrow = (
        panorama_background(np.random.default_rng(1), drawn, 0.3, view=view(64, focal), size=64)
        for focal in (0.4, 4.0)
    )
    assert wide.std() > narrow.std()


def test_coding_is_srgb_below_its_shoulder_and_never_above_one():
    light = np.linspace(0, 9, 500, dtype=np.float32)
    coded = code(light)
    np.testing.assert_allclose(coded[light < 0.75], to_srgb(light[light < 0.75]), atol=4e-3)
    assert (np.diff(coded) >= 0).all() and coded.max() <= 1 and len(CODE) == STEPS + 1


def test_wet_eyes_mirror_windows_and_stay_dark_elsewhere():
    """A window to the upper left of the camera shows on the upper left of an eyeball."""
    light = np.full((64, 128, 3), 0.5, np.float32)
    way = np.array([-0.5, 0.5, 0.7])
    way /= np.linalg.norm(way)
    light[directions(64, 128)[0] @ way > np.cos(np.deg2rad(8))] = 60
    panorama = Panorama.of("window", light)
    mirrored = np.maximum(panorama.mirrored, panorama.mirrored.mean())
    mirrored[directions(32, 64)[0] @ way > np.cos(np.deg2rad(8))] = 40
    panorama = replace(panorama, mirrored=mirrored)
    drawn = draw_light(np.random.default_rng(0), 0.6, panorama)
    drawn = replace(drawn, turn=0.0, white=np.ones(3, np.float32))
    ball = normals(3000)
    ball = ball[ball[:, 2] > 0.5]
    points = (12 * ball + [0, 0, -700]).astype(np.float32)
    seen = reflections(drawn, points, ball, np.arange(len(ball)))
    assert seen.shape == (len(ball), 3) and seen.max() < 0.9
    half = way + np.array([0, 0, 1])
    half /= np.linalg.norm(half)
    near = ball @ half
    assert seen[near > np.cos(np.deg2rad(2.5))].min() > 0.3
    assert seen[(near < np.cos(np.deg2rad(9))) & (ball[:, 2] > 0.8)].max() < 0.03
    some = np.array([5, 100])
    np.testing.assert_array_equal(reflections(drawn, points, ball, some), seen[some])


def test_reflections_turn_with_the_light(panorama):
    drawn = draw_light(np.random.default_rng(0), 0.6, panorama)
    ball = normals(500)
    ball = ball[ball[:, 2] > 0.3]
    points, every = (12 * ball + [0, 0, -700]).astype(np.float32), np.arange(len(ball))
    columns = 9
    rolled = replace(panorama, mirrored=np.roll(panorama.mirrored, columns, 1))
    angle = columns / panorama.mirrored.shape[1] * 2 * np.pi
    one = reflections(replace(drawn, turn=angle), points, ball, every)
    two = reflections(replace(drawn, turn=0.0, panorama=rolled), points, ball, every)
    np.testing.assert_allclose(one, two, atol=1e-4)
    assert np.abs(one - reflections(replace(drawn, turn=0.0), points, ball, every)).max() > 0.01


def test_painted_light_has_no_place():
    light = draw_light(np.random.default_rng(0), 0.6)
    with pytest.raises(InputError, match="light"):
        panorama_background(np.random.default_rng(0), light, 0.5, view=view(64), size=64)
    at = normals(4)
    with pytest.raises(InputError, match="light"):
        reflections(light, at, at, np.arange(4))
