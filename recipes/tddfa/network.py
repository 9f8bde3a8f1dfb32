"""Networks of 3DDFA's 62 numbers, directly or through the cascade, and how they are stored.

`KnownModel` is the face model of a run, with how 3DDFA's own parameters convert to it.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from ...core.errors import InputError
from ...facemodels.readers.tddfa_points import (
    MM,
    TddfaPoints,
    is_tddfa_model,
    read_tddfa_points,
)
from ...facemodels.registry import load_face_model
from ...geometry.dense_points import PointBasis, PointLayout
from ...geometry.face_model import FaceModel
from ...models.fuse import channels_last
from ...models.heads.layouts import layout_size, make_layout
from ...models.network import Network
from ...models.registry import create_parameter_network
from ...models.tddfa.cascade import CHANNELS, Cascade
from ...models.tddfa.layout import EXPRESSION, IDENTITY, TddfaLayout
from ...models.tddfa.whitening import Whitening, read_whitening
from ...models.weights import load_weights, pack_weights
from ...render.pncc import PnccRenderer

_TOLERANCE = 0.05  # of a mode's length, and of the mean's extent
_REMEDY = "Labels of 300W-LP belong to the Basel Face Model 2009 in 3DDFA's form."
LAYOUT = "3ddfa"


@dataclass(frozen=True)
class KnownModel:
    """A face model.

    Attributes:
        model: the face model.
        factors: (12 + modes,) the layout's parameters per 3DDFA's; None where they do not convert.
        pivot: of the layout, mm: 3DDFA's origin; None takes the layout's own.
        modes: how many of identity and expression the factors are of.
    """

    model: FaceModel
    factors: Tensor | None = None
    pivot: list[float] | None = None
    modes: tuple[int, int] = (IDENTITY, EXPRESSION)

    @classmethod
    def load(cls, face_model: str, label_model: str = "") -> KnownModel:
        """The face model of a name, with 3DDFA's own beside it where labels are to be read.

        Args:
            face_model: a registered name, a path, or 3DDFA's own model at its 68 points.
            label_model: the latter, or its Model_Shape.mat, where `face_model` is a dense Basel
                model that labels are to be converted to; "" does without labels.

        Raises:
            InputError: the two models have different modes.
        """
        if is_tddfa_model(face_model):
            points = read_tddfa_points(face_model)
            return cls(points.model, points.factors, points.origin.tolist())
        model = load_face_model(face_model)
        if not label_model:
            return cls(model)
        return converted(model, read_tddfa_points(label_model).first(IDENTITY, EXPRESSION))

    def whitening(self, file: str, prefix: str) -> Whitening:
        """Statistics of a file: in 3DDFA's units where they convert, else in the layout's."""
        read = read_whitening(Path(file), prefix=prefix)
        return read if self.factors is None else read.in_units(self.factors)


def converted(model: FaceModel, points: TddfaPoints) -> KnownModel:
    """A Basel model in units of its own, beside 3DDFA's raw modes at the 68 landmarks.

    Each mode's unit is the ratio of the two at the landmarks, 3DDFA's origin the difference of the
    means there.

    Args:
        model: with landmarks `ibug68` at 3DDFA's vertices.
        points: in raw coefficients.

    Raises:
        InputError: fewer modes, or others.
    """
    ours = PointBasis.of(model, PointLayout(model.name, ("ibug68",), (), ()))
    theirs = points.model
    identity = unit_ratios("identity", ours.identity, theirs.identity)
    expression = unit_ratios("expression", ours.expression, theirs.expression)
    gap = ours.mean - theirs.mean
    extent = (ours.mean.amax(0) - ours.mean.amin(0)).max()
    if bool((gap - gap.mean(0)).norm(dim=1).max() > _TOLERANCE * extent):
        raise InputError("face model", "3DDFA's mean at its landmarks", model.name, _REMEDY)
    row = torch.tensor([1 / MM, 1 / MM, 1 / MM, 1.0])
    factors = torch.cat([row.repeat(3), 1 / identity, 1 / expression])
    pivot = (points.origin + gap.mean(0)).tolist()
    return KnownModel(model, factors, pivot, (len(identity), len(expression)))


def unit_ratios(name: str, modes: Tensor, raw: Tensor) -> Tensor:
    """Raw coefficients per unit (K,), where modes (K or more,68,3) are multiples of raw ones.

    Raises:
        InputError: fewer modes, or others; `name` says of what.
    """
    if len(modes) < len(raw):
        raise InputError(f"{name} modes", f"{len(raw)} or more", str(len(modes)), _REMEDY)
    ours, theirs = modes[: len(raw)].flatten(1).double(), raw.flatten(1).double()
    unit = (ours * theirs).sum(1) / theirs.square().sum(1)
    rest = (ours - unit[:, None] * theirs).norm(dim=1) / ours.norm(dim=1)
    if bool((rest > _TOLERANCE).any()):
        worst = int(rest.argmax())
        raise InputError(f"{name} modes", "3DDFA's", f"another mode {worst}", _REMEDY)
    return unit.float()


@dataclass(frozen=True)
class TddfaNetworkConfig:
    """Which network.

    Attributes:
        name: of `models.registry`; "3ddfa" is the cascade.
        options: its own.
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

    network: Network
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
            network: `self.network`, perhaps wrapped.
            images: (B,3,S,S).
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
        content = pack_weights(
            network, self.name, self.network.options, layout=self.layout, facts=known
        )
        return {".safetensors": content}


def build_tddfa_network(
    config: TddfaNetworkConfig, model: FaceModel, pivot: list[float] | None, rasterizer: str
) -> TddfaNetwork:
    """The network of a configuration.

    Args:
        config: see there.
        model: the face model.
        pivot: of the layout, see `LayoutSpec`.
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
    if network.input_shape[0] == CHANNELS:
        pncc = PnccRenderer(model.mean, model.faces, rasterizer)
        cascade = Cascade(layout, model, pncc, config.iterations)
    return TddfaNetwork(channels_last(network), name, layout, bool(config.start), cascade)


def _fresh(
    config: TddfaNetworkConfig, model: FaceModel, pivot: list[float] | None
) -> tuple[Network, str, TddfaLayout]:
    """Network, name and layout of a configuration."""
    outputs = layout_size(LAYOUT, model)
    network = create_parameter_network(config.name, outputs, config.options)
    layout = make_layout(LAYOUT, model, network.input_shape[-1], pivot=pivot)
    if not isinstance(layout, TddfaLayout):
        raise InputError("layout", LAYOUT, layout.name)
    return network, config.name, layout


def _started(start: str, model: FaceModel) -> tuple[Network, str, TddfaLayout]:
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
