"""Crops by maps that are not finite or lead far away: an error or black, never other memory."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from selfie3d.core.errors import InputError
from selfie3d.geometry.crop import Crop
from selfie3d.geometry.cut import cut_out, warp
from selfie3d.pipeline.locate.cut import cut_tensor

PICTURE = np.full((9, 7, 3), 255, np.uint8)
NUMBERS = st.floats(width=32) | st.sampled_from([0.0, 1.0, -1.0, 1e-30, 1e30, 3e38, 2.0**31])
MATRICES = st.lists(NUMBERS, min_size=6, max_size=6).map(lambda n: torch.tensor(n).reshape(2, 3))


@pytest.mark.parametrize("bad", [float("nan"), float("inf"), -float("inf"), 1e30, 3e38])
@pytest.mark.parametrize("place", [(0, 0), (0, 2), (1, 2)])
def test_a_bad_number_is_named_or_leads_outside(bad, place):
    matrix = torch.tensor([[1.0, 0, 0], [0, 1, 0]])
    matrix[place] = bad
    images, flags = PICTURE[None], torch.tensor([False])
    for call, name in (
        (lambda: cut_out(PICTURE, matrix, 8), "matrix"),
        (lambda: warp(images, matrix[None], 8, flags), "frames"),
        (lambda: warp(images, matrix[None], 8, ~flags), "frames"),
    ):
        try:
            result = call()
        except InputError as error:
            assert name in str(error)
        else:
            out = result[0] if isinstance(result, tuple) else result
            assert np.isfinite(bad) and ((out >= 0) & (out <= 1)).all()


@settings(max_examples=150, deadline=None)
@given(MATRICES, st.booleans())
def test_any_map_gives_colours_or_an_error(matrix, reflected):
    try:
        out, inside = cut_out(PICTURE, matrix, 5)
        assert ((out == 0) | (out > 0)).all() and out.max() <= 1.0001 and inside.max() <= 1
    except InputError:
        pass
    try:
        out = warp(PICTURE[None], matrix[None], 5, torch.tensor([reflected]))
        assert ((out >= 0) & (out <= 1.001)).all()
    except InputError:
        pass
    try:
        out = cut_tensor(PICTURE, Crop(matrix.double(), (5, 5)))
        assert ((out >= -0.001) & (out <= 1.001)).all()
    except InputError:
        pass


def test_a_crop_that_shrinks_a_photograph_to_less_than_a_pixel():
    tiny = torch.tensor([[1e-6, 0, 4.0], [0, 1e-6, 4.0]])
    out, _ = cut_out(PICTURE, tiny, 8)
    assert out.shape == (3, 8, 8) and 0 <= float(out.min()) <= float(out.max()) <= 1
    with pytest.raises(InputError, match="within"):
        cut_out(PICTURE, tiny * torch.tensor([1e-9, 1e-9, 1]), 8)
    with pytest.raises(InputError, match="pixels"):
        warp(PICTURE[None, :0], torch.eye(2, 3)[None], 8, torch.tensor([True]))
