"""Eyes and teeth of a texture: the tone of the photograph, never the tint of the skin beside."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from selfie3d.pipeline.segment.evidence import CHANNELS, EYE, GLASSES, SKIN, TEETH
from selfie3d.pipeline.texture.atlas import Atlas, Part
from selfie3d.pipeline.texture.inner import fill_inner
from selfie3d.pipeline.texture.look import Look

SIZE = 128


@pytest.fixture(scope="module")
def atlas(default_model):
    return Atlas(default_model, SIZE)


def seen(colour: float = 0.6) -> Look:
    """Nothing of the photograph is seen; the model is plain grey."""
    square = (SIZE, SIZE)
    return Look(
        np.zeros((*square, 3), np.float32),
        np.full((*square, 3), colour, np.float32),
        np.zeros(square, np.float32),
        np.zeros((*square, CHANNELS), np.float32),
        torch.ones(1, 3),
        np.zeros((CHANNELS, 3), np.float32),
        np.zeros(CHANNELS, np.float32),
    )


def filled(atlas: Atlas, look: Look, keep_glasses: bool = True) -> tuple[np.ndarray, np.ndarray]:
    image, weight = np.zeros((SIZE, SIZE, 3), np.float32), np.ones((SIZE, SIZE), np.float32)
    fill_inner(atlas, look, image, weight, keep_glasses)
    return image, weight


def test_what_is_not_seen_is_as_in_the_shade_of_a_mouth(atlas):
    image, weight = filled(atlas, seen())
    parts = {part: image[(atlas.part == part) & atlas.mask] for part in Part}
    np.testing.assert_allclose(parts[Part.EYE], 0.6, atol=1e-6)
    np.testing.assert_allclose(parts[Part.TEETH], 0.48, atol=1e-6)
    np.testing.assert_allclose(parts[Part.MOUTH], 0.3, atol=1e-6)
    assert (parts[Part.SKIN] == 0).all()  # left to others
    assert (weight[(atlas.part != Part.SKIN) & atlas.mask] == 0).all()


def test_teeth_have_the_brightness_of_the_photographs_and_hardly_its_tint(atlas):
    look = seen()
    look.facing[atlas.part == Part.TEETH] = 0.05  # seen, but too slantingly to be carried over
    look.colours[TEETH], look.amounts[TEETH] = (0.9, 0.6, 0.6), 20
    teeth = filled(atlas, look)[0][(atlas.part == Part.TEETH) & atlas.mask]
    np.testing.assert_allclose(teeth.mean(1), 0.7, atol=0.02)
    assert np.ptp(teeth, axis=1).max() < 0.25 * 0.7


def test_an_eye_is_carried_over_where_it_is_seen_and_keeps_its_colour(atlas):
    look = seen()
    eye = (atlas.part == Part.EYE) & atlas.mask
    left = eye & (np.arange(SIZE) < SIZE // 2)
    look.sampled[left] = (0.2, 0.4, 0.7)
    look.facing[left], look.shown[left, EYE] = 0.9, 1.0
    image, weight = filled(atlas, look)
    np.testing.assert_allclose(image[left], np.tile((0.2, 0.4, 0.7), (left.sum(), 1)), atol=1e-6)
    assert (weight[left] == 1).all()
    other = image[eye & ~left]
    np.testing.assert_allclose(other.mean(1), np.mean((0.2, 0.4, 0.7)), atol=0.02)
    assert np.ptp(other, axis=1).max() < 0.25 * other.mean()  # bright or dark, but not blue


def test_dark_lenses_hide_the_eyes_where_glasses_are_kept(atlas):
    look = seen()
    eye = (atlas.part == Part.EYE) & atlas.mask
    look.sampled[eye], look.facing[eye], look.shown[eye, GLASSES] = 0.05, 0.9, 1.0
    np.testing.assert_allclose(filled(atlas, look)[0][eye], 0.05, atol=1e-6)
    np.testing.assert_allclose(filled(atlas, look, False)[0][eye], 0.6, atol=1e-6)


def test_lids_cover_an_eye_that_squints_and_none_that_is_open(atlas):
    """Of the left eye a strip shows, of the right one all but a strip."""
    look = seen()
    eye = (atlas.part == Part.EYE) & atlas.mask
    look.facing[eye], look.sampled[eye] = 0.9, (0.7, 0.4, 0.3)
    rows, columns = np.nonzero(eye)
    for side, share in ((columns < SIZE // 2, 0.1), (columns >= SIZE // 2, 0.9)):
        limit = np.quantile(rows[side], share)
        eyeball = side & (rows < limit)
        lid = side & ~eyeball
        look.sampled[rows[eyeball], columns[eyeball]] = 0.5
        look.shown[rows[eyeball], columns[eyeball], EYE] = 1
        look.shown[rows[lid], columns[lid], SKIN] = 1
    image, weight = filled(atlas, look)
    lids = eye & (look.shown[..., SKIN] == 1)
    left = np.arange(SIZE) < SIZE // 2
    np.testing.assert_allclose(
        image[lids & left], [(0.7, 0.4, 0.3)] * (lids & left).sum(), atol=1e-6
    )
    assert (weight[lids & ~left] == 0).all() and (lids & ~left).sum() > 5
    assert np.ptp(image[lids & ~left], axis=1).max() < 0.1
