"""What each of the 68 landmarks counts in the papers' losses.

In iBUG order: 0-16 jaw, 17-26 brows, 27-35 nose (27-30 its ridge), 36-47 eyes, 48-59 outer and
60-67 inner mouth.
"""

from __future__ import annotations

import torch
from torch import Tensor

from ..core.registry import Registry
from ..geometry.contour import JAW

LANDMARK_WEIGHTS: Registry[Tensor] = Registry("landmark weights")
"""Entries give (68,) float32 weights for `landmark_loss`."""


@LANDMARK_WEIGHTS.register("uniform")
def uniform_weights() -> Tensor:
    """1 for every point."""
    return torch.ones(68)


@LANDMARK_WEIGHTS.register("deep3d")
def deep3d_weights() -> Tensor:
    """20 on the lower ridge of the nose (28-30) and the inner mouth (60-67), 1 elsewhere.

    As Deep3DFaceRecon's code has it, in TensorFlow and in PyTorch.
    """
    weights = torch.ones(68)
    weights[28:31] = 20
    weights[60:] = 20
    return weights


@LANDMARK_WEIGHTS.register("mlanet")
def mlanet_weights() -> Tensor:
    """20 on the inner mouth, 1 elsewhere: eq 12's text, which leaves Deep3D's nose points out."""
    weights = torch.ones(68)
    weights[60:] = 20
    return weights


@LANDMARK_WEIGHTS.register("mobile-facernet")
def mobile_facernet_weights() -> Tensor:
    """0.5 on the 17 points of the jaw, 1 on the 51 others.

    Mobile-FaceRNet's text under eq 12 counts 16 and 52, but iBUG's contour has 17 points.
    """
    weights = torch.ones(68)
    weights[:JAW] = 0.5
    return weights


@LANDMARK_WEIGHTS.register("inner")
def inner_weights() -> Tensor:
    """1 on the 51 points inside the face, 0 on the jaw: for targets with another contour."""
    weights = torch.ones(68)
    weights[:JAW] = 0
    return weights


def landmark_weights(name: str) -> Tensor:
    """The weights (68,) called `name`.

    Raises:
        UnknownNameError: there are none of this name.
    """
    return LANDMARK_WEIGHTS.create(name)
