"""Patches over crops: number, size, what they hide, and the same on any number of processes."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import torch
from selfie3d.core.errors import InputError
from selfie3d.datasets.batches.batch import FaceBatch
from selfie3d.datasets.batches.occluded_source import OccludedSource
from selfie3d.datasets.batches.occluders import (
    COVERED,
    NO_OCCLUDERS,
    OccluderConfig,
    cover,
    draw_occluders,
)
from selfie3d.datasets.batches.photo_augment import NO_PHOTO_AUGMENTATION
from selfie3d.datasets.batches.sample import FaceSample
from selfie3d.datasets.shards.source import BatchOrder, FaceLoader

ALWAYS = OccluderConfig(share=1.0)


def draw(count, config=ALWAYS, seed=0):
    return draw_occluders(config, count, torch.Generator().manual_seed(seed))


def batch(count=4, size=40):
    g = torch.Generator().manual_seed(1)
    images = torch.rand(count, 3, size, size, generator=g)
    names = tuple(f"made/{k}" for k in range(count))
    return FaceBatch(images, names, skin=torch.ones(count, 1, size, size))


def test_numbers_and_sizes_are_those_of_the_code():
    drawn = draw(20000, OccluderConfig())
    assert float((drawn.count > 0).double().mean()) == pytest.approx(0.25, abs=0.01)
    shares = torch.bincount(drawn.count)[1:] / (drawn.count > 0).sum()
    assert np.allclose(shares, np.array([3, 5, 7]) / 15, atol=0.02)
    width, height = drawn.box[..., 2], drawn.box[..., 3]
    area, ratio = width * height, height / width
    assert 0.0199 < float(area.min()) < 0.03 < 0.29 < float(area.max()) < 0.3001
    assert 0.299 < float(ratio.min()) < 0.35 < 3.2 < float(ratio.max()) < 3.34
    assert float(drawn.hides.double().mean()) == pytest.approx(0.8125, abs=0.01)


def test_a_straight_patch_is_its_rectangle():
    drawn = draw(1)
    box = torch.tensor([0.25, 0.5, 0.5, 0.25])
    straight = replace(drawn, box=box.expand(1, 3, 4), bend=torch.zeros(1, 3, 2))
    area = straight.area(0, 0, 16)
    expected = torch.zeros(16, 16, dtype=torch.bool)
    expected[8:12, 4:12] = True
    assert torch.equal(area, expected)
    bent = replace(straight, bend=torch.full((1, 3, 2), 0.08)).area(0, 0, 160)
    share = float((bent != straight.area(0, 0, 160)).double().mean())
    assert 0.005 < share < 0.15


def test_patches_are_cut_out_of_the_skin_and_tints_are_not():
    before = batch()
    drawn = draw(4)
    one = replace(drawn, count=torch.tensor([0, 1, 1, 1]), hides=torch.zeros_like(drawn.hides))
    one.hides[2:] = True
    after = cover(before, one)
    assert torch.equal(after.images[0], before.images[0])
    assert not torch.equal(after.images[1], before.images[1])
    assert after.labels[COVERED][:2].sum() == 0
    for row in (2, 3):
        area = one.area(row, 0, 40)
        assert torch.equal(after.labels[COVERED][row, 0] > 0, area)
        assert torch.equal(after.skin[row, 0] == 0, area)
        assert (after.images[row][:, area] == one.colour[row, 0, :, None]).all()
        assert torch.equal(after.images[row][:, ~area], before.images[row][:, ~area])
    assert torch.equal(before.images, batch().images)  # the given batch stays as it was


def test_nothing_is_painted_without_a_share():
    before = batch()
    after = cover(before, draw(4, NO_OCCLUDERS))
    assert torch.equal(after.images, before.images)
    assert after.labels[COVERED].sum() == 0


class Made:
    name, summary = "made", "made"

    def __len__(self):
        return 12

    def row_name(self, row):
        return f"made/{row}"

    def __getitem__(self, row):
        return FaceSample(self.row_name(row), np.full((20, 20, 3), 10 * row, np.uint8))


def source():
    inner = FaceLoader([Made()], [1], BatchOrder("whole", NO_PHOTO_AUGMENTATION, 20, 4))
    return OccludedSource(inner, OccluderConfig(share=0.6), 4, 5, 3)


def test_a_batch_is_the_same_in_one_process_and_in_two():
    whole = source()
    next(whole)
    parts = [whole.shard(rank, 2) for rank in range(2)]
    expected, halves = next(whole), [next(part) for part in parts]
    assert expected.labels[COVERED].sum() > 0
    for rank, half in enumerate(halves):
        assert half.names == expected.names[rank::2]
        assert torch.equal(half.images, expected.images[rank::2])
    assert len(whole) == len(parts[0]) == 3


def test_it_goes_on_where_it_stood():
    one, other = source(), source()
    next(one)
    state = one.state_dict()
    expected = [next(one).images for _ in range(3)]
    other.load_state_dict(state)
    assert all(torch.equal(next(other).images, images) for images in expected)
    assert one.rejects() == {}


def test_wrong_settings_are_named():
    for change, word in (
        ({"share": 1.5}, "share"),
        ({"least_area": 0.5}, "least_area"),
        ({"most": 0}, "most"),
        ({"narrow": 0.0}, "narrow"),
    ):
        with pytest.raises(InputError, match=word):
            OccluderConfig(**change)
    with pytest.raises(InputError, match="occluders"):
        cover(batch(), draw(3))
    with pytest.raises(InputError, match="epoch"):
        OccludedSource(source(), ALWAYS, 4, 0, 0)
