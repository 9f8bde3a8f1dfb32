from __future__ import annotations

import numpy as np
import pytest
from PIL import Image, ImageDraw
from scipy.stats import multivariate_normal
from selfie3d.core.errors import InputError
from selfie3d.detect.skin import OTHER, SKIN, skin_log_ratio, skin_mask

SKINS = [(238, 203, 180), (200, 150, 120), (150, 98, 72), (100, 58, 40)]


def test_the_published_tables():
    assert len(SKIN) == len(OTHER) == 16
    assert sum(row[6] for row in SKIN) == pytest.approx(0.9992)
    assert sum(row[6] for row in OTHER) == pytest.approx(0.9996)


def test_the_ratio_is_that_of_the_mixtures():
    cells = np.random.default_rng(0).integers(0, 64, (30, 3))
    middles = cells * 4 + 1.5

    def density(rows, colour):
        parts = [w[6] * multivariate_normal(w[:3], np.diag(w[3:6])).pdf(colour) for w in rows]
        return sum(parts) / sum(w[6] for w in rows)

    expected = [np.log(density(SKIN, c)) - np.log(density(OTHER, c)) for c in middles]
    np.testing.assert_allclose(
        skin_log_ratio((cells * 4 + 2).astype(np.uint8)), expected, rtol=1e-4
    )


def test_skin_is_told_from_sky_and_leaves():
    for colour in SKINS:
        assert skin_log_ratio(np.uint8(colour)) > 0
    for colour in [(60, 120, 220), (50, 120, 40), (128, 128, 128), (5, 5, 5)]:
        assert skin_log_ratio(np.uint8(colour)) < 0


@pytest.fixture(scope="module")
def points() -> np.ndarray:
    """68 points of a schematic face of 100 pixels about (80, 90)."""
    angle = np.linspace(-1.5, 1.5, 17)
    jaw = np.stack([50 * np.sin(angle), 60 * np.cos(angle) - 5], 1)
    brow = np.stack([np.linspace(-38, -8, 5), np.full(5, -28)], 1)
    ridge = np.stack([np.zeros(4), np.linspace(-15, 8, 4)], 1)
    base = np.stack([np.linspace(-9, 9, 5), np.full(5, 14)], 1)
    turn = np.radians([180, 120, 60, 0, -60, -120])
    eye = np.stack([8 * np.cos(turn), -4 * np.sin(turn)], 1)
    around = np.radians(np.linspace(180, -150, 12))
    mouth = np.stack([20 * np.cos(around), 30 - 9 * np.sin(around)], 1)
    around = np.radians(np.linspace(180, -135, 8))
    inner = np.stack([14 * np.cos(around), 30 - 4 * np.sin(around)], 1)
    flipped = (brow * [-1, 1])[::-1]
    parts = [jaw, brow, flipped, ridge, base, eye - [22, 14], eye - [-22, 14], mouth, inner]
    return np.concatenate(parts) - [-80, -90]


def draw(points: np.ndarray, skin: tuple[int, ...], back: tuple[int, ...]) -> np.ndarray:
    image = Image.new("RGB", (160, 180), back)
    pen = ImageDraw.Draw(image)
    pen.ellipse((28, 20, 132, 152), fill=skin)
    for part in (range(36, 42), range(42, 48)):
        pen.polygon([tuple(p) for p in points[list(part)]], fill=(250, 250, 250))
    noise = np.random.default_rng(0).normal(0, 4, (180, 160, 3))
    return (np.asarray(image) + noise).clip(0, 255).astype(np.uint8)


@pytest.mark.parametrize("skin", SKINS)
def test_skin_of_every_tone(points, skin):
    mask = skin_mask(draw(points, skin, (60, 110, 190)), points) > 0
    cheeks, eye, mouth = (100, 50), (76, 58), (120, 80)
    assert mask[cheeks] and not mask[eye] and not mask[mouth]
    assert not mask[:, :20].any() and not mask[160:].any()
    disc = (np.hypot(*np.mgrid[-90:90, -80:80]) < 40)[5:, :]
    assert mask[5:][disc].mean() > 0.85


@pytest.mark.parametrize("light", [(0.7, 0.7, 0.7), (0.3, 0.5, 1.0), (0.4, 1.0, 0.4)])
def test_grey_pictures_and_coloured_light(points, light):
    grey = draw(points, (180, 180, 180), (20, 20, 20)) * np.array(light)
    mask = skin_mask(grey.astype(np.uint8), points) > 0
    assert mask[100, 50] and mask[100, 110] and not mask[100, 10]


def test_a_hand_before_the_face_and_sky_behind(points):
    picture = draw(points, SKINS[0], (60, 110, 190))
    picture[105:130, 60:100] = (30, 90, 40)  # a leaf over the mouth
    mask = skin_mask(picture, points) > 0
    assert not mask[108:112, 64:96].any() and mask[95, 50]


def test_moved_pictures_have_moved_masks(points):
    picture = draw(points, SKINS[1], (60, 110, 190))
    mask = skin_mask(picture, points)
    padded = np.pad(picture, ((7, 0), (11, 0), (0, 0)), mode="edge")
    moved = skin_mask(padded, points - [-11, -7])
    assert (moved[7:, 11:] != mask).mean() < 0.005
    cut = skin_mask(np.ascontiguousarray(picture[:, 80:]), points - [80, 0])
    assert (cut[:, 8:] != mask[:, 88:]).mean() < 0.02
    assert not skin_mask(picture, points + 1000).any()


def test_what_is_refused(points):
    picture = np.zeros((180, 160, 3), np.uint8)
    with pytest.raises(InputError, match="uint8"):
        skin_mask(picture.astype(float), points)
    for wrong in (points[:5], points * np.nan, points * 0):
        with pytest.raises(InputError, match="68 finite"):
            skin_mask(picture, wrong)
