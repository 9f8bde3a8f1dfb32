"""MATLAB's files: what SciPy writes and reads comes back, whatever else is named."""

from __future__ import annotations

import struct
import zlib

import numpy as np
import pytest
from scipy.io import loadmat, savemat
from selfie3d.core.errors import InputError, MissingFileError
from selfie3d.core.mat_file import MatArrays

RANDOM = np.random.default_rng(0)
ARRAYS = {
    "a": RANDOM.normal(size=(3, 4)),
    "a_long_name_of_thirty_letters_1": RANDOM.normal(size=(2, 3, 4)).astype(np.float32),
    "whole": np.arange(5, dtype=np.int16)[None],
    "bytes": np.arange(6, dtype=np.uint8).reshape(2, 3),
    "big": np.array([[2**40]]),
    "truth": np.array([[True, False]]),
    "empty": np.zeros((0, 3)),
    "one": np.array([[7.0]]),
}
OTHERS = {"text": "abc", "cell": np.array([[1, "x"]], object), "struct": {"a": 1}, "z": 1j}


@pytest.mark.parametrize("packed", [False, True])
def test_scipys_files(tmp_path, packed):
    path = tmp_path / "a.mat"
    savemat(path, ARRAYS | OTHERS, do_compression=packed)
    arrays, expected = MatArrays(path), loadmat(path)
    assert set(arrays) == set(ARRAYS) and arrays.others == set(OTHERS)
    for name in ARRAYS:
        np.testing.assert_array_equal(arrays[name], expected[name])
        assert arrays[name].dtype == expected[name].dtype and arrays[name].flags.writeable
    with pytest.raises(KeyError):
        arrays["text"]


def test_the_other_byte_order(tmp_path):
    def element(kind: int, data: bytes) -> bytes:
        return struct.pack(">II", kind, len(data)) + data + bytes(-len(data) % 8)

    body = element(6, struct.pack(">II", 6, 0)) + element(5, struct.pack(">ii", 2, 1))
    body += element(1, b"x") + element(9, struct.pack(">dd", 1.5, -2))
    head = b"MATLAB 5.0 MAT-file".ljust(124) + b"\x01\x00MI"
    (tmp_path / "a.mat").write_bytes(head + element(14, body))
    np.testing.assert_array_equal(MatArrays(tmp_path / "a.mat")["x"], [[1.5], [-2]])
    np.testing.assert_array_equal(loadmat(tmp_path / "a.mat")["x"], [[1.5], [-2]])


def matrix(name: bytes, shape: tuple[int, ...], kind: int, data: bytes, length: int = -1) -> bytes:
    def element(number: int, content: bytes) -> bytes:
        return struct.pack("<II", number, len(content)) + content + bytes(-len(content) % 8)

    body = element(6, struct.pack("<II", 6, 0)) + element(5, struct.pack(f"<{len(shape)}i", *shape))
    body += element(1, name) + struct.pack("<II", kind, len(data) if length < 0 else length) + data
    body += bytes(-len(body) % 8)
    return struct.pack("<II", 14, len(body)) + body


HEAD = b"MATLAB 5.0 MAT-file".ljust(124) + b"\x00\x01IM"


def deflated(content: bytes) -> bytes:
    packed = zlib.compress(content)
    return struct.pack("<II", 15, len(packed)) + packed


@pytest.mark.parametrize(
    "content, problem",
    [
        (HEAD + matrix(b"a", (2, 1), 0x7FFF, bytes(16)), "values of type 32767"),
        (HEAD + matrix(b"a", (2, 1), 9, bytes(16), 1 << 30), "for the sizes"),
        (HEAD + matrix(b"a", (1 << 30, 1 << 30), 9, bytes(16)), "for the sizes"),
        (HEAD + matrix(b"a", (-1, 1), 9, bytes(16)), "the sizes"),
        (HEAD + matrix(b"a", (0, 1 << 30), 9, b""), "the sizes"),
        (HEAD + deflated(matrix(b"a", (1 << 27, 1), 9, bytes(16))), "sizes"),
        (HEAD + deflated(matrix(b"a", (1 << 20, 1), 9, bytes(1 << 23)))[:-50], "bytes at"),
        (HEAD + matrix(b"a", (2, 1), 9, bytes(16)) * 2, "'a' twice"),
        (HEAD + matrix(b"a" * 3000, (2, 1), 9, bytes(16)), "an element of type 1"),
        (HEAD + struct.pack("<II", 14, 1 << 31) + bytes(64), "an element of type 14"),
        (HEAD + b"\0" * 7, "unpack|element"),
        (HEAD[:126] + b"XX" + bytes(64), "something else"),
        (b"MATLAB 7.3 MAT-file".ljust(124) + b"\x00\x02IM" + bytes(600), "version 7.3.*-v7"),
        (b"version https://git-lfs.github.com/spec/v1\noid sha256:1", "Git LFS"),
        (b"<!DOCTYPE html><html>", "web page"),
    ],
)
def test_what_is_damaged_or_none(tmp_path, content, problem):
    (tmp_path / "a.mat").write_bytes(content)
    with pytest.raises(InputError, match=rf"a\.mat.*({problem})") as error:
        MatArrays(tmp_path / "a.mat")["a"]
    assert error.value.remedy


def test_a_small_file_that_inflates_to_gigabytes(tmp_path):
    bomb = deflated(matrix(b"a", (10_000_000, 1), 9, bytes(80_000_000)))
    (tmp_path / "a.mat").write_bytes(HEAD + bomb + deflated(matrix(b"b", (1, 1), 9, bytes(8))))
    arrays = MatArrays(tmp_path / "a.mat")
    assert arrays["b"].shape == (1, 1)  # the other is not inflated
    with pytest.raises(InputError, match="far larger than the file"):
        arrays["a"]


@pytest.mark.parametrize("packed", [False, True])
def test_any_changed_byte_ends_in_arrays_or_in_one_error(tmp_path, packed):
    path = tmp_path / "a.mat"
    savemat(path, {"a": ARRAYS["a"], "text": "abc"}, do_compression=packed)
    content = path.read_bytes()
    for at in range(124, len(content)):
        for value in (0, 0xFF):
            path.write_bytes(content[:at] + bytes([value]) + content[at + 1 :])
            try:
                arrays = MatArrays(path)
                for name in arrays:
                    assert arrays[name].size < 1000
            except InputError as error:
                assert "a.mat" in str(error)
    path.write_bytes(content[:130])
    with pytest.raises(InputError):
        MatArrays(path)
    with pytest.raises(MissingFileError):
        MatArrays(tmp_path / "b.mat")
