"""The recipe of networks that reconstruct faces from photographs, with or without labels."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import torch

from ...core.errors import InputError
from ...core.item_failure import LOG, FailureLog
from ...datasets.batches.batch import FaceBatch
from ...datasets.batches.face_pass import FacePass
from ...datasets.batches.photo_augment import PhotoAugmentConfig
from ...datasets.batches.sample import FaceDataset
from ...datasets.photographs.registry import DATASETS
from ...datasets.shards.source import FaceLoader
from ...engine.config import EngineConfig
from ...facemodels.registry import load_face_model
from ...geometry.coefficient_mirror import CoefficientMirror
from ...geometry.face_model import FaceModel
from ..lessons import check_lessons
from ..registry import RECIPES, Recipe
from .known import KnownFaces, ParameterTerm, truth_model
from .losses import FaceLossConfig, FaceLosses
from .metrics import FaceViewer
from .network import FaceNetworkConfig, build_face_network
from .targets import IdentityTerm, landmark_targets
from .task import FaceTask

_NOTHING = "Leave the set out, or give a term that its samples can teach a weight above 0."


@dataclass(frozen=True)
class FaceSetConfig:
    """One data set of a mixture.

    Attributes:
        name: of `datasets.registry`. root: its folder.
        share: of the batches, on any scale.
        options: of the data set.
    """

    name: str = ""
    root: str = ""
    share: float = 1.0
    options: dict[str, Any] = field(default_factory=dict)


@dataclass(frozen=True)
class FaceDataConfig:
    """Where faces come from.

    Attributes:
        train: data sets whose batches are mixed. validation: sets that training never sees.
        validate: faces of each of the latter that are used, evenly from all over the set; 0: all.
        test: sets that the run is judged by once, when it has ended; nothing is chosen by them.
        crop: of `datasets.crops`. batch: faces of a step. readers: threads that read pictures.
        augment: of training batches.
        epoch: batches of an epoch; 0: as many as show each face of `train` once.
    """

    train: list[FaceSetConfig] = field(default_factory=list)
    validation: list[FaceSetConfig] = field(default_factory=list)
    test: list[FaceSetConfig] = field(default_factory=list)
    validate: int = 256
    crop: str = "tight"
    batch: int = 32
    readers: int = 1
    augment: PhotoAugmentConfig = field(default_factory=PhotoAugmentConfig)
    epoch: int = 0


@dataclass(frozen=True)
class FaceTrainConfig:
    """Everything a run of the recipe `faces` is told.

    Attributes:
        output: folder of checkpoints, weights, pictures and log.
        face_model: a registered name or a path; faces whose coefficients are known in another model
            teach by their landmarks and their looks. rasterizer: see `render.back_ends`.
        label_model: 3DDFA's own model (Model_Shape.mat with Model_Exp.mat beside it, or the folder
            of its 68 points), which the term `parameters` reads 300W-LP's fits by.
        network, data, loss, engine: see there.
    """

    recipe: str = "faces"
    output: str = "runs/faces"
    face_model: str = "default"
    label_model: str = ""
    rasterizer: str = "auto"
    network: FaceNetworkConfig = field(default_factory=FaceNetworkConfig)
    data: FaceDataConfig = field(default_factory=FaceDataConfig)
    loss: FaceLossConfig = field(default_factory=FaceLossConfig)
    engine: EngineConfig = field(default_factory=EngineConfig)


def build_face_task(config: FaceTrainConfig) -> FaceTask:
    """The task of a configuration, its data opened.

    Raises:
        InputError: no training or validation data, or parts that do not fit.
        MissingFileError: data or weights that are not there.
        UnknownNameError: a part that nobody registered.
    """
    torch.manual_seed(config.engine.seed)
    model = load_face_model(config.face_model)
    built = build_face_network(config.network, model)
    viewer = FaceViewer(
        model, config.rasterizer, config.loss.landmark_set, config.loss.shape_learns
    )
    targets = landmark_targets(config.loss.landmark_weights)
    sets = open_sets(config.data.train, "data.train")
    truth = truth_model(sets, model)
    known = KnownFaces(model, truth, config.loss.landmark_set)
    parameters = _parameters(config, model)
    identity = _identity(config.loss)
    losses = FaceLosses(viewer, targets, config.loss, identity, known, parameters)
    taught = check_lessons(
        sets, config.data.crop, built.size, lessons=losses.lessons, remedy=_NOTHING
    )
    if config.loss.parameters and "parameters" not in taught:
        labels = "a set with labels pose_para, shape_para and exp_para, as 300W-LP"
        raise InputError("data.train", f"{labels}, for loss.parameters", "none", _NOTHING)
    source = face_source(config.data, built.size, config.engine.seed, truth=truth, sets=sets)
    source.log = FailureLog(Path(config.output) / LOG)
    return FaceTask(
        built.network,
        built.decode,
        losses,
        source,
        validation_batches(config.data, built.size),
        built.pack,
        config.network.fixed_norms,
        test_batches(config.data, built.size),
    )


def _parameters(config: FaceTrainConfig, model: FaceModel) -> ParameterTerm | None:
    if config.loss.parameters:
        return ParameterTerm.load(model, config.label_model)
    if config.label_model:
        raise InputError("label_model", "nothing, as loss.parameters is 0", config.label_model)
    return None


def _identity(loss: FaceLossConfig) -> IdentityTerm | None:
    if not loss.identity:
        return None
    return IdentityTerm.load(loss.identity_network, loss.identity_weights_dir)


def open_sets(sets: list[FaceSetConfig], what: str) -> list[FaceDataset]:
    """The data sets of a mixture.

    Raises:
        InputError: none, or options that a data set does not know.
    """
    if not sets:
        raise InputError(what, "at least one data set", "none")
    opened = []
    for one in sets:
        try:
            opened.append(DATASETS.create(one.name, one.root, **one.options))
        except TypeError as error:
            raise InputError(f"{what}: {one.name}", "options it knows", str(error)) from error
    return opened


def face_source(
    data: FaceDataConfig,
    size: int,
    seed: int,
    *,
    truth: FaceModel,
    sets: list[FaceDataset] | None = None,
) -> FaceLoader:
    """Training batches of crops of `size` pixels.

    Args:
        truth: the face model of known coefficients. sets: those of `data`, if they are open.

    Raises:
        InputError: faces with known coefficients are to be mirrored, and the model's cannot be.
    """
    sets = open_sets(data.train, "data.train") if sets is None else sets
    mirrored = data.augment.mirrored and any(getattr(one, "face_model", "") for one in sets)
    mirror = CoefficientMirror.of(truth) if mirrored else None
    return FaceLoader(
        sets,
        [one.share for one in data.train],
        data.crop,
        data.augment,
        size,
        data.batch,
        seed,
        mirror,
        data.readers,
        data.epoch,
    )


def validation_batches(data: FaceDataConfig, size: int) -> list[FaceBatch]:
    """Faces evenly from each of the validation sets, unchanged, in batches.

    Raises:
        InputError: no set, or not one face that can be used.
    """
    batches: list[FaceBatch] = []
    for one in open_sets(data.validation, "data.validation"):
        batches += FacePass(one, data.crop, size, data.batch, data.validate, spread=True)
    if not batches:
        raise InputError("data.validation", "at least one face that can be used", "none")
    return batches


def test_batches(data: FaceDataConfig, size: int) -> Iterable[FaceBatch]:
    """Every face of the test sets, unchanged, read when it is asked for; the sets are opened now.

    False in a condition without any set.

    Raises:
        InputError, MissingFileError, UnknownNameError: a set that cannot be opened.
    """
    sets = open_sets(data.test, "data.test") if data.test else []
    return _Chained([FacePass(one, data.crop, size, data.batch) for one in sets])


@dataclass(frozen=True)
class _Chained:
    """Batches of one pass after the other, again and again."""

    passes: Sequence[FacePass]

    def __len__(self) -> int:
        return len(self.passes)

    def __iter__(self) -> Iterator[FaceBatch]:
        for one in self.passes:
            yield from one


@RECIPES.register("faces")
def _faces() -> Recipe:
    return Recipe(FaceTrainConfig, build_face_task)
