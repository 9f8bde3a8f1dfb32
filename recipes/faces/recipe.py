"""The recipe of networks that reconstruct faces from photographs, with or without labels."""

from __future__ import annotations

from dataclasses import dataclass, field

import torch

from ...core.errors import InputError
from ...engine.config import EngineConfig
from ...facemodels.registry import load_face_model
from ...geometry.face_model import FaceModel
from ..face_sets import FaceDataConfig, FaceSets
from ..registry import RECIPES, Recipe
from ..task_batches import TaskBatches
from .known import KnownFaces, ParameterTerm, truth_model
from .losses import FaceLossConfig, FaceLosses
from .metrics import FaceViewer
from .network import FaceNetworkConfig, build_face_network
from .targets import IdentityTerm, landmark_targets
from .task import FaceTask

_NOTHING = "Leave the set out, or give a term that its samples can teach a weight above 0."


@dataclass(frozen=True)
class FaceTrainConfig:
    """Everything a run of the recipe `faces` is told.

    Attributes:
        output: folder of checkpoints, weights, pictures and log.
        face_model: a registered name or a path; faces whose coefficients are known in another model
            teach by their landmarks and their looks.
        rasterizer: see `render.back_ends`.
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
    seed = config.engine.seed
    sets = FaceSets.open(config.data, built.size, seed, output=config.output)
    truth = truth_model(sets.train, model)
    known = KnownFaces(model, truth, config.loss.landmark_set)
    parameters = _parameters(config, model)
    identity = _identity(config.loss)
    losses = FaceLosses(viewer, targets, config.loss, identity, known, parameters)
    taught = sets.taught(losses.lessons, _NOTHING)
    if config.loss.parameters and "parameters" not in taught:
        labels = "a set with labels pose_para, shape_para and exp_para, as 300W-LP"
        raise InputError("data.train", f"{labels}, for loss.parameters", "none", _NOTHING)
    batches = TaskBatches(sets.source(sets.mirror_of_known(truth)), sets.validation(), sets.test())
    parts = (built.network, built.decode, losses, batches, built.pack)
    return FaceTask(*parts, fixed_norms=config.network.fixed_norms)


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


@RECIPES.register("faces")
def _faces() -> Recipe:
    return Recipe(FaceTrainConfig, build_face_task)
