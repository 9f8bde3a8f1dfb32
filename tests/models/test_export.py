"""Every network leaves Python: torch.export and ONNX and torch.compile with any batch."""

from __future__ import annotations

import warnings
from collections.abc import Iterator
from pathlib import Path

import pytest
import torch
from selfie3d.models.registry import NETWORKS
from torch import Tensor, nn

SMALL = {
    "dense-points": {
        "size": 32,
        "width": 4,
        "blocks": (1, 1),
        "points": 72,
        "coefficients": 5,
        "reduced": 2,
        "visibility": True,
    },
    "sadrnet": {"size": 64, "width": 8},
    "3ddfa": {"size": 60, "outputs": 7, "widths": (8, 16, 32, 64), "features": 16},
}
OTHERS = {"size": 64, "outputs": 7}
QUICK = ("3ddfa", "dense-points")
"""They are exported in every run of the tests; the others, which take longer, in slow ones."""
EACH = [
    pytest.param(name, marks=() if name in QUICK else pytest.mark.slow) for name in NETWORKS.names()
]
ANY_BATCH = ({0: torch.export.Dim("batch", min=1, max=64)},)


@pytest.fixture(autouse=True)
def quiet() -> Iterator[None]:
    with warnings.catch_warnings():  # of torch and onnx about themselves
        warnings.simplefilter("ignore")
        yield


def build(name: str) -> nn.Module:
    torch.manual_seed(0)
    return NETWORKS.create(name, **SMALL.get(name, OTHERS)).eval()


def pictures(network: nn.Module, count: int) -> Tensor:
    return torch.rand(count, *network.input_shape, generator=torch.Generator().manual_seed(count))


def tensors(output: object) -> list[Tensor]:
    parts = [output] if isinstance(output, Tensor) else list(output)  # type: ignore[call-overload]
    return [part for part in parts if part is not None]


def assert_same(found: list[Tensor], expected: list[Tensor]) -> None:
    assert len(found) == len(expected)
    for one, other in zip(found, expected, strict=True):
        torch.testing.assert_close(one, other, rtol=1e-3, atol=1e-3)


@pytest.mark.parametrize("name", EACH)
def test_exported_with_any_batch(name):
    network = build(name)
    program = torch.export.export(network, (pictures(network, 2),), dynamic_shapes=ANY_BATCH)
    for count in (1, 2, 5):
        images = pictures(network, count)
        with torch.no_grad():
            assert_same(tensors(program.module()(images)), tensors(network(images)))


@pytest.mark.parametrize("name", EACH)
def test_onnx_with_any_batch(name, tmp_path):
    pytest.importorskip("onnxscript")
    runtime = pytest.importorskip("onnxruntime")
    network, path = build(name), tmp_path / "network.onnx"
    with torch.no_grad():
        torch.onnx.export(
            network, (pictures(network, 2),), path, dynamo=True, dynamic_shapes=ANY_BATCH,
            verbose=False,
        )  # fmt: skip
        session = runtime.InferenceSession(path, providers=["CPUExecutionProvider"])
        for count in (1, 2, 5):
            images = pictures(network, count)
            found = session.run(None, {session.get_inputs()[0].name: images.numpy()})
            assert_same([torch.from_numpy(part) for part in found], tensors(network(images)))


@pytest.mark.parametrize("name", EACH)
def test_traced_whole_by_compile(name):
    """Without breaks of the graph, and again for no other batch than the first two."""
    torch.compiler.reset()
    network = build(name)
    compiled = torch.compile(network, backend="eager", fullgraph=True, dynamic=True)
    with torch.no_grad():
        for count in (2, 3, 5):
            images = pictures(network, count)
            assert_same(tensors(compiled(images)), tensors(network(images)))


def test_the_example_of_the_documentation(repository: Path):
    text = (repository / "docs" / "export.md").read_text()
    assert "torch.onnx.export(" in text and "selfie3d[onnx]" in text
