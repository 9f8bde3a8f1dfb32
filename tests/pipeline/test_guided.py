"""The guided filter beside kornia's and beside what it is for."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from selfie3d.pipeline.segment.guided import guided_filter


def test_inside_it_is_kornias() -> None:
    filters = pytest.importorskip("kornia.filters")
    random = np.random.default_rng(3)
    guide = random.random((40, 50, 3)).astype(np.float32)
    maps = random.random((40, 50, 4)).astype(np.float32)
    half, smooth = 3, 1e-2
    planes = (torch.from_numpy(part).permute(2, 0, 1)[None].double() for part in (guide, maps))
    wanted = filters.guided_blur(*planes, 2 * half + 1, smooth)[0].permute(1, 2, 0).numpy()
    found = guided_filter(guide, maps, half, smooth)
    inner = slice(2 * half, -2 * half)  # they go on beyond the border in another way
    assert np.abs(found - wanted)[inner, inner].max() < 1e-4


def test_an_edge_follows_the_guides() -> None:
    """A map's border that is three pixels off jumps where the colours do."""
    guide = np.full((30, 60, 3), 0.2, np.float32)
    guide[:, 30:] = [0.9, 0.5, 0.3]
    rough = np.zeros((30, 60, 1), np.float32)
    rough[:, 33:] = 1
    found = guided_filter(guide, rough, 6, 1e-4)[..., 0]
    assert found[:, 29].max() < 0.02 and found[:, 30].min() > 0.4
    assert found.min() > -0.05 and found.max() < 1.05


def test_an_even_guide_leaves_a_mean() -> None:
    maps = np.random.default_rng(4).random((20, 20, 2)).astype(np.float32)
    found = guided_filter(np.full((20, 20, 3), 0.5, np.float32), maps, 50, 1e-3)
    assert np.ptp(found, (0, 1)).max() < 0.2
