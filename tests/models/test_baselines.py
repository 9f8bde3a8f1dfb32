"""torchvision's networks as baselines, and their ImageNet weights out of local files."""

from __future__ import annotations

import pytest
import torch
from selfie3d.core.errors import InputError, MissingFileError
from selfie3d.core.torchvision_shim import ensure_torchvision
from selfie3d.models.baselines import BASELINES, BaselineOptions
from selfie3d.models.blocks.output import OutputLayer
from selfie3d.models.public.imagenet import KNOWN
from selfie3d.models.registry import NETWORKS


def theirs(name):
    ensure_torchvision()
    from torchvision import models

    torch.manual_seed(0)
    return getattr(models, BASELINES[name].constructor)(weights=None).eval()


@pytest.mark.parametrize("name", ["resnet18", "mobilenet_v2", "densenet121"])
def test_an_imagenet_file_gives_torchvisions_features(name, tmp_path):
    """Of the normalised image, by torchvision's own transform; the last layer is new."""
    network = theirs(name)
    from torchvision.transforms import Normalize

    torch.save(network.state_dict(), tmp_path / "weights.pth")
    ours = NETWORKS.create(name, size=64, imagenet=str(tmp_path / "weights.pth")).eval()
    assert ours.options == BaselineOptions(ours.options.outputs, 64)
    last = ours.backbone.get_submodule(BASELINES[name].last)
    assert isinstance(last, OutputLayer)
    found = []
    last.register_forward_pre_hook(lambda _, inputs: found.append(inputs[0]))
    network.get_submodule(BASELINES[name].last).register_forward_pre_hook(
        lambda _, inputs: found.append(inputs[0])
    )
    images = torch.rand(2, 3, 64, 64)
    with torch.no_grad():
        ours(images)
        network(Normalize([0.485, 0.456, 0.406], [0.229, 0.224, 0.225])(images))
    torch.testing.assert_close(*found, atol=1e-5, rtol=1e-4)


def test_images_as_they_are():
    images = torch.rand(1, 3, 64, 64)
    raw = NETWORKS.create("resnet18", size=64, normalise=False).eval()
    with torch.no_grad():
        torch.testing.assert_close(raw(images), raw.backbone(images))


def test_files_of_old_densenets_are_read(tmp_path):
    """torchvision's file names "norm.1" what its network has as "norm1"."""
    state = theirs("densenet121").state_dict()
    old = {
        key.replace("norm1", "norm.1")
        .replace("norm2", "norm.2")
        .replace("conv1.", "conv.1.")
        .replace("conv2.", "conv.2.")
        if "denselayer" in key
        else key: value
        for key, value in state.items()
    }
    assert "features.denseblock1.denselayer1.norm.1.weight" in old
    torch.save(old, tmp_path / "old.pth")
    network = NETWORKS.create("densenet121", imagenet=str(tmp_path / "old.pth"))
    key = "features.denseblock4.denselayer16.conv2.weight"
    assert torch.equal(network.backbone.state_dict()[key], state[key])


def test_a_missing_file_is_named_with_source_and_licence(tmp_path, monkeypatch):
    monkeypatch.setenv("SELFIE3D_WEIGHTS", str(tmp_path))
    words = r"resnet18-f37072fd\.pth.*not found at .*none\.pth.*https://download\.pytorch\.org.*BSD"
    for path in ("none.pth", str(tmp_path / "none.pth")):
        with pytest.raises(MissingFileError, match=words):
            NETWORKS.create("resnet18", imagenet=path)


def test_a_name_alone_is_looked_for_where_weights_lie(tmp_path, monkeypatch):
    monkeypatch.setenv("SELFIE3D_WEIGHTS", str(tmp_path))
    state = theirs("resnet18").state_dict()
    torch.save(state, tmp_path / "some.pth")
    network = NETWORKS.create("resnet18", size=64, imagenet="some.pth")
    assert torch.equal(network.backbone.conv1.weight, state["conv1.weight"])


def test_another_networks_file_is_refused(tmp_path):
    torch.save(theirs("resnet18").state_dict(), tmp_path / "resnet18.pth")
    with pytest.raises(InputError, match=r"resnet18\.pth: expected .* resnet34, got .*missing"):
        NETWORKS.create("resnet34", imagenet=str(tmp_path / "resnet18.pth"))
    with pytest.raises(InputError, match="that do not fit"):
        NETWORKS.create("densenet121", imagenet=str(tmp_path / "resnet18.pth"))


def test_the_files_are_torchvisions():
    ensure_torchvision()
    from torchvision import models

    assert set(KNOWN) == set(BASELINES)
    for name, known in KNOWN.items():
        weights = models.get_model_weights(BASELINES[name].constructor)["IMAGENET1K_V1"]
        assert weights.url.rpartition("/")[2] == known.file


def test_without_torchvision_it_says_so(monkeypatch):
    def absent():
        raise MissingFileError("sys.path", "The package torchvision", "Install it.")

    monkeypatch.setattr("selfie3d.models.baselines.ensure_torchvision", absent)
    with pytest.raises(MissingFileError, match="package torchvision not found"):
        NETWORKS.create("resnet18")
