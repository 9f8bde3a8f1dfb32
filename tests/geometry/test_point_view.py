"""How seen points move with pose and coefficients, against differences of what is seen."""

from __future__ import annotations

import torch
from selfie3d.geometry.point_view import POSE, PointView, PosedValues
from selfie3d.geometry.rotation import rotvec_to_matrix

F64 = torch.float64
COUNT, MODES, FREE = 9, 5, 3


def scene() -> tuple[PointView, PosedValues]:
    draw = torch.Generator().manual_seed(1)
    mean = 60 * torch.randn(COUNT, 3, generator=draw, dtype=F64)
    modes = 4 * torch.randn(MODES, COUNT, 3, generator=draw, dtype=F64)
    state = PosedValues(
        rotvec_to_matrix(0.4 * torch.randn(2, 3, generator=draw, dtype=F64)),
        torch.tensor([0.008, 0.011], dtype=F64),
        torch.tensor([[0.1, -0.2], [0.0, 0.3]], dtype=F64),
        torch.tensor([9e-4, 1.4e-3], dtype=F64),
        0.3 + 0.1 * torch.rand(2, MODES, generator=draw, dtype=F64),
    )
    return PointView(mean, modes, FREE), state


def test_slopes_are_those_of_small_steps():
    """But for how a turn scales depth, by the origin's own distance: that is left out as small."""
    view, state = scene()
    slopes = view.linearise(state)[1].design(torch.ones(2, COUNT, 3, dtype=F64))
    assert slopes.shape == (2, 3 * COUNT, POSE + MODES)
    for k in range(POSE + MODES):
        step = torch.zeros(2, POSE + MODES, dtype=F64)
        step[:, k] = 1e-8 if k == POSE - 1 else 1e-6
        ends = [view.linearise(view.moved(state, sign * step))[0] for sign in (1, -1)]
        slope = (ends[0] - ends[1]).flatten(1) / (2 * step[0, k])
        axes = slice(0, 2 if k < 3 else 3)
        found, wanted = (each.unflatten(1, (-1, 3))[..., axes] for each in (slopes[..., k], slope))
        assert torch.allclose(found, wanted, rtol=1e-5, atol=1e-6), k


def test_values_are_gathered_without_the_whole_design():
    view, state = scene()
    draw = torch.Generator().manual_seed(2)
    values, weight = (torch.rand(2, COUNT, 3, generator=draw, dtype=F64) for _ in range(2))
    slopes = view.linearise(state)[1]
    wanted = slopes.design(weight).mT @ values.flatten(1)[..., None]
    assert torch.allclose(slopes.gathered(values * weight), wanted[..., 0])
