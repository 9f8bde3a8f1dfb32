"""The light on a face whose truth is drawn."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import torch
from selfie3d.geometry.coefficients import ambient_light
from selfie3d.geometry.sh import shade
from selfie3d.pipeline.fit.appearance import Appearance
from selfie3d.pipeline.network.regress import RegressedFace
from selfie3d.pipeline.studio import renderer_of
from selfie3d.pipeline.video.followed import SeenPerson
from selfie3d.pipeline.video.identity import RunningIdentity
from selfie3d.pipeline.video.light import RunningLight
from selfie3d.pipeline.video.pose import HeadPose

SIZE = 160
NORMALS = torch.nn.functional.normalize(
    torch.tensor([[[0.0, 0, 1], [0.5, 0, 1], [-0.5, 0, 1], [0, 0.5, 1], [0, -0.5, 1]]]), dim=-1
)


@pytest.fixture(scope="module")
def drawn(default_model):
    """Makes a frame and the person in it, of a light (1,9,3)."""
    camera = HeadPose(np.eye(3), np.array([SIZE / 2, SIZE / 2]), 0.6).camera(500.0)
    own = default_model.zero_coefficients()
    vertices = default_model.vertices(own)
    marks = camera.project(default_model.landmark_points(vertices, "ibug68"))[0, :, :2]
    (x0, y0), (x1, y1) = marks.amin(0).tolist(), marks.amax(0).tolist()

    def make(light):
        albedo = default_model.albedo(own)
        seen = renderer_of(default_model)(
            vertices, camera, (SIZE, SIZE), albedo=albedo, light=light, antialias=False
        )
        picture = (seen.image[0].clamp(0, 1).permute(1, 2, 0) * 255).byte().numpy()
        face = RegressedFace(replace(own, light=light), camera, None, sigma=None, direct={})
        return picture, SeenPerson(1, face, RunningIdentity(), (x0, y0, x1, y1), 0.02)

    return make


def test_a_lamp_that_goes_from_side_to_side(default_model, drawn):
    """Shading by what is found follows the lamp; colours stay those of the first frames."""
    running = RunningLight(Appearance(default_model, renderer_of(default_model)))
    albedos = []
    for side, begin in ((0.3, 0.0), (-0.3, 3.0)):
        light = ambient_light(1, 0.7)
        light[:, 3] = side  # x
        for k in range(10):
            albedo, found = running(*drawn(light), begin + k / 5)
            albedos.append(albedo)
        mean = shade(NORMALS, light).mean()
        expected, seen = shade(NORMALS, light) / mean, shade(NORMALS, found)
        assert (seen / seen.mean() - expected).abs().max() < 0.12
    assert (albedos[-1] - albedos[11]).abs().max() < 0.05


def test_between_two_looks_nothing_is_solved(default_model, drawn):
    running = RunningLight(Appearance(default_model, renderer_of(default_model)))
    picture, seen = drawn(ambient_light(1, 0.7))
    first = running(picture, seen, 0.0)
    dark = running(picture // 4, seen, 0.1)
    assert torch.equal(first[1], dark[1])
    later = running(picture // 4, seen, 0.3)[1]
    assert later[0, 0].mean() < first[1][0, 0].mean()
