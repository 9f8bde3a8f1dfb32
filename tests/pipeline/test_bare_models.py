"""Models of every family as its own files give them: no chart, colours, regions, some points."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import torch
from PIL import Image
from selfie3d.facemodels import load_face_model
from selfie3d.facemodels.readers.npz import save_npz
from selfie3d.geometry.face_model import FaceModel
from selfie3d.geometry.landmarks import LandmarkSet
from selfie3d.geometry.model_parts import ModelBases, ModelFacts, ModelMesh
from selfie3d.pipeline.fit.config import FitConfig, Stage
from selfie3d.pipeline.folder import reconstruct_paths
from selfie3d.pipeline.options import ReconstructOptions

QUICK = FitConfig(stages=(Stage(56, 4, 0.25), Stage(64, 4, 0.15)))
NAMED = (8, 30, 36, 39, 42, 45, 48, 51, 54, 57, 62, 66)  # points that Basel's .h5 names
EOS = (*NAMED, 17, 21, 22, 26, 31, 35, 33, 27)
SURREY = (8, *(k for k in range(17, 68) if k not in (60, 64)))
EVERY = tuple(range(68))
# Points, modes of albedo, of expression and their kind, as the readers of these families give.
BARE: dict[str, tuple[tuple[int, ...], int, int, str]] = {
    "3ddfa": (EVERY, 0, 4, "gaussian"),
    "3ddfa-v2": (EVERY, 0, 4, "gaussian"),
    "albedomm": (NAMED, 3, 4, "gaussian"),
    "basel-2009": (EVERY, 3, 0, "gaussian"),
    "basel-h5": (NAMED, 3, 4, "gaussian"),
    "deep3d": (EVERY, 3, 4, "gaussian"),
    "eos": (EOS, 0, 0, "gaussian"),
    "flame": (EVERY, 0, 4, "gaussian"),
    "ict": (EVERY, 0, 4, "blendshape"),
    "ict-npz": (EVERY, 0, 4, "blendshape"),
    "npz": (EVERY, 0, 0, "blendshape"),
    "sfm-npz": (SURREY, 0, 4, "blendshape"),
}


@pytest.fixture(scope="module")
def whole() -> FaceModel:
    return load_face_model("default-face")


def bare(whole: FaceModel, name: str) -> FaceModel:
    points, albedo, expression, kind = BARE[name]
    valid = torch.zeros(68, dtype=torch.bool)
    valid[list(points)] = True
    vertices = whole.landmarks["ibug68"].vertices[:, 0]
    arrays: dict[str, Any] = {"identity": whole.identity[:5]}
    if albedo:
        arrays |= {"albedo_mean": whole.albedo_mean, "albedo_basis": whole.albedo_basis[:albedo]}
    if expression:
        arrays |= {"expression": whole.expression[:expression], "expression_kind": kind}
        if kind == "blendshape":
            arrays["expression_names"] = whole.expression_names[:expression]
    return FaceModel.from_arrays(
        ModelFacts(name, licence="x"),
        ModelMesh(whole.mean, whole.faces),
        ModelBases(**arrays),
        landmarks={"ibug68": LandmarkSet.from_vertices("ibug68", vertices.tolist(), valid=valid)},
    )


def test_every_family_has_a_bare_model():
    from selfie3d.facemodels.convert import FAMILIES

    assert set(BARE) == set(FAMILIES.names())


@pytest.mark.parametrize("name", {facts: name for name, facts in BARE.items()}.values())
def test_a_photograph_with_nothing_but_the_models_own_files(whole, tmp_path, repository, name):
    photo = tmp_path / "a.png"
    picture = Image.open(repository / "pipeline" / "data" / "astronaut.jpg").convert("RGB")
    picture.resize((160, 160)).save(photo)
    path = tmp_path / f"{name}.npz"
    save_npz(bare(whole, name), path)
    options = ReconstructOptions(
        face_model=str(path), weights="fit", texture_size=128, fit=QUICK, max_faces=1
    )
    summary = reconstruct_paths([photo], tmp_path / "out", options=options)
    assert summary.succeeded == [photo], summary.failed
    names = {Path(file).suffix for file in summary.files}
    assert {".glb", ".obj", ".mtl", ".png", ".json"} <= names
