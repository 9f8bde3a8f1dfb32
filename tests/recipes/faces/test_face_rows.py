"""Every row of the ablations of MLANet and Mobile-FaceRNet learns; learned bases are kept."""

from __future__ import annotations

import pytest
import torch
from selfie3d.core.config import load_config
from selfie3d.core.errors import InputError
from selfie3d.evaluate.predict.crops import CropPredictor
from selfie3d.facemodels.registry import load_face_model
from selfie3d.models.heads.learned_bases import bases_of
from selfie3d.models.weights import load_weights
from selfie3d.pipeline.network.start import open_crop_network, open_start
from selfie3d.recipes.faces.recipe import FaceTrainConfig, build_face_task
from small_recipes import data_settings

ROWS = [
    "mlanet_no_hsca", "mlanet_no_paf", "mlanet_plain", "mobile_facernet_no_attention",
    "mobile_facernet_no_multi_scale", "mobile_facernet_plain", "mobile_facernet_no_smoothness",
    "mobile_facernet_fixed_bases", "mobile_facernet",
]  # fmt: skip
PARAMETERS = {  # millions, as if there were the paper's numbers of outputs; without bases
    "mlanet_no_hsca": 32.32, "mlanet_no_paf": 24.33, "mlanet_plain": 24.04,
    "mobile_facernet_no_attention": 2.88, "mobile_facernet_no_multi_scale": 3.23,
    "mobile_facernet_plain": 2.86, "mobile_facernet_no_smoothness": 3.25,
    "mobile_facernet_fixed_bases": 3.25, "mobile_facernet": 3.25,
}  # fmt: skip


@pytest.fixture(scope="module")
def data(tmp_path_factory):
    return data_settings(tmp_path_factory.mktemp("drawn"))


def task_of(row, repository, data, *more):
    """The task of a configuration on a few faces at 64 pixels."""
    own = [
        "network.options.size=64", "data.batch=3", "data.validate=3", "data.crop=tight",
        "loss.identity=0", "engine.threads=1",
    ]  # fmt: skip
    own += ["network.options.imagenet="] if row.startswith("mlanet") else []
    path = repository / "configs" / f"{row}.yaml"
    return build_face_task(load_config(FaceTrainConfig, path, [*data, *own, *more]))


def one_step(task, rate=1e-3):
    """The terms of one step of Adam."""
    network = task.network.train()
    optimiser = torch.optim.Adam(network.parameters(), lr=rate)
    terms = task.losses(network, next(task.source))
    torch.stack(list(terms.values())).sum().backward()
    optimiser.step()
    return {name: float(term.detach()) for name, term in terms.items()}


@pytest.mark.parametrize("row", ROWS)
def test_a_row_takes_a_step(row, repository, data):
    task = task_of(row, repository, data)
    terms = one_step(task)
    assert all(torch.isfinite(torch.tensor(value)) for value in terms.values())
    assert ("smoothness" in terms) == (row.startswith("mobile") and "smoothness" not in row)
    learned = row.startswith("mobile") and row != "mobile_facernet_fixed_bases"
    assert (bases_of(task.network) is not None) == ("bases" in terms) == learned
    if row in PARAMETERS:
        full = 257 if row.startswith("mlanet") else 495
        last = [m for m in task.network.modules() if isinstance(m, torch.nn.Linear)][-1]
        named = task.network.named_parameters()
        count = sum(p.numel() for name, p in named if not name.startswith("bases."))
        count += (full - last.out_features) * (last.in_features + 1)
        assert count / 1e6 == pytest.approx(PARAMETERS[row], abs=0.02)


def test_scales_reach_the_weights_file(repository, data, tmp_path):
    task = task_of("mobile_facernet_plain", repository, data, "network.scales={light: 0.25}")
    path = tmp_path / "scaled.safetensors"
    path.write_bytes(task.export(task.network, {})[".safetensors"])
    layout = load_weights(path).parameters
    light, angles = (layout.split(torch.ones(1, layout.size))[part] for part in ("light", "angles"))
    assert torch.equal(light, torch.full((1, 27), 0.25))
    torch.testing.assert_close(angles, torch.full((1, 3), 0.1))  # of the configuration


def test_learned_bases_are_trained_kept_and_predicted_with(repository, data, tmp_path):
    task = task_of("mobile_facernet", repository, data)
    first = one_step(task)
    assert first["bases"] == 0
    second = one_step(task)
    assert second["bases"] > 0
    path = tmp_path / "bases.safetensors"
    path.write_bytes(task.export(task.network, {})[".safetensors"])
    weights = load_weights(path)
    learned, model = bases_of(weights.network), load_face_model("default")
    assert float(learned.identity.detach().abs().max()) > 1e-4
    predictor = CropPredictor(open_crop_network(weights))
    picture = (torch.rand(80, 80, 3) * 255).to(torch.uint8).numpy()
    face = predictor(picture, (20.0, 20.0, 60.0, 60.0))
    bare = model.vertices(face.coefficients)[0]
    wanted = bare + torch.einsum("k,kvc->vc", face.coefficients.identity[0], learned.identity)
    torch.testing.assert_close(face.vertices, wanted.detach())
    figures = task.validate(task.network.eval())
    assert figures["error"] > 0
    reconstructed = open_start(str(path)).model
    assert reconstructed.name == "default with the bases of bases"
    assert not reconstructed.identity.requires_grad
    torch.testing.assert_close(reconstructed.identity, model.identity + learned.identity.detach())
    with pytest.raises(InputError, match="which are for 'default'"):
        open_start(str(path), "default-face")  # its bases are those of the whole head


def test_a_network_without_bases_cannot_learn_them(repository, data):
    with pytest.raises(InputError, match=r"network\.learned_bases: .*got 'default'"):
        task_of("mobile_facernet", repository, data, "network.start=default")
