"""Draws of changes: reproducible, within their limits, and the same for a part of the batch."""

from __future__ import annotations

import math
from dataclasses import replace

import numpy as np
import pytest
import torch
from scipy.ndimage import gaussian_filter
from selfie3d.core.errors import InputError
from selfie3d.datasets.batches.photo_augment import (
    NO_PHOTO_AUGMENTATION,
    PhotoAugmentConfig,
    draw_photo_augment,
)

CONFIG = PhotoAugmentConfig(covered=0.5)
CROP = torch.tensor([[2.0, 0, 5], [0, 2.0, -7]], dtype=torch.float64)


def generator(seed: int = 0) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


def test_a_seed_gives_the_same_changes_and_another_one_others():
    one, same, other = (draw_photo_augment(CONFIG, 9, generator(s)) for s in (3, 3, 4))
    torch.testing.assert_close(one.frames, same.frames, rtol=0, atol=0)
    torch.testing.assert_close(one.colour, same.colour, rtol=0, atol=0)
    assert not torch.equal(one.frames, other.frames)


def test_limits_are_kept_and_nearly_reached():
    drawn = draw_photo_augment(CONFIG, 4000, generator())
    scale = torch.linalg.det(drawn.frames[:, :, :2]).sqrt()
    angle = torch.rad2deg(torch.atan2(drawn.frames[:, 1, 0], drawn.frames[:, 0, 0]))
    shift = drawn.frames[:, :, 2]
    for values, low, high in (
        (scale, 0.9, 1.1), (angle, -30, 30), (shift, -0.05, 0.05), (drawn.colour, 0.6, 1.2)
    ):  # fmt: skip
        span = high - low
        assert low <= float(values.min()) < low + 0.01 * span
        assert high >= float(values.max()) > high - 0.01 * span
        assert float(values.mean()) == pytest.approx((low + high) / 2, abs=0.02 * span)
    assert float(drawn.mirrored.float().mean()) == pytest.approx(0.5, abs=0.03)
    half = draw_photo_augment(PhotoAugmentConfig(turned=0.5), 4000, generator())
    assert float((half.frames[:, 1, 0] == 0).float().mean()) == pytest.approx(0.5, abs=0.03)
    assert float(drawn.rectangles.chosen.float().mean()) == pytest.approx(0.5, abs=0.03)


def test_frames_turn_about_the_crops_middle():
    config = PhotoAugmentConfig(turned_deg=30, scaled=0, moved=0)
    drawn = draw_photo_augment(config, 5, generator())
    photo = torch.tensor([(32 - 5) / 2, (32 + 7) / 2], dtype=torch.float64)  # middle of a 64 crop
    for row in range(5):
        matrix = drawn.matrix(row, CROP, 64)
        torch.testing.assert_close(
            matrix[:, :2] @ photo + matrix[:, 2], torch.full((2,), 32.0).double()
        )
        torch.testing.assert_close(matrix[:, :2] @ matrix[:, :2].T, 4 * torch.eye(2).double())
        assert abs(math.degrees(math.atan2(matrix[1, 0], matrix[0, 0]))) <= 30


def test_a_shift_is_in_sides_of_the_crop():
    drawn = draw_photo_augment(
        PhotoAugmentConfig(turned_deg=0, scaled=0, moved=0.1), 6, generator()
    )
    moved = torch.stack([drawn.matrix(row, CROP, 64) for row in range(6)]) - CROP
    torch.testing.assert_close(moved[:, :, 2] / 64, drawn.frames[:, :, 2])


def test_rows_take_their_own_changes():
    drawn = draw_photo_augment(CONFIG, 8, generator(1))
    rows = torch.tensor([5, 2])
    images = torch.rand(8, 3, 20, 20, generator=generator())
    whole = drawn.paint(images.clone())
    part = drawn[rows]
    torch.testing.assert_close(part.paint(images[rows].clone()), whole[rows])
    torch.testing.assert_close(part.matrix(0, CROP, 20), drawn.matrix(5, CROP, 20))


def test_no_augmentation_changes_nothing():
    drawn = draw_photo_augment(NO_PHOTO_AUGMENTATION, 3, generator())
    images = torch.rand(3, 3, 8, 8, generator=generator())
    torch.testing.assert_close(drawn.paint(images.clone()), images, rtol=0, atol=0)
    torch.testing.assert_close(drawn.matrix(1, CROP, 8), CROP)
    assert not drawn.mirrored.any()


@pytest.mark.parametrize(
    ("name", "value"),
    [("mirrored", 1.5), ("covered", -0.1), ("turned", 2), ("turned_deg", 200),
     ("scaled", 1), ("moved", -1), ("colour_low", 0), ("colour_high", 0.5)],
)  # fmt: skip
def test_wrong_strengths_are_named(name, value):
    with pytest.raises(InputError, match=name.split("_")[0]):
        PhotoAugmentConfig(**{name: value})


def test_blur_is_a_gaussian_and_changes_no_other_draw():
    """Against scipy's; crops that are not chosen stay as they are, bit for bit."""
    plain = draw_photo_augment(CONFIG, 40, generator())
    soft = draw_photo_augment(replace(CONFIG, blurred=0.5, blur=0.03), 40, generator())
    for name in ("mirrored", "frames", "colour"):
        assert torch.equal(getattr(plain, name), getattr(soft, name))
    assert plain.blur is None
    assert 0.3 < float((soft.blur > 0).float().mean()) < 0.7 and float(soft.blur.max()) <= 0.03
    images = torch.rand(40, 3, 48, 48, generator=generator(1))
    one = replace(soft, colour=torch.ones(40, 3, 1, 1), rectangles=no_rectangles(40))
    found = one.paint(images.clone())
    for row in range(40):
        sigma = float(soft.blur[row]) * 48
        if sigma < 0.1:
            assert torch.equal(found[row], images[row])
            continue
        radius = math.ceil(3 * sigma)
        wanted = [gaussian_filter(c, sigma, mode="nearest", radius=radius) for c in images[row]]
        np.testing.assert_allclose(found[row], np.stack(wanted), atol=2e-6)
    part = one[torch.tensor([3, 17])].paint(images[[3, 17]].clone())
    assert torch.equal(part, found[[3, 17]])  # whatever the others are
    with pytest.raises(InputError, match="blurred"):
        PhotoAugmentConfig(blurred=1.5)


def no_rectangles(count):
    return draw_photo_augment(NO_PHOTO_AUGMENTATION, count, generator()).rectangles
