"""Learning rates against numbers worked out by hand or by torch."""

from __future__ import annotations

import pytest
import torch
from selfie3d.core.errors import InputError
from selfie3d.engine.config import EngineConfig, OptimizerConfig, ScheduleConfig
from selfie3d.engine.optimization import Position, Schedule, falls_due


def factors(config, steps, per_epoch=1):
    """The factor at each of `steps` steps, `per_epoch` of them an epoch."""
    schedule = Schedule(config)
    return [schedule.factor(Position(k, k / per_epoch, float(k))) for k in range(steps)]


def test_cosine_and_flat():
    cosine = factors(ScheduleConfig(steps=100, warmup=10, floor=0.0), 101)
    flat = factors(ScheduleConfig(steps=100, warmup=1, shape="flat", decay=0.4, floor=0.1), 101)
    assert cosine[0] == pytest.approx(0.1)
    assert cosine[50] == pytest.approx(0.5)
    assert cosine[100] == pytest.approx(0.0)
    assert flat[60] == pytest.approx(1.0)
    assert flat[80] == pytest.approx(0.55)
    assert flat[100] == pytest.approx(0.1)


def test_progress_in_each_unit():
    at = Position(step=5, epoch=1.5, seconds=30.0)
    for settings, share in (({"minutes": 2}, 0.25), ({"steps": 20}, 0.25), ({"epochs": 3}, 0.5)):
        assert Schedule(ScheduleConfig(**settings)).progress(at) == pytest.approx(share)


def test_mlanet_falls_every_ten_epochs_and_r3fa_at_its_milestones():
    every = ScheduleConfig(epochs=30, warmup=0, shape="step", factor=0.1, every=10)
    found = factors(every, 300, per_epoch=10)
    assert [found[k] for k in (0, 99, 100, 199, 200)] == pytest.approx([1, 1, 0.1, 0.1, 0.01])
    miles = ScheduleConfig(epochs=40, warmup=0, shape="step", factor=0.2, milestones=[15, 25, 30])
    rates = [0.01 * f for f in factors(miles, 400, per_epoch=10)]
    assert [rates[k] for k in (149, 150, 250, 300)] == pytest.approx([0.01, 0.002, 4e-4, 8e-5])


def test_milestones_count_steps_where_the_length_does():
    config = ScheduleConfig(steps=9, warmup=0, shape="step", factor=0.5, milestones=[3, 6])
    assert factors(config, 9) == [1, 1, 1, 0.5, 0.5, 0.5, 0.25, 0.25, 0.25]


def test_sadrnet_warms_up_for_four_epochs_and_falls_every_epoch_after():
    """1e-5 to 1e-4, then x 0.85 an epoch; the fall is torch's ExponentialLR."""
    config = ScheduleConfig(
        epochs=25, warmup_epochs=4, warmup_start=0.1, shape="exponential", factor=0.85
    )
    rates = [1e-4 * f for f in factors(config, 250, per_epoch=10)]
    assert rates[0] == pytest.approx(1e-5)
    assert rates[20] == pytest.approx(5.5e-5)
    optimizer = torch.optim.SGD([torch.zeros(1, requires_grad=True)], lr=1e-4)
    torches = torch.optim.lr_scheduler.ExponentialLR(optimizer, 0.85)
    for epoch in range(4, 25):
        expected = optimizer.param_groups[0]["lr"]
        assert rates[10 * epoch : 10 * epoch + 10] == pytest.approx([expected] * 10)
        optimizer.step()
        torches.step()


def test_plateau_is_torchs_with_one_more_patience():
    errors = torch.rand(200, generator=torch.Generator().manual_seed(0)).cumsum(0).sin().tolist()
    schedule = Schedule(ScheduleConfig(steps=1, warmup=0, shape="plateau", factor=0.6, patience=4))
    optimizer = torch.optim.SGD([torch.zeros(1, requires_grad=True)], lr=1.0)
    torches = torch.optim.lr_scheduler.ReduceLROnPlateau(
        optimizer, factor=0.6, patience=3, threshold=0.0, eps=0.0
    )
    seen = set()
    for error in errors:
        schedule.observe(error)
        torches.step(error)
        factor = schedule.factor(Position(0, 0.0, 0.0))
        assert factor == pytest.approx(optimizer.param_groups[0]["lr"])
        seen.add(factor)
        again = Schedule(schedule.config)
        again.load_state_dict(schedule.state_dict())
        assert again.state_dict() == schedule.state_dict()
    assert len(seen) > 5
    with pytest.raises(InputError, match="figure `error`"):
        schedule.observe(None)


def test_constant_and_warm_up_by_steps():
    config = ScheduleConfig(steps=10, warmup=4, warmup_start=0.2, shape="constant")
    assert factors(config, 6) == pytest.approx([0.4, 0.6, 0.8, 1.0, 1.0, 1.0])


def test_moments_do_not_drift():
    """Every 0.3 epochs of ten steps, whatever rounding does: at 3, 6, 9, 12, ... steps."""
    last, due = Position(0, 0.0, 0.0), []
    for step in range(1, 61):
        at = Position(step, step / 10, 0.0)
        if falls_due(at, last, 0.3, "epochs"):
            due.append(step)
            last = at
    assert due == list(range(3, 61, 3))
    late = Position(1, 0.0, 310.0)
    assert falls_due(late, Position(0, 0.0, 0.0), 300.0, "seconds")
    assert not falls_due(Position(2, 0.0, 590.0), late, 300.0, "seconds")
    assert falls_due(Position(3, 0.0, 601.0), late, 300.0, "seconds")


@pytest.mark.parametrize(
    ("kind", "settings", "field"),
    [
        (ScheduleConfig, {"minutes": 0}, "steps, epochs or minutes"),
        (ScheduleConfig, {"shape": "linear"}, r"schedule\.shape.*plateau"),
        (ScheduleConfig, {"shape": "step"}, "milestones or every"),
        (ScheduleConfig, {"shape": "step", "milestones": [3, 1]}, r"schedule\.milestones"),
        (ScheduleConfig, {"factor": 1.0}, r"schedule\.factor"),
        (ScheduleConfig, {"patience": 0}, r"schedule\.patience"),
        (OptimizerConfig, {"name": "rmsprop"}, r"optimizer\.name.*adamw"),
        (OptimizerConfig, {"average": 1.0}, r"optimizer\.average"),
        (OptimizerConfig, {"betas": [0.9]}, r"optimizer\.betas"),
        (OptimizerConfig, {"nesterov": True, "momentum": 0.0}, r"optimizer\.momentum"),
        (EngineConfig, {"precision": "int8"}, r"engine\.precision.*bfloat16"),
        (EngineConfig, {"accumulate": 0}, r"engine\.accumulate"),
        (EngineConfig, {"nonfinite": "ignore"}, r"engine\.nonfinite.*skip"),
        (EngineConfig, {"validate_unit": "hours"}, r"engine\.validate_unit.*epochs"),
    ],
)
def test_settings_that_make_no_sense_are_named(kind, settings, field):
    with pytest.raises(InputError, match=field):
        kind(**settings)
