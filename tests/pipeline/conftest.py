"""A small face model and faces of it, for tests that need no good fit."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from selfie3d.core.errors import NoFaceError
from selfie3d.detect.face import Face
from selfie3d.facemodels import load_face_model
from selfie3d.geometry.camera import PerspectiveCamera
from selfie3d.geometry.face_model import FaceModel
from selfie3d.geometry.landmarks import LandmarkSet
from selfie3d.geometry.model_parts import ModelBases, ModelFacts, ModelMesh
from selfie3d.pipeline import folder
from selfie3d.pipeline.face import ReconstructedFace
from selfie3d.pipeline.options import ReconstructOptions
from selfie3d.pipeline.texture import Texture


@pytest.fixture(scope="session")
def default_model() -> FaceModel:
    return load_face_model("default")


@pytest.fixture(scope="session")
def small_model() -> FaceModel:
    """Half an ellipsoid of 12 x 12 vertices with 68 landmarks, two of them missing."""
    y, x = torch.meshgrid(torch.linspace(-1, 1, 12), torch.linspace(-1, 1, 12), indexing="ij")
    z = (2.5 - x * x - y * y).sqrt()
    index = torch.arange(144).reshape(12, 12)
    a, b, c, d = index[:-1, :-1], index[:-1, 1:], index[1:, :-1], index[1:, 1:]
    faces = torch.cat([torch.stack([a, b, c], -1), torch.stack([b, d, c], -1)]).reshape(-1, 3)
    valid = torch.ones(68, dtype=torch.bool)
    valid[[60, 64]] = False
    return FaceModel.from_arrays(
        ModelFacts("small", licence="CC0"),
        ModelMesh(
            torch.stack([60 * x, 80 * y, 40 * z], -1).reshape(-1, 3),
            faces,
            uv=torch.stack([x, y], -1).reshape(-1, 2) / 2 + 0.5,
            origin=(0, 0, 0),
        ),
        ModelBases(identity=np.random.default_rng(0).normal(size=(3, 144, 3))),
        landmarks={
            "ibug68": LandmarkSet.from_vertices("ibug68", torch.arange(68) * 2, "3d", valid)
        },
    )


@pytest.fixture(scope="session")
def small_face(small_model: FaceModel) -> ReconstructedFace:
    """A face in the middle of a photograph of 120 x 100 pixels; its texture is red at the top."""
    camera = PerspectiveCamera(
        torch.eye(3)[None],
        torch.tensor([[0.0, 0, -800]]),
        torch.tensor([400.0]),
        torch.tensor([[60.0, 50.0]]),
    )
    image = torch.zeros(3, 32, 32)
    image[0, :16], image[2, 16:] = 1.0, 1.0
    texture = Texture(image, torch.ones(1, 32, 32))
    zero = small_model.zero_coefficients()
    return ReconstructedFace(small_model, zero, camera, (30.0, 10, 90, 90), texture, 0.99)


class FakeReconstructor:
    """Finds as many faces as the first pixel's red says, at once."""

    def __init__(self, face: ReconstructedFace, log: list, options: ReconstructOptions) -> None:
        self.face, self.log, self.steps = face, log, 1
        self.options = options

    def prepare_textures(self) -> None:
        """Nothing: the texture is there."""

    def detect(self, picture: np.ndarray) -> list[Face]:
        count = round(int(picture[0, 0, 0]) / 50)
        self.log.append(count)
        if count == 5:
            raise KeyboardInterrupt
        if not count:
            raise NoFaceError("no face found in this photograph.")
        return [Face((0.0, 0.0, 9.0, 9.0), 0.9, np.zeros((5, 2), np.float32))] * count

    def regress(self, faces) -> list:
        return [None] * len(faces)

    def reconstruct_face(self, picture, face, on_step, start, *, textured) -> ReconstructedFace:
        on_step()
        return self.face


@pytest.fixture
def fake_reconstructor(monkeypatch, small_face) -> list:
    """Replace the reconstructor; the number of faces of each photograph seen is noted."""
    log: list[int] = []
    monkeypatch.setattr(
        folder, "Reconstructor", lambda options: FakeReconstructor(small_face, log, options)
    )
    return log
