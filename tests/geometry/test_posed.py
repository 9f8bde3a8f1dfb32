"""Faces with their cameras."""

from __future__ import annotations

import pytest
import torch
from selfie3d.core.errors import InputError
from selfie3d.geometry.camera import PerspectiveCamera
from selfie3d.geometry.coefficients import Coefficients, ambient_light
from selfie3d.geometry.posed import PosedFaces


def faces(count: int) -> PosedFaces:
    coefficients = Coefficients(
        torch.arange(count * 2.0).view(count, 2), torch.zeros(count, 3), torch.zeros(count, 1),
        ambient_light(count),
    )  # fmt: skip
    eye = torch.eye(3).expand(count, 3, 3)
    away = torch.tensor([0.0, 0, -700]).expand(count, 3)
    camera = PerspectiveCamera(eye, away, torch.arange(1.0, count + 1), torch.zeros(count, 2))
    return PosedFaces(coefficients, camera)


def test_rows_keep_faces_and_cameras_together():
    some = faces(4)[torch.tensor([3, 1])]
    assert some.coefficients.identity.tolist() == [[6, 7], [2, 3]]
    assert some.camera.focal.tolist() == [4, 2]
    assert len(faces(4)[1:]) == 3


def test_different_counts_are_refused():
    with pytest.raises(InputError, match="camera"):
        PosedFaces(faces(2).coefficients, faces(3).camera)
