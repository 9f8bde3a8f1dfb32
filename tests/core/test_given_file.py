"""Only plain files are opened, and what stands in a file's place is named."""

from __future__ import annotations

import os
import socket

import pytest
from selfie3d.core.errors import InputError, MissingFileError, shown
from selfie3d.core.given_file import check_given, open_given, read_given


def test_a_plain_file_and_a_link_to_one_are_opened(tmp_path):
    (tmp_path / "a").write_bytes(b"content")
    (tmp_path / "b").symlink_to("a")
    for name in "ab":
        with open_given(tmp_path / name, "bytes") as stream:
            assert stream.read() == b"content"
    assert read_given(tmp_path / "a", "bytes", 7) == b"content"
    with pytest.raises(InputError, match="at most 6 bytes"):
        read_given(tmp_path / "a", "bytes", 6)


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="needs pipes")
def test_pipes_devices_sockets_and_folders_are_refused_at_once(tmp_path):
    os.mkfifo(tmp_path / "pipe")
    with socket.socket(socket.AF_UNIX) as server:
        server.bind(os.path.relpath(tmp_path / "socket"))
    places = {"pipe": "a pipe", "socket": "opened", ".": "a folder", "/dev/zero": "a device"}
    for place, problem in places.items():
        with pytest.raises(InputError, match=problem):
            check_given(tmp_path / place, "a photograph")


def test_what_is_not_there_or_empty(tmp_path):
    (tmp_path / "empty").touch()
    with pytest.raises(InputError, match="an empty file"):
        check_given(tmp_path / "empty", "a model")
    with pytest.raises(MissingFileError, match="nowhere"):
        check_given(tmp_path / "nowhere", "a model")
    with pytest.raises(InputError, match="null byte"):
        check_given(f"{tmp_path}/a\0b", "a model")


@pytest.mark.parametrize(
    "content, problem",
    [
        (
            b"version https://git-lfs.github.com/spec/v1\noid sha256:12\nsize 9\n",
            "Git LFS.*lfs pull",
        ),
        (b"\xef\xbb\xbf\r\n<!DOCTYPE html><html><body>Sign in", "web page"),
        (b"<HTML><HEAD><TITLE>404", "web page"),
        (b'<?xml version="1.0"?><!DOCTYPE html PUBLIC "-//W3C">', "web page"),
    ],
)
def test_what_git_or_a_browser_left_in_its_place_is_named(tmp_path, content, problem):
    (tmp_path / "model.npz").write_bytes(content)
    with pytest.raises(InputError, match=problem):
        check_given(tmp_path / "model.npz", "a model")


def test_names_cannot_write_to_the_terminal():
    name = b"a\x1b[31m\n\xff\x07".decode("utf-8", "surrogateescape") + "\u202e é"
    assert shown(name) == "a\\x1b[31m\\n\\xff\\x07\\u202e é"
    for error in (InputError(name, "a file", name), MissingFileError(name, "The file", "Look.")):
        text = str(error).replace("\n", "")
        assert text.isprintable() and "é" in text
        text.encode("utf-8")
    assert "\n" not in str(InputError("a\nb", "a file", "none"))
