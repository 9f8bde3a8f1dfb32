"""One shard: an uncompressed .npz whose arrays are mapped, with a checksum for every row of each.

Only plain numbers are mapped, of the type and number of rows that a shard has, and only where their
bytes lie within the file. Shards of earlier versions have no checksums and are read as they are.
"""

from __future__ import annotations

import io
import mmap
import struct
import zipfile
import zlib
from collections.abc import Mapping, Sequence
from math import prod
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from ...core.errors import InputError
from ...core.given_file import open_given
from ...core.npy_file import ArrayHeader, read_header
from ...core.whole_file import write_whole

CHECKSUMS = "checksums"
"""The array (N,A) uint32 with a checksum of each row of the A others, in the order of names."""

_EXPECTED = "a whole shard"
_AGAIN = "Delete it and run selfie3d synth again, which draws it anew."
_LOCAL = 30  # bytes of a member's header before its name
_SIZES = {"image": 4, "segmentation": 3, "skin_mask": 3, "visible_vertices": 2, "rotation": 3,
          "translation": 2, "focal": 1, "centre": 2, "light": 3, "identity": 2, "expression": 2,
          "albedo": 2, "person": 1, "visible": 2, CHECKSUMS: 2}  # fmt: skip
_KINDS = {"image": "u1", "segmentation": "u1", "skin_mask": "u1", "visible_vertices": "u1",
          "visible": "b1", "person": "i4", CHECKSUMS: "u4"}  # fmt: skip
_DAMAGED = (zipfile.BadZipFile, struct.error, OSError, ValueError, KeyError, IndexError,
            NotImplementedError, OverflowError, MemoryError, RuntimeError, EOFError)  # fmt: skip
_ORTHOGONAL = 1e-2  # how far a rotation's rows may be from unit length and right angles


def write_shard(path: Path, arrays: Mapping[str, NDArray]) -> None:
    """Write arrays of as many rows each, and their checksums, whole or not at all.

    Raises:
        InputError: the file cannot be written.
    """
    plain = {name: np.ascontiguousarray(array) for name, array in arrays.items()}
    table = [row_checksums(name, plain[name]) for name in sorted(plain)]
    everything = plain | {CHECKSUMS: np.stack(table, 1)}
    write_whole(path, lambda part: _write_arrays(part, everything))


def row_checksums(name: str, rows: NDArray) -> NDArray[np.uint32]:
    """(N,) of the rows (N,...) of an array; name, type and shape count as the bytes do."""
    start = zlib.crc32(f"{name} {rows.dtype.str} {rows.shape[1:]}".encode())
    sums = [zlib.crc32(np.ascontiguousarray(row).data, start) for row in rows]
    return np.array(sums, np.uint32)


def map_shard(path: Path) -> dict[str, NDArray]:
    """The arrays of a shard by name, read as they are used; the file is opened once for all.

    Raises:
        InputError: damaged, or arrays that no shard has: objects, packed or encrypted ones, other
            types, other numbers of rows.
    """
    try:
        with open_given(path, _EXPECTED) as stream, zipfile.ZipFile(stream) as archive:
            whole = mmap.mmap(stream.fileno(), 0, access=mmap.ACCESS_READ)
            arrays = {}
            for member in archive.infolist():
                name = member.filename.removesuffix(".npy")
                arrays[name] = _map(whole, member, f"{path}: {name}")
            if CHECKSUMS in arrays:  # the others are compared with it; it with the archive's own
                archive.read(f"{CHECKSUMS}.npy")
    except _DAMAGED as error:
        if isinstance(error, InputError):
            raise
        reason = str(error).splitlines()[0] if str(error) else type(error).__name__
        raise InputError(str(path), _EXPECTED, f"a damaged file ({reason})", _AGAIN) from error
    _check_rows(path, arrays)
    return arrays


def check_rows(
    path: Path, arrays: Mapping[str, NDArray], name: str, *, rows: Sequence[int], values: NDArray
) -> None:
    """Raise where rows are not what was written, or numbers that no camera has.

    Args:
        path: of the shard, for messages. arrays: all of it. name: of the array read.
        rows: which were read. values: (len(rows),...), what came.

    Raises:
        InputError: as said.
    """
    table = arrays.get(CHECKSUMS)
    if table is not None and name != CHECKSUMS:
        column = sorted(set(arrays) - {CHECKSUMS}).index(name)
        wrong = np.flatnonzero(row_checksums(name, values) != table[list(rows), column])
        if len(wrong):
            got = f"others in row {rows[int(wrong[0])]} of {name}"
            raise InputError(str(path), "the bytes that were written", got, _AGAIN)
    problem = _problem(name, values)
    if problem is not None:
        row, expected = problem
        got = f"others in row {rows[row]}"
        raise InputError(f"{path}: {name}", expected, got, _AGAIN)


def _write_arrays(path: Path, arrays: Mapping[str, NDArray]) -> None:
    with zipfile.ZipFile(path, "w", zipfile.ZIP_STORED) as archive:
        for name, array in arrays.items():
            with archive.open(f"{name}.npy", "w", force_zip64=True) as member:
                np.lib.format.write_array(member, array, allow_pickle=False)


def _map(whole: mmap.mmap, member: zipfile.ZipInfo, label: str) -> NDArray:
    """An uncompressed .npy inside an archive, in place."""
    if member.flag_bits & 1 or member.compress_type != zipfile.ZIP_STORED:
        raise InputError(label, "an array stored as it is", "a packed or encrypted one", _AGAIN)
    at = member.header_offset
    name, extra = struct.unpack_from("<HH", whole, at + _LOCAL - 4)
    start = at + _LOCAL + name + extra
    end = start + member.file_size
    if whole[at : at + 4] != b"PK\3\4" or end > len(whole):
        raise InputError(label, _EXPECTED, "an array that ends after the file", _AGAIN)
    head = io.BytesIO(whole[start : min(end, start + (1 << 14))])
    header = read_header(head, label, "an array", member.file_size)
    _check_type(label, label.rsplit(": ", 1)[1], header)
    count = prod(header.shape)
    if not count:
        return np.zeros(header.shape, header.dtype)
    flat = np.frombuffer(whole, header.dtype, count, start + header.length)
    return flat.reshape(header.shape)


def _check_type(label: str, name: str, header: ArrayHeader) -> None:
    kind, sizes = _KINDS.get(name, ""), _SIZES.get(name, len(header.shape))
    right = header.dtype == np.dtype(kind) if kind else header.dtype.kind == "f"
    if not right or len(header.shape) != sizes or sizes < 1 or header.columns_first:
        expected = f"{sizes} sizes of {np.dtype(kind) if kind else 'floats'}, row by row"
        raise InputError(label, expected, f"{header.dtype} {header.shape}", _AGAIN)


def _check_rows(path: Path, arrays: Mapping[str, NDArray]) -> None:
    if "focal" not in arrays or "image" not in arrays:
        raise InputError(str(path), "the arrays of a shard", ", ".join(arrays) or "none", _AGAIN)
    counts = {len(array) for array in arrays.values()}
    if len(counts) > 1:
        raise InputError(str(path), "as many rows in every array", str(sorted(counts)), _AGAIN)
    if CHECKSUMS in arrays and arrays[CHECKSUMS].shape[1] != len(arrays) - 1:
        got = f"{arrays[CHECKSUMS].shape[1]} for {len(arrays) - 1} arrays"
        raise InputError(str(path), "a checksum for every row of every array", got, _AGAIN)


def _problem(name: str, values: NDArray) -> tuple[int, str] | None:
    """The first row that cannot be, and what was expected."""
    if values.dtype.kind != "f" or not len(values):
        return None
    finite = np.isfinite(values).reshape(len(values), -1).all(1)
    if not finite.all():
        return int(np.argmin(finite)), "finite numbers"
    if name == "focal" and (values <= 0).any():
        return int(np.argmin(values)), "a focal length above 0 pixels"
    if name == "rotation" and values.shape[1:] == (3, 3):
        gap = np.abs(values @ values.transpose(0, 2, 1) - np.eye(3)).max((1, 2))
        if gap.max() > _ORTHOGONAL or (np.linalg.det(values) < 0).any():
            gap += np.linalg.det(values) < 0
            return int(np.argmax(gap)), "rotations"
    return None
