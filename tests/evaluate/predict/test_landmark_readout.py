"""A data set's convention, recovered from predictions that know nothing of it."""

from __future__ import annotations

import pytest
import torch
from selfie3d.core.errors import InputError
from selfie3d.evaluate.predict.readout import FoundFaces, readout_offset
from selfie3d.facemodels import load_face_model
from selfie3d.geometry.camera import PerspectiveCamera
from selfie3d.geometry.landmarks import IBUG68_MIRROR
from selfie3d.geometry.rotation import euler_to_matrix

COUNT = 60


def made(noise: float, lost: int = 0) -> tuple[FoundFaces, torch.Tensor]:
    """Faces annotated in a convention that is `offset` mm off, and that offset."""
    g = torch.Generator().manual_seed(0)
    model = load_face_model("default")
    body = model.landmark_points(model.mean[None]).expand(COUNT, -1, -1)
    offset = 4 * torch.randn(68, 3, generator=g)
    offset = (offset + offset[list(IBUG68_MIRROR)] * torch.tensor([-1.0, 1.0, 1.0])) / 2
    offset[:, 2] -= offset[:, 2].mean()
    turn = (2 * torch.rand(COUNT, 3, generator=g) - 1) * torch.tensor([0.4, 1.2, 0.4])
    camera = PerspectiveCamera(
        euler_to_matrix(turn),
        torch.tensor([[0.0, 0.0, -4000.0]]).expand(COUNT, -1).clone(),
        torch.full((COUNT,), 6000.0),
        torch.full((COUNT, 2), 225.0),
    )
    annotation = camera.project(body + offset)[..., :2]
    annotation = annotation + noise * torch.randn(annotation.shape, generator=g)
    annotation[:lost, :, 0] += 150.0
    return FoundFaces(body, camera, annotation, torch.ones(COUNT)), offset


@pytest.mark.parametrize(("noise", "lost", "within"), [(0.0, 0, 0.3), (3.0, 10, 1.3)])
def test_the_convention_is_found(noise, lost, within):
    faces, offset = made(noise, lost)
    found = readout_offset(faces, torch.zeros(68, 3))
    assert float((found - offset).norm(dim=1).mean()) < within  # mm, of 5 mm


def test_the_offset_is_symmetric():
    faces, _ = made(5.0)
    found = readout_offset(faces, torch.zeros(68, 3))
    mirrored = found[list(IBUG68_MIRROR)] * torch.tensor([-1.0, 1.0, 1.0])
    torch.testing.assert_close(found, mirrored)


def test_predictions_that_all_miss_are_refused():
    faces, _ = made(0.0, lost=COUNT)
    with pytest.raises(InputError, match="near their annotations"):
        readout_offset(faces, torch.zeros(68, 3))


def test_an_annotation_that_is_shifted_is_followed_only_without_symmetry():
    """A shift to the left is no anatomy: a symmetric readout leaves it, another one takes it."""
    faces, _ = made(0.0)
    shift = torch.zeros(68, 3)
    shift[:, 0] = 3.0
    moved = faces.camera.project(faces.body + shift)[..., :2]
    faces = FoundFaces(faces.body, faces.camera, moved, faces.weight)
    followed = readout_offset(faces, torch.zeros(68, 3), mirrors=False)
    left = readout_offset(faces, torch.zeros(68, 3))
    assert float((followed - shift).norm(dim=1).mean()) < 0.3
    assert float(left[:, 0].mean().abs()) < 1e-4
