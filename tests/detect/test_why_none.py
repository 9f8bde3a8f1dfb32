"""Why no face was found, on one photograph that is spoilt in known ways."""

from __future__ import annotations

import re
from pathlib import Path

import numpy as np
import pytest
import selfie3d.pipeline.demo
from PIL import Image
from selfie3d.core.image_file import read_image
from selfie3d.detect import get_face_detector
from selfie3d.detect.face import FaceDetector
from selfie3d.detect.why_none import likely_cause

PHOTO = Path(selfie3d.pipeline.demo.__file__).parent / "data" / "astronaut.jpg"


@pytest.fixture(scope="module")
def detector() -> FaceDetector:
    return get_face_detector("mtcnn")


@pytest.fixture(scope="module")
def photo() -> np.ndarray:
    return read_image(PHOTO)


def sized(picture: np.ndarray, width: int, height: int) -> np.ndarray:
    return np.asarray(Image.fromarray(picture).resize((width, height)))


SPOILT = {
    "dark": (lambda p: np.rint(p * 0.05).astype(np.uint8), "too dark: made lighter"),
    "nearly black": (lambda p: np.rint(p * 0.02).astype(np.uint8), "very dark"),
    "light": (lambda p: (255 - (255 - p.astype(int)) * 0.06).astype(np.uint8), "too light"),
    "narrow": (lambda p: sized(p, 120, 512), r"stretched: (1\.7|2\.5) times as wide"),
    "wide": (lambda p: sized(p, 1800, 512), r"stretched: 0\.4 times as wide"),
    "small": (lambda p: sized(p, 28, 28), "too small"),
    "cut": (lambda p: np.ascontiguousarray(p[:, 224:]), "cut by the border"),
    "black": (lambda p: np.zeros_like(p), "one colour"),
    "no face at all": (lambda p: np.ascontiguousarray(p[300:, :200]), "^$"),
}


@pytest.mark.parametrize("case", SPOILT)
def test_the_cause_is_named(detector, photo, case):
    spoil, words = SPOILT[case]
    picture = spoil(photo)
    assert not detector.detect(picture)
    assert re.search(words, likely_cause(detector, picture))
