"""Faces known in one model teach a network of another by what both models have."""

from __future__ import annotations

import math
from dataclasses import dataclass, replace

import pytest
import torch
from selfie3d.core.errors import InputError
from selfie3d.datasets.batches.batch import FaceBatch
from selfie3d.facemodels import load_face_model
from selfie3d.geometry.camera import PerspectiveCamera
from selfie3d.geometry.face_model import FaceModel
from selfie3d.geometry.landmarks import LandmarkSet
from selfie3d.geometry.model_parts import ModelBases, ModelFacts, ModelMesh
from selfie3d.geometry.posed import PosedFaces
from selfie3d.geometry.rotation import euler_to_matrix
from selfie3d.recipes.faces.known import KnownFaces, truth_model
from selfie3d.recipes.faces.losses import FaceLossConfig, FaceLosses
from selfie3d.recipes.faces.metrics import FaceViewer, face_error
from selfie3d.recipes.faces.targets import landmark_targets

SIZE = 48
TERMS = FaceLossConfig(photometric=0.5, points=1, depth=1, coefficients=1, landmarks=1)


@dataclass
class Named:
    name: str
    face_model: str


def another(name: str, lacking: slice = slice(0, 0), modes: int = 5) -> FaceModel:
    """The default model under another name, with few modes and without some landmarks."""
    own = load_face_model("default")
    marks = own.landmarks["ibug68"]
    valid = marks.valid.clone()
    valid[lacking] = False
    points = LandmarkSet("ibug68", marks.vertices, marks.weights, marks.offset, valid)
    return FaceModel.from_arrays(
        ModelFacts(name),
        ModelMesh(own.mean, own.faces, origin=torch.zeros(3)),
        ModelBases(identity=own.identity[:modes], expression=own.expression[:3]),
        landmarks={"ibug68": points},
    )


def posed(model: FaceModel, count: int = 2) -> PosedFaces:
    camera = PerspectiveCamera(
        euler_to_matrix(torch.tensor([[0.0, 0.3, 0.1], [0.1, -0.4, 0.0]])[:count]),
        torch.tensor([[0.0, 10, -800]]).expand(count, 3),
        torch.full((count,), SIZE * 3.6),
        torch.full((count, 2), SIZE / 2),
    )
    return PosedFaces(model.zero_coefficients(count), camera)


@pytest.fixture(scope="module")
def truth() -> FaceModel:
    return load_face_model("default")


@pytest.fixture(scope="module")
def batch(truth) -> FaceBatch:
    """Two mean faces of the default model."""
    faces = posed(truth)
    seen = FaceViewer(truth, "cpu", "ibug68")(faces, SIZE)
    photo = seen.rendering.over(torch.full_like(seen.rendering.image, 0.4)).clamp(0, 1)
    known = {"ibug68-3d": seen.landmarks["3d"], "ibug68-2d": seen.landmarks["2d"]}
    return FaceBatch(photo, ("a", "b"), known, truth=faces, known=torch.tensor([True, True]))


def losses(model: FaceModel, truth: FaceModel | None) -> FaceLosses:
    viewer = FaceViewer(model, "cpu", "ibug68")
    return FaceLosses(viewer, landmark_targets(), TERMS, known=KnownFaces(model, truth))


@pytest.mark.parametrize("lacking", [slice(0, 0), slice(0, 17), slice(0, 48)])
def test_the_same_face_in_another_model_costs_nothing(truth, batch, lacking):
    """Whichever landmarks it lacks; the annotated outline counts where it has the jaw."""
    model = another("mine", lacking)
    run = losses(model, truth)
    terms = run(run.viewer(posed(model), SIZE), batch)
    for name in ("points", "depth", "coefficients", "landmarks"):
        assert float(terms[name]) < 1e-6, name


@pytest.mark.parametrize("lacking", [slice(0, 0), slice(0, 17)])
def test_every_term_has_a_finite_gradient(truth, batch, lacking):
    model = another("mine", lacking)
    faces = posed(model)
    leaves = {
        "identity": torch.full_like(faces.coefficients.identity, 0.5).requires_grad_(),
        "translation": (faces.camera.translation + 5.0).requires_grad_(),
    }
    coefficients = replace(faces.coefficients, identity=leaves["identity"])
    camera = replace(faces.camera, translation=leaves["translation"])
    run = losses(model, truth)
    for name, term in run(run.viewer(PosedFaces(coefficients, camera), SIZE), batch).items():
        assert math.isfinite(float(term.detach())), name
        gradient = torch.autograd.grad(term, list(leaves.values()), retain_graph=True,
                                       allow_unused=True)  # fmt: skip
        assert any(g is not None and float(g.abs().max()) > 0 for g in gradient), name
        assert all(g is None or bool(torch.isfinite(g).all()) for g in gradient), name


def test_depth_does_not_depend_on_where_the_eyeballs_lie(truth, batch):
    """A model whose origin lies 5 mm further back, seen 5 mm further away."""
    model = another("mine")
    model.mean += torch.tensor([0.0, 0.0, 5.0])
    faces = posed(model)
    shift = faces.camera.rotation @ torch.tensor([0.0, 0.0, 5.0])
    camera = replace(faces.camera, translation=faces.camera.translation - shift)
    run = losses(model, truth)
    terms = run(run.viewer(PosedFaces(faces.coefficients, camera), SIZE), batch)
    assert float(terms["depth"]) < 1e-3 and float(terms["points"]) < 1e-5


def test_coefficients_are_compared_in_one_s_own_model_alone(truth, batch):
    """In another they are drawn to the mean face, however long the vectors are."""
    faces = posed(truth)
    own = replace(faces.coefficients, identity=torch.ones_like(faces.coefficients.identity))
    same = KnownFaces(truth, load_face_model("default-face"))
    other = KnownFaces(truth, another("mine"))
    seen = FaceViewer(truth, "cpu", "ibug68")(PosedFaces(own, faces.camera), SIZE)
    assert float(same(seen, replace(batch, truth=seen.faces))["coefficients"]) == 0
    mine = replace(batch, truth=posed(another("mine")))
    expected = len(truth.identity) / sum(truth.sizes)
    assert float(other(seen, mine)["coefficients"]) == pytest.approx(expected)


def test_errors_are_parts_of_the_whole_box(truth, batch):
    """A model without a jaw is measured in the same unit as one with it."""
    moved = replace(batch, landmarks={"ibug68-3d": batch.landmarks["ibug68-3d"] + 1.0})
    errors = []
    for lacking in (slice(0, 0), slice(0, 17)):
        model = another("mine", lacking)
        seen = FaceViewer(model, "cpu", "ibug68")(posed(model), SIZE)
        errors.append(face_error(seen, moved, landmark_targets()))
    assert torch.allclose(errors[0], errors[1], rtol=1e-4)


def test_which_model_the_known_faces_belong_to(truth):
    mine = another("mine")
    heads, photographs = Named("drawn", "default-face"), Named("celeba", "")
    assert truth_model([photographs], mine) is mine
    assert truth_model([heads, photographs], truth) is truth
    assert truth_model([heads, photographs], mine).name == "default-face"
    assert truth_model([Named("own", "mine")], mine) is mine
    with pytest.raises(InputError, match=r"data\.train.*one face model.*default-face, mine"):
        truth_model([heads, Named("own", "mine")], mine)
    with pytest.raises(InputError, match=r"known faces of default, default.*theirs"):
        truth_model([Named("own", "theirs")], truth)
    with pytest.raises(InputError, match="points that default has too"):
        KnownFaces(another("mine", slice(0, 68)), truth)
