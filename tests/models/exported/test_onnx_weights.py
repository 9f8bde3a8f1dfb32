"""Exported networks: as torch runs them, read again with what their outputs mean, and damaged."""

from __future__ import annotations

import warnings
from collections.abc import Iterator
from dataclasses import replace

import numpy as np
import pytest
import torch
from selfie3d.core.errors import InputError, MissingFileError
from selfie3d.geometry.dense_points import PointLayout
from selfie3d.models import fuse_norms, ready_to_run
from selfie3d.models.exported.graph import differences, export_network, in_onnxruntime
from selfie3d.models.exported.linear_solve import _BODY
from selfie3d.models.exported.onnx_network import OnnxNetwork
from selfie3d.models.exported.storage import shrink
from selfie3d.models.registry import NETWORKS
from selfie3d.models.weights import Weights, load_weights

onnx = pytest.importorskip("onnx")
pytest.importorskip("onnxscript")
onnxruntime = pytest.importorskip("onnxruntime")
OPTIONS = {"size": 32, "width": 4, "blocks": (1, 1), "points": 72, "coefficients": 5, "reduced": 2,
           "visibility": True, "segments": 3, "decoder": 4}  # fmt: skip


@pytest.fixture(autouse=True)
def quiet() -> Iterator[None]:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        yield


@pytest.fixture(scope="module")
def weights() -> Weights:
    torch.manual_seed(0)
    network = NETWORKS.create("dense-points", **OPTIONS).eval()
    layout = PointLayout("default", ("ibug68",), (7, 9, 11, 13), (1, 0, 3, 2))
    return Weights("small", network, layout, "dense-points", OPTIONS, {"seen": 3})


@pytest.fixture(scope="module")
def exported(weights) -> tuple[bytes, list]:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return export_network(weights)


@pytest.fixture()
def images(weights) -> torch.Tensor:
    generator = torch.Generator().manual_seed(1)
    return torch.rand(5, *weights.network.input_shape, generator=generator)


def test_it_says_how_near_it_is(exported):
    _, found = exported
    assert [item.output for item in found] == [
        "points", "log_sigma", "coefficients", "visibility", "segmentation",
    ]  # fmt: skip
    assert all(item.is_small and item.size > 0 for item in found)
    assert not replace(found[0], largest=found[0].size + 1).is_small


def test_read_again_with_its_meaning(tmp_path, weights, exported, images):
    path = tmp_path / "small.onnx"
    path.write_bytes(exported[0])
    read = load_weights(path)
    assert isinstance(read.network, OnnxNetwork) and read.kind == "points"
    assert (read.name, read.output, read.facts) == ("small", weights.output, {"seen": 3})
    assert read.architecture == "dense-points" and read.network.input_shape == (3, 32, 32)
    assert ready_to_run(read.network) is read.network and read.network.segments
    for count in (1, 5):
        found, expected = read.network(images[:count]), weights.network(images[:count])
        for one, other in zip(found, expected, strict=True):
            torch.testing.assert_close(one, other, rtol=1e-3, atol=1e-4)


def test_of_a_network_that_is_run_there_already(weights, exported):
    network = OnnxNetwork(exported[0], "points")
    there = replace(weights, network=network)
    assert in_onnxruntime(there) is there
    with pytest.raises(InputError, match="that torch runs"):
        export_network(there)


@pytest.mark.parametrize(("storage", "bits", "share"), [("float16", 16, 2e-3), ("int8", 8, 2e-2)])
def test_fewer_bits(weights, exported, storage, bits, share):
    """Smaller by as much, and each weight no farther than half a step of its kind."""
    model = onnx.load_from_string(exported[0])
    before = {tensor.name: tensor for tensor in model.graph.initializer}
    shrink(model, storage, "network.")
    onnx.checker.check_model(model)
    stored = [t for t in model.graph.initializer if t.name.endswith(".stored")]
    assert len(stored) >= 3
    for tensor in stored:
        whole = onnx.numpy_helper.to_array(before[tensor.name.removesuffix(".stored")])
        assert len(tensor.raw_data) * 8 == bits * whole.size
    found = differences(model.SerializeToString(), _module(weights), torch.rand(2, 3, 32, 32))
    for item in found:
        assert 0 < item.largest < share * max(item.size, 1), item


def _module(weights: Weights) -> torch.nn.Module:
    from selfie3d.models.exported.graph import Named

    return Named(weights).eval()


def test_what_is_no_file_of_ours(tmp_path, exported):
    bare = onnx.load_from_string(exported[0])
    del bare.metadata_props[:]
    solved = onnx.load_from_string(exported[0])
    solved.metadata_props.add(key="solver", value="yes")
    for content, reason in (
        (exported[0][:2000], "selfie3d export"),
        (b"no protocol buffer", "selfie3d export"),
        (bare.SerializeToString(), "without our header"),
        (solved.SerializeToString(), "export the network alone"),
    ):
        path = tmp_path / "other.onnx"
        path.write_bytes(content)
        with pytest.raises(InputError, match=reason):
            load_weights(path)
    with pytest.raises(MissingFileError):
        load_weights(tmp_path / "none.onnx")


def test_without_onnxruntime(tmp_path, exported, monkeypatch):
    path = tmp_path / "small.onnx"
    path.write_bytes(exported[0])
    monkeypatch.setitem(__import__("sys").modules, "onnxruntime", None)
    with pytest.raises(MissingFileError, match=r'pip install "selfie3d\[onnx\]"'):
        load_weights(path)


@pytest.mark.parametrize("count", [1, 3])
def test_linear_systems_in_a_loop(count):
    """Against numpy's solver, for a batch."""
    rng = np.random.default_rng(0)
    root = rng.normal(size=(count, 20, 40))
    system = (root @ root.transpose(0, 2, 1) / 40).astype(np.float32)
    right = rng.normal(size=(count, 20, 2)).astype(np.float32)
    given = [
        onnx.helper.make_tensor_value_info(name, onnx.TensorProto.FLOAT, ["b", "k", size])
        for name, size in (("system", "k"), ("right", 2))
    ]
    answer = onnx.helper.make_tensor_value_info("x", onnx.TensorProto.FLOAT, ["b", "k", 2])
    node = onnx.helper.make_node("SolvePositive", ["system", "right"], ["x"], domain="selfie3d")
    model = onnx.helper.make_model(
        onnx.helper.make_graph([node], "solve", given, [answer]),
        functions=[onnx.parser.parse_function(_BODY.replace("VERSION", "20"))],
        opset_imports=[onnx.helper.make_opsetid("", 20), onnx.helper.make_opsetid("selfie3d", 1)],
        ir_version=10,
    )
    session = onnxruntime.InferenceSession(model.SerializeToString())
    found = session.run(None, {"system": system, "right": right})[0]
    np.testing.assert_allclose(found, np.linalg.solve(system, right), rtol=1e-3, atol=1e-4)


def test_networks_that_torch_runs_are_fused_only(weights, images):
    same = fuse_norms(weights.network)
    for one, other in zip(same(images), ready_to_run(weights.network)(images), strict=True):
        torch.testing.assert_close(one, other, rtol=1e-4, atol=1e-5)
