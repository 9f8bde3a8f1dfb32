"""Folders of photographs: what can be opened is taken, the rest is counted and named."""

from __future__ import annotations

import io
from pathlib import Path

import pytest
from PIL import Image
from selfie3d.core import picture_limits as picture_formats
from selfie3d.core.errors import InputError
from selfie3d.core.picture_folders import find_pictures, walk_pictures
from selfie3d.core.picture_limits import FORMATS, format_of_bytes, openable, suffixes

PICTURE = Image.new("RGB", (16, 16), (200, 150, 120))
HEIC = b"\0\0\0\x18ftypheic\0\0\0\0mif1heic"


def written(kind: str) -> bytes:
    file = io.BytesIO()
    PICTURE.save(file, kind)
    return file.getvalue()


@pytest.mark.parametrize("known", openable(), ids=lambda known: known.pillow)
def test_every_format_is_told_by_its_content(known):
    content = written(known.pillow)
    assert format_of_bytes(content[:32]) == known
    with Image.open(io.BytesIO(content), formats=[known.pillow]) as image:
        assert image.size == (16, 16)


def test_content_that_is_none():
    assert format_of_bytes(HEIC).pillow == "HEIF"
    for content in (b"", b"BM", b"Photographs", b"%PDF-1.7", b"\0" * 32, b"RIFF    WAVE"):
        assert format_of_bytes(content) is None


def test_no_format_that_runs_programs():
    assert not {"EPS", "WMF", "GBR"} & {known.pillow for known in FORMATS}
    assert {".jpg", ".jfif", ".avif", ".gif", ".jp2"} <= set(suffixes())


@pytest.fixture
def tree(tmp_path: Path) -> Path:
    root = tmp_path / "photos"
    for name, content in {
        "b.JPG": written("JPEG"),
        "below/deeper/a.png": written("PNG"),
        "c.avif": written("AVIF"),
        "IMG_1": written("JPEG"),
        "README": b"no picture",
        "notes.txt": b"no picture",
        "d.heic": HEIC,
        ".hidden.jpg": written("JPEG"),
        ".git/e.jpg": written("JPEG"),
    }.items():
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).write_bytes(content)
    (root / "link").symlink_to(root / "below")
    (root / "nowhere.jpg").symlink_to(root / "gone.jpg")
    return root


def test_a_folder_with_those_below(tree, monkeypatch):
    without = tuple(known for known in FORMATS if not known.package)
    monkeypatch.setattr(picture_formats, "openable", lambda: without)
    found = walk_pictures(tree)
    names = [path.relative_to(tree).as_posix() for path in found.pictures]
    assert names == ["IMG_1", "b.JPG", "below/deeper/a.png", "c.avif"]
    assert {path.name: reason for path, reason in found.passed} == {
        "README": "no picture by suffix",
        "notes.txt": "no picture by suffix",
        "d.heic": "HEIF: pip install pillow-heif",
        ".hidden.jpg": "hidden",
        "link": "a link to a folder",
        "nowhere.jpg": "no file",
    }
    lines = found.lines()
    assert "2 passed over (no picture by suffix): README, notes.txt" in lines
    assert "1 passed over (HEIF: pip install pillow-heif): d.heic" in lines


def test_many_of_a_reason_are_counted(tmp_path):
    for number in range(5):
        (tmp_path / f"{number}.txt").touch()
    assert walk_pictures(tmp_path).lines() == [
        "5 passed over (no picture by suffix): 0.txt, 1.txt, 2.txt, ..."
    ]


def test_files_as_given_and_each_once(tree):
    notes, picture = tree / "notes.txt", tree / "b.JPG"
    (tree / "again.jpg").symlink_to(picture)
    found = find_pictures([notes, picture, tree, picture])
    assert found.pictures[:2] == [notes, picture] and len(found.pictures) == 5
    assert (tree / "again.jpg", "the same file again") in found.passed
    assert not [path for path, reason in found.passed if path == picture]


def test_results_are_left_out(tree):
    found = find_pictures([tree], lambda path: path.name in ("below", "b.JPG"))
    assert [path.name for path in found.pictures] == ["IMG_1", "c.avif"]
    apart = [p.name for p, reason in found.passed if reason == "results of an earlier run"]
    assert apart == ["b.JPG", "below"]


def test_nothing_to_be_found(tmp_path):
    with pytest.raises(InputError, match=r"nowhere.*nothing at this path"):
        find_pictures([tmp_path / "nowhere"])
    with pytest.raises(InputError, match=r"folder with images \(jpg.*none in it"):
        find_pictures([tmp_path])
    (tmp_path / "notes.txt").touch()
    with pytest.raises(InputError, match=r"none in it: 1 passed over.*notes\.txt"):
        find_pictures([tmp_path])
