"""The recipe of networks of UV maps, SADRNet and its ablations.

Ours is a better start: the network's heads begin at the scale of what they learn (`scale_heads`).
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field, replace
from functools import partial
from typing import Any

import torch
from torch import Tensor, nn

from ...core.errors import InputError
from ...datasets.batches.batch import FaceBatch
from ...datasets.batches.epochs import derived_seed
from ...datasets.batches.occluded_source import OccludedSource
from ...datasets.batches.occluders import OccluderConfig, cover, draw_occluders
from ...datasets.batches.photo_augment import PhotoAugmentConfig
from ...engine.config import EngineConfig, OptimizerConfig, ScheduleConfig
from ...facemodels.registry import load_face_model
from ...geometry.chart import with_chart
from ...geometry.face_model import FaceModel
from ...models.fuse import channels_last
from ...models.network import Network
from ...models.registry import NETWORKS
from ...models.sadrnet.alignment import AlignmentMethod
from ...models.sadrnet.layout import CameraKind, UvLayout, UvSpec
from ...models.weights import load_weights
from ..face_sets import FaceDataConfig, FaceSets
from ..faces.targets import landmark_targets
from ..fits import FitReader, FittedSource
from ..packing import packer
from ..registry import RECIPES, Recipe
from ..task_batches import TaskBatches
from .losses import UvLossConfig, UvLosses
from .metrics import UvMetrics
from .targets import UvTargetMaker, UvTargets
from .task import UvMeasures, UvTask

_STRIDE = 8  # pixels of the crop per texel of SADRNet's attention
_NONE_KNOWN = (
    "Maps are learnt from faces that are known in face_model's coefficients: synthetic faces, or "
    "300W-LP with a Basel model of 3DDFA's modes: face_model=BASEL.npz label_model=Model_Shape.mat."
)


@dataclass(frozen=True)
class UvNetworkConfig:
    """Which network, and how its maps are read.

    Attributes:
        name: of `models.registry`.
        options: its own.
        method: of the alignment, "umeyama" or "sadrnet", see `models.sadrnet.alignment`.
        attention: the alignment weighs landmarks by attention where there is one.
        camera: "weak", as SADRNet has it, or "perspective", for faces that are seen so.
        scaled: the last norms start with the mean and spread of the first batch's targets, see
            `scale_heads`; ours.
        start: weights (a name or a path) to start from, which bring network and reading along;
            empty starts from nothing.
    """

    name: str = "sadrnet"
    options: dict[str, Any] = field(default_factory=dict)
    method: AlignmentMethod = "umeyama"
    attention: bool = True
    camera: CameraKind = "weak"
    scaled: bool = True
    start: str = ""


def _sadrnet_augment() -> PhotoAugmentConfig:
    """Section III-E."""
    return PhotoAugmentConfig(
        mirrored=0.0, turned_deg=90.0, scaled=0.1, moved=0.1, colour_low=0.6, colour_high=1.4
    )


def _sadrnet_engine() -> EngineConfig:
    """Section III-E; nothing clips or averages there."""
    schedule = ScheduleConfig(
        epochs=25, warmup_epochs=4, warmup_start=0.1, shape="exponential", factor=0.85, every=1
    )
    optimizer = OptimizerConfig("adam", rate=1e-4, betas=[0.9, 0.999], clip=0.0, average=0.0)
    return EngineConfig(
        precision="float32",
        prefetch=2,
        validate_every=1,
        validate_unit="epochs",
        schedule=schedule,
        optimizer=optimizer,
    )


@dataclass(frozen=True)
class UvDataConfig(FaceDataConfig):
    """Where faces come from; their shape and pose must be known.

    Attributes:
        occluders: patches over crops of training, and over all of validation's second time.
    """

    crop: str = "sadrnet"
    batch: int = 16
    augment: PhotoAugmentConfig = field(default_factory=_sadrnet_augment)
    occluders: OccluderConfig = field(default_factory=OccluderConfig)


@dataclass(frozen=True)
class UvTrainConfig:
    """Everything a run of the recipe `uv` is told; the defaults are SADRNet's.

    Attributes:
        output: folder of checkpoints, weights, pictures and log.
        face_model: a registered name or a path, with the truth's coefficients; one without UV
            coordinates is unrolled from a cylinder, as SADRNet's and PRNet's UV map is.
        label_model: 3DDFA's own model (Model_Shape.mat with Model_Exp.mat beside it, or the folder
            of its 68 points), where `face_model` has its modes: 300W-LP teaches by its fits.
        rasterizer: draws faces without a skin mask, and pictures; see `render.back_ends`.
        network, data, loss, engine: see there.
    """

    recipe: str = "uv"
    output: str = "runs/uv"
    face_model: str = "default-face"
    label_model: str = ""
    rasterizer: str = "auto"
    network: UvNetworkConfig = field(default_factory=UvNetworkConfig)
    data: UvDataConfig = field(default_factory=UvDataConfig)
    loss: UvLossConfig = field(default_factory=UvLossConfig)
    engine: EngineConfig = field(default_factory=_sadrnet_engine)


def build_uv_task(config: UvTrainConfig) -> UvTask:
    """The task of a configuration, its data opened.

    Raises:
        InputError: no training or validation data, or parts that do not fit.
        MissingFileError: data or weights that are not there.
        UnknownNameError: a part that nobody registered.
    """
    torch.manual_seed(config.engine.seed)
    model = with_chart(load_face_model(config.face_model))
    network, name, spec = build_uv_network(config.network, model)
    layout = UvLayout(spec, model)
    maker = UvTargetMaker(layout, model, spec.crop_size // _STRIDE, config.rasterizer)
    losses = UvLosses(layout, model, config.loss)
    metrics = UvMetrics(layout, model, maker, landmark_targets(), losses.weights)
    seed = config.engine.seed
    sets = FaceSets.open(config.data, spec.crop_size, seed, output=config.output)
    reader = FitReader.load(model, config.label_model) if config.label_model else None
    sets.taught(partial(_lessons, reader), _NONE_KNOWN)
    source = _source(sets, config.data.occluders, model, reader)
    if config.network.scaled and not config.network.start:
        scale_heads(network, maker(next(source.shard(0, 1))), losses.mask)
    clean, hidden = _validation(sets, config.data.occluders, reader)
    batches = TaskBatches(source, clean, _Fitted(sets.test(), reader), hidden)
    pack = packer(name, network.options, spec)
    measures = UvMeasures(maker, losses, metrics)
    return UvTask(network, measures, batches, pack, config.rasterizer)


def build_uv_network(config: UvNetworkConfig, model: FaceModel) -> tuple[Network, str, UvSpec]:
    """A network in training mode, its name, and what its maps mean.

    Raises:
        UnknownNameError: an unknown network, option or name of weights.
        InputError: a network of another kind, or weights for another face model.
    """
    if config.start:
        weights = load_weights(config.start)
        if weights.maps.face_model != model.name:
            raise InputError("face_model", repr(weights.maps.face_model), repr(model.name))
        network = weights.network.train().requires_grad_(True)
        return channels_last(network), weights.architecture, weights.maps
    network = NETWORKS.create(config.name, **config.options)
    if network.output_kind != "uv":
        got = f"{config.name}, of {network.output_kind}"
        raise InputError("network.name", "a network of UV maps", got)
    side = network.input_shape[-1]
    spec = UvSpec(
        model.name,
        side,
        side,
        not vars(network.options).get("deformation", True),
        config.method,
        config.attention,
        config.camera,
    )
    return channels_last(network), config.name, spec


@torch.no_grad()
def scale_heads(network: nn.Module, targets: UvTargets, mask: Tensor) -> None:
    """Give the last norms of `network`'s map heads the mean and spread of their targets.

    SADRNet's heads end in a normalisation, whose outputs start with mean 0 and spread 1: a crop's
    width for P and 67 mm for D. Adam moves a parameter by about its learning rate a step, so that
    thousands of steps of 1e-4 go by until the faces have their size.

    Args:
        network: its heads `position` and `deformation`, where it has them, end in a BatchNorm2d.
        targets: some known faces'.
        mask: (S,S) bool, the texels that count.
    """
    if not bool(targets.known.any()):
        return
    heads = dict(network.named_children())
    for name, maps in (("position", targets.position), ("deformation", targets.shaped)):
        head = heads.get(name, nn.Identity())
        norms = [m for m in head.modules() if isinstance(m, nn.BatchNorm2d)]
        if norms and norms[-1].affine:
            values = maps[targets.known][..., mask].transpose(0, 1).flatten(1)
            norms[-1].weight.copy_(values.std(1))
            norms[-1].bias.copy_(values.mean(1))


def _source(
    sets: FaceSets, occluders: OccluderConfig, model: FaceModel, reader: FitReader | None
) -> OccludedSource | FittedSource:
    source = sets.source(sets.mirror_of_known(model))
    covered = OccludedSource(source, occluders, sets.data.batch, sets.seed, len(source))
    return covered if reader is None else FittedSource(covered, reader)


def _lessons(reader: FitReader | None, batch: FaceBatch) -> set[str]:
    """All terms learn from known faces, and none from others."""
    known = (batch if reader is None else reader(batch)).known
    return set() if known is None or not bool(known.any()) else {"position"}


def _validation(
    sets: FaceSets, occluders: OccluderConfig, reader: FitReader | None
) -> tuple[list[FaceBatch], list[FaceBatch]]:
    """Faces of the validation sets, unchanged and with patches over all of them."""
    clean = sets.validation()
    if reader is not None:
        clean = [reader(batch) for batch in clean]
    generator = torch.Generator().manual_seed(derived_seed(sets.seed, 1))
    patches = replace(occluders, share=1.0)
    return clean, [cover(batch, draw_occluders(patches, len(batch), generator)) for batch in clean]


@dataclass(frozen=True)
class _Fitted:
    """Batches whose faces are known by their fits, where there is a reader."""

    batches: Iterable[FaceBatch]
    reader: FitReader | None

    def __bool__(self) -> bool:
        return bool(self.batches)

    def __iter__(self) -> Iterator[FaceBatch]:
        for batch in self.batches:
            yield batch if self.reader is None else self.reader(batch)


@RECIPES.register("uv")
def _uv() -> Recipe:
    return Recipe(UvTrainConfig, build_uv_task)
