"""Protocol `synthetic`: the truth scores 0, the mean face as by hand, and what cannot be scored."""

from __future__ import annotations

import dataclasses

import numpy as np
import pytest
import torch
from selfie3d.core.errors import InputError, NoFaceError
from selfie3d.datasets.photographs.rendered import RenderedPhotographs
from selfie3d.datasets.synthetic.config import SyntheticConfig
from selfie3d.datasets.synthetic.shards import write_shards
from selfie3d.evaluate.metrics.dense import KINDS
from selfie3d.evaluate.protocols import synthetic
from selfie3d.evaluate.protocols.synthetic import (
    DENSE_TABLE,
    MeanFace,
    compare,
    compare_dense,
    known_face,
)
from selfie3d.evaluate.registry import PROTOCOLS, Request
from selfie3d.facemodels import load_face_model
from selfie3d.geometry.camera import WeakPerspectiveCamera
from selfie3d.geometry.rotation import euler_to_matrix
from selfie3d.models.heads.layouts import make_layout
from selfie3d.models.registry import NETWORKS
from selfie3d.models.weights import pack_weights
from selfie3d.pipeline.predicted import PredictedFace

COUNT = 5


@pytest.fixture(scope="module")
def model():
    return load_face_model("default")


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    path = tmp_path_factory.mktemp("rendered")
    write_shards(path, SyntheticConfig(size=72, seed=5), COUNT)
    return path


@pytest.fixture(scope="module")
def known(folder, model):
    faces = RenderedPhotographs(folder)
    return [known_face(model, faces[row]) for row in range(COUNT)]


def told(face, **changes) -> PredictedFace:
    """The truth, changed."""
    own = face.truth
    true = PredictedFace(face.model, own.coefficients, own.camera, (0, 0, 1, 1))
    return dataclasses.replace(true, **changes)


def test_the_truth_has_no_error(known):
    for face in known:
        assert compare(told(face), face) == pytest.approx((0, 0, 0), abs=2e-2)


def test_only_the_shape_counts_for_shape(known):
    """A scaled, turned and moved surface is the same shape; a stretched one is not."""
    face = known[0]
    turn = euler_to_matrix(torch.tensor([[0.3, -0.2, 0.1]]))[0]
    moved = 1.7 * face.vertices @ turn.T + torch.tensor([5.0, 1.0, -9.0])
    assert compare(told(face, surface=moved[None]), face)[2] < 1e-3
    stretched = face.vertices * torch.tensor([1.1, 1.0, 1.0])
    points, _, shape = compare(told(face, surface=stretched[None]), face)
    assert points > 1 and shape > 1


def test_dense_points_by_hand(known):
    """The truth has no error; vertices moved by 2 mm in space have it over the box and the eyes."""
    face = known[0]
    assert max(compare_dense(told(face), face).values()) < 1e-2
    shift = torch.tensor([2.0, 0.0, 0.0])
    found = compare_dense(told(face, surface=(face.vertices + shift)[None]), face)
    inside = face.model.region("face")
    camera = face.truth.camera
    true, moved = (
        camera.project(v[None, inside])[0] for v in (face.vertices, face.vertices + shift)
    )
    box = (true[:, :2].amax(0) - true[:, :2].amin(0)).prod().sqrt()
    by_hand = 100 * (moved - true)[:, :2].norm(dim=1).mean() / box
    assert found["dense, 2D"] == pytest.approx(float(by_hand), rel=1e-4)
    assert found["reconstruction"] < 0.1 and found["reconstruction after ICP"] < 0.1


def test_a_turned_camera_has_this_angle(known):
    face = known[1]
    camera = face.truth.camera
    turn = euler_to_matrix(torch.tensor([[0.0, np.deg2rad(12.0), 0.0]], dtype=torch.float32))
    weak = WeakPerspectiveCamera(camera.rotation @ turn, torch.ones(1), torch.zeros(1, 2))
    same = WeakPerspectiveCamera(camera.rotation, torch.ones(1), torch.zeros(1, 2))
    turned, plain = (compare(told(face, camera=c), face)[1] for c in (weak, same))
    assert abs(turned - 12) <= plain + 1e-2  # the line of sight turns the perspective camera a bit


def test_the_mean_face_by_hand(known):
    """Of faces that are all alike it is that face; its place follows the box."""
    face = known[2]
    mean = MeanFace.of([face, face])
    points, turn, shape = compare(mean.at(face.box), face)
    assert points < 1.5 and turn < 0.05 and shape < 1e-3  # weak perspective is what is lost
    spread = MeanFace.of(known)
    by_hand = torch.stack([f.vertices for f in known]).mean(0).numpy()
    np.testing.assert_allclose(spread.at(face.box).vertices, by_hand, atol=1e-3)
    assert compare(spread.at(face.box), face)[2] > 0.5


def test_the_protocol(folder, known, tmp_path, monkeypatch):
    """Means over the faces that were found, failures named, the baseline over all."""

    class Oracle:
        name = "oracle"
        calls = 0

        def __call__(self, picture, box):
            self.calls += 1
            face = known[(self.calls - 1) % COUNT]
            np.testing.assert_allclose(box[:2], face.landmarks.min(0), atol=1e-3)
            if self.calls % COUNT == 2:
                raise NoFaceError("none")
            return told(face)

    monkeypatch.setattr(synthetic, "load_predictor", lambda *given: Oracle())
    report = PROTOCOLS.create("synthetic")(Request(folder, tmp_path))
    assert list(report.failures) == ["rendered/1"]
    own, mean = report.figures[:7], report.figures[7:]
    assert [f.name for f in own] == ["landmarks", "pose", "shape", *KINDS]
    assert {f.table for f in own[3:]} == {DENSE_TABLE}
    (curve,) = report.curves
    assert list(curve.series) == ["oracle", "mean face"]
    plain = PROTOCOLS.create("synthetic", overrides=["icp=false"])(Request(folder, tmp_path))
    assert [f.name for f in plain.figures[:6]] == [f.name for f in own[:6]] and not plain.curves
    assert all(f.count == COUNT - 1 and f.value < 0.05 for f in own)
    assert all(f.count == COUNT and f.value > 0.5 for f in mean)
    assert np.isnan(report.items.errors["shape"][1])


def test_weights_of_the_mask_are_measured_on_the_mask(folder, tmp_path):
    """No option has to name the face model of the weights."""
    layout = make_layout("3ddfa", load_face_model("default-face"), 64)
    options = {"size": 64, "width": 0.25, "outputs": layout.size}
    network = NETWORKS.create("mobilenet_v1", **options).eval()
    path = tmp_path / "mask.safetensors"
    path.write_bytes(pack_weights(network, "mobilenet_v1", options, layout=layout, facts={}))
    report = PROTOCOLS.create("synthetic")(Request(folder, tmp_path, str(path)))
    assert report.failures == {} and all(np.isfinite(f.value) for f in report.figures)


def test_what_cannot_be_scored(folder, tmp_path, known):
    with pytest.raises(InputError, match="--weights"):
        PROTOCOLS.create("synthetic")(Request(folder, tmp_path, predictions=tmp_path / "x.npz"))
    other = PROTOCOLS.create("synthetic", overrides=["face_model=some.npz"])
    with pytest.raises(InputError, match="'default', as drawn"):
        other(Request(folder, tmp_path))
    head = told(known[0], model=load_face_model("default-face"))
    with pytest.raises(InputError, match="face model"):
        compare(head, known[0])
