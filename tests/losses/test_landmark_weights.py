from __future__ import annotations

import pytest
import torch
from selfie3d.core.errors import UnknownNameError
from selfie3d.losses.landmark import LANDMARK_WEIGHTS, landmark_weights


@pytest.mark.parametrize("name", LANDMARK_WEIGHTS.names())
def test_every_preset_has_68_and_is_new_each_time(name):
    weights = landmark_weights(name)
    assert weights.shape == (68,) and weights.dtype == torch.float32 and bool((weights >= 0).all())
    weights[0] = 99
    assert landmark_weights(name)[0] != 99


@pytest.mark.parametrize(
    ("name", "groups"),
    [
        ("uniform", {1.0: range(68)}),
        ("deep3d", {20.0: [28, 29, 30, 60, 61, 62, 63, 64, 65, 66, 67]}),
        ("mlanet", {20.0: [60, 61, 62, 63, 64, 65, 66, 67]}),
        ("mobile-facernet", {0.5: range(17)}),
        ("inner", {0.0: range(17)}),
    ],
)
def test_presets(name, groups):
    expected = [1.0] * 68
    for weight, points in groups.items():
        for n in points:
            expected[n] = weight
    assert landmark_weights(name).tolist() == expected


def test_unknown_preset():
    with pytest.raises(UnknownNameError, match="mlanet"):
        landmark_weights("mlnet")
