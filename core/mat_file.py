"""Arrays of numbers in MATLAB's files of version 5 to 7, whose structure is checked as it is read.

Layout: MathWorks, MAT-File Format, chapter 1 (Level 5). Elements are a tag (uint32 type, uint32
length; or both in one word, and four bytes of data) and data; a variable is one element, deflated
or not, of flags, sizes, name and values column by column. Readers that trust these lengths read out
of bounds. Text, cells, structures, sparse and complex matrices are passed over.
"""

from __future__ import annotations

import os
import struct
import zlib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from math import prod
from typing import Any

import numpy as np
from numpy.typing import NDArray

from .errors import InputError
from .given_file import read_given

_HEAD, _TAG = 128, 8
_LARGEST = 1 << 31  # bytes of a file
_FREE = 1 << 26  # bytes that any file may inflate to
_RATIO = 100  # times its own size that a file may inflate to beyond that
_DEFLATE = 1_032  # times that deflate can shrink
_PEEK = 1 << 13  # bytes of a deflated variable up to the end of its name
_MOST_SIZES, _EMPTY, _MOST_VARIABLES = 32, 10_000_000, 10_000
_MATRIX, _COMPRESSED = 14, 15
_INT8, _INT32, _UINT32 = 1, 5, 6
_NUMERIC_CLASSES = range(6, 16)
_COMPLEX = 0x800
_TYPES = {
    1: "i1", 2: "u1", 3: "i2", 4: "u2", 5: "i4", 6: "u4", 7: "f4", 9: "f8", 12: "i8", 13: "u8"
}  # fmt: skip
_AGAIN = "Get the file again from where it came from."
_V7 = "Open it in MATLAB and save it with save(FILE, '-v7')."


class _DamagedError(ValueError):
    """The structure is not that of a MATLAB file."""


@dataclass(frozen=True)
class _Variable:
    """A variable's class and sizes, and where its element lies in the file."""

    kind: int
    shape: tuple[int, ...]
    start: int
    length: int
    deflated: bool


class MatArrays(Mapping[str, NDArray[Any]]):
    """The matrices of numbers by name, read when they are asked for, in the type they are stored.

    Args:
        path: the file.

    Raises:
        MissingFileError: no such file.
        InputError: no MATLAB file, one of version 7.3 (which is HDF5), or a damaged one. Reading
            an array raises it where its values are damaged.
    """

    def __init__(self, path: str | os.PathLike[str]) -> None:
        self.path = os.fspath(path)
        self._content = read_given(path, "a MATLAB 5 file", _LARGEST)
        self._room = _FREE + _RATIO * len(self._content)
        self._order = _byte_order(self.path, self._content)
        self._variables: dict[str, _Variable] = {}
        self._known: dict[str, NDArray[Any]] = {}
        self.others: set[str] = set()
        """Names of the variables that are no matrices of numbers."""
        try:
            self._list()
        except (_DamagedError, struct.error, zlib.error) as error:
            raise self._damaged(str(error)) from None

    def __iter__(self) -> Iterator[str]:
        return iter(self._variables)

    def __len__(self) -> int:
        return len(self._variables)

    def __contains__(self, name: object) -> bool:
        return name in self._variables

    def __getitem__(self, name: str) -> NDArray[Any]:
        """A matrix of two dimensions or more; KeyError where there is none."""
        variable = self._variables[name]
        try:
            if name not in self._known:
                self._known[name] = self._values(variable)
            return self._known[name]
        except (_DamagedError, struct.error, zlib.error) as error:
            raise self._damaged(str(error), name) from None

    def _list(self) -> None:
        at = _HEAD
        while at < len(self._content):
            kind, length, _, start = _tag(self._content, at, self._order)
            end = start + length
            if kind not in (_MATRIX, _COMPRESSED) or end > len(self._content):
                raise _DamagedError(f"an element of type {kind} and {length:,} bytes at {at:,}")
            self._note(start, length, deflated=kind == _COMPRESSED)
            at = end

    def _note(self, start: int, length: int, *, deflated: bool) -> None:
        part = self._content[start : start + length]
        if deflated:
            part = zlib.decompressobj().decompress(part, _PEEK)
            kind, _, _, inside = _tag(part, 0, self._order)
            if kind != _MATRIX:
                raise _DamagedError(f"a deflated element of type {kind}")
            part = part[inside:]
        if not part:  # MATLAB writes such for what it cannot save
            return
        flags, shape, name, _ = _describe(part, self._order)
        if name in self._variables or name in self.others:
            raise _DamagedError(f"the variable {name!r} twice")
        if len(self) + len(self.others) >= _MOST_VARIABLES:
            raise _DamagedError(f"more than {_MOST_VARIABLES:,} variables")
        if flags & 0xFF in _NUMERIC_CLASSES and not flags & _COMPLEX:
            self._variables[name] = _Variable(flags & 0xFF, shape, start, length, deflated)
        else:
            self.others.add(name)

    def _values(self, variable: _Variable) -> NDArray[Any]:
        part = self._content[variable.start : variable.start + variable.length]
        if variable.deflated:
            part = self._inflated(part, variable)
        _, shape, _, at = _describe(part, self._order)
        kind, length, _, start = _tag(part, at, self._order)
        if kind not in _TYPES:
            raise _DamagedError(f"values of type {kind}")
        dtype = np.dtype(self._order + _TYPES[kind])
        data = part[start : start + length]
        if length != prod(shape) * dtype.itemsize or len(data) != length:
            raise _DamagedError(f"{len(data):,} bytes of {dtype.name} for the sizes {shape}")
        flat = np.frombuffer(data, dtype).astype(dtype.newbyteorder("="))
        return flat.reshape(shape, order="F")

    def _inflated(self, part: bytes, variable: _Variable) -> bytes:
        """The content of a deflated element; no more than its sizes and the file justify."""
        most = _PEEK + 8 * prod(variable.shape)
        if prod(variable.shape) > _DEFLATE * len(part):
            raise _DamagedError(f"sizes {variable.shape} in {len(part):,} bytes")
        self._room -= min(most, _DEFLATE * len(part))
        if self._room < 0:
            raise _DamagedError("arrays that are far larger than the file")
        whole = zlib.decompressobj().decompress(part, most)
        return whole[_tag(whole, 0, self._order)[3] :]

    def _damaged(self, reason: str, name: str = "") -> InputError:
        label = f"{self.path}: {name}" if name else self.path
        return InputError(label, "a whole MATLAB 5 file", f"a damaged one ({reason})", _AGAIN)


def _byte_order(path: str, content: bytes) -> str:
    """The prefix of NumPy's types, from the end of the file's header."""
    order = {b"IM": "<", b"MI": ">"}.get(content[126:128], "")
    version = content[124:126][:: -1 if order == "<" else 1] if order else b""
    if version == b"\x02\x00" or content.startswith(b"MATLAB 7.3"):
        got = "one of version 7.3, which is HDF5"
        raise InputError(path, "a MATLAB file of version 5 to 7", got, _V7)
    if version != b"\x01\x00":
        raise InputError(path, "a MATLAB 5 file", "something else or a damaged file", _AGAIN)
    return order


def _tag(content: bytes, at: int, order: str) -> tuple[int, int, bool, int]:
    """An element's type and length, whether it is a small one, and where its data begins."""
    (word,) = struct.unpack_from(order + "I", content, at)
    if word >> 16:
        if word >> 16 > 4 or at + _TAG > len(content):
            raise _DamagedError(f"a small element of {word >> 16} bytes")
        return word & 0xFFFF, word >> 16, True, at + 4
    (length,) = struct.unpack_from(order + "I", content, at + 4)
    return word, length, False, at + _TAG


def _part(content: bytes, at: int, order: str, expected: int, most: int) -> tuple[bytes, int]:
    """The data of an element of the type `expected`, and where the next one begins."""
    kind, length, small, start = _tag(content, at, order)
    if kind != expected or length > most or start + length > len(content):
        raise _DamagedError(f"an element of type {kind} and {length:,} bytes")
    end = at + _TAG if small else start + -(-length // 8) * 8
    return content[start : start + length], end


def _describe(content: bytes, order: str) -> tuple[int, tuple[int, ...], str, int]:
    """Flags, sizes and name of a matrix, and where its values begin."""
    flags, at = _part(content, 0, order, _UINT32, 8)
    sizes, at = _part(content, at, order, _INT32, 4 * _MOST_SIZES)
    name, at = _part(content, at, order, _INT8, 1024)
    if len(flags) != 8 or len(sizes) < 8 or len(sizes) % 4:
        raise _DamagedError("a matrix without flags and sizes")
    shape = struct.unpack(f"{order}{len(sizes) // 4}i", sizes)
    if min(shape) < 0 or (0 in shape and prod(n for n in shape if n) > _EMPTY):
        raise _DamagedError(f"the sizes {shape}")
    word = struct.unpack_from(order + "I", flags)[0]
    return word, shape, name.decode("latin-1"), at
