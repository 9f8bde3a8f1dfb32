"""Sets that judge a run when it has ended: by the best weights, and nothing is chosen by them."""

from __future__ import annotations

import json

import pytest
from selfie3d.core.config import load_config
from selfie3d.core.errors import MissingFileError
from selfie3d.datasets.batches.face_pass import FacePass
from selfie3d.datasets.photographs.registry import DATASETS
from selfie3d.engine.trainer import Trainer
from selfie3d.models.weights import load_weights
from selfie3d.recipes.faces.recipe import FaceTrainConfig, build_face_task
from selfie3d.recipes.registry import find_recipe
from selfie3d.train import run_training

pytestmark = pytest.mark.usefixtures("one_thread")
FACES = ["network.options={size: 64, imagenet: ''}", "network.name=resnet18", "data.crop=tight",
         "network.learned_bases=false", "data.epoch=0"]  # fmt: skip
RECIPES = {
    "mobile_facernet": FACES,
    "csanet": ["network.options.size=64", "whitening.samples=8", "norms=1"],
    "sadrnet": ["network.options.size=64", "network.options.width=4"],
}


@pytest.fixture(scope="module")
def drawn(tmp_path_factory):
    root = tmp_path_factory.mktemp("drawn")
    for name, seed in (("train", 0), ("val", 1), ("test", 2)):
        DATASETS.create("drawn", str(root / name), count=6, size=72, seed=seed)
    return root


def settings(drawn, out, *more):
    sets = {"train": "train", "validation": "val", "test": "test"}
    data = [f"data.{key}=[{{name: rendered, root: {drawn / name}}}]" for key, name in sets.items()]
    own = ["data.batch=3", "data.readers=1", "engine.threads=1", "engine.prefetch=0",
           "engine.schedule={steps: 2, warmup: 0, warmup_epochs: 0, shape: constant}"]  # fmt: skip
    return [*data, *own, f"output={out}", *more]


@pytest.mark.parametrize("name", RECIPES)
def test_every_recipe_is_judged_at_its_end(drawn, tmp_path, name):
    out = tmp_path / "run"
    figures = run_training(name, settings(drawn, out, *RECIPES[name]))
    assert {"error", "test_error"} <= set(figures)
    assert figures["test_error"] != figures["error"]
    lines = [json.loads(line) for line in (out / "log.jsonl").read_text().splitlines()]
    assert [line["kind"] for line in lines].count("test") == 1
    summary = json.loads((out / "summary.json").read_text())
    assert "test_error" in json.dumps(summary)
    if name == "sadrnet":  # the engine's part is the same for all
        more = [*RECIPES[name], "data.test=[]"]
        without = run_training(name, settings(drawn, tmp_path / "no", *more))
        assert without == {k: v for k, v in figures.items() if not k.startswith("test_")}


def test_the_best_weights_are_judged(drawn, tmp_path, repository):
    """Not the last ones: at a rate that ruins the network the first step is the best."""
    out = tmp_path / "run"
    more = ["engine.optimizer={name: sgd, rate: 0.003, average: 0, clip: 0}",
            "engine.validate_unit=steps", "engine.validate_every=1"]  # fmt: skip
    path = repository / "configs" / "mobile_facernet.yaml"
    config = load_config(FaceTrainConfig, path, settings(drawn, out, *FACES, *more))
    task = build_face_task(config)
    figures = Trainer(task, config.engine, out, {}).run()
    best = load_weights(out / "best.safetensors").network.eval()
    again = task.test(best)["error"]
    assert figures["test_error"] == pytest.approx(again, rel=0.05)


def test_a_test_set_that_is_not_there_is_missed_before_training(drawn, tmp_path):
    gone = "data.test=[{name: aflw2000, root: nowhere}]"
    with pytest.raises(MissingFileError, match="nowhere"):
        run_training("mobile_facernet", [*settings(drawn, tmp_path / "run", *FACES), gone])
    assert not list((tmp_path / "run").glob("*.safetensors"))
    assert find_recipe("faces").config is FaceTrainConfig


def test_validation_looks_all_over_a_set(drawn):
    data = DATASETS.create("rendered", str(drawn / "train"))
    first, spread = (
        [n for b in FacePass(data, "tight", 64, 2, 3, spread=s) for n in b.names] for s in (0, 1)
    )
    assert first == [data.row_name(k) for k in (0, 1, 2)]
    assert spread == [data.row_name(k) for k in (0, 2, 4)]
