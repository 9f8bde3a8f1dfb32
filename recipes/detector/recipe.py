"""The recipe of our own face detector: what it is told, and how its parts are put together."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path

import torch

from ...core.errors import InputError
from ...datasets.batches.epochs import EpochSource
from ...datasets.synthetic.crowds.crowds import CrowdConfig, CrowdMaker
from ...datasets.synthetic.panorama import read_panoramas
from ...datasets.synthetic.places import Places
from ...datasets.synthetic.shards import ShardedFaces, open_shards
from ...detect.drawn_network import FaceFinder, FinderOptions, load_finder
from ...engine.config import EngineConfig
from ...models.fuse import channels_last
from ..registry import RECIPES, Recipe
from .losses import DetectorLossConfig
from .task import DetectorTask

_NAME = "detector"
_UNSEEN = 7919  # added to the seed for the validation's places


@dataclass(frozen=True)
class DetectorDataConfig:
    """Where faces and places come from.

    Attributes:
        train: folders of `selfie3d synth`.
        validation: a folder that training never sees.
        hdri: a folder of panoramas without faces; empty paints all places.
        places: how many, kept in memory.
        place_size: their side, pixels.
        validate: pictures of a validation.
        batch: pictures of a step.
        crowd: what pictures are like.
    """

    train: list[str] = field(default_factory=list)
    validation: str = ""
    hdri: str = ""
    places: int = 1000
    place_size: int = 320
    validate: int = 256
    batch: int = 32
    crowd: CrowdConfig = field(default_factory=CrowdConfig)

    def __post_init__(self) -> None:
        for name in ("places", "validate", "batch"):
            if getattr(self, name) < 1:
                raise InputError(f"data.{name}", "1 or more", str(getattr(self, name)))
        if self.place_size < 64:
            raise InputError("data.place_size", "64 pixels or more", str(self.place_size))


@dataclass(frozen=True)
class DetectorTrainConfig:
    """Everything a run of the recipe `detector` is told.

    Attributes:
        output: folder of checkpoints, weights and log.
        start: a weights file to start from; empty starts from nothing.
        network, data, loss, engine: see there.
    """

    recipe: str = _NAME
    output: str = "runs/detector"
    start: str = ""
    network: FinderOptions = field(default_factory=FinderOptions)
    data: DetectorDataConfig = field(default_factory=DetectorDataConfig)
    loss: DetectorLossConfig = field(default_factory=DetectorLossConfig)
    engine: EngineConfig = field(default_factory=EngineConfig)


@RECIPES.register(_NAME)
def _detector() -> Recipe:
    return Recipe(DetectorTrainConfig, build_task)


def build_task(config: DetectorTrainConfig) -> DetectorTask:
    """The task of a configuration, its data opened.

    Raises:
        InputError, MissingFileError: data or weights that are not there or cannot be used.
    """
    if not config.data.train or not config.data.validation:
        raise InputError("data", "train and validation folders of drawn faces", "none")
    torch.manual_seed(config.engine.seed)
    data, seed = config.data, config.engine.seed
    network = load_finder(Path(config.start))[0] if config.start else FaceFinder(config.network)
    panoramas = read_panoramas(data.hdri) if data.hdri else None
    places = Places(panoramas, data.place_size, data.places, seed)
    maker = CrowdMaker(_opened(data.train), places, data.crowd)
    unseen = Places(panoramas, data.place_size, data.validate, seed + _UNSEEN)
    checker = CrowdMaker(_opened([data.validation]), unseen, data.crowd)

    def count() -> int:
        maker.folders = _opened(data.train)
        return len(maker)

    source = EpochSource(maker, count, data.batch, seed)
    return DetectorTask(
        channels_last(network.train()), source, checker, data.validate, config.loss, seed
    )


def _opened(folders: list[str]) -> list[ShardedFaces]:
    return [open_shards(folder) for folder in folders]
