"""The default model's colours: what skins it draws, and what each block of modes may touch."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from selfie3d.facemodels import load_face_model
from selfie3d.facemodels.builder.albedo import nearest_depth
from selfie3d.facemodels.builder.inner_colours import hair_colour, skin_colour, to_linear, to_srgb
from selfie3d.geometry.face_model import FaceModel
from selfie3d.render.cpu.back_end import CpuRasterizer

_TO_XYZ = np.array(
    [[0.4124, 0.3576, 0.1805], [0.2126, 0.7152, 0.0722], [0.0193, 0.1192, 0.9505]]
)  # fmt: skip


@pytest.fixture(scope="module")
def head() -> FaceModel:
    return load_face_model("default")


def to_lab(coded: np.ndarray) -> np.ndarray:
    """CIELAB (N,3), white D65, of sRGB-coded colours (N,3)."""
    xyz = to_linear(coded) @ _TO_XYZ.T / _TO_XYZ.sum(1)
    x, y, z = np.where(xyz > 0.008856, np.cbrt(xyz), 7.787 * xyz + 16 / 116).T
    return np.stack([116 * y - 16, 500 * (x - y), 200 * (y - z)], 1)


def test_pigments_go_through_the_colours_of_real_skin():
    melanin = np.linspace(0, 3, 31)
    lightness, red, yellow = to_lab(to_srgb(skin_colour(melanin, np.full(31, 0.5)))).T
    assert (np.diff(lightness) < 0).all() and lightness[0] > 78 and lightness[-1] < 26
    assert ((red > 7) & (red < 14)).all() and ((yellow > 9) & (yellow < 19)).all()
    assert red[[0, -1]].max() < red.max() - 3  # colour is strongest between the extremes
    flushed = to_lab(to_srgb(skin_colour(np.array([0.3, 0.3]), np.array([0.5, 1.0]))))
    assert flushed[1, 1] > flushed[0, 1] + 3
    assert (np.diff([hair_colour(m) for m in (0.0, 1.0, 2.0, 4.0)], axis=0) < 0).all()


def test_random_skins_are_those_that_people_have(head):
    skin = head.regions["cheeks"] | head.regions["forehead"]
    draws = np.random.default_rng(3).standard_normal((1000, len(head.albedo_basis)))
    modes = head.albedo_basis[:, skin].mean(1).numpy()
    lightness, red, yellow = to_lab(head.albedo_mean[skin].mean(0).numpy() + draws @ modes).T
    assert 52 < np.median(lightness) < 63 and 9 < lightness.std() < 13
    low, high = np.percentile(red, [2, 98])
    assert low > 6 and high < 18
    low, high = np.percentile(yellow, [2, 98])
    assert low > 8 and high < 24
    dark = lightness < 45
    assert abs(red[dark].mean() - red[~dark].mean()) < 2.5  # dark skins are no redder


def test_colours_stay_within_range(head):
    draws = torch.randn(20, len(head.albedo_basis), generator=torch.Generator().manual_seed(0))
    colours = head.albedo_mean + torch.einsum("nk,kvc->nvc", draws, head.albedo_basis)
    assert ((colours < 0) | (colours > 1)).float().mean() < 3e-3


def test_every_mode_is_even_or_odd(head):
    swapped = head.albedo_basis[:, head.mirror]
    largest = head.albedo_basis.abs().amax((1, 2))
    even = (head.albedo_basis - swapped).abs().amax((1, 2)) < 0.01 * largest
    odd = (head.albedo_basis + swapped).abs().amax((1, 2)) < 0.01 * largest
    assert len(even) <= 40 and (even ^ odd).all()
    assert torch.equal(head.albedo_mean, head.albedo_mean[head.mirror])


@pytest.mark.parametrize(
    ("name", "count"), [("iris", 2), ("lips", 3), ("brows", 3), ("scalp", 2), ("sclera", 1)]
)
def test_blocks_have_modes_of_their_own(head, name, count):
    """Modes that leave cheeks, nose and neck as they are, and move this region most."""
    modes = head.albedo_basis.abs().amax(2)
    elsewhere = head.regions["cheeks"] | head.regions["nose"] | head.regions["neck"]
    local = modes[:, elsewhere].mean(1) < 0.02 * modes.amax(1)
    strength = {n: modes[:, head.regions[n]].mean(1) for n in (name, "lips", "brows", "scalp")}
    mine = local & (strength[name] > 0.2 * modes.amax(1))
    for other in {"lips", "brows", "scalp"} - {name}:
        mine &= strength[other] < 0.1 * strength[name]
    assert int(mine.sum()) >= count


def test_mean_has_one_skin(head):
    """Ears and neck have the face's tone, the scalp a faint shadow of hair."""
    colour = {n: head.albedo_mean[m].mean(0).numpy() for n, m in head.regions.items()}
    tones = to_lab(np.stack([colour[n] for n in ("cheeks", "ears", "neck", "scalp")]))
    assert abs(tones[1:3, 0] - tones[0, 0]).max() < 4
    assert 3 < tones[0, 0] - tones[3, 0] < 12
    assert colour["iris"].mean() < 0.6 * colour["sclera"].mean()


def test_mouth_is_dark_inside(head):
    light, depth = head.albedo_mean.mean(1), head.mean[:, 2]
    teeth = head.regions["teeth"]
    front, back = teeth & (depth > 20), teeth & (depth < 0)
    assert light[front].mean() > 0.5 and light[back].mean() < 0.35
    deep = head.regions["mouth_interior"] & (depth < -20)
    assert light[deep].mean() < 0.2


def test_the_shadow_maps_depth_is_the_renderers():
    """Random triangles, of which half turn their backs: both sides cast shadows."""
    size, rng = 64, np.random.default_rng(0)
    points = np.c_[rng.uniform(2, size - 2, (60, 2)), rng.uniform(-0.9, 0.9, 60)]
    faces = rng.permutation(60).reshape(20, 3)
    got = nearest_depth(points, faces, size)
    clip = np.c_[
        points[:, 0] * 2 / size - 1, 1 - points[:, 1] * 2 / size, -points[:, 2], np.ones(60)
    ]
    drawn = CpuRasterizer().rasterize(
        torch.from_numpy(clip).float()[None], torch.from_numpy(faces).int(), (size, size)
    )
    covered, depth = drawn.covered[0].numpy(), drawn.depth[0].numpy()
    assert 0.3 < covered.mean() < 1
    np.testing.assert_array_equal(got > -1e9, covered)
    np.testing.assert_allclose(got[covered], -depth[covered], atol=1e-5)
