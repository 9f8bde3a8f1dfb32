"""Networks of 3DDFA's 62 numbers, directly or through the cascade, and how they are stored."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import torch
from torch import Tensor, nn

from ..core.errors import InputError
from ..geometry.face_model import FaceModel
from ..models.cascade import CHANNELS, Cascade
from ..models.fuse import channels_last
from ..models.heads.layouts import make_layout
from ..models.heads.tddfa_layout import TddfaLayout
from ..models.registry import NETWORKS
from ..models.weights import load_weights, pack_weights
from ..render.pncc import PnccRenderer

LAYOUT = "3ddfa"


@dataclass(frozen=True)
class TddfaNetworkConfig:
    """Which network.

    Attributes:
        name: of `models.registry`; "3ddfa" is the cascade. options: its own.
        iterations: of the cascade.
        start: weights (a name or a path) to start from, which bring network, options and whitening
            along; empty starts from nothing.
    """

    name: str = "csanet"
    options: dict[str, Any] = field(default_factory=dict)
    iterations: int = 3
    start: str = ""


@dataclass(frozen=True)
class TddfaNetwork:
    """A network, and what its outputs mean.

    Attributes:
        network: in training mode; what is trained.
        name: in the registry.
        layout: of its outputs.
        settled: whether the layout's whitening is final already, as it came with weights.
        cascade: what calls the network; None where it is called once, with the photograph alone.
    """

    network: nn.Module
    name: str
    layout: TddfaLayout
    settled: bool
    cascade: Cascade | None

    @property
    def size(self) -> int:
        """Side of the crops in pixels."""
        return self.layout.spec.crop_size

    def to(self, device: torch.device | str) -> None:
        """Move everything but the network, which others move."""
        (self.layout if self.cascade is None else self.cascade).to(device)

    def outputs(self, network: nn.Module, images: Tensor) -> Tensor:
        """What is learnt from: (B,P), or (K B,P) of the cascade's K iterations, one after another.

        Args:
            network: `self.network`, perhaps wrapped. images: (B,3,S,S).
        """
        if self.cascade is None:
            outputs: Tensor = network(images)
            return outputs
        starts = self.cascade.starts(network, images)
        seen = torch.cat([self.cascade.inputs(images, start) for start in starts])
        return torch.cat(starts) + network(seen)

    def predict(self, network: nn.Module, images: Tensor) -> Tensor:
        """The final parameters (B,P); the network must be evaluating."""
        with torch.no_grad():
            if self.cascade is None:
                outputs: Tensor = network(images)
                return outputs
            return self.cascade.predict(network, images)

    def pack(self, network: nn.Module, facts: Mapping[str, Any]) -> dict[str, bytes]:
        """The weights file, by suffix."""
        known = dict(facts)
        if self.cascade is not None:
            known["iterations"] = self.cascade.iterations
        content = pack_weights(network, self.name, self.network.options, self.layout, known)
        return {".safetensors": content}


def build_tddfa_network(
    config: TddfaNetworkConfig, model: FaceModel, pivot: list[float] | None, rasterizer: str
) -> TddfaNetwork:
    """The network of a configuration.

    Args:
        config: see there. model: the face model. pivot: of the layout, see `LayoutSpec`.
        rasterizer: that draws PNCC.

    Raises:
        UnknownNameError: an unknown network, option or name of weights.
        InputError: weights of something else, or a network that predicts something else.
    """
    if config.start:
        network, name, layout = _started(config.start, model)
    else:
        network, name, layout = _fresh(config, model, pivot)
    cascade = None
    if network.input_shape[0] == CHANNELS:  # type: ignore[index]
        pncc = PnccRenderer(model.mean, model.faces, rasterizer)
        cascade = Cascade(layout, model, pncc, config.iterations)
    return TddfaNetwork(channels_last(network), name, layout, bool(config.start), cascade)


def _fresh(
    config: TddfaNetworkConfig, model: FaceModel, pivot: list[float] | None
) -> tuple[nn.Module, str, TddfaLayout]:
    """Network, name and layout of a configuration."""
    trial = NETWORKS.create(config.name, **config.options)
    kind = getattr(trial, "output_kind", "nothing known")
    if kind != "parameters":
        raise InputError("network.name", "a network of parameters", f"{config.name}, of {kind}")
    side = int(trial.input_shape[-1])  # type: ignore[index]
    layout = make_layout(LAYOUT, model, side, pivot=pivot)
    if not isinstance(layout, TddfaLayout):
        raise InputError("layout", LAYOUT, layout.name)
    network = NETWORKS.create(config.name, **config.options | {"outputs": layout.size})
    return network, config.name, layout


def _started(start: str, model: FaceModel) -> tuple[nn.Module, str, TddfaLayout]:
    """Network, name and layout of weights.

    Raises:
        InputError: they do not mean 3DDFA's numbers for this face model.
    """
    weights = load_weights(start)
    layout = weights.parameters
    if not isinstance(layout, TddfaLayout):
        raise InputError(f"weights {start!r}", f"the layout {LAYOUT}", layout.name)
    if (layout.spec.face_model, layout.spec.sizes) != (model.name, model.sizes):
        expected = f"weights for face model {model.name} {model.sizes}"
        raise InputError(f"weights {start!r}", expected, str(layout.spec))
    return weights.network.train().requires_grad_(True), weights.architecture, layout
