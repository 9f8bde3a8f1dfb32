"""Truth and labels of batches as 3DDFA's parameters."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from selfie3d.core.errors import InputError
from selfie3d.datasets.batches.batch import FaceBatch
from selfie3d.datasets.batches.face_pass import FacePass
from selfie3d.datasets.photographs.aflw2000_fit import FittedBasis, points_of_fit
from selfie3d.datasets.photographs.w300lp import W300LP
from selfie3d.facemodels import load_face_model
from selfie3d.facemodels.readers.tddfa_points import read_tddfa_points
from selfie3d.geometry.camera import AffineCamera, PerspectiveCamera, WeakPerspectiveCamera
from selfie3d.geometry.posed import PosedFaces
from selfie3d.geometry.rotation import euler_to_matrix
from selfie3d.models.heads.layouts import make_layout
from selfie3d.models.tddfa.whitening import read_whitening
from selfie3d.recipes.tddfa.losses import TddfaTargets, moved_affine

SIZE = 120
F64 = torch.float64


@pytest.fixture(scope="module")
def model():
    return load_face_model("default")


@pytest.fixture
def layout(model):
    return make_layout("3ddfa", model, SIZE)


def batch_of(truth=None, known=None, labels=None, count=2):
    images, names = torch.zeros(count, 3, SIZE, SIZE), tuple("ab"[:count])
    return FaceBatch(images, names, {}, None, truth, known, labels or {})


def weak_faces(model, layout):
    """Faces that the layout can hold."""
    outputs = 0.3 * torch.randn(2, layout.size, generator=torch.Generator().manual_seed(0))
    return layout.decode(outputs)


def test_a_weak_perspective_truth_is_kept_whole(model, layout):
    faces = weak_faces(model, layout)
    targets = TddfaTargets(layout)
    rows = targets(batch_of(faces, torch.tensor([True, False])))
    assert torch.isfinite(rows[0]).all() and torch.isnan(rows[1]).all()
    again = layout.decode(layout.whitening.apply(rows[:1]))
    points = model.vertices(faces.coefficients)[:1]
    own, other = (f.camera.project(points) for f in (faces[:1], again))
    torch.testing.assert_close(other, own, atol=2e-3, rtol=0)


def test_a_perspective_truth_keeps_place_and_scale(model, layout):
    """Where the pivot is seen, and the face's size there."""
    turn = euler_to_matrix(torch.tensor([[0.1, 0.4, 0.0]]))
    shift, centre = torch.tensor([[10.0, 5.0, -900.0]]), torch.tensor([[60.0, 60.0]])
    camera = PerspectiveCamera(turn, shift, torch.tensor([560.0]), centre)
    faces = PosedFaces(model.zero_coefficients(), camera)
    rows = TddfaTargets(layout)(batch_of(faces, torch.ones(1, dtype=torch.bool), count=1))
    pivot = torch.tensor(layout.spec.pivot)[None, None]
    outputs = layout.whitening.apply(rows)
    seen = layout.affine(outputs).project(pivot)[..., :2]
    torch.testing.assert_close(seen, camera.project(pivot)[..., :2], atol=1e-3, rtol=0)
    distance = -camera.to_camera(pivot)[0, 0, 2]
    found = layout.decode(outputs).camera.scale[0]
    assert float(found) == pytest.approx(float(560 / distance), rel=1e-4)


def test_labels_of_another_model_are_unknown(layout):
    labels = {
        "pose_para": torch.zeros(2, 7),
        "shape_para": torch.zeros(2, 40),
        "exp_para": torch.zeros(2, 10),
        "3ddfa62": torch.zeros(2, 62),
    }
    assert torch.isnan(TddfaTargets(layout)(batch_of(labels=labels))).all()


def test_a_truth_of_another_model_is_refused(model, layout):
    faces = weak_faces(model, layout)
    short = type(faces.coefficients)(
        faces.coefficients.identity[:, :5], *list(vars(faces.coefficients).values())[1:]
    )
    wrong = PosedFaces(short, faces.camera)
    with pytest.raises(InputError, match="identity"):
        TddfaTargets(layout)(batch_of(wrong, torch.ones(2, dtype=torch.bool)))


def test_moved_affine_cameras_see_the_same_points():
    """Against projecting with the old camera and moving the pixels."""
    g = torch.Generator().manual_seed(2)
    matrix = torch.randn(3, 3, 4, generator=g, dtype=F64)
    points = 30 * torch.randn(3, 11, 3, generator=g, dtype=F64)
    frame = torch.tensor([[0.6, -0.8, 11.0], [0.8, 0.6, -7.0]], dtype=F64) * 1.5
    frames = frame.expand(3, 2, 3)
    before = AffineCamera(matrix, 120).project(points)
    after = AffineCamera(moved_affine(matrix, frames, 120, 90), 90).project(points)
    expected = before[..., :2] @ frame[:, :2].T + frame[:, 2]
    torch.testing.assert_close(after[..., :2], expected)
    torch.testing.assert_close(after[..., 2], 1.5 * before[..., 2])


@pytest.fixture(scope="module")
def tddfa(shared_data):
    return read_tddfa_points(shared_data("models", "3ddfa"))


def tddfa_layout(points):
    return make_layout("3ddfa", points.model, SIZE, pivot=points.origin.tolist())


@pytest.fixture(scope="module")
def w300lp(shared_data, tmp_path_factory):
    """The samples that there are, as distributed."""
    source, root = shared_data("300wlp"), tmp_path_factory.mktemp("300W_LP")
    for file in source.iterdir():
        subset = ("AFW" if file.name.startswith("AFW") else "IBUG") + "_Flip" * (
            "_Flip" in file.name
        )
        (root / subset).mkdir(exist_ok=True)
        (root / subset / file.name.replace("_Flip", "")).symlink_to(file)
    return W300LP(root)


def test_the_fits_of_300w_lp(tddfa, w300lp, shared_data):
    """Against the fit evaluated in the photograph by numpy, then moved into the crop."""
    layout = tddfa_layout(tddfa)
    batch = next(iter(FacePass(w300lp, "roi", SIZE, 5)))
    rows = TddfaTargets(layout, tddfa.factors)(batch)
    outputs = layout.whitening.apply(rows)
    vertices = tddfa.model.vertices(layout.coefficients(outputs))
    found = layout.affine(outputs).project(vertices)[..., :2]
    folder = shared_data("models", "3ddfa")
    arrays = [np.loadtxt(folder / f) for f in ("u_base.txt", "w_shp_base.txt", "w_exp_base.txt")]
    mean, identity, expression = (a.reshape(68, 3, -1) for a in arrays)
    basis = FittedBasis(mean[..., 0], identity, expression)
    for k in range(len(batch)):
        sample = w300lp[k]
        fit = [sample.labels[n] for n in ("pose_para", "shape_para", "exp_para")]
        photo = points_of_fit(basis, *fit, height=sample.picture.shape[0])[:, :2] - 0.5
        matrix = batch.labels["crop"][k].double().numpy()
        expected = photo @ matrix[:, :2].T + matrix[:, 2]
        np.testing.assert_allclose(found[k].numpy(), expected, atol=0.02)
        if "ibug68-2d" in batch.landmarks and torch.isfinite(batch.landmarks["ibug68-2d"][k]).all():
            annotated = batch.landmarks["ibug68-2d"][k, 17:]
            assert (found[k, 17:] - annotated).norm(dim=1).mean() < 0.05 * SIZE


def test_whitened_numbers_of_a_crop(tddfa, shared_data):
    """A label for a 120-pixel crop, seen through a turned and enlarged crop of 90 pixels."""
    folder = shared_data("models", "3ddfa")
    stats = read_whitening(folder / "param_stats.npz", prefix="v1_")
    points, layout = tddfa, make_layout("3ddfa", tddfa.model, 90, pivot=tddfa.origin.tolist())
    label = 0.5 * torch.randn(2, 62, generator=torch.Generator().manual_seed(4))
    frame = torch.tensor([[0.6, 0.8, -3.0], [-0.8, 0.6, 40.0]])
    labels = {"3ddfa62": label, "crop": frame.expand(2, 2, 3)}
    images = torch.zeros(2, 3, 90, 90)
    batch = FaceBatch(images, ("a", "b"), labels=labels)
    rows = TddfaTargets(layout, points.factors, stats)(batch)
    outputs = layout.whitening.apply(rows)
    found = layout.affine(outputs).project(points.model.vertices(layout.coefficients(outputs)))
    numbers = (label * stats.std + stats.mean).double().numpy()
    mean, identity, expression = (
        np.loadtxt(folder / f) for f in ("u_base.txt", "w_shp_base.txt", "w_exp_base.txt")
    )
    for k in range(2):
        body = mean.reshape(-1) + identity @ numbers[k, 12:52] + expression @ numbers[k, 52:]
        matrix = numbers[k, :12].reshape(3, 4)
        seen = body.reshape(68, 3) @ matrix[:, :3].T + matrix[:, 3]
        plane = np.stack([seen[:, 0] - 0.5, 120.5 - seen[:, 1]], 1)
        expected = plane @ frame[:, :2].numpy().T + frame[:, 2].numpy()
        np.testing.assert_allclose(found[k, :, :2].numpy(), expected, atol=0.02)
    nothing = TddfaTargets(layout, points.factors)(batch)
    assert torch.isnan(nothing).all()


def test_the_cameras_scale_is_the_fits(tddfa, w300lp):
    layout = tddfa_layout(tddfa)
    batch = next(iter(FacePass(w300lp, "roi", SIZE, 5)))
    faces = layout.decode(layout.whitening.apply(TddfaTargets(layout, tddfa.factors)(batch)))
    assert isinstance(faces.camera, WeakPerspectiveCamera)
    pose = batch.labels["pose_para"]
    torch.testing.assert_close(faces.camera.scale, 1000 * pose[:, 6], rtol=1e-4, atol=0)
    torch.testing.assert_close(
        faces.camera.rotation, euler_to_matrix(pose[:, :3]), atol=1e-4, rtol=0
    )
