"""Arrays in NumPy's format, whose headers are checked against the bytes that are there.

A header of 100 bytes can declare any number of values, for which NumPy takes the memory before it
reads; and it can ask for objects, which are pickles. Plain numbers and text are read, nothing else.
"""

from __future__ import annotations

import io
import os
import struct
from collections.abc import Sequence
from dataclasses import dataclass
from math import prod
from tokenize import TokenError
from typing import IO, Any

import numpy as np
from numpy.typing import NDArray

from .errors import InputError
from .given_file import open_given

_MAGIC = b"\x93NUMPY"
_LONGEST = 10_000  # bytes of a header; NumPy writes 118 for plain arrays
_EMPTY = 10_000_000  # what the other sizes of an array without values may multiply to
_CHUNK = 1 << 24
_KINDS = {
    "O": "pickled Python objects",
    "V": "records",
    "c": "complex numbers",
    "M": "dates",
    "m": "times",
}
_HEADER_ERRORS = (
    ValueError,
    TypeError,
    SyntaxError,
    TokenError,
    KeyError,
    IndexError,
    MemoryError,
    RecursionError,
    OverflowError,
    struct.error,
)
_AGAIN = "Get the file again from where it came from."
_PLAIN = "Save it with numpy.save or numpy.savez, as an array of numbers."


@dataclass(frozen=True)
class ArrayHeader:
    """What a .npy declares.

    >>> ArrayHeader(np.dtype("f4"), (2, 3), False, 128).nbytes
    24

    Attributes:
        dtype: of plain numbers or text.
        shape: sizes.
        columns_first: whether the values are in Fortran's order.
        length: of the header itself, bytes.
    """

    dtype: np.dtype[Any]
    shape: tuple[int, ...]
    columns_first: bool
    length: int

    @property
    def nbytes(self) -> int:
        """Bytes of the values."""
        return prod(self.shape) * self.dtype.itemsize


def read_npy(path: str | os.PathLike[str], expected: str = "a NumPy array") -> NDArray[Any]:
    """The array of a .npy.

    >>> from tempfile import NamedTemporaryFile
    >>> with NamedTemporaryFile(suffix=".npy") as file:
    ...     np.save(file.name, np.arange(3))
    ...     read_npy(file.name)
    array([0, 1, 2])

    Args:
        path: the file.
        expected: what it should be, for messages.

    Raises:
        MissingFileError: no such file.
        InputError: no .npy, objects or other than plain numbers or text, or truncated.
    """
    name = os.fspath(path)
    with open_given(path, expected) as stream:
        header = read_header(stream, name, expected, os.fstat(stream.fileno()).st_size)
        return read_values(stream, header, name, expected)


def map_npy(path: str | os.PathLike[str], expected: str = "a NumPy array") -> NDArray[Any]:
    """The array of a .npy whose values stay in the file and are read as they are used.

    Args:
        path: the file.
        expected: what it should be, for messages.

    Raises:
        MissingFileError: no such file.
        InputError: as `read_npy`.
    """
    name = os.fspath(path)
    with open_given(path, expected) as stream:
        header = read_header(stream, name, expected, os.fstat(stream.fileno()).st_size)
    if header.nbytes == 0:
        return np.zeros(header.shape, header.dtype)
    order = "F" if header.columns_first else "C"
    return np.memmap(name, header.dtype, "r", header.length, header.shape, order)  # type: ignore[call-overload]


def read_header(stream: IO[bytes], name: str, expected: str, size: int) -> ArrayHeader:
    """The header at the beginning of a .npy, checked.

    Args:
        stream: at the first byte; left at the first value.
        name: of the file or array, for messages.
        expected: what it should be, for messages.
        size: bytes of header and values that are there.

    Raises:
        InputError: as `read_npy`.
    """
    header = parse_header(stream, name, expected)
    if header.dtype.hasobject or header.dtype.kind not in "fiubUS" or _too_wide(header.dtype):
        what = _KINDS["O"] if header.dtype.hasobject else _KINDS.get(header.dtype.kind, "")
        got = f"{what or 'other values'} ({header.dtype})"
        raise InputError(name, f"{expected} of plain numbers or text", got, _PLAIN)
    others = prod(n for n in header.shape if n)
    if header.nbytes == 0 and others * max(1, header.dtype.itemsize) > _EMPTY:
        raise InputError(name, expected, f"an empty array of shape {header.shape}", _PLAIN)
    if header.length + header.nbytes != size:
        got = f"{size - header.length:,} bytes for {header.dtype} {header.shape}"
        raise InputError(name, f"{expected}, whole", got, _AGAIN)
    return header


def parse_header(stream: IO[bytes], name: str, expected: str) -> ArrayHeader:
    """The header at the beginning of a .npy as it is, for readers of other than plain values.

    Args:
        stream: at the first byte; left at the first value.
        name: of the file or array, for messages.
        expected: what it should be, for messages.

    Raises:
        InputError: no .npy.
    """
    try:
        return _parsed(stream)
    except _HEADER_ERRORS as error:
        reason = str(error).splitlines()[0] if str(error) else type(error).__name__
        raise InputError(name, expected, f"no array, or a damaged one ({reason})", _AGAIN) from None


def read_values(stream: IO[bytes], header: ArrayHeader, name: str, expected: str) -> NDArray[Any]:
    """The values after a header, in the machine's byte order.

    Raises:
        InputError: fewer than declared, or text that is none.
    """
    buffer = np.empty(header.nbytes, np.uint8)
    view, at = memoryview(buffer.data), 0
    while at < header.nbytes:
        part = stream.read(min(_CHUNK, header.nbytes - at))
        if not part:
            got = f"{at:,} of {header.nbytes:,} bytes"
            raise InputError(name, f"{expected}, whole", got, _AGAIN)
        view[at : at + len(part)] = part
        at += len(part)
    values = np.ndarray(
        header.shape, header.dtype, buffer, order="F" if header.columns_first else "C"
    )
    return _checked_values(values.astype(header.dtype.newbyteorder("="), copy=False), name)


def _checked_values(values: NDArray[Any], name: str) -> NDArray[Any]:
    """Values that the type cannot have: truth that is neither 0 nor 1, text beyond Unicode."""
    if values.dtype.kind == "b":
        return values.view(np.uint8) != 0
    if values.dtype.kind == "U" and values.size and values.dtype.itemsize:
        codes = np.ascontiguousarray(values).reshape(-1).view(np.uint32)
        if int(codes.max()) > 0x10FFFF:
            raise InputError(name, "text", "codes that are no characters", _AGAIN)
    return values


def _parsed(stream: IO[bytes]) -> ArrayHeader:
    start = stream.read(8)
    if not start.startswith(_MAGIC) or len(start) < 8:
        raise ValueError("it does not begin as a .npy does")
    width = {1: 2, 2: 4}.get(start[6])
    if width is None:
        raise ValueError(f"version {start[6]} of the format, for records")
    length = int.from_bytes(stream.read(width), "little")
    if length > _LONGEST:
        raise ValueError(f"a header of {length:,} bytes")
    text = stream.read(length)
    read: Any = np.lib.format.read_array_header_1_0
    if width == 4:
        read = np.lib.format.read_array_header_2_0
    shape, columns_first, dtype = read(io.BytesIO(length.to_bytes(width, "little") + text))
    return ArrayHeader(dtype, _sizes(shape), bool(columns_first), 8 + width + length)


def _sizes(shape: Sequence[int]) -> tuple[int, ...]:
    if len(shape) > 32 or not all(type(n) is int and n >= 0 for n in shape):
        raise ValueError(f"the shape {shape}")
    return tuple(shape)


def _too_wide(dtype: np.dtype[Any]) -> bool:
    return dtype.kind in "fiu" and dtype.itemsize > 8
