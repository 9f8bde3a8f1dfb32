"""Frames of faces that others have found, and what is turned back with a photograph."""

from __future__ import annotations

import math
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from selfie3d.datasets.synthetic.config import SyntheticConfig
from selfie3d.datasets.synthetic.crowds.crowds import five_of
from selfie3d.datasets.synthetic.faces import SyntheticFaces
from selfie3d.detect import framing
from selfie3d.detect.face import Face, Frame
from selfie3d.detect.framing import framed
from selfie3d.detect.turned import turn_back
from selfie3d.geometry.crop import FRAME_PER_BOX
from selfie3d.pipeline.locate.frame import frame_of_face, frame_of_points


@pytest.fixture(scope="module")
def drawn() -> list[tuple[np.ndarray, np.ndarray]]:
    """Pictures of 256 pixels a side with one face turned to any side, and its 68 landmarks."""
    config = SyntheticConfig(size=256, seed=31, margin=2, occluder=0, border=0, degradation=0)
    faces = SyntheticFaces(config)
    items = [faces.item(k) for k in range(16)]
    return [(item.image, item.landmarks["ibug68"][:, :2].astype(float)) for item in items]


def off(face: Face, marks: np.ndarray) -> float:
    """How far the frame's middle is off, and its side, over the right side."""
    inside = frame_of_face(face, 100).to_crop(torch.from_numpy(marks)).numpy()
    low, high = inside.min(0), inside.max(0)
    side = (high - low).max() * FRAME_PER_BOX
    return float(np.linalg.norm((low + high) / 2 - 50) / side + abs(math.log(100 / side)))


def test_frames_are_better_than_those_of_the_points(
    drawn: list[tuple[np.ndarray, np.ndarray]],
) -> None:
    plain, better = [], []
    for picture, marks in drawn:
        five = five_of(marks, False)
        face = Face((*marks.min(0), *marks.max(0)), 1.0, five)  # type: ignore[arg-type]
        found = framed(picture, [face])[0]
        assert found.box == face.box and found.points is face.points
        plain.append(off(face, marks))
        better.append(off(found, marks))
    assert np.median(better) < 0.7 * np.median(plain)
    assert np.median(better) < 0.15


def test_what_is_no_face_keeps_its_points_frame() -> None:
    points = np.array([[40.0, 50], [80, 50], [60, 70], [45, 90], [75, 90]])
    face = Face((30, 30, 90, 100), 0.9, points)
    grey = np.full((128, 128, 3), 128, np.uint8)
    assert framed(grey, [face])[0].frame is None
    expected = frame_of_points(torch.from_numpy(points), 96)
    torch.testing.assert_close(frame_of_face(face, 96).matrix, expected.matrix)
    assert framed(grey, []) == []


def test_without_weights_faces_stay_as_they_are(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr(framing, "SHIPPED", tmp_path / "none.safetensors")
    face = Face((0, 0, 9, 9), 0.9, np.zeros((5, 2)))
    assert framed(np.zeros((16, 16, 3), np.uint8), [face]) == [face]


@pytest.mark.parametrize("turn", [0, 1, 2, 3])
def test_turning_back(turn: int) -> None:
    photo = np.zeros((60, 90, 3), np.uint8)
    photo[20, 70] = 255
    turned = np.rot90(photo, turn)
    row, column = (int(v) for v in np.argwhere(turned[..., 0])[0])
    at = np.array([column + 0.5, row + 0.5])
    points = at + np.array([[-3.0, -2], [3, -2], [0, 0], [-2, 3], [2, 3]])
    box = (at[0] - 4, at[1] - 5, at[0] + 4, at[1] + 5)
    face = Face(box, 0.8, points, Frame(float(at[0]), float(at[1]), 9.0, 0.2))
    back = turn_back(face, turn, photo.shape)
    np.testing.assert_allclose(back.points[2], [70.5, 20.5])
    assert back.frame is not None and (back.frame.x, back.frame.y) == pytest.approx((70.5, 20.5))
    np.testing.assert_allclose(np.mean(np.reshape(back.box, (2, 2)), 0), [70.5, 20.5])
    # The same crop of the photograph and of the turned one: both see the face upright.
    crop, own = frame_of_face(face, 50), frame_of_face(back, 50)
    torch.testing.assert_close(
        crop.to_crop(torch.from_numpy(points)), own.to_crop(torch.from_numpy(back.points))
    )
    assert turn_back(replace(face, frame=None), turn, photo.shape).frame is None
