"""Which rasterizer a run is said to have drawn with."""

from __future__ import annotations

import json

import pytest
import torch
from selfie3d.engine import summary
from selfie3d.engine.summary import Summary, drawn_with
from selfie3d.recipes.faces.recipe import FaceTrainConfig
from selfie3d.recipes.tddfa.recipe import TddfaTrainConfig
from selfie3d.recipes.uv.recipe import UvTrainConfig
from selfie3d.render.back_ends import Choice


@pytest.mark.parametrize("config", [FaceTrainConfig, TddfaTrainConfig, UvTrainConfig])
def test_recipes_take_what_there_is(config):
    assert config().rasterizer == "auto"


def test_on_the_cpu_auto_is_ours():
    here = torch.device("cpu")
    assert drawn_with({"configuration": {"rasterizer": "auto"}}, here) == "cpu"
    assert drawn_with({"configuration": {"rasterizer": "pytorch3d"}}, here) == "pytorch3d"
    assert drawn_with({"configuration": {}}, here) == drawn_with({}, here) == ""


def test_elsewhere_it_is_what_was_chosen_there(monkeypatch):
    monkeypatch.setattr(summary, "choose", lambda device: Choice(f"best on {device.type}", ""))
    facts = {"configuration": {"rasterizer": "auto"}}
    assert drawn_with(facts, torch.device("cuda", 1)) == "best on cuda"


def test_the_summary_has_it(tmp_path):
    parts = (2, 8, 1.0, 0, 1, {}, {}, {"error": 3.0})
    Summary(*parts, rasterizer="cpu").write(tmp_path / "one.json")
    Summary(*parts).write(tmp_path / "other.json")
    assert json.loads((tmp_path / "one.json").read_text())["rasterizer"] == "cpu"
    assert "rasterizer" not in json.loads((tmp_path / "other.json").read_text())
    assert "rasterizer: cpu" in Summary(*parts, rasterizer="cpu").lines()
