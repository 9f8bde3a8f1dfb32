"""Crops of single photographs against interpolation written out and exact averages."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from PIL import Image
from selfie3d.core.errors import InputError
from selfie3d.datasets.batches.collate import after, mirror_matrix
from selfie3d.geometry.crop import Crop
from selfie3d.geometry.cut import cut_out, warp
from selfie3d.pipeline.locate.cut import cut_tensor


def similarity(scale: float, angle: float, shift: tuple[float, float]) -> torch.Tensor:
    c, s = scale * np.cos(angle), scale * np.sin(angle)
    return torch.tensor([[c, -s, shift[0]], [s, c, shift[1]]], dtype=torch.float64)


@pytest.mark.parametrize("scale", [0.9, 1.0, 2.3])
def test_enlarging_is_bilinear_interpolation(picture, scale):
    """Equals the crops of rendered training, which are tested against grid_sample."""
    image, matrix = picture(40, 50), similarity(scale, 0.3, (12.0, -9.0))
    found, inside = cut_out(image, matrix, 32)
    expected = warp(image[None], matrix[None].float(), 32, torch.tensor([False]))[0]
    torch.testing.assert_close(found, expected, atol=2e-4, rtol=0)
    assert 0 < float(inside.mean()) < 1
    assert bool((found[:, inside[0] == 0] == 0).all())


@pytest.mark.parametrize("factor", [2, 4, 8, 13])
def test_shrinking_averages(factor):
    """A pixel of the crop is the mean of the photograph's pixels under it."""
    image = np.random.default_rng(1).integers(0, 256, (factor * 9, factor * 9, 3), dtype=np.uint8)
    found, inside = cut_out(image, similarity(1 / factor, 0, (0, 0)), 9)
    blocks = image.reshape(9, factor, 9, factor, 3).mean((1, 3)) / 255
    error = np.abs(found.permute(1, 2, 0).numpy() - blocks)
    # Bilinear samples reach a little beyond the pixel, so on pure noise it is not the very same.
    spread = blocks.std()
    assert np.sqrt((error**2).mean()) < 0.55 * spread
    assert bool((inside == 1).all())


@pytest.mark.parametrize("factor", [1.7, 2.6, 5.3, 11.0])
def test_shrinking_keeps_fine_stripes_from_aliasing(factor):
    """One-pixel stripes become grey; nearest or plain bilinear sampling makes bands of them."""
    stripes = np.repeat(np.tile([0, 255], 200).astype(np.uint8)[None, :, None], 400, 0)
    image = np.repeat(stripes, 3, 2)
    found, _ = cut_out(image, similarity(1 / factor, 0.2, (5, -5)), 30)
    middle = found[:, 8:22, 8:22]
    assert float((middle - 0.5).abs().max()) < 0.16
    assert float(middle.std()) < 0.08  # the stripes: 0.5


@pytest.mark.parametrize("factor", [1.5, 3.0, 6.4])
def test_shrinking_does_not_shift(picture, factor):
    """Ramps stay where they are, to 0.3 grey levels; half a block more would be 0.5 and above."""
    y, x = np.mgrid[0:330, 0:360] + 0.5
    ramps = np.stack([x / 2, y / 2, (x + y) / 4], 2)
    image = (ramps + np.random.default_rng(0).uniform(0, 1, ramps.shape)).astype(np.uint8)
    matrix = similarity(1 / factor, 0.4, (20, 0))
    found, _ = cut_out(image, matrix, 48)
    v, u = torch.meshgrid(torch.arange(48) + 0.5, torch.arange(48) + 0.5, indexing="ij")
    photo = Crop(matrix, (48, 48)).to_photo(torch.stack([u, v], -1).double())
    expected = torch.stack([photo[..., 0] / 2, photo[..., 1] / 2, photo.sum(-1) / 4]) / 255
    margin = float(factor)
    limit = torch.tensor([360.0, 330.0])
    well = ((photo > margin) & (photo < limit - margin)).all(-1)
    assert float(well.float().mean()) > 0.2
    error = (found - expected)[:, well]
    assert float(error.abs().max()) < 1.1 / 255
    assert float(error.mean(1).abs().max()) < 0.3 / 255


def test_mirroring_is_a_flip(picture):
    image, matrix = picture(60, 70), similarity(0.8, -0.2, (4, 6))
    plain, _ = cut_out(image, matrix, 40)
    mirrored, _ = cut_out(image, after(mirror_matrix(40), matrix), 40)
    torch.testing.assert_close(mirrored, plain.flip(2), atol=1e-4, rtol=0)


def test_one_channel_is_cut_as_three(picture):
    image, matrix = picture(60, 70), similarity(0.4, 0.1, (4, 6))
    all_three, inside = cut_out(image, matrix, 40)
    one, same = cut_out(image[..., 1], matrix, 40)
    torch.testing.assert_close(one[0], all_three[1])
    torch.testing.assert_close(same, inside)


def test_large_photographs_as_pillow_shrinks_them(picture):
    """Within a grey level of Pillow's box filter, which averages exactly."""
    image = picture(1200, 1500)
    found, _ = cut_out(image, similarity(1 / 10, 0, (0, 0)), 150)
    small = Image.fromarray(image).resize((150, 120), Image.Resampling.BOX)
    expected = torch.from_numpy(np.array(small)).permute(2, 0, 1) / 255
    assert float((found[:, :120] - expected).abs().max()) < 2 / 255
    assert float(found[:, 121:].max()) == 0


def test_crops_beyond_the_photograph(picture):
    found, inside = cut_out(picture(50, 50), similarity(1 / 8, 0, (400, 400)), 20)
    assert float(found.max()) == float(inside.max()) == 0


@pytest.mark.parametrize(
    ("image", "matrix", "named"),
    [
        (np.zeros((5, 5, 3)), torch.eye(2, 3), "picture"),
        (np.zeros((5, 5, 4), np.uint8), torch.eye(2, 3), "picture"),
        (np.zeros((0, 5, 3), np.uint8), torch.eye(2, 3), "picture"),
        (np.zeros((5, 5, 3), np.uint8), torch.zeros(2, 3), "matrix"),
        (np.zeros((5, 5, 3), np.uint8), torch.eye(3), "matrix"),
    ],
)
def test_errors(image, matrix, named):
    with pytest.raises(InputError, match=named):
        cut_out(image, matrix, 8)


@pytest.mark.parametrize(
    ("side", "most", "mean"), [(30.0, 2e-3, 1e-3), (60.0, 2e-3, 1e-3), (90.0, 0.02, 4e-3)]
)
def test_tensors_are_cut_as_photographs_are(picture, side, most, mean):
    """`Crop.warp`: the same at scales of 3/4 and more, and nearly where it shrinks."""
    image = picture(120, 140)
    crop = Crop.from_square((70.0, 60.0), side, 48, 0.3)
    found, inside = cut_out(image, crop.matrix, crop.size)
    tensor = torch.from_numpy(image).permute(2, 0, 1)[None].float() / 255
    whole, within = crop.warp(tensor)
    assert bool((inside == 1).all() and (within > 0.999).all())
    error = (found - whole[0]).abs()
    assert float(error.max()) < most and float(error.mean()) < mean


def test_a_network_sees_in_training_what_it_sees_afterwards(picture):
    """Drawn faces (`warp`) and photographs of users: one way at the scales of drawings."""
    image = picture(128, 128)
    for side, roll in ((95.0, 0.0), (112.0, 0.4), (140.0, -0.2)):
        crop = Crop.from_square((61.0, 66.0), side, 112, roll)
        drawn = warp(image[None], crop.matrix[None].float(), 112, torch.tensor([False]))
        torch.testing.assert_close(drawn, cut_tensor(image, crop), atol=2e-4, rtol=0)


def test_crops_that_are_no_squares(picture):
    image, matrix = picture(60, 70), similarity(0.4, 0.1, (4, 6))
    whole, inside = cut_out(image, matrix, 40)
    part, there = cut_out(image, matrix, (25, 40))
    torch.testing.assert_close(part, whole[:, :25])
    torch.testing.assert_close(there, inside[:, :25])
