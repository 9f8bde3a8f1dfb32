"""A run that goes on with other settings: refused, or accepted, printed and noted."""

from __future__ import annotations

import json
from copy import deepcopy
from pathlib import Path
from typing import Any

import pytest
from selfie3d.core.config import load_config, resolved_dict
from selfie3d.core.errors import InputError
from selfie3d.engine.config import EngineConfig, OptimizerConfig, ScheduleConfig, check_ranges
from selfie3d.engine.settings_file import FILE, note_settings
from selfie3d.recipes.faces.recipe import FaceTrainConfig

STEP = 30


def told(*overrides: str) -> dict[str, Any]:
    given = ["engine.schedule.steps=100", "network.options={width: 8}", *overrides]
    return resolved_dict(load_config(FaceTrainConfig, None, given))


@pytest.fixture
def run(tmp_path: Path) -> Path:
    """A run of 30 steps."""
    out = tmp_path / "run"
    out.mkdir()
    note_settings(out, told())
    (out / "checkpoints").mkdir()
    (out / "checkpoints" / f"step_{STEP:08d}.pt").touch()
    return out


def test_the_same_settings_go_on(run, capsys):
    assert note_settings(run, told()) == []
    assert capsys.readouterr().err == ""


@pytest.mark.parametrize(
    "override",
    [
        "data.batch=4",
        "engine.optimizer.rate=0.5",
        "engine.seed=77",
        "engine.precision=float32",
        "engine.threads=3",
        "engine.schedule.steps=101",
        "engine.schedule.shape=flat",
        "data.train=[{name: folder, root: x}]",
        "network.options={width: 9}",
        "network.options={width: 8, depth: 3}",
        "loss.landmarks=3",
    ],
)
def test_what_changes_the_result_is_refused_or_accepted(run, override, capsys):
    key = override.partition("=")[0]
    with pytest.raises(InputError, match=f"{key}.*--accept-changes"):
        note_settings(run, told(override))
    assert note_settings(run, told()) == []  # nothing of it was noted
    (change,) = note_settings(run, told(override), accept=True)
    assert (change["key"], change["step"]) == (key, STEP)
    assert change["before"] != change["now"]
    assert f"goes on with {key}" in capsys.readouterr().err
    assert json.loads((run / FILE).read_text())["changes"] == [change]
    assert note_settings(run, told(override)) == [change]  # they are the run's now


@pytest.mark.parametrize(
    "override",
    ["engine.log_every=7", "engine.keep=9", "engine.save_every=1", "engine.validate_every=7"],
)
def test_what_changes_nothing_is_printed_and_noted(run, override, capsys):
    (change,) = note_settings(run, told(override))
    assert override.partition("=")[0] == change["key"]
    assert change["key"] in capsys.readouterr().err


def test_a_length_that_rates_do_not_know(tmp_path):
    constant = "engine.schedule.shape=constant"
    out = tmp_path / "run"
    (out / "checkpoints").mkdir(parents=True)
    note_settings(out, told(constant))
    (out / "checkpoints" / f"step_{STEP:08d}.pt").touch()
    assert len(note_settings(out, told(constant, "engine.schedule.steps=200"))) == 1
    with pytest.raises(InputError, match=f"at least {STEP}, which are made, got 20"):
        note_settings(out, told(constant, "engine.schedule.steps=20"), accept=True)


def test_several_changes_are_named_together(run):
    with pytest.raises(InputError, match=r"data\.batch 4 instead of 32.*engine\.seed 5 instead"):
        note_settings(run, told("data.batch=4", "engine.seed=5"))


def test_a_run_without_a_checkpoint_begins_anew(tmp_path):
    note_settings(tmp_path, told())
    assert note_settings(tmp_path, told("data.batch=4")) == []


def test_settings_of_other_versions(run):
    """A setting that came or went with a version is no change of the user's."""
    old = deepcopy(told())
    del old["engine"]["keep"], old["data"]["batch"]
    old["data"]["gone"] = 3
    (run / FILE).write_text(json.dumps({"configuration": old, "changes": []}))
    assert {c["key"] for c in note_settings(run, told())} == {
        "engine.keep",
        "data.batch",
        "data.gone",
    }


@pytest.mark.parametrize("text", ["", "[", "3", '{"configuration": 3}', "{}"])
def test_a_damaged_note_is_said(run, text, capsys):
    (run / FILE).write_text(text)
    assert note_settings(run, told("data.batch=4")) == []
    assert "not known" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("overrides", "key"),
    [
        (["data.batch=0"], "data.batch"),
        (["data.batch=-3"], "data.batch"),
        (["engine.optimizer.rate=-1"], "engine.optimizer.rate"),
        (["engine.optimizer.rate=0"], "engine.optimizer.rate"),
        (["engine.optimizer.rate=.inf"], "engine.optimizer.rate"),
        (["engine.optimizer.betas=[0.9, 1.0]"], "engine.optimizer.betas"),
        (["engine.optimizer.momentum=1.5"], "engine.optimizer.momentum"),
        (["engine.schedule.minutes=.inf"], "engine.schedule.minutes"),
        (["engine.schedule.warmup=-1"], "engine.schedule.warmup"),
        (["engine.schedule.floor=2"], "engine.schedule.floor"),
        (["engine.seed=-1"], "engine.seed"),
        (["engine.seed=1e30"], "engine.seed"),
        (["engine.threads=-2"], "engine.threads"),
        (["loss.landmarks=-1"], "loss.landmarks"),
        (["data.train=[{share: -1}]"], "data.train.share"),
        (["engine.validate_every=-1"], "engine.validate_every"),
        (["engine.schedule.minutes=nan"], "schedule"),
    ],
)
def test_numbers_that_no_run_could_mean(overrides, key):
    with pytest.raises(InputError, match=key.replace(".", r"\.")):
        check_ranges(load_config(FaceTrainConfig, None, overrides))


def test_ranges_of_shipped_settings():
    check_ranges(FaceTrainConfig())
    check_ranges(EngineConfig(schedule=ScheduleConfig(steps=3)), "engine")
    with pytest.raises(InputError, match=r"engine\.optimizer\.clip"):
        check_ranges(EngineConfig(optimizer=OptimizerConfig(clip=-1)), "engine")
