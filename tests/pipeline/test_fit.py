"""A short fit of the default model to faces rendered from it."""

from __future__ import annotations

import math

import pytest
import torch
from selfie3d.core.errors import InputError
from selfie3d.geometry.camera import PerspectiveCamera
from selfie3d.geometry.coefficients import Coefficients, ambient_light
from selfie3d.geometry.rotation import euler_to_matrix, geodesic_angle
from selfie3d.pipeline.fit.config import FitConfig, Stage
from selfie3d.pipeline.fit.fitter import FaceFitter, Fit
from selfie3d.pipeline.fit.model import five_points
from selfie3d.pipeline.fit.pose import FOCAL_PER_SIZE
from selfie3d.render.face import FaceRenderer

SIZE = 64
SHORT = FitConfig(stages=(Stage(32, 12, 0.25), Stage(48, 12, 0.15)))


@pytest.fixture(scope="module")
def truth(default_model):
    """Coefficients, camera and picture (1,3,S,S) of one face, the points as fractions."""
    generator = torch.Generator().manual_seed(3)
    identity, expression, albedo = (
        torch.randn(1, k, generator=generator) for k in default_model.sizes
    )
    light = ambient_light(1, 0.9)
    light[:, 2] += 0.25
    light[:, 3] += 0.2
    face = Coefficients(0.8 * identity, 0 * expression, 0.8 * albedo, light)
    camera = PerspectiveCamera(
        euler_to_matrix(torch.tensor([[0.1, 0.3, 0.0]])),
        torch.tensor([[0.0, -25.0, -1250.0]]),
        torch.tensor([FOCAL_PER_SIZE * SIZE]),
        torch.tensor([[SIZE / 2, SIZE / 2]]),
    )
    vertices = default_model.vertices(face)
    seen = FaceRenderer(default_model.faces)(
        vertices, camera, (SIZE, SIZE), albedo=default_model.albedo(face), light=light
    )
    photo = seen.over(torch.full_like(seen.image, 0.3)).clamp(0, 1)
    points = camera.project(five_points(default_model, vertices))[..., :2] / SIZE
    return face, camera, photo, points


@pytest.fixture(scope="module")
def fitter(default_model):
    return FaceFitter(default_model, SHORT)


def fit(fitter: FaceFitter, photo: torch.Tensor, points: torch.Tensor, **options) -> Fit:
    def crops(side: int) -> tuple[torch.Tensor, torch.Tensor]:
        small = torch.nn.functional.interpolate(
            photo, (side, side), mode="bilinear", antialias=True
        )
        return small, torch.ones_like(small[:, :1])

    return fitter.fit(crops, points, **options)


@pytest.fixture(scope="module")
def fitted(fitter, truth):
    return fit(fitter, truth[2], truth[3])


def pose_error(found: Fit, truth) -> float:
    return float(geodesic_angle(found.camera.rotation, truth[1].rotation)[0]) * 180 / math.pi


def colour_error(model, truth, face: Coefficients, camera) -> float:
    """Mean difference from the true picture over the face."""
    seen = FaceRenderer(model.faces)(
        model.vertices(face), camera, (SIZE, SIZE), albedo=model.albedo(face), light=face.light
    )
    return float(((seen.image - truth[2] * seen.mask).abs() * seen.mask).sum() / seen.mask.sum())


def test_the_loss_goes_down_in_every_stage_of_the_picture(fitted):
    steps = [stage.steps for stage in SHORT.stages]
    assert fitted.loss.ndim == 1 and bool(fitted.loss.isfinite().all())
    for part in fitted.loss[-sum(steps) :].split(steps):
        assert part[-1] < part[0]


def test_the_picture_comes_closer_than_the_mean_face(default_model, truth, fitted):
    bigger = fitted.camera.moved(torch.eye(2, 3) * (SIZE / fitted.size))
    own = colour_error(default_model, truth, fitted.coefficients, bigger)
    mean = colour_error(default_model, truth, default_model.zero_coefficients(), truth[1])
    assert own < 0.6 * mean
    assert pose_error(fitted, truth) < 6


def test_the_shape_of_the_results(default_model, fitted):
    assert default_model.sizes == tuple(
        getattr(fitted.coefficients, k).shape[1] for k in ("identity", "expression", "albedo")
    )
    assert fitted.size == 48
    assert torch.allclose(fitted.camera.center, torch.full((1, 2), 24.0))
    parts = [*vars(fitted.coefficients).values(), *vars(fitted.camera).values()]
    assert not any(v.requires_grad for v in parts)


def test_the_same_twice_bit_for_bit(fitter, truth, fitted):
    again = fit(fitter, truth[2], truth[3])
    assert torch.equal(again.loss, fitted.loss)
    for name, value in vars(again.coefficients).items():
        assert torch.equal(value, getattr(fitted.coefficients, name)), name


@pytest.mark.parametrize("hidden", ["left", "lower"])
def test_a_hidden_half_does_not_break_it(default_model, fitter, truth, hidden):
    photo, half = truth[2].clone(), slice(SIZE // 2)
    noise = torch.rand(photo.shape, generator=torch.Generator().manual_seed(0))
    part = (..., half) if hidden == "left" else (..., slice(SIZE // 2, SIZE), slice(None))
    photo[part] = noise[part]
    found = fit(fitter, photo, truth[3])
    assert pose_error(found, truth) < 8
    vertices = default_model.vertices(found.coefficients)
    assert bool(vertices.isfinite().all())
    assert float((vertices - default_model.mean).norm(dim=-1).mean()) < 12  # mm: still a face


def test_what_lies_outside_the_photograph_does_not_count(default_model, truth):
    config = FitConfig(stages=(Stage(24, 3, 0.2),))
    results = []
    for filling in (0.0, 1.0):

        def crops(side: int, filling: float = filling) -> tuple[torch.Tensor, torch.Tensor]:
            photo = torch.nn.functional.interpolate(truth[2], (side, side), mode="area")
            inside = torch.ones(1, 1, side, side)
            photo[..., side // 2 :], inside[..., side // 2 :] = filling, 0.0
            return photo, inside

        results.append(FaceFitter(default_model, config).fit(crops, truth[3]))
    black, white = (r.coefficients for r in results)
    assert torch.allclose(black.light, white.light, atol=1e-5)
    assert torch.allclose(black.identity, white.identity, atol=1e-5)


def test_steps_are_counted(default_model, truth):
    config = FitConfig(stages=(Stage(24, 3, 0.2),))
    calls: list[int] = []
    step = lambda: calls.append(1)  # noqa: E731
    found = fit(FaceFitter(default_model, config), truth[2], truth[3], on_step=step)
    assert len(calls) == len(found.loss) >= 3


def test_two_faces_at_once(default_model, truth):
    """Each is fitted as if it were alone."""
    config = FitConfig(stages=(Stage(24, 3, 0.2),))
    photo = torch.cat([truth[2], truth[2].flip(1)])
    points = torch.cat([truth[3], truth[3] + 0.01])
    both = fit(FaceFitter(default_model, config), photo, points)
    alone = fit(FaceFitter(default_model, config), photo[1:], points[1:])
    assert torch.allclose(both.coefficients.identity[1:], alone.coefficients.identity, atol=1e-3)
    assert torch.allclose(both.camera.rotation[1:], alone.camera.rotation, atol=1e-4)


def test_five_points(default_model):
    points = default_model.landmark_points(default_model.mean[None])[0]
    own = five_points(default_model, default_model.mean[None])[0]
    expected = [points[36:42].mean(0), points[42:48].mean(0), points[30], points[48], points[54]]
    assert torch.allclose(own, torch.stack(expected), atol=1e-5)
    assert own[0, 0] < 0 < own[1, 0] and own[3, 0] < 0 < own[4, 0]  # the subject's right first


def test_bad_points(fitter, truth):
    for bad in (truth[3][0], truth[3][:, :4], torch.full((1, 5, 2), torch.nan)):
        with pytest.raises(InputError, match="points"):
            fit(fitter, truth[2], bad)
