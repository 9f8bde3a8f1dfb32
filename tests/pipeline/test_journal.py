"""Notes of a folder that may come from anybody: nothing outside, nothing foreign is touched."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path

import pytest
from selfie3d.core.errors import InputError
from selfie3d.pipeline.options import ReconstructOptions
from selfie3d.pipeline.output.files import faces_of
from selfie3d.pipeline.output.journal import Journal, noted_files

ENDINGS = (".glb", ".obj", ".mtl", ".png", "_overlay.png", "_turntable.png", ".json")


def files(name: str) -> list[str]:
    return [name + ending for ending in ENDINGS]


@pytest.fixture
def photo(tmp_path: Path) -> Path:
    path = tmp_path / "photos" / "me.png"
    path.parent.mkdir()
    path.write_bytes(b"picture")
    return path


@pytest.fixture
def out(tmp_path: Path) -> Path:
    (tmp_path / "out").mkdir()
    return tmp_path / "out"


def plant(out: Path, path: Path, **content: object) -> None:
    """A note as a stranger would write it, its key right wherever `Journal` is asked for it."""
    journal = Journal(out, ReconstructOptions())
    note = {"photo": str(path), "name": "me", "key": journal._key(path), "files": []}
    digest = hashlib.sha256(str(path.resolve()).encode()).hexdigest()[:24]
    (out / ".selfie3d" / f"{digest}.json").write_text(json.dumps(note | content))


def everything(folder: Path) -> dict[str, str]:
    found = (p for p in folder.rglob("*") if p.is_file() and ".selfie3d" not in p.parts)
    return {str(p.relative_to(folder)): p.read_text() for p in found}


EVIL = {
    "a name that leads outside": {"name": "../escaped/evil", "files": files("../escaped/evil")},
    "an absolute name": {"name": "/tmp/evil", "files": files("/tmp/evil")},
    "an empty name and foreign files": {"name": "", "files": ["victim.txt"]},
    "an empty name and endings": {"name": "", "files": list(ENDINGS)},
    "foreign files": {"files": ["victim.txt"]},
    "files that lead outside": {"files": ["../victim.txt", *files("me")]},
    "files with the name before them": {"files": ["me/../victim.txt", "me_victim.txt"]},
    "numbers for names": {"files": [3]},
    "lists for names": {"files": [["me.glb"]]},
    "no files": {"files": []},
    "half of the files": {"files": files("me")[:3]},
    "another's name": {"name": "you", "files": files("you")},
    "another's name with a number": {"name": "me-0", "files": files("me-0")},
    "a face that is far away": {"files": files("me") + files("me_" + "9" * 5000)},
    "dots": {"name": "..", "files": files("..")},
    "a null character": {"name": "me\0", "files": files("me\0")},
    "another photograph": {"photo": "/somewhere/me.png", "files": files("me")},
}


@pytest.mark.parametrize("case", EVIL)
def test_a_strangers_note_is_not_believed(photo, out, case):
    for name in ("victim.txt", "me_victim.txt", ".glb", *files("me"), *files("you")):
        (out / name).write_text("mine")
    (out.parent / "victim.txt").write_text("mine")
    plant(out, photo, **EVIL[case])
    before = everything(out.parent)
    journal = Journal(out, ReconstructOptions())
    assert not journal.finished(photo)
    assert journal.names([photo]) == {photo: "me-png"}  # those called "me" are somebody's
    journal.note(photo, "me", [])
    assert everything(out.parent) == before


@pytest.mark.parametrize(
    "text", ["", "[1", "[" * 100_000, "3", '{"photo": 3}', "\ud800"], ids=lambda t: repr(t)[:8]
)
def test_a_damaged_note_is_none(photo, out, text):
    plant(out, photo)
    (note,) = (out / ".selfie3d").iterdir()
    note.write_bytes(text.encode("utf-8", "surrogatepass"))
    assert not Journal(out, ReconstructOptions()).finished(photo)
    assert noted_files(out / ".selfie3d") == set()


def test_a_note_that_never_ends_is_not_read(photo, out):
    plant(out, photo)
    (note,) = (out / ".selfie3d").iterdir()
    note.unlink()
    note.symlink_to("/dev/zero")
    assert not Journal(out, ReconstructOptions()).finished(photo)


def test_odd_photographs_in_other_notes_reserve_nothing(photo, out):
    for number, other in enumerate(("/" + "x" * 5000, "a\0b", "")):
        content = {"photo": other, "name": "me", "key": "", "files": files("me")}
        Journal(out, ReconstructOptions())
        (out / ".selfie3d" / f"{number}.json").write_text(json.dumps(content))
    assert Journal(out, ReconstructOptions()).names([photo]) == {photo: "me"}


def test_notes_that_lead_elsewhere_are_refused(photo, out, tmp_path):
    (tmp_path / "elsewhere").mkdir()
    (out / ".selfie3d").symlink_to(tmp_path / "elsewhere")
    with pytest.raises(InputError, match=r"\.selfie3d.*link"):
        Journal(out, ReconstructOptions())


def test_own_notes_are_believed(photo, out):
    journal = Journal(out, ReconstructOptions())
    written = [out / name for name in files("me-2") + files("me-2_2")]
    for path in written:
        path.write_text("x")
    journal.note(photo, "me-2", written)
    again = Journal(out, ReconstructOptions())
    assert again.finished(photo) and again.names([photo]) == {photo: "me-2"}
    again.note(photo, "me-2", written[:7])
    assert sorted(everything(out)) == sorted(files("me-2"))
    again.note(photo, "me-2", written[:7], whole=False)
    assert not again.finished(photo)


@pytest.mark.parametrize("foreign", ["me.png", "me_2.obj", "ME.JSON", "me_turntable.png"])
def test_files_of_others_are_not_overwritten(photo, out, foreign):
    (out / foreign).write_text("mine")
    assert Journal(out, ReconstructOptions()).names([photo]) == {photo: "me-png"}


def test_results_whose_notes_are_lost_are_our_own(photo, out):
    for name in files("me"):
        (out / name).write_text("x")
    (out / "me.json").write_text(json.dumps({"files": files("me")[:-1]}))
    assert Journal(out, ReconstructOptions()).names([photo]) == {photo: "me"}
    (out / "me.json").write_text(json.dumps({"files": ["../me.glb"]}))
    assert Journal(out, ReconstructOptions()).names([photo]) == {photo: "me-png"}


def test_a_photograph_beside_its_results_is_never_overwritten(tmp_path):
    """Not even where a note or a record says that it is one of ours."""
    path = tmp_path / "me.png"
    path.write_bytes(b"picture")
    plant(tmp_path, path, files=files("me"))
    (tmp_path / "me.json").write_text(json.dumps({"files": files("me")[:-1]}))
    assert Journal(tmp_path, ReconstructOptions()).names([path]) == {path: "me-png"}


def test_faces_of_files():
    assert faces_of("a", files("a") + files("a_2") + files("a_11")) == [1, 2, 11]
    assert faces_of("a", files("a_3")) == [3]
    assert faces_of("a", files("a")[1:]) == [1]  # fewer outputs
    assert faces_of("a", files("a")[:-1]) is None and faces_of("a", files("a_1")) is None
