"""Classes and visible points of crops against loops over single pixels and bits."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from selfie3d.core.errors import InputError
from selfie3d.datasets.batches.augment import (
    AugmentConfig,
    Rectangles,
    draw_frames,
    draw_rectangles,
    paint,
)
from selfie3d.datasets.shards.rendered import CELL, cover_labels, seen_points, warp_labels
from selfie3d.geometry.segments import Segment


def generator(seed: int = 0) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


def some_maps(count: int = 3, height: int = 40, width: int = 50) -> np.ndarray:
    return np.random.default_rng(0).integers(0, 16, (count, height, width), dtype=np.uint8)


def packed(maps: np.ndarray) -> np.ndarray:
    return (maps[..., 0::2] << 4) | maps[..., 1::2]


@pytest.mark.parametrize("reflected", [True, False])
def test_every_place_is_the_pixel_below_its_middle(reflected):
    maps = some_maps()
    points = torch.rand(3, 9, 2, generator=generator()) * 25 + 10
    frames = draw_frames(points, 32, AugmentConfig(turned=1.0), generator(1))
    found = warp_labels(packed(maps), frames, 32, torch.full((3,), reflected))
    assert found.shape == (3, 32 // CELL, 32 // CELL) and found.dtype == torch.int64
    outside = 0
    for b in range(3):
        for row in range(8):
            for column in range(8):
                crop = torch.tensor([CELL * (column + 0.5), CELL * (row + 0.5)])
                x, y = torch.linalg.solve(frames[b, :, :2], crop - frames[b, :, 2]).tolist()
                i, j = int(np.floor(x)), int(np.floor(y))
                if not (0 <= i < 50 and 0 <= j < 40):
                    outside += 1
                    if not reflected:
                        assert found[b, row, column] == Segment.BACKGROUND
                        continue
                    i, j = (i if 0 <= i < 50 else -1 - i if i < 0 else 99 - i,
                            j if 0 <= j < 40 else -1 - j if j < 0 else 79 - j)  # fmt: skip
                assert found[b, row, column] == maps[b, j, i]
    assert outside > 3


def test_bits_of_vertices():
    seen = np.random.default_rng(1).random((4, 43)) < 0.5
    vertices = torch.tensor([0, 7, 8, 42, 13, 13])
    found = seen_points(np.packbits(seen, axis=-1), vertices)
    assert torch.equal(found, torch.from_numpy(seen[:, vertices.numpy()]))
    with pytest.raises(InputError, match="bits of 49 vertices"):
        seen_points(np.packbits(seen, axis=-1), torch.tensor([48]))


def test_rectangles_hide_what_they_are_painted_over():
    size, count = 64, 30
    covers = draw_rectangles(count, 1.0, generator(3))
    covers = Rectangles(covers.chosen, covers.place, torch.full((count, 3, 1, 1), 9.0))
    painted = paint(torch.zeros(count, 3, size, size), covers)[:, 0] > 1
    points = torch.rand(count, 50, 3, generator=generator(4)) * 2 - 1
    visible = torch.ones(count, 50, dtype=torch.bool)
    classes = torch.ones(count, size // CELL, size // CELL, dtype=torch.int64)
    cover_labels(points, visible, classes, covers)
    pixels = ((points[..., :2] + 1) / 2 * size).long().clamp(0, size - 1)
    below = painted[torch.arange(count)[:, None], pixels[..., 1], pixels[..., 0]]
    assert float((visible == ~below).float().mean()) > 0.98  # edges fall between pixels
    middle = painted[:, CELL // 2 :: CELL, CELL // 2 :: CELL]
    assert float(((classes == Segment.OCCLUDER) == middle).float().mean()) > 0.98
    assert 0.02 < float((~visible).float().mean()) < 0.3
    cover_labels(points, None, None, covers)


def test_wrong_labels_are_named():
    frames, plain = torch.eye(2, 3).expand(3, 2, 3), torch.zeros(3, dtype=torch.bool)
    with pytest.raises(InputError, match="uint8"):
        warp_labels(some_maps().astype(np.int64), frames, 32, plain)
    with pytest.raises(InputError, match="a multiple of 4"):
        warp_labels(packed(some_maps()), frames, 30, plain)
