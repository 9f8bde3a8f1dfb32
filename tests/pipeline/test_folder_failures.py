"""Whatever goes wrong with a photograph or a face is its own failure; folders with all kinds."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from selfie3d.core.errors import NoFaceError
from selfie3d.core.item_failure import LOG
from selfie3d.core.whole_file import FullError
from selfie3d.detect.face import Face
from selfie3d.pipeline import folder
from selfie3d.pipeline.folder import reconstruct_paths
from selfie3d.pipeline.options import ReconstructOptions

FACES = [Face((0.0, 0.0, 9.0, 9.0), 1 / k, np.zeros((5, 2), np.float32)) for k in (1, 2, 3)]


class Reconstructor:
    """What goes wrong is in the photograph's red: 10 x which error, green: which face has it."""

    options = ReconstructOptions()
    ERRORS = (
        None,
        MemoryError(),
        KeyError("odd"),
        RecursionError("deep"),
        FullError("a", "b", "c"),
    )
    steps = 1

    def __init__(self, face) -> None:
        self.face = face

    def prepare_textures(self) -> None: ...

    def detect(self, picture):
        error = self.ERRORS[picture[0, 0, 0] // 10]
        if error is not None and picture[0, 0, 1] == 0:
            raise error
        return FACES

    def regress(self, faces):
        if faces[0][0][0, 0, 2]:
            raise ValueError("a batch")
        return [None] * len(faces)

    def reconstruct_face(self, picture, face, on_step, start, *, textured):
        on_step()
        if round(1 / face.score) == picture[0, 0, 1]:
            raise self.ERRORS[picture[0, 0, 0] // 10]
        return self.face


@pytest.fixture
def out(tmp_path, monkeypatch, small_face) -> Path:
    tiny = np.zeros((4, 4, 3), np.uint8)
    monkeypatch.setattr("selfie3d.pipeline.output.files.overlay_picture", lambda *a: tiny)
    monkeypatch.setattr("selfie3d.pipeline.output.files.turntable_picture", lambda *a: tiny)
    monkeypatch.setattr(folder, "Reconstructor", lambda options: Reconstructor(small_face))
    return tmp_path / "out"


def shoot(path: Path, *colour: int, kind: str | None = None) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(np.full((8, 8, 3), colour, np.uint8)).save(path, kind)
    return path


def names(out: Path) -> set[str]:
    return {path.stem for path in out.glob("*.json")}


def test_every_exception_is_the_photographs_own(out, tmp_path):
    for name, colour in {"a": 0, "b": 10, "c": 20, "d": 30, "e": 0}.items():
        shoot(tmp_path / "photos" / f"{name}.png", colour, 0, 0)
    summary = reconstruct_paths([tmp_path / "photos"], out)
    assert [path.name for path in summary.succeeded] == ["a.png", "e.png"]
    told = {path.name: message for path, message in summary.failed}
    assert "not enough memory" in told["b.png"] and told["c.png"] == "unexpected KeyError: 'odd'"
    assert "RecursionError" in told["d.png"]
    assert summary.log == out / LOG and summary.log.read_text().count("Traceback") == 2
    assert names(out) == {"a", "a_2", "a_3", "e", "e_2", "e_3"}
    with pytest.raises(MemoryError):
        reconstruct_paths([tmp_path / "photos" / "b.png"], out, strict=True)


def test_one_bad_face_among_good_ones(out, tmp_path):
    photo = shoot(tmp_path / "photos" / "a.png", 20, 2, 0)
    summary = reconstruct_paths([photo], out)
    assert names(out) == {"a", "a_3"} and summary.faces == 2
    assert summary.failed == [(photo, "face 2: unexpected KeyError: 'odd'")]
    assert not summary.succeeded
    assert not reconstruct_paths([photo], out).skipped  # it is tried again
    shoot(photo, 0, 0, 0)
    assert reconstruct_paths([photo], out).faces == 3
    assert reconstruct_paths([photo], out).skipped == [photo]


def test_a_batch_that_fails_is_done_one_by_one(out, tmp_path):
    photo = shoot(tmp_path / "photos" / "a.png", 0, 0, 9)
    assert reconstruct_paths([photo], out).faces == 3


def test_a_full_disk_ends_the_run(out, tmp_path):
    shoot(tmp_path / "photos" / "a.png", 0, 0, 0)
    for number in range(99):
        shoot(tmp_path / "photos" / f"b{number:02}.png", 40 if number == 0 else 0, 0, 0)
    with pytest.raises(FullError):
        reconstruct_paths([tmp_path / "photos"], out)
    assert {"a", "a_2", "a_3"} <= names(out) and "b98" not in names(out)


def test_a_face_that_cannot_be_written_leaves_nothing(out, tmp_path, monkeypatch):
    photo = shoot(tmp_path / "photos" / "a.png", 0, 0, 0)
    monkeypatch.setattr("selfie3d.pipeline.output.files.describe", lambda *a: {"x": float("nan")})
    summary = reconstruct_paths([photo], out)
    assert len(summary.failed) == 3 and "finite" in summary.failed[0][1]
    assert [path.name for path in out.iterdir()] == [".selfie3d"]


def test_folders_of_all_kinds(out, tmp_path):
    photos = tmp_path / "photos"
    shoot(photos / "a.jpg", 0, 0, 0)
    shoot(photos / "below" / "deeper" / "b.avif", 0, 0, 0)
    shoot(photos / "IMG_7", 0, 0, 0, kind="PNG")
    (photos / "notes.txt").touch()
    summary = reconstruct_paths([photos], out)
    assert [path.name for path in summary.succeeded] == ["IMG_7", "a.jpg", "b.avif"]
    assert [path.name for path, _ in summary.found.passed] == ["notes.txt"]


@pytest.mark.parametrize("place", ["results", ".", "elsewhere"])
def test_results_are_no_photographs(out, tmp_path, place):
    """Neither those of this run nor others, beside photographs or below them."""
    photos = tmp_path / "photos"
    shoot(photos / "a.png", 0, 0, 0)
    shoot(photos / "below" / "b.png", 0, 0, 0)
    target = tmp_path / place if place == "elsewhere" else photos / place
    reconstruct_paths([photos], photos / "earlier")
    for _ in range(2):
        summary = reconstruct_paths([photos], target)
        seen = [path.name for path in [*summary.succeeded, *summary.skipped]]
        assert sorted(seen) == ["a.png", "b.png"]
        assert not summary.failed
    record = json.loads(next(target.glob("b*.json")).read_text())
    assert record["image"]["path"].endswith("b.png")
    shutil.rmtree(photos)


def test_the_reason_stays_the_photographs(out, tmp_path, monkeypatch):
    """A photograph without a face is told as before."""
    photo = shoot(tmp_path / "a.png", 20, 0, 0)
    monkeypatch.setattr(Reconstructor, "ERRORS", (None, None, NoFaceError("no face found")))
    assert reconstruct_paths([photo], out).failed == [(photo, "no face found")]
