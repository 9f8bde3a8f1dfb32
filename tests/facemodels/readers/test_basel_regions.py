"""Parts of Basel's surface from its landmarks and triangles, and the two names of skin."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from selfie3d.facemodels import load_face_model
from selfie3d.facemodels.readers.basel_regions import PARTS, parts_of, with_basel_regions
from selfie3d.facemodels.readers.npz import save_npz
from selfie3d.facemodels.readers.source import Source
from selfie3d.geometry.face_model import FaceModel
from selfie3d.geometry.face_regions import named_face, projected_face, reflectance
from selfie3d.geometry.landmarks import LandmarkSet
from selfie3d.geometry.model_parts import ModelFacts, ModelMesh


@pytest.fixture(scope="module")
def head():
    return load_face_model("default")


@pytest.fixture(scope="module")
def basel(head):
    """The default head under Basel's name, without regions, its landmarks at vertices."""
    points = head.landmark_points(head.mean[None])[0]
    skin = head.regions["skin"]
    far = torch.where(skin[None], torch.cdist(points, head.mean), torch.inf)
    marks = LandmarkSet.from_vertices("ibug68", far.argmin(1))
    return FaceModel.from_arrays(
        ModelFacts("basel-2009-front"),
        ModelMesh(head.mean, head.faces, origin=np.zeros(3)),
        landmarks={"ibug68": marks},
        regions={"skin": (torch.arange(len(head.mean)) % 3 == 0).numpy()},
    )


@pytest.mark.parametrize(("part", "least"), [("nose", 0.6), ("lips", 0.6), ("brows", 0.3)])
def test_parts_lie_where_the_built_models_lie(basel, head, part, least):
    """Overlap over union with regions that were drawn with care, and its marks are inside."""
    own, drawn = torch.from_numpy(parts_of(basel)[part]), head.regions[part]
    assert float((own & drawn).sum() / (own | drawn).sum()) > least
    marks = {"nose": range(28, 33), "lips": range(49, 54), "brows": range(18, 21)}[part]
    assert own[basel.landmarks["ibug68"].vertices[list(marks), 0]].all()


def test_nothing_behind_is_taken(basel, head):
    """What the front hides (skull, cavities, teeth) lies at the same places from the front."""
    parts = {name: torch.from_numpy(mask) for name, mask in parts_of(basel).items()}
    assert tuple(parts) == PARTS
    for name in ("eyelids", "brows", "nose", "lips"):
        assert not (parts[name] & head.regions["ears"]).any(), name
        assert float(basel.mean[parts[name], 2].min()) > -20, name
    chin = basel.landmark_points(basel.mean[None])[0, 8, 1]
    assert parts["neck"][basel.mean[:, 1] < chin - 5].all()
    assert not (parts["neck"] & head.regions["nose"]).any()
    lids = parts["eyelids"]
    assert lids[basel.landmarks["ibug68"].vertices[36:48, 0]].all()


def test_deep3ds_mask_is_no_face(basel, tmp_path):
    """A file that called it `skin`: images are compared over everything, albedo over the mask."""
    path = save_npz(basel, tmp_path / "basel.npz")
    read = load_face_model(path)
    mask = basel.regions["skin"]
    assert "skin" not in read.regions
    assert torch.equal(reflectance(read), mask) and projected_face(read).all()
    assert set(PARTS) <= set(read.regions)
    again = load_face_model(save_npz(read, tmp_path / "again.npz"))
    assert set(again.regions) == set(read.regions)
    other = FaceModel.from_arrays(
        ModelFacts("mine"),
        ModelMesh(basel.mean, basel.faces, origin=np.zeros(3)),
        landmarks=basel.landmarks,
        regions={"skin": mask.numpy()},
    )
    assert set(with_basel_regions(other).regions) == {"skin"}


def test_the_default_models_eyes_are_face(head):
    face = projected_face(head)
    assert face[head.regions["sclera"]].all() and face[head.regions["lips"]].all()
    assert not face[head.regions["teeth"]].any() and not face[head.regions["tongue"]].any()
    assert torch.equal(named_face(head, "projected"), face) and named_face(head, "").all()


def test_the_real_surface(shared_data, convert):
    """Basel's own mean: both sides alike, sizes of a face, the neck under the jaw."""
    model = convert(shared_data("models/bfm53215") / "Model_Shape_Sim.mat").model
    x = model.mean[:, 0]
    for name in PARTS:
        mask = model.regions[name]
        left, right = int((mask & (x > 0)).sum()), int((mask & (x < 0)).sum())
        assert 0.8 < left / right < 1.25, name
        assert 500 < left + right < 9000, name
    marks = model.landmark_points(model.mean[None])[0]
    assert float(model.mean[model.regions["neck"], 1].max()) < float(marks[2, 1])
    assert Source(shared_data("models/bfm53215") / "Model_Shape_Sim.mat").container == "mat"
