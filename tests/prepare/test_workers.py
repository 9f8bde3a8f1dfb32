"""One bad photograph among many, whatever it does: an exception, lack of memory, a dead process."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from selfie3d.core.errors import InputError
from selfie3d.core.item_failure import LOG
from selfie3d.core.worker_pool import Died
from selfie3d.detect.face import Face
from selfie3d.prepare import state, work, workers
from selfie3d.prepare.estimators import BY_US, Estimate
from selfie3d.prepare.options import PrepareOptions
from selfie3d.prepare.run import PrepareRun, prepare

OPTIONS = PrepareOptions(landmarks="own", skin="none", per_shard=8)
FIVE = np.array([[30.0, 40], [70, 40], [50, 60], [35, 80], [65, 80]])


def points() -> np.ndarray:
    """68 points whose five-point reduction is about `FIVE`."""
    found = np.tile(FIVE[2], (68, 1))
    found[36:42], found[42:48] = FIVE[0], FIVE[1]
    found[48], found[54] = FIVE[3], FIVE[4]
    found[0], found[16], found[8] = (15, 50), (85, 50), (50, 95)
    return found


class Detector:
    """Sees a face everywhere; the red of a photograph says what goes wrong."""

    ERRORS: tuple[Exception | None, ...] = (None, MemoryError(), KeyError("odd"), OSError(5, "I/O"))

    def detect(self, image: np.ndarray) -> list[Face]:
        error = self.ERRORS[round(int(image[0, 0, 0]) / 50) % 4]
        if error is not None:
            raise error
        return [Face((10.0, 10, 90, 90), 0.99, FIVE)]


def estimate(pictures: Sequence[np.ndarray], places: Sequence[np.ndarray]) -> list[Estimate]:
    """One picture of red 200 spoils every batch that it is in, one of 100 green gives infinity."""
    if any(picture[0, 0, 0] >= 190 for picture in pictures):
        raise RuntimeError("a kernel failed")
    odd = [picture[0, 0, 1] > 60 for picture in pictures]
    return [Estimate({"ibug68-3d": points() * (np.inf if n else 1)}, BY_US, 0.01) for n in odd]


@pytest.fixture
def photos(tmp_path: Path, monkeypatch) -> Callable[..., Path]:
    monkeypatch.setattr(work, "get_face_detector", Detector)
    monkeypatch.setattr(work, "make_estimator", lambda fan: estimate)
    monkeypatch.setattr("selfie3d.prepare.run.write_sheets", lambda *a, **options: [])

    def make(**reds: tuple[int, int]) -> Path:
        root = tmp_path / "photos"
        root.mkdir()
        for name, (red, green) in reds.items():
            picture = np.zeros((100, 100, 3), np.uint8)
            picture[..., 0], picture[..., 1] = red, green
            Image.fromarray(picture).save(root / f"{name}.png")
        return root

    return make


def test_every_exception_is_the_photographs_own(photos, tmp_path):
    root = photos(a=(0, 0), b=(50, 0), c=(100, 0), d=(150, 0), e=(200, 0), f=(0, 100), g=(0, 0))
    result = prepare("folder", root, tmp_path / "out", OPTIONS)
    assert sum(result.counts.values()) == 2
    reasons = {reject.name: reject.reason for reject in result.rejects}
    assert reasons == {
        "b": "not enough memory for it. Make it smaller, or close other programs.",
        "c": "unexpected KeyError: 'odd'",
        "d": "I/O (EIO)",
        "e": "unexpected RuntimeError: a kernel failed",
        "f": "no 68 landmarks are known",
    }
    assert result.log == tmp_path / "out" / LOG
    assert result.log.read_text().count("Traceback") == 2
    again = prepare("folder", root, tmp_path / "out", OPTIONS)
    assert again.counts == result.counts and again.log is None


def test_weights_that_are_wrong_stop_the_run(photos, tmp_path, monkeypatch):
    def broken(fan):
        raise InputError("weights", "a whole file", "half of one")

    monkeypatch.setattr(work, "make_estimator", broken)
    with pytest.raises(InputError, match="half of one"):
        prepare("folder", photos(a=(0, 0)), tmp_path / "out", OPTIONS)


class Pool:
    """Does the work here; items with a photograph of a deadly name end their process."""

    deadly: tuple[str, ...] = ()

    def __init__(self, function, start, settings, name) -> None:
        self.function = function
        workers._workshops.clear()
        start(*settings)

    def work(self, items, workers):
        for item in items:
            part, without = getattr(item, "part", item), getattr(item, "without", {})
            names = {photograph.name for photograph in part.photographs} - set(without)
            dead = names & set(self.deadly)
            yield item, Died("SIGSEGV") if dead else self.function(item)


def test_photographs_that_end_processes_are_found(photos, tmp_path, monkeypatch):
    root = photos(**{f"p{k:02d}": (0, 0) for k in range(12)})
    whole = prepare("folder", root, tmp_path / "whole", OPTIONS)
    monkeypatch.setattr(workers, "WorkerPool", Pool)
    monkeypatch.setattr(Pool, "deadly", ("p03",))
    result = prepare("folder", root, tmp_path / "out", OPTIONS, run=PrepareRun(workers=2))
    assert sum(result.counts.values()) == sum(whole.counts.values()) - 1
    (reject,) = result.rejects
    assert reject.name == "p03" and "SIGSEGV" in reject.reason


EVIL = {
    "a name that leads outside": {"name": "../../evil"},
    "another photograph": {"name": "q"},
    "no text": {"name": 3},
    "no hash": {"source": None},
}


@pytest.mark.parametrize("case", EVIL)
def test_a_strangers_notes_are_not_believed(photos, tmp_path, case):
    root, out = photos(a=(0, 0), b=(0, 0)), tmp_path / "out"
    prepare("folder", root, out, OPTIONS)
    before = (out / "samples.tsv").read_text()
    (note,) = (out / ".selfie3d" / "prepare" / "parts").glob("*.json")
    content = json.loads(note.read_text())
    content["samples"][0] |= EVIL[case]
    note.write_text(json.dumps(content))
    prepare("folder", root, out, OPTIONS)
    assert (out / "samples.tsv").read_text() == before


def test_beginning_anew_removes_our_own_files_only(photos, tmp_path):
    root, out = photos(a=(0, 0)), tmp_path / "out"
    prepare("folder", root, out, OPTIONS)
    foreign = [out / "train-mine.tar", out / "train-00000.tar.bak", out / "val-00.tar"]
    for path in foreign:
        path.write_text("mine")
    (tmp_path / "elsewhere" / "prepare").mkdir(parents=True)
    (tmp_path / "elsewhere" / "prepare" / "file").write_text("mine")
    prepare("folder", root, out, OPTIONS, run=PrepareRun(resume=False))
    assert all(path.read_text() == "mine" for path in foreign)
    state.shutil.rmtree(out / ".selfie3d")
    (out / ".selfie3d").symlink_to(tmp_path / "elsewhere")
    with pytest.raises(InputError, match=r"\.selfie3d.*link"):
        prepare("folder", root, out, OPTIONS, run=PrepareRun(resume=False))
    assert (tmp_path / "elsewhere" / "prepare" / "file").read_text() == "mine"


def test_an_output_that_is_a_file(photos, tmp_path):
    (tmp_path / "file").touch()
    with pytest.raises(InputError, match="output folder"):
        prepare("folder", photos(a=(0, 0)), tmp_path / "file", OPTIONS)
