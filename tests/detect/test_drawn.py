"""Our own detector on drawn faces at every angle, on nothing, and on what it cannot use."""

from __future__ import annotations

import math
import resource
from pathlib import Path

import numpy as np
import pytest
import selfie3d.pipeline.demo
import torch
from PIL import Image
from selfie3d.core.errors import InputError, MissingFileError
from selfie3d.core.image_file import read_image
from selfie3d.datasets.synthetic.config import SyntheticConfig
from selfie3d.datasets.synthetic.crowds.crowds import five_of
from selfie3d.datasets.synthetic.faces import SyntheticFaces
from selfie3d.datasets.synthetic.places import draw_place
from selfie3d.detect import Face, get_face_detector
from selfie3d.detect import boxes as averaged
from selfie3d.detect.boxes import suppressed
from selfie3d.detect.drawn import DrawnDetector
from selfie3d.detect.second_look import upright_roll
from selfie3d.pipeline.locate.frame import frame_of_face

PHOTO = Path(selfie3d.pipeline.demo.__file__).parent / "data" / "astronaut.jpg"
SIDE = 320


@pytest.fixture(scope="module")
def detector() -> DrawnDetector:
    return DrawnDetector()


@pytest.fixture(scope="module")
def drawn() -> list[tuple[np.ndarray, np.ndarray]]:
    """Pictures of 320 pixels a side with one face, and its 68 landmarks."""
    config = SyntheticConfig(size=SIDE, seed=77, margin=2.2, turns=0.4, occluder=0, border=0)
    faces = SyntheticFaces(config)
    items = [faces.item(k) for k in range(6)]
    return [(item.image, item.landmarks["ibug68"][:, :2].astype(float)) for item in items]


def turned(picture: np.ndarray, marks: np.ndarray, degrees: float) -> tuple[np.ndarray, np.ndarray]:
    """Anticlockwise about the middle."""
    image = Image.fromarray(picture).rotate(degrees, Image.Resampling.BICUBIC)
    angle = math.radians(degrees)
    c, s = math.cos(angle), math.sin(angle)
    middle = np.array(picture.shape[1::-1]) / 2
    return np.asarray(image), (marks - middle) @ np.array([[c, -s], [s, c]]) + middle


def error(face: Face, marks: np.ndarray) -> float:
    """Mean distance of the five points over the size of the face."""
    size = math.sqrt(float(np.prod(np.ptp(marks, axis=0))))
    return float(np.linalg.norm(face.points - five_of(marks, False), axis=1).mean()) / size


@pytest.mark.parametrize("degrees", [0, 25, 90, 140, 180, 270])
def test_faces_are_found_at_every_angle(
    detector: DrawnDetector, drawn: list[tuple[np.ndarray, np.ndarray]], degrees: int
) -> None:
    hits = []
    for picture, marks in drawn:
        image, moved = turned(picture, marks, degrees)
        found = detector.detect(image)
        hits.append(bool(found) and error(found[0], moved) < 0.12)
    assert sum(hits) >= len(drawn) - 1


def test_the_frame_is_the_box_of_the_landmarks(
    detector: DrawnDetector, drawn: list[tuple[np.ndarray, np.ndarray]]
) -> None:
    away, sides = [], []
    for picture, marks in drawn:
        found = detector.detect(picture)
        if not found:
            continue
        crop = frame_of_face(found[0], 100)
        inside = crop.to_crop(torch.from_numpy(marks)).numpy()
        low, high = inside.min(0), inside.max(0)
        away.append(np.abs((low + high) / 2 - 50).max())
        sides.append((high - low).max() * math.sqrt(2) / 100)
    assert np.median(away) < 5 and 0.9 < np.median(sides) < 1.1


def test_mirrored_photographs_give_mirrored_points(detector: DrawnDetector) -> None:
    photo = read_image(PHOTO)
    plain = detector.detect(photo)[0]
    mirrored = detector.detect(np.ascontiguousarray(photo[:, ::-1]))[0]
    back = mirrored.points[[1, 0, 2, 4, 3]] * [-1, 1] + [photo.shape[1], 0]
    assert np.abs(back - plain.points).max() < 0.05 * math.sqrt(plain.area)


def test_a_photograph(detector: DrawnDetector) -> None:
    photo = read_image(PHOTO)
    before = photo.copy()
    first, again = detector.detect(photo), get_face_detector("drawn").detect(photo)
    np.testing.assert_array_equal(photo, before)
    assert len(first) == len(again) == 1
    np.testing.assert_array_equal(first[0].points, again[0].points)
    expected = np.array([[204, 102], [247, 103], [223, 128], [202, 140], [245, 142]])
    assert np.linalg.norm(first[0].points - expected, axis=1).max() < 0.1 * math.sqrt(first[0].area)
    assert 0.3 < first[0].score <= 1 and first[0].frame is not None


@pytest.mark.parametrize("factor", [0.25, 0.5, 3])
def test_sizes(detector: DrawnDetector, factor: float) -> None:
    photo = read_image(PHOTO)
    side = round(512 * factor)
    found = detector.detect(np.asarray(Image.fromarray(photo).resize((side, side))))
    assert len(found) == 1
    assert abs(found[0].points[2, 0] / factor - 223) < 8


def test_where_nothing_is(detector: DrawnDetector) -> None:
    for colour in (0, 128, 255):
        assert detector.detect(np.full((300, 400, 3), colour, np.uint8)) == []
    noise = np.random.default_rng(0).integers(0, 256, (500, 300, 3), dtype=np.uint8)
    assert detector.detect(noise) == []
    rng = np.random.default_rng(5)
    assert sum(bool(detector.detect(draw_place(rng, 256, None))) for _ in range(10)) <= 3


@pytest.mark.parametrize("shape", [(1, 1, 3), (1, 900, 3), (700, 2, 3), (5, 7, 3)])
def test_odd_shapes(detector: DrawnDetector, shape: tuple[int, ...]) -> None:
    picture = np.random.default_rng(1).integers(0, 256, shape, dtype=np.uint8)
    assert detector.detect(picture) == []
    assert detector.glance(picture, doubtful=True) == [] or min(shape[:2]) > 4


def test_a_huge_photograph_needs_little_more(detector: DrawnDetector) -> None:
    photo = read_image(PHOTO)
    huge = np.full((9000, 9000, 3), 40, np.uint8)  # in memory, all of it
    huge[3000:6072, 3000:6072] = np.asarray(Image.fromarray(photo).resize((3072, 3072)))
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    found = detector.detect(huge)
    used = (resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before) * 1024
    assert len(found) == 1
    assert abs((found[0].points[2, 0] - 3000) / 6 - 223) < 8
    assert used < 0.7 * huge.nbytes


def test_bad_input(detector: DrawnDetector) -> None:
    for bad in (np.zeros((8, 9), np.uint8), np.zeros((8, 9, 3), np.float32), "photo.jpg"):
        with pytest.raises(InputError):
            detector.detect(bad)  # type: ignore[arg-type]


def test_weights_are_read_when_they_are_needed(tmp_path: Path) -> None:
    picture = np.zeros((64, 64, 3), np.uint8)
    lacking = DrawnDetector(tmp_path / "none.safetensors")
    with pytest.raises(MissingFileError, match=r"none\.safetensors"):
        lacking.detect(picture)
    (tmp_path / "bad.safetensors").write_bytes(b"{}")
    with pytest.raises(InputError, match=r"bad\.safetensors"):
        DrawnDetector(tmp_path / "bad.safetensors").detect(picture)


def test_suppression() -> None:
    boxes = np.array([[0, 0, 10, 10], [1, 1, 11, 11], [30, 30, 40, 40]], np.float32)
    assert suppressed(np.array([0.5, 0.9, 0.7], np.float32), boxes).tolist() == [1, 2]
    assert suppressed(np.zeros(0, np.float32), np.zeros((0, 4), np.float32)).tolist() == []


@pytest.mark.parametrize("degrees", [-170, -90, 0, 30, 120])
def test_roll_of_points(degrees: float) -> None:
    upright = np.array([[-1.0, -1], [1, -1], [0, 0], [-0.8, 1], [0.8, 1]])
    c, s = math.cos(math.radians(degrees)), math.sin(math.radians(degrees))
    moved = upright @ np.array([[c, s], [-s, c]])  # clockwise, y down
    assert math.degrees(upright_roll(moved)) == pytest.approx(degrees)


@pytest.mark.parametrize("shape", [(40, 50), (7, 90), (301, 200)])
@pytest.mark.parametrize("block", [1, 3, 8])
def test_averaging_strip_by_strip(
    monkeypatch: pytest.MonkeyPatch, shape: tuple[int, int], block: int
) -> None:
    monkeypatch.setattr(averaged, "_AT_ONCE", 500)
    picture = np.random.default_rng(2).integers(0, 256, (*shape, 3), dtype=np.uint8)
    found, (width, height) = averaged.averaged(np.rot90(picture), block)
    side = min(block, *shape)
    assert found.size == (width // side, height // side)
    part = np.rot90(picture)[:height, :width].astype(float)
    blocks = part.reshape(height // side, side, width // side, side, 3).mean((1, 3))
    np.testing.assert_allclose(np.asarray(found), blocks, atol=1)
