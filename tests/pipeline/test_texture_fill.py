"""Smooth completion: near what is known it is that, far from it what is usual."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.ndimage import uniform_filter, zoom
from selfie3d.pipeline.texture.fill import Coarse, beside, continued, spread

SIZE = 256


def patch(weight: float) -> np.ndarray:
    """A patch as large as the reach, known as well as `weight`: 1 on it, usual is 0."""
    known = np.zeros((SIZE, SIZE), np.float32)
    known[100:140, 20:60] = weight
    values = np.ones((SIZE, SIZE, 1), np.float32)
    own = np.ones((SIZE, SIZE), bool)
    return continued(values, known, np.zeros(1, np.float32), 40.0, own)[..., 0]


def test_what_is_known_is_believed_nearby_and_what_is_usual_far_away():
    found = patch(1.0)[120]
    assert found[24:56].min() > 0.98
    assert found[63] > 0.6 and found[220] < 0.15
    assert (np.diff(found[60:]) < 0.05).all()  # nowhere does it jump up again


def test_a_doubtful_patch_does_not_spread():
    """Known a tenth as well as the usual it counts a tenth at most, although all alone."""
    assert 0.02 < patch(0.1 / 40**2).max() < 0.1


def test_texels_that_do_not_matter_say_nothing():
    """Beyond a chart's border the usual value would be 9: it must not leak into the chart."""
    own = np.zeros((SIZE, SIZE), bool)
    own[:, :128] = True
    usual = np.where(own, 1.0, 9.0)[..., None].astype(np.float32)
    nothing = np.zeros((SIZE, SIZE), np.float32)
    found = continued(np.zeros((SIZE, SIZE, 1), np.float32), nothing, usual, 40.0, own)
    np.testing.assert_allclose(found[:, :127], 1.0, atol=1e-4)


def test_spreading_on_a_coarser_map_is_continuing_and_smoothing():
    random = np.random.default_rng(2)
    size = 4 * SIZE
    known = np.zeros((size, size), np.float32)
    known[300:700, 200:500] = random.uniform(size=(400, 300))
    slope = np.linspace(0, 1, size, dtype=np.float32)
    values = np.stack(np.broadcast_arrays(slope, slope[:, None], np.float32(0.3)), -1)
    own = np.ones((size, size), bool)
    own[:, 900:] = False
    given = np.ascontiguousarray(values), known, np.full(3, 0.1, np.float32), 200.0, own
    fine = continued(*given)
    for _ in range(2):
        fine = uniform_filter(fine, 61, axes=(0, 1), mode="nearest")
    found = spread(*given, 30.0)
    assert found.cell == 4 and found.values.shape == (SIZE, SIZE, 3)
    coarse = zoom(found.values, (4, 4, 1), order=1, mode="nearest", grid_mode=True)
    fine, coarse = fine[:, :860], coarse[:, :860]
    assert np.abs(fine - coarse).mean() < 0.004 and np.abs(fine - coarse).max() < 0.03


@pytest.mark.parametrize("cell", [1, 4])
def test_beside_what_is_known_a_map_meets_it_and_farther_away_the_coarse_one(cell):
    known = np.zeros((SIZE, SIZE), np.float32)
    known[:, :100] = 1
    values = np.full((SIZE, SIZE, 3), 0.8, np.float32)
    far = Coarse(np.full((SIZE // cell, SIZE // cell, 3), 0.2, np.float32), cell)
    found = beside(values, known, far, 8.0, np.ones((SIZE, SIZE), bool))
    assert found.cell == min(cell, 2)
    row = found.values[SIZE // found.cell // 2, :, 0]
    border = 100 // found.cell
    np.testing.assert_allclose(row[: border - 1], 0.8, atol=0.05)
    assert row[border] > 0.45 and (np.diff(row[border:]) < 0.01).all()
    np.testing.assert_allclose(row[150 // found.cell :], 0.2, atol=0.05)
