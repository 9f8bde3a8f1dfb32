"""Statistics of normalisation that belong to the weights which are judged."""

from __future__ import annotations

import pytest
import torch
from selfie3d.core.config import load_config
from selfie3d.datasets.photographs.registry import DATASETS
from selfie3d.engine.nonfinite import exact_norms
from selfie3d.engine.trainer import Trainer
from selfie3d.models.weights import load_weights
from selfie3d.recipes.tddfa import recipe
from selfie3d.recipes.tddfa.recipe import TddfaTrainConfig, build_tddfa_task
from torch import nn

pytestmark = pytest.mark.usefixtures("one_thread")


def network():
    torch.manual_seed(0)
    return nn.Sequential(nn.Conv2d(3, 4, 3), nn.BatchNorm2d(4), nn.ReLU(), nn.Conv2d(4, 5, 1),
                         nn.BatchNorm2d(5), nn.Dropout(0.5)).eval()  # fmt: skip


def test_statistics_are_those_of_what_is_shown():
    """Of both norms, over several batches, the second seeing what the first makes of them."""
    own, batches = network(), list(torch.randn(3, 8, 3, 6, 6))
    with exact_norms(own, lambda n: [n(images) for images in batches]) as settled:
        assert settled is own and not any(module.training for module in own.modules())
        first = torch.cat([own[0](images) for images in batches])
        mean, variance = own[1].running_mean, own[1].running_var
        torch.testing.assert_close(mean, first.mean((0, 2, 3)))
        per_batch = torch.stack([own[0](i).transpose(0, 1).flatten(1).var(1) for i in batches])
        torch.testing.assert_close(variance, per_batch.mean(0))
        reached = torch.cat([own(images) for images in batches])
        assert reached.mean((0, 2, 3)).abs().max() < 0.05
        assert 0.8 < float(reached.std()) < 1.2


def test_what_was_there_comes_back_whatever_happens():
    own = network()
    before = {name: value.clone() for name, value in own.state_dict().items()}
    with exact_norms(own, lambda n: n(torch.randn(4, 3, 6, 6))):
        assert not torch.equal(own[1].running_mean, before["1.running_mean"])
    with pytest.raises(RuntimeError, match="lost"), exact_norms(own, _fail):
        pass
    for name, value in own.state_dict().items():
        assert torch.equal(value, before[name]), name
    assert own[1].momentum == 0.1 and not own[1].training


def _fail(own):
    own(torch.randn(4, 3, 6, 6))
    raise RuntimeError("lost")


@pytest.mark.parametrize("run", [None, lambda own: None])
def test_norms_that_see_nothing_keep_the_running_statistics(run):
    own = network()
    own[1].running_mean.fill_(3.0)
    with exact_norms(own, run):
        assert torch.equal(own[1].running_mean, torch.full((4,), 3.0))


def test_the_first_validations_of_a_run(repository, tmp_path, monkeypatch):
    """After three steps at R3FA's rate MobDenseNet is bad; by its running statistics it is not a
    network at all (1e5 to 1e6 %). The weights that are written are what was validated.
    """
    monkeypatch.setattr(recipe, "_SAMPLE_BATCH", 128)  # as in training
    DATASETS.create("drawn", str(tmp_path / "faces"), count=12, size=72)
    data = f"[{{name: rendered, root: '{tmp_path / 'faces'}'}}]"
    errors = []
    for norms in (0, 1):
        out = tmp_path / f"run{norms}"
        settings = [
            f"data.train={data}", f"data.validation={data}", "data.validate=12", "data.batch=12",
            "data.readers=1", "network.options.size=64", "whitening.samples=12", f"norms={norms}",
            "engine.schedule={steps: 3, warmup: 0, shape: constant}",
            "engine.validate_unit=steps", "engine.validate_every=3", "engine.threads=1",
            "engine.prefetch=0", "engine.device=cpu", f"output={out}",
        ]  # fmt: skip
        file = repository / "configs" / "mobdensenet.yaml"
        config = load_config(TddfaTrainConfig, file, settings)
        task = build_tddfa_task(config)
        errors.append(Trainer(task, config.engine, out, {}).run()["error"])
        written = load_weights(out / "last.safetensors").network.eval()
        again = task.validate(written)["error"]
        assert again == pytest.approx(errors[-1], rel=0.2)
    assert errors[1] < errors[0] / 50
