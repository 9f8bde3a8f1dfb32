"""IResNet and LightCNN-29: public names, sizes and loading by path."""

from __future__ import annotations

import pickle

import pytest
import torch
from selfie3d.core.errors import InputError, MissingFileError
from selfie3d.models.checkpoint import read_state
from selfie3d.models.public.iresnet import IResNet, load_iresnet
from selfie3d.models.public.lightcnn import LightCnn29, load_lightcnn29


def made(network: torch.nn.Module) -> dict[str, torch.Tensor]:
    """Weights that are no initialisation: running statistics, too, are random."""
    generator = torch.Generator().manual_seed(1)
    return {
        key: torch.rand(value.shape, generator=generator) * 0.1 + 0.01
        if value.is_floating_point()
        else value
        for key, value in network.state_dict().items()
    }


@pytest.fixture(scope="module")
def arcface_file(tmp_path_factory):
    path = tmp_path_factory.mktemp("weights") / "backbone.pth"
    torch.save(made(IResNet(18)), path)
    return path


@pytest.fixture(scope="module")
def lightcnn_file(tmp_path_factory):
    """As its author saves it: in a checkpoint, in parallel, with the classifier."""
    state = {f"module.{k}": v for k, v in made(LightCnn29()).items()}
    state["module.fc2.weight"], state["module.fc2.bias"] = torch.ones(9, 256), torch.ones(9)
    path = tmp_path_factory.mktemp("weights") / "lightcnn.pth.tar"
    torch.save({"epoch": 80, "arch": "LightCNN", "state_dict": state, "prec1": 97.5}, path)
    return path


# Parameters of insightface's iresnet18, 34, 50 and 100 with 512 features, and of LightCNN-29
# without its classifier, counted by hand from the layers below.
def iresnet_parameters(blocks):
    total, inputs = 3 * 64 * 9 + 2 * 64 + 64, 64
    for width, count in zip((64, 128, 256, 512), blocks, strict=True):
        total += inputs * width + 2 * width  # shortcut
        for k in range(count):
            before = inputs if k == 0 else width
            total += 2 * before + 9 * before * width + 2 * width + width + 9 * width**2 + 2 * width
        inputs = width
    return total + 2 * 512 + 512 * 49 * 512 + 512 + 2 * 512


@pytest.mark.parametrize(
    ("depth", "blocks"),
    [(18, (2, 2, 2, 2)), (34, (3, 4, 6, 3)), (50, (3, 4, 14, 3)), (100, (3, 13, 30, 3))],
)
def test_iresnet_sizes(depth, blocks):
    with torch.device("meta"):
        network = IResNet(depth)
    assert sum(p.numel() for p in network.parameters()) == iresnet_parameters(blocks)


def test_iresnet_names_are_insightfaces():
    with torch.device("meta"):
        names = set(IResNet(50).state_dict())
    unit = [
        *(f"bn{k}.{p}" for k in (1, 2, 3) for p in ("weight", "bias", "running_mean")),
        *("conv1.weight", "prelu.weight", "conv2.weight"),
    ]
    assert {f"layer3.13.{name}" for name in unit} <= names
    assert {"layer1.0.downsample.0.weight", "layer4.0.downsample.1.bias"} <= names
    assert not any("downsample" in name for name in names if ".1." in name.replace("e.1.", ""))
    assert {"conv1.weight", "bn1.bias", "prelu.weight", "bn2.weight", "fc.bias"} <= names
    assert {"features.running_var", "features.weight"} <= names


def test_lightcnn_names_and_size():
    with torch.device("meta"):
        network = LightCnn29()
    names = set(network.state_dict())
    assert {"conv1.filter.weight", "block4.3.conv2.filter.bias", "fc.filter.weight"} <= names
    assert {"group1.conv_a.filter.weight", "group4.conv.filter.bias"} <= names
    layers = [(1, 48, 5)]
    for inputs, outputs, count in ((48, 96, 1), (96, 192, 2), (192, 128, 3), (128, 128, 4)):
        layers += [(inputs, inputs, 3)] * 2 * count + [(inputs, inputs, 1), (inputs, outputs, 3)]
    wanted = sum(2 * o * (i * k * k + 1) for i, o, k in layers) + 512 * (8192 + 1)
    assert sum(p.numel() for p in network.parameters()) == wanted


def test_lightcnn_layer_takes_the_larger_half():
    network = LightCnn29()
    layer = network.conv1
    image = torch.rand(1, 1, 6, 6)
    both = torch.nn.functional.conv2d(image, layer.filter.weight, layer.filter.bias, padding=2)
    torch.testing.assert_close(layer(image), both.unflatten(1, (2, 48)).amax(1))


def test_saved_weights_give_the_same_vectors(arcface_file, lightcnn_file):
    for load, path, fresh in (
        (load_iresnet, arcface_file, IResNet(18)),
        (load_lightcnn29, lightcnn_file, LightCnn29()),
    ):
        network = load(path)
        assert not network.training
        faces = torch.rand(2, *network.input_shape)
        fresh.load_state_dict(made(fresh))
        with torch.no_grad():
            vectors = network(faces)
            torch.testing.assert_close(vectors, fresh.eval()(faces))
        assert vectors.shape == (2, 512 if load is load_iresnet else 256)


def test_vectors_do_not_depend_on_the_batch(lightcnn_file):
    network = load_lightcnn29(lightcnn_file)
    faces = torch.rand(2, 1, 128, 128)
    with torch.no_grad():
        torch.testing.assert_close(network(faces)[1:], network(faces[1:]), atol=1e-5, rtol=1e-5)


def test_the_wrong_file_is_named(arcface_file, lightcnn_file, tmp_path):
    with pytest.raises(InputError, match=r"backbone\.pth.*LightCnn29.*missing"):
        load_lightcnn29(arcface_file)
    with pytest.raises(InputError, match=r"lightcnn.*IResNet of depth 18, 34, 50, 100"):
        load_iresnet(lightcnn_file)
    state = read_state(arcface_file)
    state["fc.weight"] = state["fc.weight"][:, :5]
    del state["bn2.bias"]
    torch.save(state, tmp_path / "cut.pth")
    with pytest.raises(InputError, match=r"1 missing \(bn2\.bias\); 1 of another shape \(fc\.we"):
        load_iresnet(tmp_path / "cut.pth")


def test_unusable_files(tmp_path, arcface_file):
    with pytest.raises(MissingFileError):
        load_iresnet(tmp_path / "absent.pth")
    (tmp_path / "half.pth").write_bytes(arcface_file.read_bytes()[:100_000])
    (tmp_path / "text.pth").write_text("not found")
    (tmp_path / "code.pth").write_bytes(pickle.dumps(print))
    for name in ("half", "text", "code"):
        with pytest.raises(InputError, match=f"{name}.pth.*PyTorch file of tensors"):
            load_iresnet(tmp_path / f"{name}.pth")
    torch.save([1, 2], tmp_path / "list.pth")
    with pytest.raises(InputError, match="tensors by name"):
        load_iresnet(tmp_path / "list.pth")


def test_unknown_depth():
    with pytest.raises(InputError, match="depth"):
        IResNet(20)
