from __future__ import annotations

import math

import pytest
import torch
from selfie3d.pipeline.locate.frame import crop_around_points

# Eyes, nose, mouth corners of an upright face whose eyes are 60 px apart.
UPRIGHT = torch.tensor([[170.0, 200], [230, 200], [200, 235], [178, 265], [222, 265]])


def turned(points: torch.Tensor, angle: float) -> torch.Tensor:
    """Clockwise in the image about (200, 230)."""
    c, s = math.cos(angle), math.sin(angle)
    middle = torch.tensor([200.0, 230])
    return (points - middle) @ torch.tensor([[c, s], [-s, c]]) + middle


def test_upright_face_lies_in_the_middle():
    crop = crop_around_points(UPRIGHT, 224)
    assert crop.size == (224, 224)
    points = crop.to_crop(UPRIGHT.double())
    assert float(points[:2, 0].mean()) == pytest.approx(112, abs=1e-3)
    assert points[0, 1] == pytest.approx(float(points[1, 1]))
    assert 50 < points[0, 1] < 112 < points[3, 1] < 174
    assert float(points[1, 0] - points[0, 0]) == pytest.approx(
        224 / 3.6 * 60 / (65 / 0.85), rel=1e-3
    )


@pytest.mark.parametrize("angle", [0.3, -0.8, 2.0, 3.1])
def test_a_rolled_face_stands_upright_at_the_same_place(angle):
    upright = crop_around_points(UPRIGHT, 100).to_crop(UPRIGHT.double())
    rolled = turned(UPRIGHT, angle)
    assert torch.allclose(
        crop_around_points(rolled, 100).to_crop(rolled.double()), upright, atol=1e-2
    )


@pytest.mark.parametrize("squeeze", [0.6, 0.3, 0.0])
def test_a_turned_head_keeps_its_size(squeeze):
    """Yaw moves the eyes together in the image; the crop is then held by eyes to mouth."""
    profile = UPRIGHT.clone()
    profile[:, 0] = 200 + squeeze * (profile[:, 0] - 200)
    crop = crop_around_points(profile, 100)
    assert crop.scale == pytest.approx(crop_around_points(UPRIGHT, 100).scale, rel=1e-4)
    eyes = crop.to_crop(profile.double())[:2]
    assert float((eyes[0] - eyes[1])[1]) == pytest.approx(0, abs=1e-3)


@pytest.mark.parametrize("factor", [0.1, 20.0])
def test_scales_with_the_photograph(factor):
    there = crop_around_points(UPRIGHT * factor, 224)
    assert there.scale == pytest.approx(crop_around_points(UPRIGHT, 224).scale / factor, rel=1e-4)
