"""The recipe of the default network: what it is told, and how its parts are put together."""

from __future__ import annotations

from dataclasses import dataclass, field, replace

import torch

from ...core.errors import InputError
from ...datasets.batches.augment import AugmentConfig
from ...datasets.batches.epochs import EpochSource
from ...datasets.shards.dense import draw_rendered, open_rendered
from ...datasets.shards.rendered import DenseBatchMaker, LabelledPoints, RenderedFaces
from ...datasets.synthetic.config import SyntheticConfig
from ...engine.config import EngineConfig
from ...facemodels.registry import load_face_model
from ...geometry.coefficient_mirror import CoefficientMirror
from ...geometry.dense_points import PointLayout, make_layout
from ...geometry.face_model import FaceModel
from ...models.dense_points import DensePointOptions
from ...models.fuse import channels_last
from ...models.network import Network
from ...models.registry import NETWORKS
from ...models.weights import Weights, load_weights
from ..registry import RECIPES, Recipe
from .lessons import check_dense_lessons
from .losses import DenseLossConfig
from .point_parts import make_part_layout
from .task import DenseBatches, DensePointTask

_NAME = "dense-points"


@dataclass(frozen=True)
class DenseDataConfig:
    """Where faces come from.

    Attributes:
        train: folders of shards; the last one may grow, and is looked at again every epoch.
        validation: a folder of shards that training never sees.
        validate: faces of it that are used.
        draw: without `train`, so many faces are drawn and kept in memory, and `validate` more.
        limit: the first so many faces of `train` only; 0 for all.
        batch: faces of a step.
        synthetic: of drawn faces.
        augment: of training batches.
    """

    train: list[str] = field(default_factory=list)
    validation: str = ""
    validate: int = 1000
    draw: int = 0
    limit: int = 0
    batch: int = 128
    synthetic: SyntheticConfig = field(default_factory=SyntheticConfig)
    augment: AugmentConfig = field(default_factory=AugmentConfig)


@dataclass(frozen=True)
class TrainConfig:
    """Everything a run of `selfie3d train` is told.

    Attributes:
        recipe: this one.
        output: folder of checkpoints, weights and log.
        start: weights (a name or a path) to start from, whose options count; empty starts from
            nothing. `network.refinement` gives a network without one a second look at its points.
        vertices: about how many points, spread evenly over the face, are predicted beside the 68
            landmarks; 0 takes those of `make_part_layout`, which lie dense where shapes are
            fine. The landmarks are the model's own `ibug68`: the readout of a data set's
            convention, `300w-lp`, comes from annotations, and no weight sees it.
        network, data, loss, engine: see there.
    """

    recipe: str = _NAME
    output: str = "runs/default"
    start: str = ""
    vertices: int = 212
    network: DensePointOptions = field(default_factory=DensePointOptions)
    data: DenseDataConfig = field(default_factory=DenseDataConfig)
    loss: DenseLossConfig = field(default_factory=DenseLossConfig)
    engine: EngineConfig = field(default_factory=EngineConfig)


@RECIPES.register(_NAME)
def _dense_points() -> Recipe:
    return Recipe(TrainConfig, build_task)


def build_task(config: TrainConfig) -> DensePointTask:
    """The task of a configuration, its data opened or drawn.

    Raises:
        InputError: neither folders nor a number of faces to draw, too few faces, or none that a
            term learns from.
    """
    torch.manual_seed(config.engine.seed)
    model = load_face_model("default")
    network, layout = initial_network(config, model)
    points, mirror = LabelledPoints.of(model, layout), CoefficientMirror.of(model)
    train, validation = _open(config.data)
    check_dense_lessons(train, network.options, config.loss)
    size = network.input_shape[-1]
    data = config.data
    maker = DenseBatchMaker(train, points, mirror, size, data.augment)
    checker = DenseBatchMaker(validation, points, mirror, size)

    def count() -> int:
        if data.train:
            maker.faces = open_rendered(data.train, data.limit)
        return len(maker.faces)

    seed = config.engine.seed
    source = EpochSource(maker, count, data.batch, seed, lambda: maker.faces.person)
    batches = DenseBatches(source, checker, [maker])
    return DensePointTask(network, batches, model, layout, config.loss, _NAME)


def initial_network(config: TrainConfig, model: FaceModel) -> tuple[Network, PointLayout]:
    """The network that a run begins with, in training mode, and its points."""
    sizes = sum(model.sizes) + 27
    if config.start:
        weights = load_weights(config.start)
        network = _refined(weights, config.network.refinement)
        return channels_last(network).train(), weights.layout
    few = config.vertices
    layout = make_layout(model, few) if few else make_part_layout(model)
    options = replace(config.network, points=len(layout), coefficients=sizes)
    return channels_last(NETWORKS.create(_NAME, **vars(options))), layout


def _refined(weights: Weights, channels: int) -> Network:
    """The network of weights, with a second look of so many channels where it has none."""
    options = weights.network.options
    if not channels or not isinstance(options, DensePointOptions) or options.refinement:
        return weights.network
    options = replace(options, refinement=channels)
    network = NETWORKS.create(_NAME, **vars(options))
    network.load_state_dict(network.state_dict() | weights.network.state_dict())
    return network


def _open(data: DenseDataConfig) -> tuple[RenderedFaces, RenderedFaces]:
    """Training and validation faces."""
    if data.train and data.validation:
        return open_rendered(data.train, data.limit), open_rendered(
            [data.validation], data.validate
        )
    if data.train or not data.draw:
        raise InputError("data", "train and validation folders, or draw", "neither")
    drawn = draw_rendered(data.synthetic, data.draw)
    return drawn, draw_rendered(data.synthetic, data.validate, start=data.draw)
