"""3DDFA's parameters in the units of other models of the same modes."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from selfie3d.core.errors import InputError
from selfie3d.datasets.batches.batch import FaceBatch
from selfie3d.facemodels.readers.tddfa_points import read_tddfa_points
from selfie3d.geometry.face_model import FaceModel
from selfie3d.geometry.landmarks import LandmarkSet
from selfie3d.geometry.model_parts import ModelBases, ModelFacts, ModelMesh
from selfie3d.geometry.rotation import euler_to_matrix
from selfie3d.models.heads.layouts import make_layout
from selfie3d.recipes.tddfa.losses import TddfaTargets
from selfie3d.recipes.tddfa.network import KnownModel, converted

SIZE = 120


@pytest.fixture
def points(shared_data):
    return read_tddfa_points(shared_data("models", "3ddfa"))


def dense_like(points, units=True, modes=slice(None)):
    """A model with 3DDFA's landmarks among other vertices, another origin, other units and more
    modes.
    """
    g = np.random.default_rng(0)
    scale = g.uniform(1e4, 1e6, 40) if units else np.ones(40)
    identity = points.model.identity.double().numpy()[modes] * scale[modes, None, None]
    expression = points.model.expression.double().numpy() * g.uniform(0.5, 2, (10, 1, 1))
    mean = points.model.mean.double().numpy()
    rest = g.normal(size=(30, 3)) * 30
    return FaceModel.from_arrays(
        ModelFacts("dense"),
        ModelMesh(
            np.concatenate([rest, mean]) + np.array([3.0, -2.0, 5.0]),
            np.zeros((0, 3), np.int64),
            origin=[1.0, 1.0, 1.0],
        ),
        ModelBases(
            identity=np.concatenate([np.zeros((len(identity), 30, 3)), identity], 1),
            expression=np.concatenate([np.zeros((10, 30, 3)), expression], 1),
            expression_kind="gaussian",
        ),
        landmarks={"ibug68": LandmarkSet.from_vertices("ibug68", range(30, 98))},
    )


def fit_of(count=2):
    """300W-LP's labels of a crop."""
    g = torch.Generator().manual_seed(0)
    pose = torch.tensor([[0.1, -0.5, 0.2, 55.0, 60.0, -40.0, 5.5e-4]]).repeat(count, 1)
    pose[1, :3] = torch.tensor([-0.2, 1.1, 0.0])
    shape = 3e5 * torch.randn(count, 40, generator=g)
    expression = 0.5 * torch.randn(count, 10, generator=g)
    return {"pose_para": pose, "shape_para": shape, "exp_para": expression}


def seen(known, labels):
    layout = make_layout("3ddfa", known.model, SIZE, pivot=known.pivot)
    batch = FaceBatch(torch.zeros(2, 3, SIZE, SIZE), ("a", "b"), labels=labels)
    rows = TddfaTargets(layout, known.factors)(batch)
    outputs = layout.whitening.apply(rows)
    vertices = known.model.vertices(layout.coefficients(outputs))
    return layout.affine(outputs).project(known.model.landmark_points(vertices))


def test_labels_in_the_units_of_a_dense_model(points, shared_data):
    """Both models put the landmarks where 3DDFA's formula does."""
    labels = fit_of()
    own = KnownModel(points.model, points.factors, points.origin.tolist())
    dense = converted(dense_like(points), points)
    folder = shared_data("models", "3ddfa")
    mean, identity, expression = (
        np.loadtxt(folder / f) for f in ("u_base.txt", "w_shp_base.txt", "w_exp_base.txt")
    )
    found = [seen(known, labels)[..., :2].numpy() for known in (own, dense)]
    for k in range(2):
        body = mean.reshape(-1) + identity @ labels["shape_para"][k].double().numpy()
        body = body + expression @ labels["exp_para"][k].double().numpy()
        pose = labels["pose_para"][k].double()
        turn = pose[6].item() * euler_to_matrix(pose[:3]).numpy()
        moved = body.reshape(68, 3) @ turn.T + pose[3:6].numpy()
        expected = np.stack([moved[:, 0] - 0.5, SIZE + 0.5 - moved[:, 1]], 1)
        for one in found:
            np.testing.assert_allclose(one[k], expected, atol=0.02)


def test_other_modes_are_refused(points):
    model = dense_like(points)
    model.identity[7] = model.identity[8]
    with pytest.raises(InputError, match=r"identity modes.*another mode 7"):
        converted(model, points)
    with pytest.raises(InputError, match=r"identity modes.*40 or more"):
        converted(dense_like(points, modes=slice(20)), points)
    model = dense_like(points)
    model.mean[40:60] += 30
    with pytest.raises(InputError, match="mean"):
        converted(model, points)


def test_by_names(points, shared_data):
    folder = str(shared_data("models", "3ddfa"))
    known = KnownModel.load(folder)
    assert torch.equal(known.factors, points.factors) and known.model.name == "3ddfa-68"
    assert KnownModel.load("default").factors is None
    with pytest.raises(InputError, match="modes"):
        KnownModel.load("default", folder)
