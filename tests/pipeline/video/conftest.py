"""A person in a frame, and the head that a clip moves."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import torch
from selfie3d.geometry.euler import euler_to_matrix
from selfie3d.pipeline.video.moment import Moment
from selfie3d.pipeline.video.pose import HeadPose


@pytest.fixture
def moment(default_model):
    """Makes a person of the default model in a frame, from the number of the frame and weights."""

    def make(frame: int = 0, **weights: float) -> Moment:
        angles = torch.tensor([[10.0, 20.0, -5.0]]).deg2rad()
        pose = HeadPose(
            euler_to_matrix(angles)[0].double().numpy(), np.array([300.0 + frame, 200]), 0.8
        )
        coefficients = default_model.zero_coefficients()
        expression = torch.zeros_like(coefficients.expression)
        for name, weight in weights.items():
            expression[0, default_model.expression_names.index(name)] = weight
        coefficients = replace(coefficients, expression=expression)
        return Moment(1, frame, frame / 30, pose, 800.0, coefficients, 1.25)

    return make
