"""One bad photograph, mesh or network: a failure of its own, or an end at the start."""

from __future__ import annotations

from types import SimpleNamespace

import numpy as np
import pytest
import selfie3d.models.weights
import selfie3d.pipeline.network.regress
import torch
from PIL import Image
from selfie3d.core.errors import InputError
from selfie3d.core.item_failure import FailureLog
from selfie3d.evaluate.predict import predictor as predict
from selfie3d.evaluate.predict.batches import Item
from selfie3d.evaluate.predict.photographs import predict_landmarks
from selfie3d.evaluate.predict.predictor import load_predictor
from selfie3d.evaluate.scans.geometric import geometric_errors
from torch import nn

NAMES = ["a", "b", "c", "d"]


def test_every_exception_is_the_photographs_own(tmp_path):
    paths = [tmp_path / f"{name}.png" for name in NAMES]
    for level, path in enumerate(paths):
        Image.new("RGB", (8, 8), (level, 0, 0)).save(path)
    pose = {"pitch": 1.0, "yaw": 2.0, "roll": 3.0}

    def predictor(picture, box):
        level = int(picture[0, 0, 0])
        if level in (1, 2):
            raise (MemoryError(), KeyError("odd"))[level - 1]
        return SimpleNamespace(pose_deg=pose, level=level)

    def points(face):
        return np.full((68, 3), np.nan if face.level == 3 else 5.0)

    log = FailureLog(tmp_path / "errors.log")
    items = [Item(*parts, (0.0, 0.0, 8.0, 8.0)) for parts in zip(NAMES, paths, strict=True)]
    found = predict_landmarks(predictor, items, points=points, log=log)
    assert found.found.tolist() == [True, False, False, False]
    assert "memory" in found.failures["b"] and "KeyError" in found.failures["c"]
    assert "finite points" in found.failures["d"]
    assert "KeyError" in log.written.read_text()


def test_a_mesh_that_breaks_the_measure_is_one_failure(monkeypatch):
    def measure(rec, gt, recipe, scale):
        if rec.name == "b":
            raise FloatingPointError("odd")
        return rec.name

    monkeypatch.setattr("selfie3d.evaluate.scans.geometric.geometric_error", measure)
    pairs = [(SimpleNamespace(name=name), None) for name in NAMES]
    recipe = SimpleNamespace(alignment=SimpleNamespace(scale="mesh"))
    results, _ = geometric_errors(pairs, [recipe] * 4)
    assert [r for r in results if isinstance(r, str)] == ["a", "c", "d"]
    assert "FloatingPointError" in str(results[1])


class Network(nn.Module):
    """Gives what it is told."""

    input_shape = (3, 8, 8)

    def __init__(self, value: float) -> None:
        super().__init__()
        self.value = value

    def forward(self, images: torch.Tensor) -> tuple[torch.Tensor, None]:
        if self.value < 0:
            raise RuntimeError("shapes differ")
        return images.mean((1, 2, 3)) * self.value, None


@pytest.mark.parametrize(
    ("value", "words"), [(float("inf"), "finite numbers"), (-1.0, "works.*shapes differ")]
)
def test_a_network_that_is_wrong_as_a_whole_stops_at_the_start(value, words):
    weights = SimpleNamespace(name="run/best", network=Network(value))
    with pytest.raises(InputError, match=f"run/best.*{words}"):
        predict._check_network(weights)
    predict._check_network(SimpleNamespace(name="good", network=Network(1.0)))


def test_weights_are_read_once(monkeypatch):
    read, original = [], selfie3d.models.weights.load_weights

    def load(name):
        read.append(name)
        return original(name)

    monkeypatch.setattr(selfie3d.models.weights, "load_weights", load)
    monkeypatch.setattr(selfie3d.pipeline.network.regress, "load_weights", load)
    assert load_predictor(None).name == "default"
    assert len(read) == 1
