"""A made face for the protocols that render."""

from __future__ import annotations

from dataclasses import replace

import pytest
import torch
from selfie3d.facemodels import load_face_model
from selfie3d.geometry.camera import PerspectiveCamera
from selfie3d.geometry.coefficients import ambient_light
from selfie3d.geometry.rotation import euler_to_matrix
from selfie3d.pipeline.predicted import PredictedFace


@pytest.fixture(scope="session")
def face() -> PredictedFace:
    """Some face with a quarter turn, about 120 pixels large in a picture of 160 x 160."""
    model = load_face_model("default")
    coefficients = model.zero_coefficients()
    generator = torch.Generator().manual_seed(3)
    coefficients = replace(
        coefficients,
        identity=torch.randn(coefficients.identity.shape, generator=generator),
        albedo=torch.randn(coefficients.albedo.shape, generator=generator),
        light=ambient_light(1, 0.9),
    )
    camera = PerspectiveCamera(
        euler_to_matrix(torch.tensor([[0.1, 0.4, -0.1]])),
        torch.tensor([[0.0, 20.0, -900.0]]),
        torch.tensor([600.0]),
        torch.tensor([[80.0, 80.0]]),
    )
    return PredictedFace(model, coefficients, camera, (30.0, 30.0, 130.0, 130.0))
