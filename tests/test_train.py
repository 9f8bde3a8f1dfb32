"""`train.py` on the smallest configuration."""

from __future__ import annotations

import json
import subprocess
import sys

import pytest
from selfie3d.core.config import load_config, peek_config
from selfie3d.core.errors import InputError, MissingFileError, UnknownNameError
from selfie3d.models.weights import load_weights
from selfie3d.recipes.registry import DEFAULT_RECIPE, find_recipe
from selfie3d.train import find_config, run_training

QUICK = ["data.draw=16", "data.validate=4", "data.batch=16", "engine.threads=1"]


def test_a_run_learns_and_leaves_weights(tmp_path):
    out = tmp_path / "run"
    figures = run_training("smoke", [f"output={out}", "engine.schedule.steps=25", *QUICK])
    lines = [json.loads(line) for line in (out / "log.jsonl").read_text().splitlines()]
    losses = [line["points"] for line in lines if line["kind"] == "training"]
    assert losses[-1] < 0.8 * losses[0]
    weights = load_weights(out / "best.safetensors")
    assert weights.facts["configuration"]["data"]["batch"] == 16
    assert weights.facts["validation"]["error"] == pytest.approx(figures["error"], rel=0.3)
    assert len(weights.facts["coefficient_variance"]) == 237


def test_shipped_configurations_fit_their_recipes(repository):
    for file in sorted((repository / "configs").glob("*.yaml")):
        recipe = find_recipe(peek_config("recipe", DEFAULT_RECIPE, file))
        resolved = load_config(recipe.config, file)
        assert resolved.output.startswith("runs/"), file


def test_the_script_runs_from_anywhere(repository, tmp_path):
    """Its own folder, whose `datasets` is not Hugging Face's, is off the path."""
    out = tmp_path / "script"
    steps = [f"output={out}", "engine.schedule.steps=1", *QUICK]
    command = [sys.executable, str(repository / "train.py"), "smoke", *steps]
    subprocess.run(command, cwd=tmp_path, check=True, capture_output=True)
    assert (out / "last.safetensors").is_file()


def test_wrong_settings_are_named(tmp_path):
    with pytest.raises(UnknownNameError, match=r"engine\.schedule\.steps"):
        run_training("smoke", ["engine.schedule.step=3"])
    with pytest.raises(UnknownNameError, match=r"recipe 'dense-point'.*dense-points"):
        run_training("smoke", ["recipe=dense-point"])
    with pytest.raises(MissingFileError, match="nowhere"):
        run_training("nowhere.yaml")
    for setting in ("vertices=-5", "engine.threads=-1", "data.synthetic.size=1000000000"):
        with pytest.raises(InputError, match=setting.split("=")[0].split(".")[-1]):
            run_training("smoke", [f"output={tmp_path}", setting])
    assert find_config("default").name == "default.yaml"
