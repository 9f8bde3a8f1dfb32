"""The small interface every detector shares."""

from __future__ import annotations

from typing import get_args

import numpy as np
import pytest
from selfie3d.core.errors import InputError, UnknownNameError
from selfie3d.detect import FACE_DETECTORS, DetectorName, Face, get_face_detector
from selfie3d.detect.face import check_photograph, without_duplicates


def face(box: tuple[float, float, float, float], score: float) -> Face:
    return Face(box, score, np.zeros((5, 2)))


def test_registry() -> None:
    assert "mtcnn" in FACE_DETECTORS
    with pytest.raises(UnknownNameError, match="mtcnn"):
        get_face_detector("mtcn")


def test_area() -> None:
    assert face((1.0, 2.0, 4.0, 7.0), 1.0).area == pytest.approx(15.0)


def test_largest_first_and_of_overlapping_the_better() -> None:
    small, large = face((0, 0, 10, 10), 0.9), face((50, 50, 90, 90), 0.8)
    inside = face((55, 55, 70, 70), 0.7)  # contained: IoU is small, it is the same face
    beside = face((82, 50, 122, 90), 0.75)  # overlaps by a fifth: another face
    kept = without_duplicates([small, inside, large, beside])
    assert kept == [large, beside, small]


def test_no_faces() -> None:
    assert without_duplicates([]) == []


@pytest.mark.parametrize(
    ("image", "problem"),
    [
        (np.zeros((8, 9), np.uint8), "greyscale"),
        (np.zeros((8, 9, 1), np.uint8), "greyscale"),
        (np.zeros((8, 9, 4), np.uint8), "shape"),
        (np.zeros((3, 8, 9), np.uint8), "shape"),
        (np.zeros((0, 9, 3), np.uint8), "shape"),
        (np.zeros((1, 8, 9, 3), np.uint8), "shape"),
        (np.zeros((8, 9, 3), np.float32), "dtype float32"),
        (np.zeros((8, 9, 3), np.uint16), "dtype uint16"),
        ("photo.jpg", "str"),
    ],
)
def test_what_is_no_photograph_is_refused(image: np.ndarray, problem: str) -> None:
    with pytest.raises(InputError, match=problem):
        check_photograph(image)


def test_every_detector_can_be_named() -> None:
    assert set(get_args(DetectorName)) == {"auto", *FACE_DETECTORS.names()}
