"""Who makes skin masks: the network's segmentation where it has one, colours, nobody."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from selfie3d.core.errors import InputError
from selfie3d.detect.skin import skin_mask
from selfie3d.geometry.segments import Segment
from selfie3d.models.heads.points import PointPrediction
from selfie3d.prepare import faces as module
from selfie3d.prepare.faces import SkinMasks
from selfie3d.prepare.options import PrepareOptions

TURNS = np.linspace(0, 2 * np.pi, 68, endpoint=False)
FACE = np.stack([100 + 40 * np.cos(TURNS), 100 + 50 * np.sin(TURNS)], 1)


class LeftHalfIsSkin:
    """Stands in for a regressor: its crop's left half is skin, the right one hair."""

    size, name = 112, "halves"

    def __init__(self, segments: bool = True) -> None:
        self.segments = segments

    def network(self, images: torch.Tensor) -> PointPrediction:
        scores = torch.zeros(1, len(Segment), 28, 28)
        scores[:, Segment.SKIN, :, :14] = 20
        scores[:, Segment.HAIR, :, 14:] = 20
        return PointPrediction(*([torch.zeros(1)] * 3), segmentation=scores)


@pytest.fixture
def picture():
    rng = np.random.default_rng(0)
    plain = np.full((200, 220, 3), (200, 150, 130), np.uint8)
    plain[:, 100:] = (60, 40, 30)  # the middle of the face, where the network sees its border
    return np.clip(plain + rng.normal(0, 3, plain.shape), 0, 255).astype(np.uint8)


def test_the_networks_skin_lies_where_it_says(monkeypatch, picture):
    monkeypatch.setattr(module, "Regressor", LeftHalfIsSkin)
    mask = SkinMasks("auto")(picture, FACE)
    assert mask.dtype == np.uint8 and mask.shape == picture.shape[:2]
    assert (mask[60:140, 40:96] == 255).all() and (mask[:, 104:] == 0).all()
    assert (mask[:, :5] == 0).all()  # beyond the crop


def test_without_a_segmentation_colours_decide(monkeypatch, picture):
    monkeypatch.setattr(module, "Regressor", lambda: LeftHalfIsSkin(segments=False))
    wanted = skin_mask(picture, FACE)
    np.testing.assert_array_equal(SkinMasks("auto")(picture, FACE), wanted)
    np.testing.assert_array_equal(SkinMasks("colour")(picture, FACE), wanted)
    assert SkinMasks("none")(picture, FACE) is None
    with pytest.raises(InputError, match="segmentation"):
        SkinMasks("network")(picture, FACE)


def test_unknown_ways_are_refused():
    with pytest.raises(InputError, match="skin"):
        PrepareOptions(skin="yes")
