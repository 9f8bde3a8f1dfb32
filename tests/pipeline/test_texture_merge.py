"""One texture from several: who is heard where, and in whose tone."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from selfie3d.pipeline.texture import Texture
from selfie3d.pipeline.texture.merge import merge_textures

SIDE = 128
NOBODY = np.zeros((SIDE, SIDE), bool)


def texture(level, columns, grain=0.0):
    """A plain texture that was seen in some columns, with stripes of a pixel there."""
    image = torch.full((3, SIDE, SIDE), float(level))
    image[:, ::2, columns] += grain
    seen = torch.zeros(1, SIDE, SIDE)
    seen[..., columns] = 1
    return Texture(image, seen)


def views(*levels):
    return [np.full((SIDE, SIDE), level, np.float32) for level in levels]


def test_one_photograph_stays_what_it_is():
    alone = texture(0.4, slice(0, 90), 0.1)
    found = merge_textures([alone], views(1.0), NOBODY)
    torch.testing.assert_close(found.image, alone.image)
    torch.testing.assert_close(found.seen, alone.seen)


def test_what_the_first_does_not_see_comes_from_the_second_in_the_firsts_tone():
    first, second = texture(0.4, slice(0, 80)), texture(0.6, slice(48, 128), grain=0.1)
    found = merge_textures([first, second], views(1.0, 1.0), NOBODY)
    right = found.image[:, 8:-8, 100:120]
    assert abs(float(right.mean()) - 0.4) < 0.03  # the second one's mean is 0.65
    stripes = right[:, ::2].mean() - right[:, 1::2].mean()
    assert float(stripes) == pytest.approx(0.1, abs=0.02)
    assert float((found.image[:, :, :40] - 0.4).abs().max()) < 0.01
    assert float(found.seen.min()) == 1
    edges = found.image.mean(1)[0].diff().abs()
    assert float(edges.max()) < 0.03  # no seam between them


def test_each_texel_is_from_who_sees_it_best():
    first, second = texture(0.5, slice(0, 128)), texture(0.5, slice(0, 128), grain=0.2)
    first_view, second_view = views(1.0, 1.0)
    first_view[:, 64:] = 0.1
    second_view[:, :64] = 0.1
    found = merge_textures([first, second], [first_view, second_view], NOBODY)
    stripes = (found.image[0, ::2] - found.image[0, 1::2]).abs().mean(0)
    assert float(stripes[:48].max()) < 0.02 and float(stripes[80:120].min()) > 0.15


def test_eyes_and_mouth_are_the_firsts_alone():
    first, second = texture(0.5, slice(0, 64)), texture(0.5, slice(0, 128), grain=0.2)
    own = NOBODY.copy()
    own[40:90, 30:100] = True
    found = merge_textures([first, second], views(0.2, 1.0), own)
    torch.testing.assert_close(found.image[:, 40:90, 30:100], first.image[:, 40:90, 30:100])
    assert float(found.seen[0, 50, 80]) == 0 and float(found.seen[0, 5, 80]) == 1
