"""What every registered network must do, at small sizes where its options allow."""

from __future__ import annotations

import json
import shutil
from collections.abc import Iterator

import pytest
import torch
from safetensors.torch import load, save
from selfie3d.core.errors import InputError, UnknownNameError
from selfie3d.models.fuse import fuse_norms
from selfie3d.models.heads.points import PointPrediction
from selfie3d.models.registry import NETWORKS
from selfie3d.models.sadrnet.network import UvPrediction
from torch import Tensor, nn

SMALL = {
    "dense-points": {
        "size": 32,
        "width": 4,
        "blocks": (1, 1),
        "points": 72,
        "coefficients": 5,
        "reduced": 2,
    },
    "sadrnet": {"size": 64, "width": 8},
    "3ddfa": {"size": 60, "outputs": 7, "widths": (8, 16, 32, 64), "features": 16},
}
OTHERS = {"size": 64, "outputs": 7}
KINDS = {"points": PointPrediction, "parameters": Tensor, "uv": UvPrediction}
BATCH = 3


def build(name: str) -> nn.Module:
    torch.manual_seed(0)
    return NETWORKS.create(name, **SMALL.get(name, OTHERS))


def settle(network: nn.Module) -> nn.Module:
    """Norms that have seen data, as after training; in evaluation."""
    norms = [m for m in network.modules() if isinstance(m, nn.BatchNorm2d)]
    momenta = [norm.momentum for norm in norms]
    for norm in norms:
        norm.momentum = 1.0
    with torch.no_grad():
        network.train()(pictures(network, 8))
    for norm, momentum in zip(norms, momenta, strict=True):
        norm.momentum = momentum
    return network.eval()


def pictures(network: nn.Module, count: int = BATCH, seed: int = 1) -> Tensor:
    """Smooth ones: noise at a coarse scale and a fine one, in [0,1]."""
    generator = torch.Generator().manual_seed(seed)
    channels, height, width = network.input_shape
    coarse = torch.rand(count, channels, 5, 5, generator=generator)
    smooth = nn.functional.interpolate(coarse, (height, width), mode="bicubic")
    fine = torch.rand(count, channels, height, width, generator=generator)
    return (0.8 * smooth + 0.2 * fine).clamp(0, 1)


def tensors(output: object) -> list[Tensor]:
    parts = [output] if isinstance(output, Tensor) else list(output)
    return [part for part in parts if part is not None]


def run(network: nn.Module, images: Tensor) -> list[Tensor]:
    with torch.no_grad():
        return tensors(network(images))


def distance(one: Tensor, other: Tensor) -> float:
    """Relative, of all numbers together."""
    return float((one.double() - other.double()).norm() / other.double().norm())


@pytest.fixture(scope="module", params=NETWORKS.names())
def name(request: pytest.FixtureRequest) -> str:
    return request.param


@pytest.fixture(scope="module")
def network(name: str) -> Iterator[nn.Module]:
    """Built once; tests leave its parameters as they are, and call `train` or `eval` first."""
    yield settle(build(name))


def test_it_says_what_it_is(network):
    assert network.output_kind in KINDS
    channels, height, width = network.input_shape
    assert channels % 3 == 0 and height == width
    assert network.paper


def test_shape_and_kind(network):
    output = network.eval()(pictures(network))
    assert isinstance(output, KINDS[network.output_kind])
    assert all(len(part) == BATCH and part.isfinite().all() for part in tensors(output))
    if network.output_kind == "parameters":
        assert output.shape == (BATCH, 7)
    if network.output_kind == "uv":
        assert output.position.shape == (BATCH, 3, *network.input_shape[1:])


def test_gradients_reach_every_parameter(network):
    network.train().zero_grad()
    generator = torch.Generator().manual_seed(2)
    parts = tensors(network(pictures(network)))
    weights = [torch.randn(part.shape, generator=generator) for part in parts]
    sum((part * w).sum() for part, w in zip(parts, weights, strict=True)).backward()
    gradients = {key: value.grad for key, value in network.named_parameters()}
    network.zero_grad()
    assert [key for key, grad in gradients.items() if grad is None] == []
    assert [key for key, grad in gradients.items() if not grad.isfinite().all()] == []
    assert [key for key, grad in gradients.items() if not grad.any()] == []


def test_training_moves_running_statistics_and_evaluation_does_not(network):
    def statistics() -> list[Tensor]:
        found = [v.clone() for k, v in network.named_buffers() if "running" in k]
        return found or [torch.zeros(0)]

    before = statistics()
    first = run(network.eval(), pictures(network))
    again = run(network, pictures(network))
    assert all(torch.equal(a, b) for a, b in zip(first, again, strict=True))
    assert all(torch.equal(a, b) for a, b in zip(before, statistics(), strict=True))
    run(network.train(), pictures(network, seed=3))
    assert not any(torch.equal(a, b) for a, b in zip(before, statistics(), strict=True))


def test_an_image_alone_gives_the_same(network):
    images = pictures(network.eval())
    together = run(network, images)
    for k in range(BATCH):
        for part, whole in zip(run(network, images[k : k + 1]), together, strict=True):
            assert distance(part, whole[k : k + 1]) < 1e-3  # deep random networks amplify


def test_bfloat16_is_near(name):
    """With norms that change nothing: centring makes a deep random network chaotic."""
    network = build(name).eval()
    images = pictures(network)
    exact = run(network, images)
    with torch.autocast("cpu", torch.bfloat16):
        near = run(network, images)
    for part, whole in zip(near, exact, strict=True):
        assert part.dtype == torch.float32  # what geometry computes with
        assert distance(part, whole) < 0.04


def test_fused_norms_say_the_same(network):
    images = pictures(network.eval())
    fused = fuse_norms(network)
    for part, whole in zip(run(fused, images), run(network, images), strict=True):
        assert distance(part, whole) < 1e-3


def test_its_state_and_options_build_it_again(name, network):
    options = json.loads(json.dumps(vars(network.options)))
    other = NETWORKS.create(name, **options)
    assert other.options == network.options
    other.load_state_dict(load(save(network.state_dict())))
    images = pictures(network.eval())
    for part, whole in zip(run(other.eval(), images), run(network, images), strict=True):
        assert torch.equal(part, whole)


def test_another_size_is_refused(network):
    channels, height, width = network.input_shape
    wanted = rf"{channels}, {height}, {width}\), got "
    for shape in [
        (2, channels, height + 32, width + 32),
        (2, channels + 1, height, width),
        (channels, height, width),
    ]:
        with pytest.raises(InputError, match=wanted + rf"\({', '.join(map(str, shape))}\)"):
            network(torch.zeros(shape))


def test_an_unknown_option_is_named(name):
    with pytest.raises(UnknownNameError, match=r"option 'sizes'.*size"):
        NETWORKS.create(name, sizes=64)


@pytest.mark.parametrize(
    "options",
    [{"blocks": [1, -1]}, {"blocks": [1, 0]}, {"width": 10**12}, {"points": -3}, {"reduced": -1}],
)
def test_counts_that_no_network_has_are_refused(options):
    with pytest.raises(InputError, match=f"{next(iter(options))}: expected whole numbers"):
        NETWORKS.create("dense-points", **options)
    with pytest.raises(InputError, match="blocks: expected 1 to 8 stages"):
        NETWORKS.create("dense-points", blocks=[])
    with pytest.raises(InputError, match="decoder"):
        NETWORKS.create("dense-points", segments=16, decoder=0)


def compiled(name: str, backend: str) -> None:
    network = settle(build(name))
    images = pictures(network)
    wanted = run(network, images)
    torch.compiler.reset()
    found = run(torch.compile(network, backend=backend, fullgraph=True), images)
    for part, whole in zip(found, wanted, strict=True):
        assert distance(part, whole) < 1e-3


def test_the_smallest_is_traced_whole():
    compiled("dense-points", "aot_eager")


@pytest.mark.slow
@pytest.mark.skipif(shutil.which("c++") is None, reason="torch.compile needs a compiler")
@pytest.mark.parametrize("network_name", NETWORKS.names())
def test_it_compiles(network_name):
    compiled(network_name, "inductor")
