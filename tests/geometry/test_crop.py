from __future__ import annotations

import math

import numpy as np
import pytest
import torch
from selfie3d.core.errors import InputError
from selfie3d.geometry.crop import Crop


def gradient(height: int, width: int) -> torch.Tensor:
    """An image whose red is x and whose green is y in pixels: it names the place it shows."""
    y, x = torch.meshgrid(torch.arange(height) + 0.5, torch.arange(width) + 0.5, indexing="ij")
    return torch.stack([x, y, torch.ones_like(x)])[None].float()


CROPS = {
    "same scale": Crop.from_square((60.0, 50.0), 32.0, 32),
    "enlarged": Crop.from_square((60.3, 49.6), 10.0, 32),
    "turned": Crop.from_square((60.0, 50.0), 24.0, 32, roll=0.6),
    "shrunk a little": Crop.from_square((60.0, 50.0), 48.0, 32),
    "shrunk by three": Crop.from_square((60.0, 50.0), 66.0, 22),
    "shrunk and turned": Crop.from_square((60.0, 50.0), 60.0, 12, roll=-0.9),
}


@pytest.mark.parametrize("name", CROPS)
def test_there_and_back(name):
    crop = CROPS[name]
    points = torch.rand(4, 5, 2, generator=torch.Generator().manual_seed(0)).double() * 100
    there = crop.to_crop(points)
    assert torch.allclose(crop.to_photo(there), points, atol=1e-9)
    distance = (points[0, 0] - points[0, 1]).norm()
    assert float((there[0, 0] - there[0, 1]).norm()) == pytest.approx(crop.scale * float(distance))


@pytest.mark.parametrize("name", CROPS)
def test_every_pixel_shows_the_place_it_maps_to(name):
    crop = CROPS[name]
    cut, inside = crop.warp(gradient(100, 120))
    assert torch.allclose(inside, torch.ones_like(inside), atol=1e-5)
    for row, column in np.ndindex(*crop.size):
        pixel = torch.tensor([column + 0.5, row + 0.5]).double()
        expected = crop.to_photo(pixel)
        assert torch.allclose(cut[0, :2, row, column].double(), expected, atol=2e-3)


def test_roll_is_clockwise():
    """A face that is turned clockwise stands upright: what was right of the top is above."""
    crop = Crop.from_square((50.0, 50.0), 20.0, 20, roll=math.pi / 2)
    above = crop.to_crop(torch.tensor([58.0, 50.0]).double())
    assert above.tolist() == pytest.approx([10.0, 2.0], abs=1e-5)


def test_shrinking_averages_whole_blocks():
    """Noise becomes as quiet as the mean of 36 pixels is, instead of aliasing."""
    noise = torch.rand(1, 3, 192, 192, generator=torch.Generator().manual_seed(0))
    cut, _ = Crop.from_square((96.0, 96.0), 192.0, 32).warp(noise)
    assert float(cut.std()) == pytest.approx(12**-0.5 / 6, rel=0.1)
    blocks = noise.reshape(1, 3, 32, 6, 32, 6).mean((3, 5))
    assert torch.allclose(cut, blocks, atol=1e-4)


@pytest.mark.parametrize("size", [16, 4], ids=["same scale", "shrunk"])
def test_outside_is_black_and_not_inside(size):
    cut, inside = Crop.from_square((0.0, 32.0), 16.0, size).warp(torch.ones(2, 3, 64, 64))
    half = size // 2
    assert cut.shape == (2, 3, size, size) and inside.shape == (2, 1, size, size)
    assert cut[..., : half - 1].abs().max() == 0 and inside[..., : half - 1].abs().max() == 0
    assert torch.allclose(cut[..., half + 1 :], torch.ones(()))
    assert torch.allclose(inside[..., half + 1 :], torch.ones(()))


@pytest.mark.parametrize("width", [64, 61])
def test_right_border_of_a_photograph_no_block_divides(width):
    """The last, partly filled block counts as partly inside, never as black face."""
    crop = Crop.from_square((float(width), 32.0), 32.0, 8)  # blocks of 4
    cut, inside = crop.warp(torch.ones(1, 3, 64, width))
    assert torch.allclose(cut, inside.expand_as(cut), atol=1e-6)
    assert float(inside.mean()) == pytest.approx(0.5, abs=0.03)


def test_a_crop_wholly_outside_is_empty():
    cut, inside = Crop.from_square((-500.0, 900.0), 30.0, 8).warp(torch.ones(1, 3, 40, 40))
    assert cut.abs().max() == 0 and inside.abs().max() == 0


def test_a_window_of_a_large_photograph_is_the_same_window_of_a_small_one():
    image = torch.rand(1, 3, 90, 110, generator=torch.Generator().manual_seed(0))
    whole, _ = Crop.from_square((70.0, 40.0), 20.0, 30, roll=0.3).warp(image)
    part, _ = Crop.from_square((30.0, 20.0), 20.0, 30, roll=0.3).warp(image[..., 20:70, 40:100])
    assert torch.allclose(whole, part, atol=1e-4)


@pytest.mark.parametrize("side", [0.0, -3.0, float("nan")])
def test_a_side_must_be_positive(side):
    with pytest.raises(InputError, match="side"):
        Crop.from_square((0.0, 0.0), side, 8)


def test_bad_matrices():
    for bad in (torch.zeros(2, 3), torch.eye(3), torch.full((2, 3), math.nan)):
        with pytest.raises(InputError, match="crop matrix"):
            Crop(bad.double(), (4, 4))
    with pytest.raises(InputError, match="image"):
        Crop.from_square((0.0, 0.0), 1.0, 8).warp(torch.zeros(3, 4, 4))
    with pytest.raises(InputError, match="points"):
        Crop.from_square((0.0, 0.0), 1.0, 8).to_crop(torch.zeros(4, 3))
