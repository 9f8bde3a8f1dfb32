"""Hair of which only one side is seen: the other side gets its colour and its hairline."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from scipy.ndimage import binary_erosion
from selfie3d.pipeline.segment.evidence import CHANNELS, HAIR, SKIN
from selfie3d.pipeline.texture.atlas import Atlas
from selfie3d.pipeline.texture.hair import put_hair
from selfie3d.pipeline.texture.look import Look

SIZE = 256
SKIN_TONE, HAIR_TONE = (0.75, 0.6, 0.5), (0.2, 0.1, 0.05)


@pytest.fixture(scope="module")
def atlas(default_model):
    return Atlas(default_model, SIZE)


@pytest.fixture(scope="module")
def place(atlas, default_model):
    return atlas.map(default_model.mean)


def one_side(atlas: Atlas, hair: np.ndarray, seen: np.ndarray) -> Look:
    """A look at a head of which `seen` (S,S) shows, with hair where `hair` is, else bare."""
    shown = np.zeros((SIZE, SIZE, CHANNELS), np.float32)
    shown[seen & hair, HAIR] = 1
    shown[seen & ~hair, SKIN] = 1
    sampled = np.where(hair[..., None], HAIR_TONE, SKIN_TONE) * seen[..., None]
    nothing = np.zeros((CHANNELS, 3), np.float32)
    return Look(
        sampled.astype(np.float32),
        np.full((SIZE, SIZE, 3), SKIN_TONE, np.float32),
        np.where(seen, 0.9, 0).astype(np.float32),
        shown,
        torch.ones(1, 3),
        nothing,
        nothing[:, 0].copy(),
    )


def with_hair(atlas: Atlas, look: Look) -> np.ndarray:
    image = np.full((SIZE, SIZE, 3), SKIN_TONE, np.float32)
    put_hair(atlas, look, image, np.ones((SIZE, SIZE), np.float32))
    return image


def test_a_rim_of_doubtful_hair_does_not_colour_the_hidden_side(atlas, place):
    """Where seen hair ends it is half skin, seen slantingly: nearest, but the least to go by."""
    scalp, side = atlas.scalp > 0.9, place[..., 0]
    look = one_side(atlas, scalp, atlas.mask & (side > 0))
    rim = scalp & (side > -12) & (side < 0)
    look.sampled[rim], look.facing[rim] = SKIN_TONE, 0.25
    look.shown[rim, HAIR], look.shown[rim, SKIN] = 0.55, 0.45
    image = with_hair(atlas, look)
    hidden = binary_erosion(scalp, iterations=4) & (side < -30) & (place[..., 2] < 0)
    assert hidden.sum() > 500
    np.testing.assert_allclose(image[hidden].mean(0), HAIR_TONE, atol=0.03)
    assert np.quantile(image[hidden, 0], 0.98) < 0.4  # hardly anywhere is skin


def test_the_hidden_hairline_is_that_of_the_other_side(atlas, place):
    """The front of the scalp is bare: on the side that is seen, so on the other."""
    scalp, side, front = atlas.scalp > 0.9, place[..., 0], place[..., 2]
    line = float(np.quantile(front[scalp], 0.6))
    look = one_side(atlas, scalp & (front < line), atlas.mask & (side > 0))
    image = with_hair(atlas, look)
    bare = scalp & (side < -15) & (front > line + 15)
    hairy = scalp & (side < -15) & (front < line - 15)
    assert bare.sum() > 100 and hairy.sum() > 500
    np.testing.assert_allclose(image[bare].mean(0), SKIN_TONE, atol=0.05)
    np.testing.assert_allclose(image[hairy].mean(0), HAIR_TONE, atol=0.05)


def test_hair_beyond_the_head_tells_the_colour_where_none_is_on_it(atlas, place):
    """Of the scalp nothing is seen, but hair hangs beside the face: grey, not a part of skin."""
    look = one_side(atlas, atlas.mask & False, atlas.mask & (atlas.scalp < 0.1))
    look.facing[place[..., 2] < 20] = 0
    look.colours[HAIR], look.amounts[HAIR] = (0.6, 0.6, 0.65), 400
    image = with_hair(atlas, look)
    behind = (atlas.scalp > 0.9) & (place[..., 2] < -60)
    np.testing.assert_allclose(image[behind].mean(0), (0.6, 0.6, 0.65), atol=0.04)
