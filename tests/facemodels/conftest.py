"""A small face with known vertices, to be written in everybody's layout and read back."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pytest
import torch
from selfie3d.facemodels import load_face_model
from selfie3d.facemodels.convert import convert_model
from selfie3d.facemodels.readers.source import Source
from selfie3d.geometry.face_model import FaceModel

SIDE = 12


def dome() -> tuple[np.ndarray, np.ndarray]:
    """Vertices (144,3) mm of a bulge towards +z, and triangles seen from +z."""
    y, x = np.meshgrid(np.linspace(60, -60, SIDE), np.linspace(-50, 50, SIDE), indexing="ij")
    z = 70 - (x**2 + y**2) / 80
    vertices = np.stack([x, y, z], -1).reshape(-1, 3) + np.array([3, -7, 11])
    corner = (np.arange(SIDE - 1)[:, None] * SIDE + np.arange(SIDE - 1)).reshape(-1)
    upper = np.stack([corner, corner + SIDE, corner + 1], 1)
    lower = np.stack([corner + 1, corner + SIDE, corner + SIDE + 1], 1)
    return vertices.astype(np.float32), np.concatenate([upper, lower]).astype(np.int64)


@dataclass
class TinyFace:
    """What the files hold, in mm per standard deviation, colours 0..1, indices from 0."""

    mean: np.ndarray
    faces: np.ndarray
    identity: np.ndarray
    expression: np.ndarray
    albedo_mean: np.ndarray
    albedo_basis: np.ndarray
    points: np.ndarray

    def columns(self, name: str, unit: float = 1.0) -> tuple[np.ndarray, np.ndarray]:
        """Unit columns (3V,K) and their deviations (K,), in `unit` per mm (or per 1 of colour)."""
        flat = getattr(self, name).astype(np.float64).reshape(len(getattr(self, name)), -1).T
        length = np.linalg.norm(flat, axis=0)
        return (flat / length).astype(np.float32), (unit * length).astype(np.float32)

    def origin(self) -> np.ndarray:
        """The middle of the eyes' landmarks, 12 mm further back."""
        eyes = self.mean[self.points]
        middle = (eyes[36:42].mean(0) + eyes[42:48].mean(0)) / 2
        return middle - np.array([0, 0, 12], np.float32)

    def check(self, model: FaceModel, *bases: str, rows: np.ndarray | None = None) -> None:
        """Positions, modes, colours and the winding are those of the file, in mm."""
        keep = np.arange(len(self.mean)) if rows is None else rows
        np.testing.assert_allclose(model.mean, (self.mean - self.origin())[keep], atol=2e-4)
        for name in bases:
            expected = getattr(self, name)
            expected = expected[keep] if expected.ndim == 2 else expected[:, keep]
            np.testing.assert_allclose(getattr(model, name), expected, atol=3e-5, err_msg=name)
        corner = model.mean[model.faces]
        normal = torch.linalg.cross(corner[:, 1] - corner[:, 0], corner[:, 2] - corner[:, 0])
        assert bool((normal[:, 2] > 0).all())
        points = model.landmark_points(model.mean[None])[0]
        valid = model.landmarks["ibug68"].valid
        expected = torch.from_numpy((self.mean - self.origin())[self.points])
        assert torch.allclose(points[valid], expected[valid], atol=2e-4)
        assert model.licence


@pytest.fixture
def tiny() -> TinyFace:
    dice = np.random.default_rng(7)
    mean, faces = dome()
    count = len(mean)
    points = dice.permutation(count)[:68]
    eyes = [3 * SIDE + c for c in (1, 2, 3, 4)] + [4 * SIDE + c for c in (2, 3)]
    points[36:42] = eyes
    points[42:48] = [SIDE * (v // SIDE) + SIDE - 1 - v % SIDE for v in eyes]
    return TinyFace(
        mean,
        faces,
        *(dice.normal(0, 2, (k, count, 3)).astype(np.float32) for k in (4, 3)),
        dice.uniform(0.2, 0.9, (count, 3)).astype(np.float32),
        dice.normal(0, 0.05, (2, count, 3)).astype(np.float32),
        points,
    )


@pytest.fixture
def convert(tmp_path):
    """Convert a source; check that the file written reads back the same, bit by bit."""

    def run(path, kind="", licence="", **wishes):
        done = convert_model(Source(path, **wishes), tmp_path / "out.npz", kind, licence)
        again = load_face_model(tmp_path / "out.npz")
        names = ("mean", "faces", "identity", "expression", "albedo_mean", "albedo_basis", "uv")
        for name in (*names, "uv_faces"):
            assert torch.equal(getattr(done.model, name), getattr(again, name)), name
        for name, points in done.model.landmarks.items():
            for part in ("vertices", "weights", "valid"):
                assert torch.equal(getattr(points, part), getattr(again.landmarks[name], part))
        assert again.licence == done.model.licence and again.name == done.model.name
        assert again.expression_names == done.model.expression_names
        assert again.expression_kind == done.model.expression_kind
        assert set(again.regions) == set(done.model.regions)
        assert (again.mirror is None) == (done.model.mirror is None)
        return done

    return run
