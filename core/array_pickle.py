"""Arrays out of pickles by strangers, without running anything that is in them.

A pickle is a program; `core/pickle_machine.py` carries it out on plain values. Every name in it is
looked up in a short list, and what it stands for is replaced by plain classes of this module that
only keep what they are given. NumPy's own unpickling code, which trusts its input, is never
reached: bytes become an array after their number was compared with shape and type.
"""

from __future__ import annotations

import re
import struct
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from math import prod
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from .errors import InputError, MissingFileError
from .given_file import read_given
from .pickle_machine import PickleMachine, RefusedPickle, StandIn

_NUMBERS = re.compile(r"[fiub][1248]")
_MODULES = ("numpy.core.multiarray", "numpy._core.multiarray")
_NUMERIC = ("numpy.core.numeric", "numpy._core.numeric")
_LARGEST = 1 << 31  # bytes of a file
_SHARED = 4  # times the file's size that its arrays may take, which may share their bytes
_FREE = 1 << 20
_MOST_ITEMS = 1 << 31
DAMAGED_PICKLE = (
    RefusedPickle,
    EOFError,
    ValueError,
    TypeError,
    AttributeError,
    IndexError,
    KeyError,
    MemoryError,
    OverflowError,
    RecursionError,
    OSError,
    struct.error,
)
"""What reading a damaged pickle raises."""


@contextmanager
def reading_pickle(path: str | Path, expected: str) -> Iterator[None]:
    """Turn whatever a damaged or refused pickle raises into one message.

    Args:
        path: the file, for the message.
        expected: what should be in it, for the message.

    Raises:
        InputError: naming the file, what was expected, and what is wrong.
    """
    try:
        yield
    except RefusedPickle as error:
        raise InputError(str(path), expected, f"{error}; nothing of it was run") from error
    except DAMAGED_PICKLE as error:
        if isinstance(error, InputError):
            raise
        reason = str(error).splitlines()[0] if str(error) else type(error).__name__
        raise InputError(str(path), expected, f"a damaged file ({reason})") from error


class PickledType:
    """Stands for numpy.dtype: remembers its code and byte order."""

    def __init__(self, code: object = "", *_: object) -> None:
        self.code, self.order = code, "="

    def set_state(self, state: object) -> None:
        """Take the byte order out of the state."""
        if isinstance(state, tuple) and len(state) > 1 and state[1] in ("<", ">", "|", "="):
            self.order = state[1]

    def resolve(self) -> np.dtype[Any]:
        """The type; refuses all but plain numbers."""
        if not isinstance(self.code, str) or not _NUMBERS.fullmatch(self.code):
            raise RefusedPickle(f"an array of {self.code!r}, which are no plain numbers")
        return np.dtype(self.order.replace("|", "=") + self.code)


class PickledArray:
    """Stands for numpy.ndarray: remembers shape, type, order and bytes as its `state`."""

    def __init__(self, *_: object) -> None:
        self.state: object = None

    def set_state(self, state: object) -> None:
        """Keep the state."""
        self.state = state

    def resolve(self) -> NDArray[Any]:
        """The array; refuses parts that do not fit each other."""
        if not isinstance(self.state, tuple) or len(self.state) != 5:
            raise RefusedPickle("an array that is not NumPy's")
        _, shape, kind, columns_first, content = self.state
        return _array(content, kind, shape, "F" if columns_first else "C")


class EncodedBytes:
    """Bytes as protocols 0 to 2 write them: the text of their latin-1 characters."""

    def __init__(self, text: object = "", encoding: object = "latin1") -> None:
        if not isinstance(text, str) or encoding != "latin1":
            raise RefusedPickle("bytes that are not latin1")
        self.text = text


def as_bytes(content: object) -> bytes:
    r"""The bytes that a loaded value stands for; text is what Python 2 wrote for bytes.

    >>> as_bytes("caf\xe9")
    b'caf\xe9'

    Raises:
        RefusedPickle: it is anything else.
    """
    text = content.text if isinstance(content, EncodedBytes) else content
    if isinstance(text, str):
        return text.encode("latin1")
    if isinstance(text, bytes):
        return text
    raise RefusedPickle(f"a {type(content).__name__} for bytes")


def _array(content: object, kind: object, shape: object, order: object) -> NDArray[Any]:
    """The array of bytes, all of its parts checked."""
    lengths = shape if isinstance(shape, tuple) else (-1,)
    whole = all(isinstance(n, int) and n >= 0 for n in lengths)
    known = isinstance(content, bytes | str | EncodedBytes)
    if not (known and isinstance(kind, PickledType) and whole) or order not in ("C", "F"):
        raise RefusedPickle("an array that is not NumPy's")
    dtype, data = kind.resolve(), as_bytes(content)
    if len(data) != prod(lengths) * dtype.itemsize or prod(n for n in lengths if n) > _MOST_ITEMS:
        raise RefusedPickle(f"{len(data)} bytes for an array of shape {lengths}")
    flat = np.frombuffer(data, dtype)
    return flat.reshape(lengths, order="F" if order == "F" else "C").copy()


class _Loose:
    """An array by protocol 5, which is a call with everything in it."""

    def __init__(
        self, content: object = b"", kind: object = None, shape: object = (), order: object = "C"
    ) -> None:
        self.parts = content, kind, shape, order

    def resolve(self) -> NDArray[Any]:
        return _array(*self.parts)


class _Number:
    """A NumPy scalar."""

    def __init__(self, kind: object = None, content: object = b"") -> None:
        self.parts = content, kind, (), "C"

    def resolve(self) -> NDArray[Any]:
        return _array(*self.parts)


_KNOWN = {
    name: StandIn(made)
    for name, made in {
        ("numpy", "ndarray"): PickledArray,
        ("numpy", "dtype"): PickledType,
        ("_codecs", "encode"): EncodedBytes,
        ("__builtin__", "bytes"): EncodedBytes,  # empty ones
        **{(module, "_reconstruct"): PickledArray for module in _MODULES},
        **{(module, "scalar"): _Number for module in _MODULES},
        **{(module, "_frombuffer"): _Loose for module in _NUMERIC},
    }.items()
}


def array_stand_in(module: str, name: str) -> StandIn:
    """The stand-in for a name that arrays need.

    Args:
        module: of the name, such as "numpy".
        name: such as "dtype".

    Raises:
        RefusedPickle: arrays do not need this name.
    """
    if (module, name) not in _KNOWN:
        raise RefusedPickle(f"{module}.{name}")
    return _KNOWN[module, name]


def read_pickle_bytes(path: str | Path, expected: str) -> bytes:
    """The content of a pickle's file.

    Args:
        path: the file.
        expected: what should be in it, for messages.

    Raises:
        MissingFileError: no such file.
        InputError: no plain file, or one of more than 2 GB.
    """
    return read_given(path, expected, _LARGEST)


def read_pickled_arrays(path: str | Path) -> dict[str, NDArray[Any]]:
    """The arrays by name of a pickled dictionary, whoever wrote it.

    Args:
        path: a pickle of any protocol, by Python 2 or 3, of a dictionary of names to NumPy arrays
            of numbers; numbers and lists of numbers in it are read as arrays.

    Raises:
        MissingFileError: no such file.
        InputError: damaged, or it holds anything else; nothing of it was run.
    """
    file = Path(path)
    if not file.exists():
        raise MissingFileError(str(file), "The file of arrays", "Check the path.")
    expected = "a pickled dictionary of arrays and nothing else"
    data = read_pickle_bytes(file, expected)
    with reading_pickle(file, expected):
        content = PickleMachine(data, array_stand_in).load()
        if not isinstance(content, Mapping) or not content:
            raise RefusedPickle(type(content).__name__)
        room = ArrayRoom(len(data))
        return {_name(key): room.take(as_array(value)) for key, value in content.items()}


class ArrayRoom:
    """How many bytes the arrays of a file may take, several of which may be made of the same bytes.

    Args:
        size: of the file, bytes.
    """

    def __init__(self, size: int) -> None:
        self._left = _FREE + _SHARED * size

    def take(self, array: NDArray[Any]) -> NDArray[Any]:
        """The array, if there is room for it beside those before.

        Raises:
            RefusedPickle: there is none.
        """
        self._left -= array.nbytes
        if self._left < 0:
            raise RefusedPickle("arrays that are far larger than the file")
        return array


def _name(key: object) -> str:
    if not isinstance(key, str):
        raise RefusedPickle(f"a key that is a {type(key).__name__}")
    return key


def as_array(value: object) -> NDArray[Any]:
    """The array that a loaded value stands for, or a number or a list of numbers.

    >>> as_array([1, 2.5])
    array([1. , 2.5])

    Raises:
        RefusedPickle: it is anything else.
    """
    if isinstance(value, PickledArray | _Loose | _Number):
        return value.resolve()
    if isinstance(value, bool | int | float) or (
        isinstance(value, list | tuple) and all(isinstance(v, bool | int | float) for v in value)
    ):
        array = np.asarray(value)
        if array.dtype.kind in "fiub":
            return array
    raise RefusedPickle(type(value).__name__)
