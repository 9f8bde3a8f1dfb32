"""The generator's image operations against scipy, PIL and definitions."""

from __future__ import annotations

import io

import numpy as np
import pytest
from PIL import Image
from scipy.ndimage import gaussian_filter, map_coordinates
from selfie3d.datasets.synthetic import background as painting
from selfie3d.datasets.synthetic import filters, shapes
from selfie3d.datasets.synthetic.degrade import draw_border, jpeg


@pytest.fixture
def picture():
    rng = np.random.default_rng(3)
    return filters.smooth_noise(rng, 40, 8, 3) * np.float32(0.2) + np.float32(0.5)


@pytest.mark.parametrize("sigma", [0.5, 1.3, 4.0])
def test_blur_is_scipys_gaussian(picture, sigma):
    reach = max(1, int(np.ceil(2.5 * sigma)))
    expected = gaussian_filter(
        picture.astype(float), (sigma, sigma, 0), mode="nearest", radius=(reach, reach, 0)
    )
    np.testing.assert_allclose(filters.blur(picture, sigma), expected, atol=1e-5)


def test_area_resampling_averages_blocks(picture):
    expected = picture.reshape(20, 2, 20, 2, 3).mean((1, 3))
    np.testing.assert_allclose(filters.resize(picture, 20, 20, "area"), expected, atol=1e-6)


@pytest.mark.parametrize(
    ("kind", "pil"),
    [("linear", Image.Resampling.BILINEAR), ("cubic", Image.Resampling.BICUBIC)],
)
@pytest.mark.parametrize("size", [23, 64])
def test_resampling_is_pils(picture, kind, pil, size):
    """PIL drops taps outside the image, ours repeat the border: compared inside only."""
    channel = Image.fromarray(np.ascontiguousarray(picture[..., 0]))
    expected = np.asarray(channel.resize((size, size), pil))
    got = filters.resize(picture, size, size, kind)[..., 0]
    np.testing.assert_allclose(got[5:-5, 5:-5], expected[5:-5, 5:-5], atol=1e-4)


def test_warp_is_bilinear_look_up(picture):
    angle = 0.3
    matrix = np.array([[np.cos(angle), -np.sin(angle), 14.0], [np.sin(angle), np.cos(angle), 4.0]])
    got = filters.warp(picture, matrix, 20)
    x, y = np.meshgrid(np.arange(20) + 0.5, np.arange(20) + 0.5)
    u = matrix[0, 0] * x + matrix[0, 1] * y + matrix[0, 2] - 0.5
    v = matrix[1, 0] * x + matrix[1, 1] * y + matrix[1, 2] - 0.5
    for channel in range(3):
        expected = map_coordinates(picture[..., channel].astype(float), [v, u], order=1)
        np.testing.assert_allclose(got[..., channel], expected, atol=1e-5)


def test_shapes_have_their_areas():
    square, disc, line = (np.zeros((64, 64), np.float32) for _ in range(3))
    shapes.polygon(square, np.array([[10.0, 12], [40, 12], [40, 32], [10, 32]]))
    shapes.ellipse(disc, np.array([30.0, 30]), (20, 10), 0.7)
    shapes.capsule(line, np.array([12.0, 20]), np.array([42.0, 20]), (5.0, 5.0))
    assert square.sum() == pytest.approx(600)
    assert disc.sum() == pytest.approx(np.pi * 200, rel=0.02)
    assert line.sum() == pytest.approx(300 + np.pi * 25, rel=0.02)


def test_a_polygon_is_where_a_line_to_infinity_crosses_it_oddly():
    """Self-crossing, and partly outside the mask; four samples a pixel."""
    points = np.random.default_rng(4).uniform(-6, 26, (7, 2))
    mask = np.zeros((20, 20), np.float32)
    shapes.polygon(mask, points)
    y, x = np.meshgrid(np.arange(40) / 2 + 0.25, np.arange(40) / 2 + 0.25, indexing="ij")
    odd = np.zeros(x.shape, bool)
    for (ax, ay), (bx, by) in zip(points, np.roll(points, 1, 0), strict=True):
        odd ^= ((ay > y) != (by > y)) & (x < (bx - ax) * (y - ay) / (by - ay) + ax)
    np.testing.assert_allclose(mask, odd.reshape(20, 2, 20, 2).mean((1, 3)))
    picture = np.zeros((20, 20, 3), np.float32)
    shapes.paint(picture, mask, np.array([0.2, 0.4, 1.0]))
    np.testing.assert_allclose(picture, mask[..., None] * [0.2, 0.4, 1.0], atol=1e-6)


def test_later_leaves_lie_over_earlier_ones():
    rng = np.random.default_rng(5)
    count, size = 30, 24
    angle = rng.uniform(0, np.pi, count)
    wide, tall = 1 / rng.uniform(1, 9, (2, count)) * [[1], [1]]
    tall *= rng.choice([-1, 1], count)
    leaves = np.stack([*rng.uniform(0, size, (2, count)), wide, tall, np.cos(angle),
                       np.sin(angle)], 1)  # fmt: skip
    colours, slopes = rng.random((count, 3)), rng.normal(0, 0.2, (count, 2))
    stripes = np.stack([rng.uniform(0, 0.5, count) * (angle > 1), rng.uniform(3, 9, count)], 1)
    got = np.zeros((size, size, 3), np.float32)
    painting.paint_leaves(leaves, colours, slopes, stripes, got)
    expected = np.zeros((size, size, 3))
    y, x = np.mgrid[:size, :size] + 0.5
    for (cx, cy, wx, wy, c, s), colour, (a, b), (h, w) in zip(
        leaves, colours, slopes, stripes, strict=True
    ):
        u, v = (c * (x - cx) + s * (y - cy)) * wx, (c * (y - cy) - s * (x - cx)) * abs(wy)
        inside = np.maximum(abs(u), abs(v)) < 1 if wy < 0 else u**2 + v**2 < 1
        light = 1 + a * u + b * v + h * np.sin(w * v + 3 * u)
        expected[inside] = (light[..., None] * colour)[inside]
    np.testing.assert_allclose(got, expected, atol=1e-6)


def test_colour_coding_is_its_own_inverse():
    values = np.linspace(0, 1, 50)
    np.testing.assert_allclose(filters.to_srgb(filters.to_linear(values)), values, atol=1e-6)
    assert filters.to_linear(np.array(0.5)) == pytest.approx(0.21404, abs=1e-5)


@pytest.mark.parametrize("quality", [20, 60, 90])
def test_jpeg_is_the_librarys(picture, quality):
    """Exactly but for rounding where there is no colour; the library smooths chroma, ours not."""
    source = (np.clip(np.repeat(np.repeat(picture, 3, 0), 3, 1), 0, 1) * 255).astype(np.uint8)
    for coloured in (False, True):
        image = source if coloured else source[..., :1].repeat(3, 2)
        file = io.BytesIO()
        Image.fromarray(image).save(file, "JPEG", quality=quality, subsampling="4:2:0")
        expected = np.asarray(Image.open(file)).astype(float)
        got = jpeg(image, quality).astype(float)
        loss = np.abs(expected - image).mean()
        assert np.abs(got - expected).mean() < (0.75 * loss if coloured else 0.3)
        assert np.abs(got - image).mean() == pytest.approx(loss, rel=0.25 if coloured else 0.02)


def test_jpeg_keeps_any_size_and_loses_more_at_low_quality():
    picture = np.random.default_rng(1).integers(0, 256, (45, 61, 3), dtype=np.uint8)
    errors = [np.abs(jpeg(picture, q).astype(int) - picture).mean() for q in (10, 50, 95)]
    assert jpeg(picture, 50).shape == picture.shape
    assert errors[0] > errors[1] > errors[2]


def test_a_border_is_flat_where_it_says():
    rng = np.random.default_rng(0)
    for _ in range(20):
        picture = np.full((50, 50, 3), 77, np.uint8)
        left = draw_border(rng, picture)
        assert (picture[left] == 77).all()
        assert len(np.unique(picture[~left], axis=0)) <= 2
        assert 0.1 < left.mean() < 1
