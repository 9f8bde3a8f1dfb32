"""The texture of a rendered face: what was painted where it is seen, the mirror where it is not."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from selfie3d.core.errors import InputError
from selfie3d.geometry.camera import PerspectiveCamera
from selfie3d.geometry.coefficients import Coefficients, ambient_light
from selfie3d.geometry.mesh import vertex_normals
from selfie3d.geometry.rotation import euler_to_matrix
from selfie3d.geometry.sh import shade
from selfie3d.pipeline.fit.pose import FOCAL_PER_SIZE
from selfie3d.pipeline.texture import FittedPhoto, TextureBuilder
from selfie3d.pipeline.texture.atlas import Part
from selfie3d.render.face import FaceRenderer

SIDE, SIZE = 256, 192


def camera(yaw: float) -> PerspectiveCamera:
    return PerspectiveCamera(
        euler_to_matrix(torch.tensor([[0.0, yaw, 0.0]])),
        torch.tensor([[0.0, -25.0, -1250.0]]),
        torch.tensor([FOCAL_PER_SIZE * SIDE]),
        torch.tensor([[SIDE / 2, SIDE / 2]]),
    )


def lit() -> torch.Tensor:
    light = ambient_light(1, 0.75)
    light[:, 2], light[:, 3] = 0.3, 0.25
    return light


@pytest.fixture(scope="module")
def builder(default_model):
    return TextureBuilder(default_model, SIZE)


@pytest.fixture(scope="module")
def painted(default_model, builder):
    """The truth the photographs show: the model's albedo plus a pattern that it cannot make."""
    x, y, _ = default_model.mean.T
    wave = 0.12 * torch.sin(x.abs() / 12) * torch.cos(y / 12)
    mean = default_model.albedo_mean
    return (mean + wave[:, None] * torch.tensor([1.0, -1.0, 0.5])).clamp(0.05, 0.95)[None]


def photograph(model, albedo: torch.Tensor, yaw: float, light: torch.Tensor) -> torch.Tensor:
    seen = FaceRenderer(model.faces)(
        model.mean[None], camera(yaw), (SIDE, SIDE), albedo=albedo, light=light
    )
    return seen.over(torch.full_like(seen.image, 0.1)).clamp(0, 1)


def face(model, light: torch.Tensor) -> Coefficients:
    zero = model.zero_coefficients()
    return Coefficients(zero.identity, zero.expression, zero.albedo, light)


def expected(model, builder, albedo: torch.Tensor, yaw: float, light: torch.Tensor):
    """Albedo times light and bare albedo in the UV map, (3,S,S) each, from the vertices."""
    normals = vertex_normals(camera(yaw).to_camera(model.mean[None]), model.faces)
    both = torch.cat([albedo * shade(normals, light), albedo], -1)
    lit_map, bare = builder.atlas.mapper.position_map(both)[0].split(3)
    return lit_map, bare


def error(own: torch.Tensor, wanted: torch.Tensor, where: torch.Tensor) -> float:
    assert int(where.sum()) > 1000
    return float((own - wanted).abs().mean(0)[where].mean())


@pytest.mark.parametrize("yaw", [0.0, 0.6])
def test_what_is_seen_is_what_was_painted(default_model, builder, painted, yaw):
    photo = photograph(default_model, painted, yaw, lit())
    own = builder.build(FittedPhoto(photo, camera(yaw), face(default_model, lit())))
    assert own.image.shape == (3, SIZE, SIZE) and own.seen.shape == (1, SIZE, SIZE)
    assert float(own.image.min()) >= 0 and float(own.image.max()) <= 1
    lit_map, bare = expected(default_model, builder, painted, yaw, lit())
    sure = own.seen[0] > 0.95
    assert error(own.image, lit_map, sure) < 0.012
    divided = builder.build(
        FittedPhoto(photo, camera(yaw), face(default_model, lit())), divide_light=True
    )
    assert error(divided.image, bare, sure) < 0.015
    assert error(divided.image, lit_map, sure) > 0.03  # the two can be told apart
    assert torch.equal(divided.seen, own.seen)


def test_the_pattern_is_taken_from_the_photograph_not_the_model(default_model, builder, painted):
    photo = photograph(default_model, painted, 0.0, ambient_light(1))
    own = builder.build(FittedPhoto(photo, camera(0.0), face(default_model, ambient_light(1))))
    _, bare = expected(default_model, builder, painted, 0.0, lit())
    plain = builder.atlas.mapper.position_map(default_model.albedo_mean[None])[0]
    sure = own.seen[0] > 0.95
    assert error(own.image, bare, sure) < 0.3 * error(own.image, plain, sure)


def test_the_hidden_side_is_the_mirror_of_the_seen_one(default_model, builder):
    """The fine pattern is symmetric: the far half must show it though the photograph does not."""
    yaw, (x, y, _) = 0.9, default_model.mean.T
    wave = 0.12 * torch.sin(x.abs() / 3) * torch.cos(y / 3)
    albedo = (default_model.albedo_mean + wave[:, None])[None]
    photo = photograph(default_model, albedo, yaw, ambient_light(1))
    own = builder.build(FittedPhoto(photo, camera(yaw), face(default_model, ambient_light(1))))
    _, bare = expected(default_model, builder, albedo, yaw, lit())
    plain = builder.atlas.mapper.position_map(default_model.albedo_mean[None])[0]
    seen = torch.cat([own.seen[None], mirrored(builder, own.seen)])[:, 0]
    filled = (seen[0] < 0.05) & (seen[1] > 0.95) & inside(builder)
    # Positive yaw turns the nose to the image's left: the subject's right side is hidden.
    position = builder.atlas.mapper.position_map(default_model.mean[None])[0]
    assert float((position[0][filled] < 0).float().mean()) > 0.9
    assert error(own.image, bare, filled) < 0.7 * error(own.image, plain, filled)
    pair = torch.stack([(own.image - plain)[1][filled], (bare - plain)[1][filled]])
    assert float(torch.corrcoef(pair)[0, 1]) > 0.7


def mirrored(builder, image: torch.Tensor) -> torch.Tensor:
    return image.flatten(1)[:, builder.atlas.twin.reshape(-1)].reshape(1, *image.shape)


def inside(builder) -> torch.Tensor:
    return builder.atlas.mapper.mask.reshape(SIZE, SIZE) > 0


def test_nothing_seen_leaves_the_fitted_albedo(default_model, builder):
    away = camera(0.0).moved(torch.tensor([[1.0, 0, 10 * SIDE], [0, 1, 0]]))
    own = builder.build(
        FittedPhoto(torch.zeros(1, 3, SIDE, SIDE), away, default_model.zero_coefficients())
    )
    assert float(own.seen.max()) == 0
    plain = builder.atlas.mapper.position_map(default_model.albedo_mean[None])[0]
    open_air = inside(builder) & torch.from_numpy(builder.atlas.part < Part.TEETH)
    assert error(own.image, plain, open_air) < 1e-4


def test_an_occluded_part_is_not_painted_with_the_occluder(default_model, builder):
    """At a strong yaw the nose covers the far cheek, whose texels must not show the nose."""
    yaw = 0.75
    nose = default_model.region("nose")
    colours = torch.where(nose[:, None], torch.tensor([1.0, 0.0, 0.0]), torch.tensor(0.5))[None]
    photo = photograph(default_model, colours, yaw, ambient_light(1))
    own = builder.build(FittedPhoto(photo, camera(yaw), face(default_model, ambient_light(1))))
    red = builder.atlas.mapper.position_map(nose.float()[None, :, None])[0, 0]
    sure = (own.seen[0] > 0.5) & (red == 0)
    rows = (own.image[0] - own.image[1])[sure]
    assert float((rows > 0.25).float().mean()) < 0.01


def test_the_seam_is_soft(default_model, builder, painted):
    photo = photograph(default_model, painted, 0.6, lit())
    seen = builder.build(FittedPhoto(photo, camera(0.6), face(default_model, lit()))).seen[0]
    assert float(seen.min()) >= 0 and float(seen.max()) <= 1
    face_map = default_model.region("skin").float()[None, :, None]
    skin = builder.atlas.mapper.position_map(face_map)[0, 0] > 0.99
    both = skin[:, 1:] & skin[:, :-1] & inside(builder)[:, 1:] & inside(builder)[:, :-1]
    step = (seen[:, 1:] - seen[:, :-1]).abs()[both]
    assert float(step.max()) < 0.6
    assert float(((seen > 0.05) & (seen < 0.95)).float().mean()) > 0.02


def test_a_model_without_mirror_and_any_size(small_model):
    grey = torch.full((1, 3, 64, 64), 0.5)
    fitted = FittedPhoto(grey, camera(0.0), small_model.zero_coefficients())
    own = TextureBuilder(small_model, 50).build(fitted)
    assert own.image.shape == (3, 50, 50) and bool(own.image.isfinite().all())


def test_photo_shape(default_model, builder):
    for bad in (torch.zeros(3, 8, 8), torch.zeros(2, 3, 8, 8), torch.zeros(1, 1, 8, 8)):
        with pytest.raises(InputError, match="photo"):
            builder.build(FittedPhoto(bad, camera(0.0), default_model.zero_coefficients()))


def test_mirror_image_is_the_same_every_time(default_model):
    """A vertex on a seam has several texture coordinates; which is taken must not be chance."""
    first = TextureBuilder(default_model, 64).atlas.twin
    for _ in range(4):
        assert np.array_equal(TextureBuilder(default_model, 64).atlas.twin, first)
