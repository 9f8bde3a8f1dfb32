"""The frames in which a network sees faces."""

from __future__ import annotations

import math

import pytest
import torch
from selfie3d.core.errors import InputError
from selfie3d.geometry.crop import FRAME_PER_BOX, Crop
from selfie3d.pipeline.locate.frame import frame_of_box, frame_of_points, tight_frame

FIVE = torch.tensor([[-30.0, 0], [30, 0], [0, 35], [-24, 65], [24, 65]])


def turned(points: torch.Tensor, degrees: float) -> torch.Tensor:
    angle = math.radians(degrees)
    c, s = math.cos(angle), math.sin(angle)
    return points.double() @ torch.tensor([[c, s], [-s, c]], dtype=torch.float64) + 200


def test_a_box_stands_in_the_middle():
    crop = frame_of_box((10.0, 20, 110, 100), 96)
    corners = crop.to_crop(torch.tensor([[10.0, 20], [110, 100]]))
    side = 96 / FRAME_PER_BOX
    assert torch.allclose(corners.mean(0), torch.tensor([48.0, 48]))
    assert float(corners[1, 0] - corners[0, 0]) == pytest.approx(side)


@pytest.mark.parametrize("box", [(1.0, 1, 1, 1), (0.0, 0, math.nan, 5), (0.0, 0, math.inf, 5)])
def test_a_box_without_area(box):
    with pytest.raises(InputError, match="box"):
        frame_of_box(box, 96)


@pytest.mark.parametrize("degrees", [-120.0, -20.0, 0.0, 75.0])
def test_five_points_stand_upright(degrees):
    seen = frame_of_points(turned(FIVE, degrees), 96).to_crop(turned(FIVE, degrees))
    upright = frame_of_points(turned(FIVE, 0), 96).to_crop(turned(FIVE, 0))
    torch.testing.assert_close(seen, upright, atol=1e-4, rtol=0)
    assert float(seen[1, 0]) > float(seen[0, 0]) and 0 < float(seen.min()) < float(seen.max()) < 96


@pytest.mark.parametrize("degrees", [0.0, 40.0])
def test_the_second_frame_fits_the_landmarks_within_the_first(degrees):
    points = turned(FIVE * torch.tensor([2.0, 1.5]), degrees)
    first = frame_of_points(turned(FIVE, degrees), 96)
    inside = tight_frame(points, first).to_crop(points)
    extent = inside.amax(0) - inside.amin(0)
    assert float(extent.max()) == pytest.approx(96 / FRAME_PER_BOX)
    torch.testing.assert_close(
        (inside.amax(0) + inside.amin(0)) / 2, torch.full((2,), 48.0).double()
    )


def test_an_implausible_find_keeps_the_frame():
    first = Crop.from_square((50.0, 50.0), 100.0, 96)
    far = torch.tensor([[50.0, 50], [50.5, 50.2]])
    assert tight_frame(far, first) is first
    assert tight_frame(far * torch.tensor([1000.0, 1]), first) is first
