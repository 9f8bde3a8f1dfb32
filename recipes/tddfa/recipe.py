"""The recipe of networks that regress 3DDFA's 62 numbers: CSANet, R3FA, DAMDNet, 3DDFA."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field, replace
from functools import partial
from pathlib import Path

import torch

from ...datasets.batches.batch import FaceBatch
from ...datasets.batches.photo_augment import NO_PHOTO_AUGMENTATION
from ...datasets.shards.source import FaceLoader
from ...engine.config import EngineConfig
from ...geometry.coefficient_mirror import CoefficientMirror
from ...geometry.face_model import FaceModel
from ...models.tddfa.whitening import read_whitening
from ..face_sets import FaceDataConfig, FaceSets
from ..registry import RECIPES, Recipe
from ..task_batches import TaskBatches
from .losses import PointSampler, TddfaLossConfig, TddfaLosses, TddfaTargets
from .network import KnownModel, TddfaNetworkConfig, build_tddfa_network
from .task import NONE_KNOWN, TddfaSamples, TddfaTask

_SAMPLE_SEED = 7_919  # added to the run's: the whitening looks at other draws than training
_SAMPLE_BATCH = 128


def _roi_data() -> FaceDataConfig:
    return FaceDataConfig(crop="roi", batch=128, augment=NO_PHOTO_AUGMENTATION)


@dataclass(frozen=True)
class WhiteningConfig:
    """Mean and deviation of the 62 numbers.

    Attributes:
        samples: crops of the training set, changed as for training, that they are computed from,
            128 at a time.
        file: statistics to take instead: .npz or .pkl (`models.read_whitening`), in
            3DDFA's own units where its parameters convert to the face model, else in the layout's.
        labels: statistics, in 3DDFA's units, by which the labels `3ddfa62` were whitened.
        prefix: before the names in both.
    """

    samples: int = 2048
    file: str = ""
    labels: str = ""
    prefix: str = ""


@dataclass(frozen=True)
class TddfaTrainConfig:
    """Everything a run of the recipe `tddfa` is told.

    Attributes:
        output: folder of checkpoints, weights, pictures and log.
        face_model: a registered name, a path, or the folder of 3DDFA's own model at its 68 points
            (u_base.txt and others), which the labels of 300W-LP belong to.
        label_model: that folder, where `face_model` is a dense Basel model with the same modes;
            labels are then converted to it.
        rasterizer: that draws PNCC, see `render.back_ends`.
        norms: batches of training crops, always the same, that batch normalisation takes its
            statistics from, anew for every validation and every weights file, as the running ones
            lag far behind while weights change quickly (`exact_norms`); 0 keeps the running ones.
        network, data, whitening, loss, engine: see there.
    """

    recipe: str = "tddfa"
    output: str = "runs/tddfa"
    face_model: str = "default-face"
    label_model: str = ""
    rasterizer: str = "auto"
    norms: int = 4
    network: TddfaNetworkConfig = field(default_factory=TddfaNetworkConfig)
    data: FaceDataConfig = field(default_factory=_roi_data)
    whitening: WhiteningConfig = field(default_factory=WhiteningConfig)
    loss: TddfaLossConfig = field(default_factory=TddfaLossConfig)
    engine: EngineConfig = field(default_factory=EngineConfig)


def build_tddfa_task(config: TddfaTrainConfig) -> TddfaTask:
    """The task of a configuration, its data opened.

    Raises:
        InputError: no training or validation data, or parts that do not fit.
        MissingFileError: data, model or weights that are not there.
        UnknownNameError: a part that nobody registered.
    """
    torch.manual_seed(config.engine.seed)
    known, white = KnownModel.load(config.face_model, config.label_model), config.whitening
    model = known.model
    built = build_tddfa_network(config.network, model, known.pivot, config.rasterizer)
    labels = read_whitening(Path(white.labels), prefix=white.prefix) if white.labels else None
    targets = TddfaTargets(built.layout, known.factors, labels)
    make = _SourceMaker(config, built.size, model)
    sets = make.sets()
    sets.taught(partial(_lessons, targets), NONE_KNOWN)
    points = PointSampler(model, built.layout, config.loss.landmark_set, config.loss.vertices)
    task = TddfaTask(
        built,
        TddfaLosses(built.layout, points, config.loss),
        targets,
        TaskBatches(make.source(sets), sets.validation(), sets.test()),
        TddfaSamples(make.sample, make.norms),
        model,
    )
    if white.file and not built.settled:
        statistics = known.whitening(white.file, white.prefix)
        task.load_state_dict({"whitening": {"mean": statistics.mean, "std": statistics.std}})
    return task


def _lessons(targets: TddfaTargets, batch: FaceBatch) -> set[str]:
    """All terms learn from faces with parameters, and none from others."""
    return {"parameters"} if bool(torch.isfinite(targets(batch)).all(1).any()) else set()


@dataclass(frozen=True)
class _SourceMaker:
    """Opens the data sets of a configuration."""

    config: TddfaTrainConfig
    size: int
    model: FaceModel

    def sets(self, batch: int | None = None, later: int = 0) -> FaceSets:
        """The sets, in batches of another size where one is given, with a later seed."""
        data, seed = self.config.data, self.config.engine.seed + later
        data = replace(data, batch=batch or data.batch)
        return FaceSets.open(data, self.size, seed, output=self.config.output)

    def source(self, sets: FaceSets) -> FaceLoader:
        """Endless batches."""
        wanted = sets.data.augment.mirrored > 0 and self.model.mirror is not None
        return sets.source(CoefficientMirror.of(self.model) if wanted else None)

    def sample(self) -> Iterable[FaceBatch]:
        """The batches that the whitening is computed from."""
        count = -(-self.config.whitening.samples // _SAMPLE_BATCH)
        source = self.source(self.sets(_SAMPLE_BATCH, _SAMPLE_SEED))
        return (next(source) for _ in range(count))

    def norms(self) -> Iterable[FaceBatch]:
        """The batches that batch normalisation takes its statistics from."""
        source = self.source(self.sets(later=_SAMPLE_SEED))
        return (next(source) for _ in range(self.config.norms))


@RECIPES.register("tddfa")
def _tddfa() -> Recipe:
    return Recipe(TddfaTrainConfig, build_tddfa_task)
