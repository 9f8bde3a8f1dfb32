"""Figures of 3DDFA's numbers against plain numpy."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import torch
from selfie3d.core.errors import InputError
from selfie3d.datasets.batches.batch import FaceBatch
from selfie3d.facemodels import load_face_model
from selfie3d.geometry.camera import WeakPerspectiveCamera
from selfie3d.geometry.posed import PosedFaces
from selfie3d.geometry.rotation import euler_to_matrix
from selfie3d.models.heads.layouts import make_layout
from selfie3d.models.tddfa.whitening import compute_whitening
from selfie3d.recipes.tddfa.losses import TddfaTargets
from selfie3d.recipes.tddfa.metrics import TddfaMetrics, rigid_distance
from selfie3d.recipes.tddfa.task import TddfaPictures

SIZE, COUNT = 120, 6


@pytest.fixture(scope="module")
def model():
    return load_face_model("default-face")


@pytest.fixture(scope="module")
def faces(model):
    """Weak perspective faces with coefficients beyond what the layout holds."""
    g = torch.Generator().manual_seed(0)
    identity, expression, _ = model.sizes
    angles = torch.randn(COUNT, 3, generator=g) * torch.tensor([0.2, 0.6, 0.2])
    camera = WeakPerspectiveCamera(
        euler_to_matrix(angles),
        0.55 + 0.1 * torch.rand(COUNT, generator=g),
        60 + 8 * torch.randn(COUNT, 2, generator=g),
    )
    coefficients = replace(
        model.zero_coefficients(COUNT),
        identity=torch.randn(COUNT, identity, generator=g),
        expression=0.5 * torch.rand(COUNT, expression, generator=g),
    )
    return PosedFaces(coefficients, camera)


@pytest.fixture(scope="module")
def layout(model, faces):
    layout = make_layout("3ddfa", model, SIZE)
    layout.use_whitening(compute_whitening([layout.parameters_of(layout.encode(faces))]))
    return layout


def landmarks_of(model, faces):
    points = model.landmark_points(model.vertices(faces.coefficients))
    return faces.camera.project(points)[..., :2]


def batch_of(faces, landmarks=None, known=None):
    rows = torch.ones(len(faces), dtype=torch.bool) if known is None else known
    points = {} if landmarks is None else {"ibug68-3d": landmarks}
    names = tuple(map(str, range(len(faces))))
    images = torch.rand(len(faces), 3, SIZE, SIZE)
    return FaceBatch(images, names, points, truth=faces, known=rows)


def figures_of(model, layout, batches):
    return TddfaMetrics(model, layout, TddfaTargets(layout), batches, "ibug68")


def zeros(images):
    return torch.zeros(len(images), 62)


def kabsch(source, target):
    """Mean distance after the best rigid motion, by numpy's SVD."""
    x, y = source - source.mean(0), target - target.mean(0)
    u, _, vt = np.linalg.svd(y.T @ x)
    rotation = u @ np.diag([1, 1, np.sign(np.linalg.det(u @ vt))]) @ vt
    return np.linalg.norm(x @ rotation.T - y, axis=1).mean()


def angles_by_scipy(matrices):
    """Pitch, yaw, roll in degrees: R = X(-pitch) Y(-yaw) Z(-roll)."""
    from scipy.spatial.transform import Rotation

    return -Rotation.from_matrix(matrices).as_euler("XYZ", degrees=True)


def test_baseline_by_numpy(model, layout, faces):
    """Outputs of 0 are the mean parameters; their face and camera without the layout."""
    given = landmarks_of(model, faces)
    found = figures_of(model, layout, [batch_of(faces, given)])(zeros)
    mean = layout.whitening.mean.double().numpy()
    matrix = mean[:12].reshape(3, 4)
    u, _, vt = np.linalg.svd(matrix[:, :3])
    rotation = u @ np.diag([1, 1, np.linalg.det(u @ vt)]) @ vt
    scale = np.linalg.norm(matrix[:2, :3], axis=1).mean()
    modes = layout.modes.double().numpy()
    expression = np.einsum("kvc,k->vc", model.expression.double().numpy(), modes @ mean[52:])
    identity = np.einsum("kvc,k->vc", model.identity[:40].double().numpy(), mean[12:52])
    body = model.mean.double().numpy() + identity + expression
    own = model.landmark_points(torch.from_numpy(body)[None].float())[0].double().numpy()
    turned = scale * (own - np.array(layout.spec.pivot)) @ rotation.T
    x, y = turned[:, 0] + matrix[0, 3] - 0.5, SIZE + 0.5 - (turned[:, 1] + matrix[1, 3])
    nme, degrees, shape = [], [], []
    true = model.vertices(faces.coefficients).double().numpy()
    rotations = faces.camera.rotation.double().numpy()
    skin = np.flatnonzero(model.region("face").numpy())[::4]
    for k in range(COUNT):
        points = given[k].double().numpy()
        area = np.prod(points.max(0) - points.min(0))
        distance = np.linalg.norm(np.stack([x, y], 1) - points, axis=1)
        nme.append(100 * distance.mean() / np.sqrt(area))
        cosine = (np.trace(rotation.T @ rotations[k]) - 1) / 2
        degrees.append(np.degrees(np.arccos(cosine)))
        shape.append(kabsch(body[skin], true[k, skin]))
    assert found["baseline_error"] == pytest.approx(np.mean(nme), rel=1e-3)
    assert found["baseline_pose"] == pytest.approx(np.mean(degrees), rel=1e-3)
    assert found["baseline_shape"] == pytest.approx(np.mean(shape), rel=1e-3)
    gaps = np.abs(angles_by_scipy(rotation[None]) - angles_by_scipy(rotations)).mean(0)
    for name, gap in zip(("pitch", "yaw", "roll"), gaps, strict=True):
        assert found[f"baseline_{name}"] == pytest.approx(gap, rel=1e-3)
    for name in ("error", "pose", "shape", "pitch", "yaw", "roll"):
        assert found[name] == found[f"baseline_{name}"]


def test_a_perfect_network_reaches_the_limit(model, layout, faces):
    figures = figures_of(model, layout, [batch_of(faces, landmarks_of(model, faces))])
    found = figures(lambda images: layout.encode(faces))
    assert found["error"] == pytest.approx(found["limit_error"], abs=1e-4)
    assert found["shape"] == pytest.approx(found["limit_shape"], abs=1e-4)
    assert found["pose"] < 0.1 and 0.1 < found["limit_shape"] < found["baseline_shape"]
    kept = layout.decode(layout.encode(faces))  # what the layout holds has no error at all
    whole = figures_of(model, layout, [batch_of(kept)])(lambda images: layout.encode(kept))
    assert whole["error"] < 1e-3 and whole["shape"] < 1e-3


def test_what_is_not_known_is_left_out(model, layout, faces):
    """A batch with landmarks alone, one with parameters alone, and one row of neither."""
    known = torch.tensor([True] * (COUNT - 1) + [False])
    points = landmarks_of(model, faces)
    plain = replace(batch_of(faces, points), truth=None, known=None)
    found = figures_of(model, layout, [plain])(zeros)
    assert set(found) == {"error", "baseline_error"}
    truth_only = figures_of(model, layout, [batch_of(faces, None, known)])(zeros)
    alone = figures_of(model, layout, [batch_of(faces[: COUNT - 1])])(zeros)
    assert truth_only == pytest.approx(alone, rel=1e-4)
    both = figures_of(model, layout, [plain, batch_of(faces, None, known)])(zeros)
    assert both["shape"] == pytest.approx(alone["shape"], rel=1e-4)
    expected = (found["error"] * COUNT + alone["error"] * (COUNT - 1)) / (2 * COUNT - 1)
    assert both["error"] == pytest.approx(expected, rel=1e-4)
    assert both["limit_error"] == pytest.approx(alone["limit_error"], rel=1e-4)
    nothing = replace(plain, landmarks={})
    with pytest.raises(InputError, match=r"data\.validation"):
        figures_of(model, layout, [nothing])


def test_a_network_that_diverged_is_not_hidden(model, layout, faces):
    figures, batch = figures_of(model, layout, [batch_of(faces)]), batch_of(faces)
    look = TddfaPictures(model, layout, TddfaTargets(layout), batch, "ibug68")
    for value in (torch.nan, 1e30):
        outputs = torch.zeros(COUNT, 62)
        outputs[1] = value
        found = figures(lambda images, rows=outputs: rows)
        assert np.isnan(found["error"]) if value != 1e30 else found["error"] > 100
        assert np.isnan(found["shape"]) if value != 1e30 else found["shape"] > 100
        assert torch.isfinite(look(lambda images, rows=outputs: rows)["faces"]).all()


def test_shape_errors_by_hand():
    body = torch.randn(1, 30, 3, generator=torch.Generator().manual_seed(0))
    turned = body @ euler_to_matrix(torch.tensor([[0.3, 1.0, -0.4]]))[0].T + 5
    assert rigid_distance(body, turned)[0] < 1e-5
    assert rigid_distance(2 * body, turned)[0] > 0.5  # a size is part of a shape


def test_pictures_show_landmarks_and_shapes(model, layout, faces):
    batch = batch_of(faces, landmarks_of(model, faces))
    look = TddfaPictures(model, layout, TddfaTargets(layout), batch, "ibug68")
    image = look(lambda images: layout.encode(faces))["faces"]
    assert image.shape == (3, 4 * 240, COUNT * 240)
    assert float(image.min()) >= 0 and float(image.max()) <= 1
    photo, marked, shape, true = image.split(240, 1)
    assert 0 < float((photo != marked).any(0).float().mean()) < 0.2
    assert torch.equal(shape, true)
    plain = replace(batch, truth=None, known=None)
    look = TddfaPictures(model, layout, TddfaTargets(layout), plain, "ibug68")
    assert look(zeros)["faces"].shape == (3, 3 * 240, COUNT * 240)
