"""The cascade beside the library's own, and its kernels beside torch and a naive loop."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image
from selfie3d.core.facenet_import import import_facenet
from selfie3d.core.image_file import read_image
from selfie3d.detect.cascade import Cascade, _kept
from selfie3d.detect.cascade_kernels import average_parts, sum_table


@pytest.fixture(scope="module")
def library():
    return import_facenet().MTCNN(keep_all=True)


@pytest.fixture(scope="module")
def cascade(library) -> Cascade:
    return Cascade(library.pnet, library.rnet, library.onet)


@pytest.fixture(scope="module")
def portrait(repository: Path) -> Image.Image:
    found = [*(repository / "pipeline" / "data").glob("astronaut.*")]
    return Image.fromarray(read_image(found[0]))


def group(portrait: Image.Image) -> np.ndarray:
    """One portrait in several sizes, one of them turned."""
    picture = Image.new("RGB", (480, 360), (90, 120, 90))
    for x, y, side, angle in ((0, 0, 240, 0), (250, 10, 110, 20), (260, 140, 200, -15)):
        picture.paste(portrait.resize((side, side)).rotate(angle), (x, y))
    return np.asarray(picture)


@pytest.mark.parametrize("thresholds", [(0.7, 0.7, 0.7), (0.5, 0.5, 0.3)])
def test_faces_are_those_of_the_library(library, cascade, portrait, thresholds) -> None:
    picture = group(portrait)
    library.min_face_size, library.thresholds = 20, thresholds
    boxes, scores, _ = library.detect(picture.copy(), landmarks=True)
    order = np.argsort(-scores.astype(float))
    found, sure = cascade(picture, 20, thresholds)
    assert len(found) == len(boxes) >= 3
    assert np.abs(found - boxes[order].astype(float)).max() < 1e-2
    assert np.abs(sure - scores[order].astype(float)).max() < 1e-4


def test_a_picture_without_faces_or_smaller_than_a_face_has_none(cascade) -> None:
    grey = np.full((90, 120, 3), 128, np.uint8)
    for picture in (grey, grey[:7], grey[:, :1]):
        boxes, scores = cascade(picture, 20, (0.7, 0.7, 0.7))
        assert boxes.shape == (0, 4) and scores.shape == (0,)


@pytest.mark.parametrize("size", [(7, 5), (24, 24), (40, 61), (1, 1)])
def test_averages_are_torchs(size) -> None:
    image = np.random.default_rng(1).integers(0, 256, (33, 47, 3)).astype(np.uint8)
    table = np.empty((34, 48, 3), np.int32)
    sum_table(image, table)
    parts = np.array([[0, 0, 47, 33], [5, 3, 29, 20], [46, 32, 47, 33]])
    out = np.empty((3, *size, 3), np.float32)
    average_parts(table, parts, out)
    for (x0, y0, x1, y1), got in zip(parts, out, strict=True):
        part = torch.from_numpy(image[y0:y1, x0:x1]).permute(2, 0, 1)[None].double()
        expected = torch.nn.functional.interpolate(part, size=size, mode="area")[0]
        expected = (expected.permute(1, 2, 0) - 127.5) / 128
        assert np.abs(got - expected.numpy()).max() < 1e-6


@pytest.mark.parametrize("by_smaller", [False, True])
def test_suppression_is_greedy(by_smaller) -> None:
    random = np.random.default_rng(2)
    corner = random.uniform(0, 60, (80, 2))
    boxes = np.concatenate([corner, corner + random.uniform(5, 40, (80, 2))], 1).astype(np.float32)
    scores = random.uniform(size=80).astype(np.float32)
    end = 1 if by_smaller else 0

    def overlap(a, b) -> float:
        sides = np.minimum(a[2:], b[2:]) - np.maximum(a[:2], b[:2]) + end
        shared = np.prod(np.maximum(sides, 0))
        one, two = np.prod(a[2:] - a[:2] + end), np.prod(b[2:] - b[:2] + end)
        return float(shared / (min(one, two) if by_smaller else one + two - shared))

    expected: list[int] = []
    for i in np.argsort(-scores):
        if all(overlap(boxes[i], boxes[k]) <= 0.4 for k in expected):
            expected.append(int(i))
    assert _kept(boxes, scores, 0.4, by_smaller=by_smaller).tolist() == expected
    assert 5 < len(expected) < 60
