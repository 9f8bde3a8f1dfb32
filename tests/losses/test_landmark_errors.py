from __future__ import annotations

import numpy as np
import pytest
import torch
from selfie3d.core.errors import InputError
from selfie3d.losses.landmark import LandmarkErrorWeights, landmark_loss


def batches(count: int, seed: int = 0) -> list[tuple[torch.Tensor, torch.Tensor, torch.Tensor]]:
    generator = torch.Generator().manual_seed(seed)
    out = []
    for _ in range(count):
        a, b = torch.rand(2, 3, 68, 2, generator=generator) * 224
        b[torch.rand(3, 68, generator=generator) < 0.2] = torch.nan
        out.append((a, b, torch.full((3, 1), 224.0)))
    return out


def test_weights_are_the_mean_errors_of_the_epoch_before():
    weights, steps = LandmarkErrorWeights(start=1), batches(4)
    for step in steps:
        weights.add(*step)
    assert float(weights.current.abs().max()) == 0
    weights.end_epoch()
    predicted, target = (np.concatenate([s[k].numpy() for s in steps]) for k in (0, 1))
    errors = np.nanmean(np.linalg.norm(predicted - target, axis=-1) / 224, axis=0)
    assert weights.current[:17].tolist() == [0] * 17
    np.testing.assert_allclose(weights.current[17:].numpy(), errors[17:], rtol=1e-6)


def test_switches_on_after_the_fifth_epoch():
    weights = LandmarkErrorWeights()
    on = []
    for epoch in range(8):
        on.append(bool((weights.current > 0).any()))
        weights.add(*batches(1, seed=epoch)[0])
        weights.end_epoch()
    assert on == [False] * 5 + [True] * 3


def test_follows_only_the_last_epoch():
    weights = LandmarkErrorWeights(start=1)
    for seed in (1, 2):
        weights.add(*batches(1, seed)[0])
        weights.end_epoch()
    fresh = LandmarkErrorWeights(start=1)
    fresh.add(*batches(1, 2)[0])
    fresh.end_epoch()
    seen = fresh.current > 0
    assert torch.equal(weights.current[seen], fresh.current[seen])


def test_a_point_that_was_not_seen_keeps_its_error():
    weights = LandmarkErrorWeights(start=1)
    predicted, target, unit = batches(1)[0]
    target = torch.nan_to_num(target, nan=0.0)
    weights.add(predicted, target, unit)
    weights.end_epoch()
    before = weights.current[40]
    target[:, 40] = torch.nan
    predicted[0, 41] = torch.nan
    weights.add(predicted, target, unit)
    weights.end_epoch()
    assert weights.current[40] == before > 0
    assert bool(torch.isfinite(weights.current).all())


def test_goes_on_in_the_middle_of_an_epoch_exactly():
    steps = batches(6)
    whole, first, second = (LandmarkErrorWeights(start=1) for _ in range(3))
    for step in steps[:2]:
        whole.add(*step)
        first.add(*step)
    second.load_state_dict(first.state_dict())
    first.add(*steps[5])  # must not reach the copy
    for step in steps[2:4]:
        whole.add(*step)
        second.add(*step)
    whole.end_epoch()
    second.end_epoch()
    assert torch.equal(whole.current, second.current) and second.epoch == 1


def test_two_processes_sum():
    steps = batches(4)
    whole, half = LandmarkErrorWeights(start=1), LandmarkErrorWeights(start=1)
    for step in steps:
        whole.add(*step)
    for step in steps[:2]:
        half.add(*step)
    other = LandmarkErrorWeights(start=1)
    for step in steps[2:]:
        other.add(*step)
    kept = other.state_dict()
    other_sums = torch.stack([kept["total"], kept["count"]])
    half.end_epoch(lambda own: own + other_sums)
    whole.end_epoch()
    torch.testing.assert_close(half.current, whole.current)


def test_as_weights_of_the_landmark_loss():
    """Eq 13 by hand, as the mean over the points that count."""
    weights = LandmarkErrorWeights(torch.tensor([0.0, 1, 1]), start=1)
    unit = torch.full((1, 1), 10.0)
    weights.add(torch.tensor([[[5.0, 0], [3, 4], [6, 8]]]), torch.zeros(1, 3, 2), unit)
    weights.end_epoch()
    torch.testing.assert_close(weights.current, torch.tensor([0.0, 0.5, 1.0]))
    moved = torch.tensor([[[9.0, 9], [1, 0], [0, 2]]], requires_grad=True)
    target = torch.zeros(1, 3, 2)
    loss = landmark_loss(moved, target, weights.current, unit, contours=("3d", "3d"))
    assert float(loss.detach()) == pytest.approx((0.5 * 0.01 + 1.0 * 0.04) / 2)


def test_wrong_input():
    with pytest.raises(InputError, match="start"):
        LandmarkErrorWeights(start=0)
    weights = LandmarkErrorWeights()
    with pytest.raises(InputError, match="predicted"):
        weights.add(torch.zeros(1, 5, 2), torch.zeros(1, 5, 2), torch.ones(1, 1))
    with pytest.raises(InputError, match="count"):
        weights.load_state_dict({"epoch": 1, "errors": torch.zeros(68), "total": torch.zeros(68)})
    state = LandmarkErrorWeights(torch.ones(21)).state_dict()
    with pytest.raises(InputError, match="68"):
        weights.load_state_dict(state)
