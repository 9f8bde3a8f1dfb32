"""Batches of photographs: as one by one, in order, and every failure by its own name."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import pytest
import torch
from PIL import Image
from selfie3d.core.errors import InputError, SettingError
from selfie3d.core.image_file import read_image
from selfie3d.core.item_failure import Failed, FailureLog
from selfie3d.evaluate.predict.batches import BatchPredictor, Item, each_face
from selfie3d.evaluate.predict.predictor import load_predictor

COUNT = 21
BOX = (0.0, 0.0, 8.0, 8.0)


class Levels:
    """Predicts the brightness; no batch with a picture that is too bright."""

    name = "levels"

    def __call__(self, picture, box):
        level = int(picture[0, 0, 0])
        if level >= 100:
            raise InputError("picture", "a darker one", str(level))
        return level

    def many(self, pictures, boxes):
        return [self(*pair) for pair in zip(pictures, boxes, strict=True)]


@pytest.fixture
def items(tmp_path) -> list[Item]:
    found = []
    for level in range(COUNT):
        path = tmp_path / f"{level}.png"
        Image.new("RGB", (8, 8), (level + 100 * (level == 12), 0, 0)).save(path)
        found.append(Item(str(level), path, BOX))
    items_with_a_gap = [*found, Item("gone", tmp_path / "gone.png", BOX)]
    return items_with_a_gap


@pytest.fixture(params=[1, 3])
def threads(request) -> Iterator[int]:
    before = torch.get_num_threads()
    torch.set_num_threads(request.param)
    yield request.param
    torch.set_num_threads(before)


def test_failures_are_the_photographs_own(items, threads, tmp_path):
    def measure(face: int) -> int:
        if face == 17:
            raise KeyError("odd")
        return 10 * face

    log = FailureLog(tmp_path / "errors.log")
    assert isinstance(Levels(), BatchPredictor)
    found = list(each_face(Levels(), items, measure, log))
    assert torch.get_num_threads() == threads
    failed = {n: one.message for n, one in enumerate(found) if isinstance(one, Failed)}
    assert sorted(failed) == [12, 17, COUNT]
    assert "darker" in failed[12] and "KeyError" in failed[17] and "gone.png" in failed[COUNT]
    assert [one for n, one in enumerate(found) if n not in failed] == [
        10 * n for n in range(COUNT) if n not in failed
    ]
    assert log.written is not None and log.written.read_text().count("KeyError: 'odd'") == 1


def test_a_wrong_setting_ends_all(items, threads):
    def measure(face: int) -> int:
        raise SettingError("points", "others", "these")

    with pytest.raises(SettingError):
        list(each_face(Levels(), items, measure))
    assert torch.get_num_threads() == threads


def test_who_stops_listening_stops_the_work(items, threads):
    for _ in each_face(Levels(), items, lambda face: face):
        break
    assert torch.get_num_threads() == threads


def test_a_batch_of_the_network_is_as_one_by_one(repository):
    picture = read_image(repository / "pipeline" / "data" / "astronaut.jpg")
    boxes = [(180.0 + k, 70.0 - k, 268.0 + k, 178.0) for k in range(3)]
    predictor = load_predictor(None)
    assert isinstance(predictor, BatchPredictor)
    assert not isinstance(load_predictor(None, "detector"), BatchPredictor)
    together = predictor.many([picture] * 3, boxes)
    for face, box in zip(together, boxes, strict=True):
        alone = predictor(picture, box)
        points, wanted = face.landmarks("300w-lp"), alone.landmarks("300w-lp")
        assert np.abs(points - wanted).max() < 2e-2
        assert np.ptp(points[:, 0]) > 50
