"""Archives by strangers: nothing but plain files, and no more is read than they hold."""

from __future__ import annotations

import io
import json
import os
import tarfile

import pytest
from selfie3d.core.errors import InputError
from selfie3d.datasets.shards.tar_index import read_member, tar_members


def write(path, *members: tarfile.TarInfo, content: bytes = b"x" * 700) -> None:
    with tarfile.open(path, "w", format=tarfile.PAX_FORMAT) as archive:
        for member in members:
            member.size = len(content)
            archive.addfile(member, io.BytesIO(content))


def info(name: str, **notes: str) -> tarfile.TarInfo:
    member = tarfile.TarInfo(name)
    member.pax_headers = notes
    return member


def header(name: bytes, kind: bytes, size: bytes) -> bytes:
    """A member's header with whatever size is written into it."""
    block = bytearray(512)
    block[: len(name)] = name
    block[124 : 124 + len(size)] = size
    block[156:157], block[257:265] = kind, b"ustar\x0000"
    block[148:156] = b" " * 8
    block[148:156] = b"%06o\0 " % sum(block)
    return bytes(block)


def refused(path, problem: str) -> None:
    with pytest.raises(InputError, match=problem) as error:
        tar_members(path)
    assert path.name in str(error.value) and not list(path.parent.glob(".*.index"))


def test_long_names_and_times_are_plain_files(tmp_path):
    path, name = tmp_path / "a.tar", "/".join(["folder"] * 30) + "/Ä.jpg"
    write(path, info(name, mtime="1.5"), info("b.jpg"))
    members = tar_members(path)
    assert [m.name for m in members] == [name, "b.jpg"]
    assert read_member(path, members[1]) == b"x" * 700
    assert tar_members(path) == members
    with tarfile.open(path, "w", format=tarfile.GNU_FORMAT) as archive:
        archive.addfile(info(name), io.BytesIO())
    assert tar_members(path)[0].name == name


@pytest.mark.parametrize(
    "notes",
    [
        {"GNU.sparse.major": "1", "GNU.sparse.minor": "0", "GNU.sparse.name": "../x.jpg",
         "GNU.sparse.realsize": "10"},
        {"GNU.sparse.map": "0,10", "GNU.sparse.size": "10"},
        {"GNU.sparse.size": "1000000000000", "GNU.sparse.numblocks": "1"},
    ],
)  # fmt: skip
def test_sparse_files_are_refused(tmp_path, notes):
    write(tmp_path / "a.tar", info("a.jpg", **notes))
    refused(tmp_path / "a.tar", "a sparse file")


@pytest.mark.parametrize(
    "name", ["../a.jpg", "/a.jpg", "a/../../b.jpg", "a\x1b[2J.jpg", "..\\a", "."]
)
def test_names_that_lead_out_or_write_to_the_terminal(tmp_path, name):
    write(tmp_path / "a.tar", info("b.jpg", path=name))
    refused(tmp_path / "a.tar", "names below")


@pytest.mark.parametrize("kind", [b"1", b"2", b"3", b"4", b"6", b"S", b"D", b"K", b"Z"])
def test_other_kinds_are_refused(tmp_path, kind):
    (tmp_path / "a.tar").write_bytes(header(b"a.jpg", kind, b"00000000000\0") + bytes(1024))
    refused(tmp_path / "a.tar", "plain files")


@pytest.mark.parametrize(
    "size", [b"\x80" + b"\0" * 3 + b"\x7f" + b"\xff" * 7, b"\xff" * 12, b"77777777777\0"]
)
@pytest.mark.parametrize("kind", [b"0", b"x", b"g", b"L"])
def test_a_length_that_the_file_does_not_have(tmp_path, kind, size):
    (tmp_path / "a.tar").write_bytes(header(b"a.jpg", kind, size) + b"9 a=bcd\n" * 10_000)
    refused(tmp_path / "a.tar", "tar")


def test_notes_upon_notes(tmp_path):
    note = header(b"n", b"x", b"00000000011\0") + b"9 a=bcd\n\n".ljust(512, b"\0")
    (tmp_path / "a.tar").write_bytes(note * 5000 + bytes(1024))
    refused(tmp_path / "a.tar", "tar")


def test_an_index_of_a_stranger_is_not_believed(tmp_path):
    path, index = tmp_path / "a.tar", tmp_path / ".a.tar.index"
    write(path, info("a.jpg"))
    good = tar_members(path)
    content = json.loads(index.read_text())
    for members in (
        [["../b", 0, 5]],
        [["b", 0, 10**9]],
        [["b", -5, 9]],
        [["b", 1e400, 1]],
        [[]],
        7,
    ):
        index.write_text(json.dumps({**content, "members": members}))
        assert tar_members(path) == good
    for text in ("[" * 100_000, "", "nul", "[1]"):
        index.write_text(text)
        assert tar_members(path) == good
    if hasattr(os, "mkfifo"):
        index.unlink()
        os.mkfifo(index)
        assert tar_members(path) == good
