from __future__ import annotations

import numpy as np
import pytest
import torch
from selfie3d.core.errors import InputError
from selfie3d.prepare.estimators import BY_FAN, find_fan, make_estimator
from selfie3d.prepare.fan import FanNetwork, fan_points, peaks
from torch import Tensor, nn
from torch.nn import functional

FIVE = np.array([[130.0, 140], [190, 140], [160, 175], [138, 205], [182, 205]])


class RedDot(nn.Module):
    """A stand-in for FAN: every map is the red of the crop."""

    def forward(self, crops: Tensor) -> Tensor:
        red = functional.avg_pool2d(crops[:, :1] - crops[:, 1:2], 4)
        return red.expand(-1, 68, -1, -1)


@pytest.fixture
def red_dot(tmp_path):
    path = tmp_path / "3DFAN4-4a694010b9.zip"
    torch.jit.script(RedDot()).save(str(path))
    return path


def picture_with_dot(x: float, y: float) -> np.ndarray:
    rows, columns = np.mgrid[:320, :320] + 0.5
    dot = np.exp(-((columns - x) ** 2 + (rows - y) ** 2) / 18)
    picture = np.zeros((320, 320, 3), np.uint8)
    picture[..., 0] = (255 * dot).astype(np.uint8)
    return picture


def test_peaks_against_a_loop():
    maps = torch.rand(68, 64, 64, generator=torch.Generator().manual_seed(1))
    maps[0, 0, 5] = 2.0  # at the border there is no quarter
    found = peaks(maps)
    for k in range(68):
        y, x = divmod(int(maps[k].argmax()), 64)
        dx = dy = 0.0
        if 0 < x < 63 and 0 < y < 63:
            dx = 0.25 if maps[k, y, x + 1] > maps[k, y, x - 1] else -0.25
            dy = 0.25 if maps[k, y + 1, x] > maps[k, y - 1, x] else -0.25
        assert found[k].tolist() == [x + 0.5 + dx, y + 0.5 + dy]


@pytest.mark.parametrize("place", [FIVE, np.array([[115.0, 120], [205, 225]])])
def test_points_come_back_in_the_photograph(red_dot, place):
    """Within half a cell of the maps, about 2 pixels here, and to neither side on average."""
    network = FanNetwork(red_dot)
    spots = np.random.default_rng(3).uniform([125, 140], [205, 205], (30, 2))
    errors = []
    for spot in spots:
        points = fan_points(network, picture_with_dot(*spot), place)
        assert points.shape == (68, 2) and (points == points[0]).all()
        errors.append(points[0] - spot)
    assert np.abs(errors).max() < 2.3
    assert np.abs(np.mean(errors, 0)).max() < 0.4


def test_fan_is_taken_where_its_weights_are(red_dot):
    assert find_fan("own", red_dot.parent) == {}
    found = find_fan("auto", red_dot.parent)
    assert found == {"ibug68-3d": red_dot}
    estimate = make_estimator(found)([picture_with_dot(150, 160)], [FIVE])[0]
    assert estimate.source == BY_FAN and set(estimate.landmarks) == {"ibug68-3d"}


def test_a_damaged_file(red_dot):
    red_dot.write_bytes(b"nothing of the kind")
    with pytest.raises(InputError, match="3DFAN4"):
        FanNetwork(red_dot)
