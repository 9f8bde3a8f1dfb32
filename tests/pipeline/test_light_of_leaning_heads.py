"""Light is told in the photograph's directions, however the head leans in it."""

from __future__ import annotations

import math

import numpy as np
import pytest
import torch
from PIL import Image
from selfie3d.geometry.sh import rotate_light, shade
from selfie3d.pipeline import ReconstructOptions, Reconstructor
from selfie3d.pipeline.demo import PHOTO


@pytest.mark.parametrize("angle", [-35, 30])
def test_a_turned_photograph_has_its_light_turned_with_it(angle) -> None:
    maker = Reconstructor(ReconstructOptions(max_faces=1))
    upright = Image.open(PHOTO).convert("RGB")
    turned = upright.rotate(angle, Image.Resampling.BICUBIC, expand=True)  # counterclockwise
    seed = torch.Generator().manual_seed(0)
    normals = torch.nn.functional.normalize(torch.randn(1, 500, 3, generator=seed), dim=-1)
    normals[..., 2] = normals[..., 2].abs()  # those that a camera sees
    lights = []
    for image in (upright, turned):
        picture = np.asarray(image)
        face = maker.reconstruct_face(picture, maker.detect(picture)[0], textured=False)
        lights.append(face.coefficients.light)
    c, s = math.cos(math.radians(angle)), math.sin(math.radians(angle))
    expected = rotate_light(lights[0], torch.tensor([[[c, -s, 0], [s, c, 0], [0, 0, 1.0]]]))
    seen, wanted, before = (shade(normals, light) for light in (lights[1], expected, lights[0]))
    assert float((seen - wanted).std()) < 0.5 * float((seen - before).std())
