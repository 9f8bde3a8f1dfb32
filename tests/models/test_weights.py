"""Weights files of every kind of network, the first format, and files that are none."""

from __future__ import annotations

import json

import pytest
import torch
from safetensors import safe_open
from safetensors.torch import load_file, save_file
from selfie3d.core.errors import InputError, MissingFileError, UnknownNameError
from selfie3d.facemodels import load_face_model
from selfie3d.geometry.dense_points import PointLayout
from selfie3d.geometry.face_model import SHIPPED_VERSION
from selfie3d.models.heads.layouts import LAYOUTS, make_layout
from selfie3d.models.registry import NETWORKS
from selfie3d.models.sadrnet.layout import UvSpec
from selfie3d.models.tddfa.whitening import Whitening
from selfie3d.models.weights import load_weights, pack_weights
from selfie3d.models.weights_header import KINDS

POINTS = PointLayout("default", ("ibug68",), (5, 6, 7, 8), (1, 0, 3, 2))
SMALL = {
    "dense-points": {"size": 32, "width": 4, "blocks": (1, 1), "points": 72, "coefficients": 5},
    "sadrnet": {"size": 64, "width": 4},
    "mobdensenet": {"size": 64},
}


def settled(name, **options):
    """A small network whose normalisations have seen data."""
    torch.manual_seed(0)
    network = NETWORKS.create(name, **SMALL.get(name, {}) | options).train()
    with torch.no_grad():
        for _ in range(2):
            network(torch.rand(4, *network.input_shape))
    return network.eval()


def stored(tmp_path, network, name, layout, facts=None, half=True):
    path = tmp_path / "some.safetensors"
    path.write_bytes(
        pack_weights(network, name, network.options, layout=layout, facts=facts or {}, half=half)
    )
    return path


def assert_same_outputs(own, other, atol):
    images = torch.rand(2, *own.input_shape, generator=torch.manual_seed(1))
    with torch.no_grad():
        pairs = own(images), other(images)
    if isinstance(pairs[0], torch.Tensor):
        pairs = [(p,) for p in pairs]
    for a, b in zip(*pairs, strict=True):
        if a is not None:
            torch.testing.assert_close(a, b, atol=atol, rtol=0)


def test_points(tmp_path):
    network = settled("dense-points")
    found = load_weights(stored(tmp_path, network, "dense-points", POINTS, {"note": [1, 2.5]}))
    assert (found.kind, found.architecture) == ("points", "dense-points")
    assert found.face_model == "default"
    assert found.layout == POINTS
    assert found.facts == {"note": [1, 2.5]}
    assert found.network.options == network.options
    assert_same_outputs(network, found.network, 5e-3)
    with pytest.raises(InputError, match="parameters"):
        _ = found.parameters


@pytest.mark.parametrize("name", LAYOUTS.names())
def test_parameters(tmp_path, name):
    layout = make_layout(name, load_face_model("default"), 64)
    g = torch.manual_seed(2)
    std = 10 ** torch.empty(layout.size).uniform_(-9, 9, generator=g)  # float16 has no such range
    layout.use_whitening(Whitening(1e6 * torch.randn(layout.size, generator=g), std))
    network = settled("mobdensenet", outputs=layout.size)
    found = load_weights(stored(tmp_path, network, "mobdensenet", layout))
    assert (found.kind, found.face_model) == ("parameters", "default")
    assert found.parameters.name == name
    assert torch.equal(found.parameters.mean, layout.mean)
    assert torch.equal(found.parameters.std, layout.std)
    outputs = torch.randn(3, layout.size, generator=g)
    one, other = layout.decode(outputs), found.parameters.decode(outputs)
    assert torch.equal(one.coefficients.expression, other.coefficients.expression)
    assert torch.equal(one.camera.translation, other.camera.translation)
    assert_same_outputs(network, found.network, 1e-2)
    for wrong in ("layout", "maps"):
        with pytest.raises(InputError, match="network of"):
            getattr(found, wrong)


def test_uv_maps(tmp_path):
    spec = UvSpec("default", 64, 64, True, "sadrnet", False)
    network = settled("sadrnet", attention=False)
    found = load_weights(stored(tmp_path, network, "sadrnet", spec, half=False))
    assert (found.kind, found.maps, found.face_model) == ("uv", spec, "default")
    assert found.options["attention"] is False
    assert_same_outputs(network, found.network, 0.0)


def test_statistics_of_norms_keep_their_range(tmp_path):
    """A variance of 1e-9 is 0 in float16, and a division by nearly nothing."""
    network = settled("mobdensenet", outputs=3)
    tiny = network.stem[0][1].running_var
    tiny.fill_(1e-9)
    found = load_weights(stored(tmp_path, network, "mobdensenet", layout_of(3)))
    assert torch.equal(found.network.stem[0][1].running_var, tiny)


def layout_of(size):
    return UvSpec("default", size, size)


def test_the_shipped_weights_are_read():
    found = load_weights("default")
    assert found.kind == "points"
    assert len(found.layout) == found.options["points"]
    assert all(p.dtype == torch.float32 for p in found.network.parameters())


def rewritten(path, tmp_path, **header):
    """The file with some of its header changed (None: left out)."""
    from safetensors import safe_open

    with safe_open(str(path), framework="pt") as file:
        own = file.metadata() | header
    other = tmp_path / "other.safetensors"
    own["crc32"] = None  # no longer that of the file
    save_file(load_file(path), other, {k: v for k, v in own.items() if v is not None})
    return other


def test_the_first_format_is_read(tmp_path):
    """As it was written before: no kind, everything in float16."""
    network = settled("dense-points")
    path = stored(tmp_path, network, "dense-points", POINTS)
    old = rewritten(path, tmp_path, format="selfie3d-weights-1", output=None)
    halves = {k: v.half() for k, v in load_file(old).items()}
    from safetensors import safe_open

    with safe_open(str(old), framework="pt") as file:
        header = file.metadata()
    save_file(halves, old, header)
    found = load_weights(old)
    assert found.layout == POINTS
    assert_same_outputs(network, found.network, 5e-3)


def test_unusable_files_are_named(tmp_path):
    layout = make_layout("3ddfa", load_face_model("default"), 64)
    network = settled("mobdensenet", outputs=layout.size)
    path = stored(tmp_path, network, "mobdensenet", layout)
    content = json.dumps({"face_model": "default"})
    for change, message in (
        ({"output": "meshes"}, ", ".join(KINDS)),
        ({"output": "points"}, "description of points"),
        ({"output": "uv", "layout": content}, "description of uv"),
        ({"output": "parameters", "layout": content}, "layout"),
        ({"options": "{"}, "JSON"),
        ({"options": "[1]"}, "names and values"),
        ({"facts": None}, "facts"),
        ({"options": json.dumps({"outputs": 5, "size": 64})}, "mobdensenet"),
        ({"format": "selfie3d-weights-9"}, "format"),
    ):
        with pytest.raises((InputError, UnknownNameError), match=message):
            load_weights(rewritten(path, tmp_path, **change))
    with pytest.raises(InputError, match="a dataclass"):
        pack_weights(network, "mobdensenet", 3, layout=layout, facts={})
    with pytest.raises(InputError, match="points, a layout"):
        pack_weights(network, "mobdensenet", {}, layout=object(), facts={})


def test_what_lies_beside_a_runs_weights_is_told_from_them(tmp_path, monkeypatch):
    """The run's folder and its checkpoints say which file is meant; names win over folders."""
    (tmp_path / "run").mkdir()
    torch.save({}, tmp_path / "run" / "best.pt")
    remedy = r"take best\.safetensors or last\.safetensors of the run"
    with pytest.raises(MissingFileError, match=rf"A folder is there: {remedy}"):
        load_weights(tmp_path / "run")
    with pytest.raises(InputError, match=rf"Checkpoints only go on: {remedy}"):
        load_weights(tmp_path / "run" / "best.pt")
    (tmp_path / "default").mkdir()
    monkeypatch.chdir(tmp_path)
    assert load_weights("default").kind == "points"
    with pytest.raises(MissingFileError, match="A folder is there"):
        load_weights("run")


def test_weights_of_another_version_of_the_face_model_are_refused(tmp_path):
    """A file from before the version was written, and one of a version to come."""
    path = stored(tmp_path, settled("dense-points"), "dense-points", POINTS)
    assert load_weights(path).face_model == "default"
    with safe_open(str(path), framework="pt") as file:
        header = dict(file.metadata())
    tensors = load_file(path)
    assert header["face_model_version"] == str(SHIPPED_VERSION)
    for version in (None, "1", str(SHIPPED_VERSION + 1)):
        other = {k: v for k, v in header.items() if k not in ("face_model_version", "crc32")}
        if version is not None:
            other["face_model_version"] = version
        save_file(tensors, path, other)
        with pytest.raises(InputError, match=rf"version {version or 1}\b.*Train them anew"):
            load_weights(path)


def test_every_changed_byte_is_noticed(tmp_path):
    """In header, padding and tensors alike; files without a checksum are read as they are."""
    network = settled("dense-points")
    path = stored(tmp_path, network, "dense-points", POINTS, {"note": 'a "crc32":"12345678"'})
    whole = path.read_bytes()
    load_weights(path)
    header = 8 + int.from_bytes(whole[:8], "little")
    for at in (*range(0, header, 17), header - 1, header, *range(header, len(whole), 9999)):
        path.write_bytes(whole[:at] + bytes([whole[at] ^ 4]) + whole[at + 1 :])
        with pytest.raises((InputError, UnknownNameError), match=r"some\.safetensors|network"):
            load_weights(path)
    path.write_bytes(whole[:-2] + bytes([whole[-2] ^ 1]) + whole[-1:])
    with pytest.raises(InputError, match="other bytes than were written"):
        load_weights(path)
    path.write_bytes(whole)
    with safe_open(str(path), framework="pt") as file:
        old = {k: v for k, v in file.metadata().items() if k != "crc32"}
    save_file(load_file(path), path, old)
    assert load_weights(path).facts["note"].startswith("a ")


def test_weights_for_other_face_models_need_no_version(tmp_path):
    mine = PointLayout("mine", ("ibug68",), (5, 6, 7, 8), (1, 0, 3, 2))
    path = stored(tmp_path, settled("dense-points"), "dense-points", mine)
    assert load_weights(path).face_model == "mine"
