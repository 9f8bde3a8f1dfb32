"""MTCNN on real photographs: found, in our pixel convention, the same every time.

The points and boxes expected were read off the photographs by hand.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image
from selfie3d.core.errors import InputError
from selfie3d.core.image_file import read_image
from selfie3d.detect import Face, FaceDetector, get_face_detector
from selfie3d.detect.refine import refine_face

# The astronaut Eileen Collins, NASA (public domain), 512 x 512.
ASTRONAUT = np.array([[204, 102], [247, 103], [223, 128], [202, 140], [245, 142]])
MIRRORED = [1, 0, 2, 4, 3]


@pytest.fixture(scope="module")
def detector() -> FaceDetector:
    return get_face_detector("mtcnn")


@pytest.fixture(scope="module")
def astronaut(repository: Path, shared_data: Callable[..., Path]) -> np.ndarray:
    for name in ("astronaut.jpg", "astronaut.png"):
        if (repository / "pipeline" / "data" / name).exists():
            return read_image(repository / "pipeline" / "data" / name)
    return read_image(shared_data("photos_plain", "astronaut.png"))


@pytest.fixture(scope="module")
def face(detector: FaceDetector, astronaut: np.ndarray) -> Face:
    if astronaut.shape != (512, 512, 3):
        pytest.skip("the example photograph is not the one the points were read off")
    faces = detector.detect(astronaut)
    assert len(faces) == 1
    return faces[0]


def largest_shift(a: Face, points: np.ndarray) -> float:
    """In parts of the face's size."""
    return float(np.linalg.norm(a.points - points, axis=1).max() / np.sqrt(a.area))


def test_points_are_where_they_are(face: Face) -> None:
    assert largest_shift(face, ASTRONAUT) < 0.04
    assert face.points.shape == (5, 2) and face.points.dtype == np.float64
    assert 0.99 < face.score <= 1
    x0, y0, x1, y1 = face.box
    assert 170 < x0 < 190 and 50 < y0 < 75 and 260 < x1 < 280 and 160 < y1 < 185


def test_same_again(detector: FaceDetector, astronaut: np.ndarray, face: Face) -> None:
    before = astronaut.copy()
    again = get_face_detector("mtcnn").detect(astronaut)[0]
    np.testing.assert_array_equal(astronaut, before)
    np.testing.assert_array_equal(again.points, face.points)
    assert again.box == face.box and again.score == face.score


@pytest.mark.parametrize("shift", [(7, 13), (64, 1), (200, 120)])
def test_padding_shifts(
    detector: FaceDetector, astronaut: np.ndarray, face: Face, shift: tuple[int, int]
) -> None:
    padded = np.pad(astronaut, ((shift[1], 0), (shift[0], 0), (0, 0)), mode="edge")
    found = detector.detect(padded)
    assert len(found) == 1
    assert largest_shift(found[0], face.points + shift) < 0.015
    # One direction for all points would be an error of the convention, not the network's noise.
    assert np.abs((found[0].points - face.points - shift).mean(axis=0)).max() < 1.0


@pytest.mark.parametrize("factor", [0.5, 2, 4])
def test_scaling_scales(
    detector: FaceDetector, astronaut: np.ndarray, face: Face, factor: float
) -> None:
    size = round(512 * factor)
    scaled = np.asarray(Image.fromarray(astronaut).resize((size, size), Image.Resampling.BICUBIC))
    found = detector.detect(scaled)
    assert len(found) == 1
    # Continuous coordinates scale without a half-pixel offset.
    assert largest_shift(found[0], face.points * factor) < 0.02
    assert np.abs((found[0].points / factor - face.points).mean(axis=0)).max() < 0.8


def test_mirror_image(detector: FaceDetector, astronaut: np.ndarray, face: Face) -> None:
    found = detector.detect(np.ascontiguousarray(astronaut[:, ::-1]))[0]
    expected = face.points[MIRRORED] * [-1, 1] + [512, 0]
    assert largest_shift(found, expected) < 0.015


@pytest.mark.parametrize("turn", [1, 2, 3])
def test_photograph_on_its_side(
    detector: FaceDetector, astronaut: np.ndarray, face: Face, turn: int
) -> None:
    found = detector.detect(np.rot90(astronaut, turn))
    assert len(found) == 1
    x, y = face.points.T
    expected = {1: (y, 512 - x), 2: (512 - x, 512 - y), 3: (512 - y, x)}[turn]
    assert largest_shift(found[0], np.stack(expected, axis=1)) < 0.03


def test_face_that_fills_or_leaves_the_frame(
    detector: FaceDetector, astronaut: np.ndarray, face: Face
) -> None:
    x0, y0, x1, y1 = (round(v) for v in face.box)
    for left, top, right, bottom in [
        (x0, y0, x1, y1),
        (x0, y0 + 20, x1, y1 + 10),  # the forehead cut
        (x0 + 12, y0 - 20, x1 + 60, y1 + 20),  # the cheek cut
    ]:
        found = detector.detect(astronaut[top:bottom, left:right])
        assert len(found) == 1
        assert largest_shift(found[0], face.points - [left, top]) < 0.06


def test_grey_photograph(detector: FaceDetector, astronaut: np.ndarray, face: Face) -> None:
    grey = np.repeat(astronaut.mean(axis=2, keepdims=True).astype(np.uint8), 3, axis=2)
    assert largest_shift(detector.detect(grey)[0], face.points) < 0.03


def test_no_face(detector: FaceDetector, astronaut: np.ndarray) -> None:
    assert detector.detect(astronaut[200:, :]) == []  # suit, flag, helmet
    assert detector.detect(np.full((1, 1, 3), 200, np.uint8)) == []
    assert detector.detect(np.zeros((3, 900, 3), np.uint8)) == []
    noise = np.random.default_rng(0).integers(0, 256, (300, 200, 3), dtype=np.uint8)
    assert detector.detect(noise) == []


def test_input_is_checked(detector: FaceDetector) -> None:
    with pytest.raises(InputError, match="uint8 RGB"):
        detector.detect(np.zeros((64, 64, 3), np.float32))


@pytest.mark.parametrize(
    ("name", "count"),
    [("2007_007763", 7), ("2008_001322", 3), ("2008_002470", 6), ("2008_004176", 7)],
)
def test_groups(
    detector: FaceDetector, shared_data: Callable[..., Path], name: str, count: int
) -> None:
    faces = detector.detect(read_image(shared_data("photos_lm68", "dlib", f"{name}.jpg")))
    assert len(faces) == count
    assert [f.area for f in faces] == sorted((f.area for f in faces), reverse=True)


@pytest.mark.parametrize(
    ("name", "frontal"), [("takeo.ppm", True), ("image_0010.png", True), ("breakingbad.jpg", False)]
)
def test_against_hand_annotation(
    detector: FaceDetector, shared_data: Callable[..., Path], name: str, frontal: bool
) -> None:
    path = shared_data("photos_lm68", name)
    lines = path.with_suffix(".pts").read_text().split("{")[1].split("}")[0].split()
    points = np.array(lines, float).reshape(-1, 2)  # 0.5 pixels of doubt: ".pts" is 1-based or not
    expected = np.stack(
        [points[36:42].mean(0), points[42:48].mean(0), points[30], points[48], points[54]]
    )
    faces = detector.detect(read_image(path))
    errors = [np.linalg.norm(f.points - expected, axis=1).mean() / np.sqrt(f.area) for f in faces]
    assert min(errors) < (0.03 if frontal else 0.06)


class Marker(torch.nn.Module):
    """In place of the last network: says where the image's one bright spot is."""

    def forward(self, crops: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
        weight = (crops * 128 + 127.5).mean(dim=1).clamp(min=0)
        weight = weight / weight.sum(dim=(1, 2), keepdim=True)
        centres = (torch.arange(48) + 0.5) / 48
        x = (weight.sum(dim=1) * centres).sum(dim=1, keepdim=True)
        y = (weight.sum(dim=2) * centres).sum(dim=1, keepdim=True)
        points = torch.cat([x.expand(-1, 5), y.expand(-1, 5)], dim=1)
        offsets = torch.cat([x, y, x - 1, y - 1], dim=1)  # a box of no size at the spot
        return offsets, points, torch.tensor([[0.25, 0.75]]).expand(len(crops), 2)


@pytest.mark.parametrize("spot", [(100, 80), (101, 83), (3, 4)])
@pytest.mark.parametrize("size", [40.0, 97.3, 300.0])
def test_crops_are_exact(spot: tuple[int, int], size: float) -> None:
    """A 3 x 3 spot is found at its centre, whatever the box: no half pixels are lost."""
    image = np.zeros((200, 220, 3), np.uint8)
    x, y = spot
    image[y - 1 : y + 2, x - 1 : x + 2] = 255
    box = np.array([x - 0.4 * size, y - 0.45 * size, x + 0.55 * size, y + 0.5 * size])
    found, points, score = refine_face(Marker(), image, box)
    tolerance = 0.002 * size
    np.testing.assert_allclose(points, np.tile([x + 0.5, y + 0.5], (5, 1)), atol=tolerance)
    np.testing.assert_allclose(found, np.tile([x + 0.5, y + 0.5], 2), atol=tolerance)
    assert score == pytest.approx(0.75)
