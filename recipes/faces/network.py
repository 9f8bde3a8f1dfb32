"""Networks that reconstruct faces, with what reads faces off their outputs."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from torch import nn

from ...core.errors import InputError
from ...geometry.dense_points import PointLayout
from ...geometry.dense_points import make_layout as make_point_layout
from ...geometry.face_model import FaceModel
from ...models.fuse import channels_last
from ...models.heads.layouts import Layout, layout_size, make_layout
from ...models.heads.learned_bases import bases_of
from ...models.heads.point_decoder import PointDecoder
from ...models.network import Network, OutputKind
from ...models.registry import NETWORKS, create_parameter_network
from ...models.weights import Weights, load_weights
from ..packing import Pack, packer
from .metrics import Decoder

POINTS: OutputKind = "points"
_LIGHT = 27  # numbers of a light
_VARIANCE, _SIGMA = "coefficient_variance", "sigma_scale"  # facts that the points' solver needs


@dataclass(frozen=True)
class FaceNetworkConfig:
    """Which network, and what its outputs mean.

    Attributes:
        name: of `models.registry`.
        options: its own.
        layout: "points" for networks of dense points, else a name of `models.heads.layouts`.
        scales: factors of the layout's own units, by part, such as {angles: 0.1}: what a step
            changes a part by. Weights to start from bring theirs along.
        vertices: about how many points a network of dense points predicts beside the landmarks.
        start: weights (a name or a path) to start from, which bring network, options and layout
            along; empty starts from nothing.
        frozen: first parts of the names of tensors that do not learn, such as "stages".
        fixed_norms: batch normalisations keep the statistics that they began with: what weights
            that were trained on other pictures, or small batches, need.
        learned_bases: the face model's identity and albedo bases learn, too; of networks that hold
            them (option `bases`). Weights to start from bring theirs along.
    """

    name: str = "dense-points"
    options: dict[str, Any] = field(default_factory=dict)
    layout: str = POINTS
    scales: dict[str, float] = field(default_factory=dict)
    vertices: int = 212
    start: str = ""
    frozen: list[str] = field(default_factory=list)
    fixed_norms: bool = False
    learned_bases: bool = False


@dataclass(frozen=True)
class FaceNetwork:
    """A network and its reading.

    Attributes:
        network: in training mode.
        decode: its outputs to faces with cameras in crop pixels.
        size: side of its crops in pixels.
        pack: (network, facts) to the files that are written, by suffix.
    """

    network: Network
    decode: Decoder
    size: int
    pack: Pack


def build_face_network(config: FaceNetworkConfig, model: FaceModel) -> FaceNetwork:
    """The network of a configuration.

    Raises:
        UnknownNameError: an unknown network, layout, option or name of weights.
        InputError: weights for another face model, or a layout that does not fit the network.
    """
    built = _built(config, model)
    if config.learned_bases and bases_of(built.network) is None:
        name = config.start or config.name
        raise InputError("network.learned_bases", "a network that holds bases", repr(name))
    freeze(built.network, config.frozen)
    return built


def freeze(network: nn.Module, parts: Sequence[str]) -> None:
    """Let the tensors whose names begin so keep their values.

    Raises:
        InputError: a part that no name begins with.
    """
    names = [name for name, _ in network.named_parameters()]
    for part in parts:
        if not any(name.startswith(part) for name in names):
            known = ", ".join(dict.fromkeys(name.split(".")[0] for name in names))
            raise InputError("network.frozen", f"first parts of names ({known})", repr(part))
    for name, parameter in network.named_parameters():
        parameter.requires_grad_(not any(name.startswith(part) for part in parts))


def hold_norms(network: nn.Module) -> None:
    """Put every batch normalisation into evaluation, so that it uses and keeps its statistics."""
    for module in network.modules():
        if isinstance(module, nn.modules.batchnorm._BatchNorm):
            module.eval()


def _built(config: FaceNetworkConfig, model: FaceModel) -> FaceNetwork:
    if config.start:
        return _started(load_weights(config.start), model)
    if config.layout == POINTS:
        if config.scales:
            raise InputError("network.scales", "a layout of parameters", "that of points")
        points = make_point_layout(model, config.vertices)
        sizes = {"points": len(points), "coefficients": sum(model.sizes) + _LIGHT}
        network = NETWORKS.create(config.name, **config.options | sizes)
        return _of_points(network, config.name, points, model, {})
    options = dict(config.options)
    if config.learned_bases:
        options["bases"] = (len(model.identity), len(model.albedo_basis), len(model.mean))
    outputs = layout_size(config.layout, model)
    network = create_parameter_network(config.name, outputs, options)
    layout = make_layout(config.layout, model, network.input_shape[-1])
    layout.scale(config.scales)
    return _of_parameters(network, config.name, layout)


def _started(weights: Weights, model: FaceModel) -> FaceNetwork:
    if weights.face_model != model.name:
        raise InputError("face_model", f"{weights.face_model}, as the weights", model.name)
    network = weights.network.train().requires_grad_(True)
    name = weights.architecture
    if weights.kind == POINTS:
        return _of_points(network, name, weights.layout, model, weights.facts)
    return _of_parameters(network, name, weights.parameters)


def _of_points(
    network: Network, name: str, layout: PointLayout, model: FaceModel, facts: Mapping[str, Any]
) -> FaceNetwork:
    _require_kind(network, name, POINTS)
    size = network.input_shape[-1]
    kept = {fact: facts[fact] for fact in (_VARIANCE, _SIGMA) if fact in facts}
    decode = PointDecoder(model, layout, size, kept.get(_VARIANCE), sigma_scale=kept.get(_SIGMA))
    if "segments" in (heads := dict(network.named_children())):
        heads["segments"].requires_grad_(False)  # no term of photographs teaches them

    pack = packer(name, network.options, layout, kept)
    return FaceNetwork(channels_last(network), decode, size, pack)


def _of_parameters(network: Network, name: str, layout: Layout) -> FaceNetwork:
    _require_kind(network, name, "parameters")

    pack = packer(name, network.options, layout)
    return FaceNetwork(channels_last(network), layout.decode, network.input_shape[-1], pack)


def _require_kind(network: Network, name: str, kind: OutputKind) -> None:
    got = network.output_kind
    if got != kind:
        remedy = f"Choose network.layout for {got}." if kind == POINTS else "Use layout points."
        raise InputError("network.layout", f"one for {name}, which predicts {got}", kind, remedy)
