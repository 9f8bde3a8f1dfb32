"""Archives of arrays by strangers: what is asked for is checked before it is read."""

from __future__ import annotations

import io
import resource
import struct
import zipfile

import numpy as np
import pytest
from selfie3d.core.errors import InputError, MissingFileError
from selfie3d.core.npy_file import map_npy, read_npy
from selfie3d.core.npz_file import NpzArrays, read_npz

ARRAYS = {
    "mean": np.arange(12, dtype=np.float32).reshape(4, 3),
    "columns": np.asfortranarray(np.arange(6.0).reshape(2, 3)),
    "big": np.arange(4, dtype=">i4"),
    "flags": np.array([True, False]),
    "empty": np.zeros((0, 3)),
    "number": np.array(2.5),
    "text": np.array("Ä text"),
    "names": np.array(["a", "bcd"]),
    "none": np.array([], dtype=np.str_),
}


def npy(header: str, data: bytes = b"", version: int = 1) -> bytes:
    text = header.encode()
    length = struct.pack("<H" if version == 1 else "<I", len(text))
    return b"\x93NUMPY" + bytes([version, 0]) + length + text + data


def described(descr: str, shape: str) -> str:
    return f"{{'descr': {descr}, 'fortran_order': False, 'shape': {shape}, }}\n"


def archive(path, members: dict[str, bytes], kind: int = zipfile.ZIP_DEFLATED) -> None:
    with zipfile.ZipFile(path, "w", kind) as target:
        for name, content in members.items():
            target.writestr(f"{name}.npy", content)


@pytest.mark.parametrize("save", [np.savez, np.savez_compressed])
def test_every_array_comes_back(tmp_path, save):
    save(tmp_path / "a.npz", **ARRAYS)
    arrays = NpzArrays(tmp_path / "a.npz")
    assert set(arrays) == set(ARRAYS) and len(arrays) == len(ARRAYS) and "mean" in arrays
    for name, value in ARRAYS.items():
        np.testing.assert_array_equal(arrays[name], value)
        assert arrays[name].dtype == value.dtype.newbyteorder("=") and arrays[name].flags.writeable
        assert arrays.header(name).shape == value.shape
    assert arrays["mean"] is arrays["mean"]
    with pytest.raises(KeyError):
        arrays["other"]
    assert set(read_npz(tmp_path / "a.npz", ["mean"], ["big", "other"])) == {"mean", "big"}
    with pytest.raises(InputError, match=r"a\.npz.*no other beside"):
        read_npz(tmp_path / "a.npz", ["other"])
    with pytest.raises(MissingFileError):
        NpzArrays(tmp_path / "b.npz")


@pytest.mark.parametrize("name", ARRAYS)
def test_single_arrays(tmp_path, name):
    path = tmp_path / "a.npy"
    np.save(path, ARRAYS[name])
    np.testing.assert_array_equal(read_npy(path), ARRAYS[name])
    np.testing.assert_array_equal(map_npy(path), ARRAYS[name])
    path.write_bytes(path.read_bytes()[:-1] if ARRAYS[name].size else b"\x93NUMPY")
    for read in (read_npy, map_npy):
        with pytest.raises(InputError, match=r"a\.npy"):
            read(path)


HUGE = described("'<f4'", "(100000000000, 3)")


@pytest.mark.parametrize(
    "content, problem",
    [
        (npy(HUGE), "0 bytes for float32"),
        (npy(described("'<f4'", "(-1, 3)")), "the shape"),
        (npy(described("'<f4'", "(0, 100000000000)")), "empty array of shape"),
        (npy(described("'<U0'", "(100000000000,)")), "empty array of shape"),
        (npy(described("'|O'", "()"), b"\x80\x02Nr\0\0\0\x10."), "pickled Python objects"),
        (npy(described("'<c8'", "(1,)"), bytes(8)), "complex"),
        (npy(described("'<M8[D]'", "(1,)"), bytes(8)), "dates"),
        (npy(described("[('x', '<f4')]", "(1,)"), bytes(4)), "records"),
        (npy(described("'<f16'", "(1,)"), bytes(16)), "other values"),
        (npy(described("'<U1'", "(1,)"), b"\xff" * 4), "no characters"),
        (npy(described("'<f4'", "(2,)"), bytes(9)), "9 bytes"),
        (npy("{'descr': '<f4', 'fortran_order': False, 'shape': (1, 3)\n"), "damaged"),
        (npy("(" * 5000), "damaged"),
        (npy("x" * 20_000, version=2), "header of 20,000"),
        (npy(described("'<f4'", "(1,)"), bytes(4), version=3), "version 3"),
        (npy("__import__('os').mkdir('made')"), "damaged"),
        (b"\x93NUMPY\x02\0\xff\xff\xff\xff", "header of"),
        (b"PK\x03\x04", "does not begin"),
        (b"", "damaged|does not begin"),
    ],
)
def test_headers_that_lie(tmp_path, content, problem):
    archive(tmp_path / "a.npz", {"mean": content})
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    with pytest.raises(InputError, match=rf"a\.npz: mean.*({problem})") as error:
        NpzArrays(tmp_path / "a.npz")["mean"]
    assert error.value.remedy
    (tmp_path / "a.npy").write_bytes(content or b"\0")
    with pytest.raises(InputError, match=r"a\.npy"):
        read_npy(tmp_path / "a.npy")
    assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before < 100_000  # KiB
    assert not (tmp_path / "made").exists()


def test_what_nobody_asks_for_is_not_inflated(tmp_path):
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w", zipfile.ZIP_DEFLATED, compresslevel=1) as target:
        with target.open("bomb.npy", "w") as member:
            member.write(npy(described("'|u1'", "(400000000,)")))
            for _ in range(400):
                member.write(bytes(1_000_000))
        target.writestr("mean.npy", npy(described("'<f4'", "(1, 3)"), bytes(12)))
    (tmp_path / "a.npz").write_bytes(packed.getvalue())
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    arrays = NpzArrays(tmp_path / "a.npz")
    assert arrays["mean"].shape == (1, 3) and "bomb" in arrays
    assert arrays.header("bomb").shape == (400_000_000,)
    with pytest.raises(InputError, match="bomb: expected arrays whose size the file justifies"):
        arrays["bomb"]
    assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before < 100_000


def patched(content: bytes, entry: bytes, at: int, value: bytes) -> bytes:
    """The archive with bytes of its central directory's entry (at offset `at`) replaced."""
    place = content.index(b"PK\x01\x02") if entry == b"first" else content.rindex(b"PK\x01\x02")
    return content[: place + at] + value + content[place + at + len(value) :]


@pytest.mark.parametrize(
    "at, value, problem",
    [
        (8, b"\x01\x00", "an encrypted one"),
        (10, b"\x0c\x00", "method 12"),
        (24, b"\xff\xff\xff\x7f", "2,147,483,647 bytes out of"),
        (20, b"\xff\xff\xff\x7f", "in a file of"),
        (16, b"\0\0\0\0", "damaged"),  # the checksum
        (42, b"\xff\xff\xff\x7f", "damaged"),  # the place
    ],
)
def test_members_that_are_not_what_they_seem(tmp_path, at, value, problem):
    archive(tmp_path / "a.npz", {"mean": npy(described("'<f4'", "(1, 3)"), bytes(12))})
    path = tmp_path / "a.npz"
    path.write_bytes(patched(path.read_bytes(), b"first", at, value))
    with pytest.raises(InputError, match=rf"a\.npz.*({problem})"):
        NpzArrays(path)["mean"]


def test_archives_that_are_none(tmp_path):
    path = tmp_path / "a.npz"
    for content in (b"PK\x05\x06", b"no archive", b"PK\x03\x04" + bytes(100)):
        path.write_bytes(content)
        with pytest.raises(InputError, match=r"a\.npz"):
            NpzArrays(path)
    with pytest.warns(UserWarning, match="Duplicate"), zipfile.ZipFile(path, "w") as target:
        target.writestr("a.npy", b"")
        target.writestr("a.npy", b"")
    with pytest.raises(InputError, match="'a' twice"):
        NpzArrays(path)
