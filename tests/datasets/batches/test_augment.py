"""Frames, warps and colours of batches against torch's own sampling."""

from __future__ import annotations

import math

import numpy as np
import pytest
import torch
from selfie3d.core.errors import InputError
from selfie3d.datasets.batches.augment import (
    NO_AUGMENTATION,
    AugmentConfig,
    change_colours,
    cover,
    draw_frames,
    move_points,
)
from selfie3d.geometry.cut import warp
from torch.nn import functional

STILL = dict.fromkeys(("tight_scale", "tight_shift", "turned", "mirrored"), 0.0)


def generator(seed: int = 0) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


def pictures(count: int = 4, height: int = 40, width: int = 50) -> np.ndarray:
    return np.random.default_rng(0).integers(0, 256, (count, height, width, 3), dtype=np.uint8)


def some_frames(count: int = 4) -> torch.Tensor:
    points = torch.rand(count, 9, 2, generator=generator()) * 25 + 10
    return draw_frames(points, 32, AugmentConfig(turned=1.0), generator(1))


@pytest.mark.parametrize(("reflected", "mode"), [(True, "reflection"), (False, "zeros")])
def test_warp_is_grid_sample(reflected, mode):
    images, frames = pictures(), some_frames()
    found = warp(images, frames, 32, torch.full((4,), reflected))
    y, x = torch.meshgrid(torch.arange(32) + 0.5, torch.arange(32) + 0.5, indexing="ij")
    crop = torch.stack([x, y], -1).reshape(1, -1, 2)
    inverse = torch.linalg.inv(frames[:, :, :2])
    photo = (crop - frames[:, None, :, 2]) @ inverse.transpose(1, 2)
    grid = (photo / torch.tensor([50, 40]) * 2 - 1).view(4, 32, 32, 2)
    source = torch.from_numpy(images).permute(0, 3, 1, 2).float() / 255
    expected = functional.grid_sample(source, grid, padding_mode=mode, align_corners=False)
    compared = torch.ones(4, 32, 32, dtype=torch.bool)
    if not reflected:  # at the very border grid_sample fades to black; ours ends there
        half = torch.tensor([1 / 50, 1 / 40])
        compared = (grid.abs() < 1 - half).all(-1) | (grid.abs() > 1 + half).any(-1)
    error = (found - expected).abs().amax(1)
    assert float(error[compared].max()) < 1e-4
    assert compared.float().mean() > 0.9


def test_frame_is_the_protocols_square():
    """Side sqrt(2) times the longer side of the landmarks' box, in the middle."""
    points = torch.tensor([[[10.0, 20.0], [50.0, 40.0], [30.0, 25.0]]])
    frame = draw_frames(points, 96, NO_AUGMENTATION, generator())[0]
    scale = 96 / (40 * math.sqrt(2))
    centre = frame[:, :2] @ torch.tensor([30.0, 30.0]) + frame[:, 2]
    torch.testing.assert_close(frame[:, :2], scale * torch.eye(2))
    torch.testing.assert_close(centre, torch.tensor([48.0, 48.0]))


def test_points_move_with_the_picture():
    """A bright pixel ends where its centre is said to end."""
    images = np.zeros((1, 40, 50, 3), np.uint8)
    images[0, 12, 30] = 255
    frame = torch.tensor([[[1.5, -0.7, -5.0], [0.7, 1.5, -20.0]]])
    seen = warp(images, frame, 48, torch.tensor([False]))[0, 0]
    y, x = torch.meshgrid(torch.arange(48) + 0.5, torch.arange(48) + 0.5, indexing="ij")
    centre = torch.stack([(seen * x).sum(), (seen * y).sum()]) / seen.sum()
    moved = move_points(torch.tensor([[[30.5, 12.5, 7.0]]]), frame, 48)[0, 0]
    torch.testing.assert_close((moved[:2] + 1) * 24, centre, atol=0.15, rtol=0)
    assert float(moved[2]) == pytest.approx(7 * math.hypot(1.5, 0.7) / 24)


def test_every_draw_comes_from_the_generator():
    points = torch.rand(6, 9, 2, generator=generator()) * 25
    config = AugmentConfig()
    images = torch.rand(6, 3, 8, 8, generator=generator())
    for _ in range(2):
        once, again = (
            (draw_frames(points, 32, config, g), change_colours(images, config, g))
            for g in (generator(5), generator(5))
        )
        assert all(torch.equal(a, b) for a, b in zip(once, again, strict=True))


def test_no_augmentation_changes_nothing():
    images = torch.rand(3, 3, 8, 8, generator=generator())
    changed = change_colours(images.clone(), NO_AUGMENTATION, generator())
    torch.testing.assert_close(changed, images)
    assert torch.equal(cover(images.clone(), NO_AUGMENTATION, generator()), images)


def test_cover_paints_one_plain_rectangle():
    images = torch.full((40, 3, 32, 32), -1.0)
    painted = cover(images, AugmentConfig(covered=1.0), generator(2))
    inside = (painted >= 0).all(1)
    sizes = []
    for k in range(40):
        rows, columns = inside[k].any(1), inside[k].any(0)
        assert int(inside[k].sum()) == int(rows.sum()) * int(columns.sum())
        assert len(painted[k][:, inside[k]].unique(dim=1).T) <= 1
        sizes.append(int(inside[k].sum()))
    assert max(sizes) > 40


def test_wrong_arguments_are_named():
    with pytest.raises(InputError, match="covered"):
        AugmentConfig(covered=1.2)
    with pytest.raises(InputError, match="images"):
        warp(pictures().astype(np.float32), some_frames(), 32, torch.zeros(4, dtype=torch.bool))


def test_wide_crops_show_more_and_the_others_stay_as_they_were():
    points = torch.rand(400, 68, 2, generator=generator(0)) * 60 + 40
    plain = draw_frames(points, 112, AugmentConfig(turned=0, tight=1, tight_scale=0), generator(1))
    config = AugmentConfig(turned=0, tight=1, tight_scale=0, wide=0.5)
    wide = draw_frames(points, 112, config, generator(1))
    ratio = plain[:, 0, 0] / wide[:, 0, 0]
    longer = ratio > 1.001
    assert 0.4 < longer.float().mean() < 0.6
    assert 1.35 < ratio.max() <= 1.4 + 1e-4
    torch.testing.assert_close(ratio[~longer], torch.ones_like(ratio[~longer]), rtol=0, atol=2e-3)
