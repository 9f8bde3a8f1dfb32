from __future__ import annotations

import sys

import numpy as np
import pytest
import torch
from selfie3d.core.errors import InputError, MissingFileError
from selfie3d.core.weights_dir import KNOWN_WEIGHTS
from selfie3d.prepare.estimators import (
    BY_FAN,
    FAN_FILES,
    FanNetwork,
    fan_points,
    find_fan,
    make_estimator,
    peaks,
)
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


def test_the_files_of_both_versions_are_named():
    """Those of 1.5 as the installed package downloads them; 1.4's are its former names."""
    for names in FAN_FILES.values():
        assert all(name in KNOWN_WEIGHTS for name in names)
        assert [KNOWN_WEIGHTS[name].instead for name in names] == list(names[::-1])
    api = pytest.importorskip("face_alignment.api")
    urls = getattr(api, "models_urls", {})
    wanted = [urls[key].rsplit("/", 1)[1] for key in ("2DFAN-4", "3DFAN-4")]
    assert [names for names in FAN_FILES.values() if not set(names) & set(wanted)] == []


@pytest.fixture
def small_fan(tmp_path):
    """The network of face-alignment 1.5 with one stack, drawn at random, and its file."""
    models = pytest.importorskip("face_alignment.models")
    torch.manual_seed(5)
    network = models.FAN(1).eval()
    path = tmp_path / "2DFAN4-11f355bf06.pth.tar"
    torch.save(network.state_dict(), path)
    return network, path


def test_weights_of_the_newer_version(small_fan, one_thread):
    network, path = small_fan
    found = find_fan("auto", path.parent)
    assert found == {"ibug68-2d": path}
    crops = torch.rand(1, 3, 256, 256, generator=torch.Generator().manual_seed(2))
    with torch.inference_mode():
        expected = network(crops)[-1]
        torch.testing.assert_close(FanNetwork(path)._maps(crops), expected)
    (path.parent / FAN_FILES["ibug68-2d"][0]).write_bytes(b"x")  # the script needs no package
    assert find_fan("auto", path.parent)["ibug68-2d"].suffix == ".zip"


def test_weights_without_the_package_or_of_another_network(small_fan, monkeypatch):
    _, path = small_fan
    weights = torch.load(path, weights_only=True)
    torch.save({key: value for key, value in weights.items() if "conv1" not in key}, path)
    with pytest.raises(InputError, match="2DFAN4"):
        FanNetwork(path)
    path.write_bytes(b"nothing of the kind")
    with pytest.raises(InputError, match="FAN's weights"):
        FanNetwork(path)
    torch.save(weights, path)
    monkeypatch.setitem(sys.modules, "face_alignment.models", None)
    with pytest.raises(MissingFileError, match=r"selfie3d\[landmarks\]") as caught:
        FanNetwork(path)
    assert FAN_FILES["ibug68-2d"][0] in str(caught.value)
