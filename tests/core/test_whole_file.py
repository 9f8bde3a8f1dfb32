"""Files that are whole or not there, and one clear error where they cannot be written."""

from __future__ import annotations

import errno
import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
from selfie3d.core.errors import InputError
from selfie3d.core.whole_file import (
    prepare_file,
    prepare_folder,
    write_json,
    write_text,
    write_whole,
)


def test_json(tmp_path):
    write_json(tmp_path / "a.json", {"x": [1.5, None]})
    assert json.loads((tmp_path / "a.json").read_text()) == {"x": [1.5, None]}
    with pytest.raises(ValueError, match="JSON"):
        write_json(tmp_path / "b.json", {"x": float("nan")})
    assert not (tmp_path / "b.json").exists()


@pytest.mark.parametrize("error", [OSError("disk full"), KeyboardInterrupt(), ValueError("bug")])
def test_a_write_that_fails_leaves_the_old_file_and_nothing_else(tmp_path, error):
    path = tmp_path / "a.txt"
    write_text(path, "old")

    def fail(target):
        target.write_text("half")
        raise error

    wanted = InputError if isinstance(error, OSError) else type(error)
    with pytest.raises(wanted):
        write_whole(path, fail)
    assert path.read_text() == "old" and list(tmp_path.iterdir()) == [path]


@pytest.mark.parametrize("name", ["x" * 300 + ".txt", "missing/a.txt", "file/a.txt"])
def test_a_place_that_cannot_be_written_is_an_input_error(tmp_path, name):
    (tmp_path / "file").touch()
    with pytest.raises(InputError, match="written"):
        write_text(tmp_path / name, "x")
    assert [p.name for p in tmp_path.iterdir()] == ["file"]


def test_folder_is_made_and_probed(tmp_path):
    prepare_folder(tmp_path / "new" / "deeper")
    assert list((tmp_path / "new" / "deeper").iterdir()) == []
    (tmp_path / "file").touch()
    for bad in (tmp_path / "file", tmp_path / "file" / "below"):
        with pytest.raises(InputError, match="output folder"):
            prepare_folder(bad)


def test_a_file_in_a_folder_that_is_made(tmp_path):
    prepare_file(tmp_path / "new" / "a.npz")
    assert list((tmp_path / "new").iterdir()) == []
    (tmp_path / "folder").mkdir()
    with pytest.raises(InputError, match="a folder"):
        prepare_file(tmp_path / "folder")
    (tmp_path / "file").touch()
    with pytest.raises(InputError, match="written"):
        prepare_file(tmp_path / "file" / "a.npz")


@pytest.mark.parametrize("name", [".a.part.txt", ".probe.part"])
def test_links_where_temporary_files_go_lead_nowhere(tmp_path, name):
    """Links in a folder of somebody else's must not carry what is written to other places."""
    victim = tmp_path / "victim"
    victim.write_text("mine")
    out = tmp_path / "out"
    out.mkdir()
    (out / name).symlink_to(victim)
    prepare_folder(out)
    write_text(out / "a.txt", "new")
    assert victim.read_text() == "mine" and (out / "a.txt").read_text() == "new"


def test_a_file_that_other_processes_write_too(tmp_path):
    """A file beside it that is another's, and half written, neither is moved nor goes away."""
    others = tmp_path / ".a.1.part.txt"
    others.write_text("ha")
    names = []
    write_whole(
        tmp_path / "a.txt",
        lambda part: (names.append(part.name), part.write_text("x")),
        shared=True,
    )
    assert names == [f".a.{os.getpid()}.part.txt"]
    assert sorted(p.name for p in tmp_path.iterdir()) == [others.name, "a.txt"]
    assert others.read_text() == "ha" and (tmp_path / "a.txt").read_text() == "x"


@pytest.mark.parametrize("code", [errno.ENOSPC, errno.EROFS, errno.EACCES])
def test_the_error_says_what_to_do(tmp_path, code):
    def full(target):
        target.write_bytes(b"half")
        raise OSError(code, "told so")

    remedy = "Free some space" if code == errno.ENOSPC else "Choose another output folder"
    with pytest.raises(InputError, match=f"told so.*{remedy}"):
        write_whole(tmp_path / "a.txt", full)
    assert list(tmp_path.iterdir()) == []


LIMITED = """
import resource, sys
from pathlib import Path
from selfie3d.core.errors import InputError
from selfie3d.core.whole_file import write_text
resource.setrlimit(resource.RLIMIT_FSIZE, (1000, 1000))
try:
    write_text(Path(sys.argv[1]), "x" * 5000)
except InputError as error:
    print(error)
"""


def test_a_real_limit_of_the_system(tmp_path: Path) -> None:
    path = tmp_path / "a.txt"
    done = subprocess.run(
        [sys.executable, "-c", LIMITED, str(path)], capture_output=True, text=True, check=True
    )
    assert "File too large" in done.stdout and "a.txt" in done.stdout
    assert list(tmp_path.iterdir()) == []


def test_temporary_names_are_hidden_and_keep_the_suffix(tmp_path):
    seen = []
    write_whole(tmp_path / "a.png", lambda p: (seen.append(p.name), p.touch()))
    assert seen[0].startswith(".") and seen[0].endswith(".png")


def test_another_thread_may_prepare_the_same_folder(tmp_path, monkeypatch):
    touch = Path.touch

    def touch_and_lose(path):
        touch(path)
        path.unlink()  # as another thread's proof ends

    monkeypatch.setattr(Path, "touch", touch_and_lose)
    prepare_folder(tmp_path)
    assert list(tmp_path.iterdir()) == []
