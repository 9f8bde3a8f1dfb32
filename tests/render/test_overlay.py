from __future__ import annotations

import numpy as np
import pytest
import torch
from selfie3d.core.errors import InputError
from selfie3d.render.overlay import (
    contact_sheet,
    draw_landmarks,
    resize,
    strip,
    to_image,
    to_picture,
)


def picture(height: int, width: int, value: int) -> np.ndarray:
    return np.full((height, width, 3), value, np.uint8)


def test_there_and_back_is_exact():
    every = np.arange(256 * 3, dtype=np.int64).reshape(16, 16, 3).astype(np.uint8)
    image = to_image(every)
    assert image.shape == (1, 3, 16, 16) and image.dtype == torch.float32
    assert float(image[0, 1, 2, 3]) == pytest.approx(every[2, 3, 1] / 255)
    assert np.array_equal(to_picture(image[0]), every)


def test_values_are_clipped_and_rounded():
    image = torch.tensor([-0.5, 0.5 / 255 + 1e-4, 2.0]).reshape(3, 1, 1)
    assert to_picture(image.requires_grad_()).ravel().tolist() == [0, 1, 255]


def test_a_read_only_picture():
    frozen = picture(2, 2, 9)
    frozen.flags.writeable = False
    assert float(to_image(frozen).max()) == pytest.approx(9 / 255)


def test_landmarks_are_drawn_on_a_copy():
    ground = picture(80, 80, 0)
    points = np.random.default_rng(0).uniform(5, 75, (68, 2))
    drawn = draw_landmarks(ground, points)
    assert ground.max() == 0 and drawn.shape == ground.shape
    for x, y in points:
        assert drawn[int(y), int(x)].min() == 255
    outside = draw_landmarks(ground, np.full((68, 2), -50.0))
    assert outside.max() == 0


def test_other_numbers_of_landmarks():
    """The 51 without the jaw have the strokes of the 68; a few points are dots."""
    ground = picture(80, 80, 0)
    points = np.random.default_rng(0).uniform(5, 75, (68, 2))
    without = points.copy()
    without[:17] = np.nan
    np.testing.assert_array_equal(
        draw_landmarks(ground, points[17:]), draw_landmarks(ground, without)
    )
    few = draw_landmarks(ground, points[:12])
    assert set(np.unique(few).tolist()) == {0, 255}
    assert draw_landmarks(ground, np.zeros((0, 2))).max() == 0
    with pytest.raises(InputError, match=r"\(L,2\)"):
        draw_landmarks(ground, np.zeros((68, 3)))


def test_strip_brings_all_to_the_first_height():
    row = strip([picture(10, 6, 50), picture(20, 30, 100), picture(10, 3, 150)])
    assert row.shape == (10, 6 + 15 + 3, 3)
    assert (row[:, :6] == 50).all() and (row[:, 6:21] == 100).all() and (row[:, 21:] == 150).all()


def test_contact_sheet_goes_row_by_row_and_keeps_proportions():
    sheet = contact_sheet([picture(40, 20, v) for v in (10, 20, 30)], columns=2, cell=16)
    assert sheet.shape == (32, 32, 3)
    assert (sheet[:16, :8] == 10).all() and (sheet[:16, 16:24] == 20).all()
    assert (sheet[16:, :8] == 30).all()
    assert (sheet[:16, 8:16] == 64).all() and (sheet[16:, 16:] == 64).all()


def test_resize():
    assert resize(picture(8, 8, 7), 3, 5).shape == (3, 5, 3)


@pytest.mark.parametrize("call", [strip, lambda p: contact_sheet(p, 2, 16)])
def test_nothing_to_show(call):
    with pytest.raises(InputError, match="pictures"):
        call([])
