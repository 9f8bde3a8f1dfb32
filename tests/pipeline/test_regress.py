"""From boxes in photographs to cameras and coefficients, with a network that knows the answer."""

from __future__ import annotations

import math
from dataclasses import replace

import numpy as np
import pytest
import torch
from selfie3d.core.errors import InputError
from selfie3d.core.image_file import read_image
from selfie3d.facemodels import load_face_model
from selfie3d.geometry.camera import PerspectiveCamera
from selfie3d.geometry.coefficient_mirror import CoefficientMirror
from selfie3d.geometry.coefficients import (
    Coefficients,
    ambient_light,
    coefficients_to_vector,
    vector_to_coefficients,
)
from selfie3d.geometry.dense_points import PointBasis, make_layout
from selfie3d.geometry.point_solver import SolverConfig
from selfie3d.geometry.point_view import PIVOT_MM
from selfie3d.geometry.rotation import euler_to_matrix
from selfie3d.models.dense_points import DensePointOptions
from selfie3d.models.heads.points import PointPrediction
from selfie3d.models.registry import NETWORKS
from selfie3d.models.weights import pack_weights
from selfie3d.pipeline.demo import PHOTO
from selfie3d.pipeline.locate.frame import frame_of_box
from selfie3d.pipeline.network.regress import RegressOptions, Regressor
from torch import nn

SIZE = 96


@pytest.fixture(scope="module")
def model():
    return load_face_model("default")


@pytest.fixture(scope="module")
def weights(tmp_path_factory, model):
    layout = make_layout(model, 60)
    options = DensePointOptions(
        width=4, points=len(layout), coefficients=sum(model.sizes) + 27, reduced=2
    )
    torch.manual_seed(0)
    network = NETWORKS.create("dense-points", **vars(options))
    path = tmp_path_factory.mktemp("weights") / "untrained.safetensors"
    path.write_bytes(pack_weights(network, "dense-points", options, layout=layout, facts={}))
    return str(path)


class Oracle(nn.Module):
    """Says the true points of one face, whose photograph holds its own x and y in red and green.

    Crops are told apart by reading the affine map off the colours.
    """

    def __init__(self, points: torch.Tensor, vector: torch.Tensor, extent: float) -> None:
        super().__init__()
        self.points, self.vector, self.extent = points, vector, extent

    def forward(self, images: torch.Tensor) -> PointPrediction:
        """Photograph points moved into every crop."""
        red, green = images[:, 0] * self.extent, images[:, 1] * self.extent
        scale = (SIZE - 64) / (red[:, 32:64, 64] - red[:, 32:64, 32]).mean(1)
        x = 48 - red[:, 47:49, 47:49].mean((1, 2)) * scale
        y = 48 - green[:, 47:49, 47:49].mean((1, 2)) * scale
        shift = torch.stack([x, y, torch.full_like(x, SIZE / 2)], -1)
        moved = self.points * scale[:, None, None] + shift[:, None]
        points = (moved - SIZE / 2) / (SIZE / 2)
        sigma = torch.full(points.shape[:2], math.log(0.01))
        return PointPrediction(points, sigma, self.vector.expand(len(images), -1))


@pytest.fixture(scope="module")
def scene(model, weights):
    """A photograph, the box of its face, the truth, and a regressor with the oracle inside."""
    g = torch.Generator().manual_seed(2)
    ki, ke, ka = model.sizes
    identity = torch.zeros(1, ki)
    identity[:, :80] = 0.7 * torch.randn(1, 80, generator=g)
    expression = torch.zeros(1, ke)
    expression[0, model.expression_names.index("jawOpen")] = 0.4
    truth = Coefficients(identity, expression, torch.randn(1, ka, generator=g), ambient_light(1))
    rotation = euler_to_matrix(torch.tensor([[0.1, -0.5, 0.2]]))
    away = torch.tensor([[0.0, 0.0, -900.0]]) - rotation @ torch.tensor(PIVOT_MM)
    camera = PerspectiveCamera(
        rotation, away, torch.tensor([1500.0]), torch.tensor([[330.0, 250.0]])
    )
    y, x = np.mgrid[:480, :640].astype(np.float32) + 0.5
    picture = np.stack([x, y, x], -1) / 640 * 255
    solver = SolverConfig(steps=4, noise=0.05)
    regressor = Regressor(RegressOptions(weights, passes=1, solver=solver, mirrored=False), model)
    body = PointBasis.of(model, regressor.layout).points(identity, expression)
    regressor.network = Oracle(camera.project(body), coefficients_to_vector(truth), 640.0)
    seen = camera.project(model.landmark_points(model.vertices(truth), "ibug68"))[0, :, :2]
    box = (*seen.amin(0).tolist(), *seen.amax(0).tolist())
    return picture.round().astype(np.uint8), box, truth, camera, regressor


def test_the_face_comes_back_in_photograph_pixels(scene, model):
    picture, box, truth, camera, regressor = scene
    face = regressor([picture], [box])[0]
    vertices = model.vertices(truth)
    expected = camera.project(model.landmark_points(vertices))[0, :, :2]
    found = face.camera.project(model.landmark_points(model.vertices(face.coefficients)))[0]
    error = (found[:, :2] - expected).norm(dim=-1)
    assert float(error.mean()) < 1.5  # pixels of 640; colours of 8 bits place the crop to about 1
    torch.testing.assert_close(face.coefficients.albedo, truth.albedo)
    torch.testing.assert_close(face.coefficients.light, truth.light)
    direct = (face.direct["ibug68"][:, :2] - expected).norm(dim=-1)
    assert float(direct.mean()) < 1.5
    expected_sigma = 0.01 * face.crop.size[0] / 2 / face.crop.scale
    torch.testing.assert_close(face.sigma, torch.full((68,), expected_sigma))


def test_the_second_pass_frames_the_face_as_training_did(scene, model):
    picture, box, _, _, regressor = scene
    x0, y0, x1, y1 = box
    loose = (x0 - 30, y0 - 45, x1 + 20, y1 + 15)
    options = regressor.options
    regressor.options = replace(options, passes=2)
    face = regressor([picture], [loose])[0]
    regressor.options = options
    tight = frame_of_box(box, SIZE)
    assert face.crop.scale == pytest.approx(tight.scale, rel=0.02)


def test_mirrored_crops_give_mirrored_faces(weights, model):
    """With both views heard, left and right are nothing to the network, trained or not."""
    regressor = Regressor(RegressOptions(weights, gaze=False, lips=False), model)
    images = torch.rand(2, 3, SIZE, SIZE, generator=torch.Generator().manual_seed(5))
    seen, turned = (regressor.in_crops(x)[1] for x in (images, images.flip(3)))
    mirror = CoefficientMirror.of(model)
    expected = mirror(vector_to_coefficients(seen.coefficients, model.sizes))
    found = vector_to_coefficients(turned.coefficients, model.sizes)
    torch.testing.assert_close(found.identity, expected.identity, atol=1e-5, rtol=1e-4)
    torch.testing.assert_close(found.light, expected.light, atol=1e-5, rtol=1e-4)
    chin = regressor.layout.landmarks("ibug68").start + 8
    x = torch.stack([seen.points[:, chin, 0], -turned.points[:, chin, 0]])
    torch.testing.assert_close(x[0], x[1], atol=1e-5, rtol=1e-4)
    once = Regressor(RegressOptions(weights, gaze=False, lips=False, mirrored=False), model)
    assert (once.in_crops(images)[1].points - seen.points).abs().max() > 1e-6


def test_batches_do_not_matter(scene):
    picture, box, _, _, regressor = scene
    boxes = [box, (box[0] - 10, *box[1:]), (*box[:3], box[3] + 15)]
    together = regressor([picture] * 3, boxes)
    options = regressor.options
    regressor.options = replace(options, batch=2)
    apart = regressor([picture] * 3, boxes)
    regressor.options = options
    for one, other in zip(together, apart, strict=True):
        torch.testing.assert_close(
            one.camera.translation, other.camera.translation, rtol=1e-2, atol=1.0
        )


def test_stated_errors_visibility_and_classes_are_passed_on(tmp_path, model):
    """Errors are scaled as the weights say; probabilities are ones."""
    layout = make_layout(model, 60)
    heads = {"hidden": 8, "visibility": True, "segments": 16, "decoder": 4}
    sizes = {"points": len(layout), "coefficients": sum(model.sizes) + 27}
    options = DensePointOptions(width=4, reduced=2, **sizes, **heads)
    torch.manual_seed(0)
    network = NETWORKS.create("dense-points", **vars(options))
    scale = torch.linspace(1, 3, len(layout))
    picture = np.random.default_rng(0).integers(0, 256, (200, 200, 3), dtype=np.uint8)
    found = []
    for facts in ({}, {"sigma_scale": scale.tolist()}):
        path = tmp_path / "untrained.safetensors"
        path.write_bytes(pack_weights(network, "dense-points", options, layout=layout, facts=facts))
        regressor = Regressor(RegressOptions(str(path), passes=1), model)
        found.append(regressor([picture], [(50.0, 50.0, 150.0, 150.0)])[0])
    plain, scaled = found
    torch.testing.assert_close(scaled.sigma, plain.sigma * scale[:68])
    assert scaled.visibility.shape == (len(layout),)
    assert bool(((scaled.visibility > 0) & (scaled.visibility < 1)).all())
    assert scaled.segmentation.shape == (16, 24, 24)
    torch.testing.assert_close(scaled.segmentation.sum(0), torch.ones(24, 24))


def test_wrong_boxes_are_named(scene):
    picture, box, _, _, regressor = scene
    with pytest.raises(InputError, match="one per photograph"):
        regressor([picture], [box, box])
    with pytest.raises(InputError, match="box"):
        regressor([picture], [(10.0, 10.0, 10.0, 10.0)])


def test_lips_and_gaze_are_heeded_unless_told_otherwise(model):
    """The demo's smiling portrait: other expressions of the mouth, and other turns of the eyes."""
    picture = read_image(PHOTO)
    box = (180.0, 60.0, 270.0, 190.0)
    plain, lips, gaze = (
        Regressor(RegressOptions(lips=lips, gaze=gaze), model)([picture], [box])[0].coefficients
        for lips, gaze in ((False, False), (True, False), (False, True))
    )
    look = torch.tensor([name.startswith("eyeLook") for name in model.expression_names])
    assert float((lips.expression - plain.expression).abs().max()) > 1e-3
    assert torch.equal(gaze.expression[:, ~look], plain.expression[:, ~look])
    assert float((gaze.expression - plain.expression)[:, look].abs().max()) > 0.05
