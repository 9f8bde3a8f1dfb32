"""Arrays out of pickles by strangers, without running anything that is in them.

A pickle is a program: it names functions and says with what to call them. Here every name is looked
up in a short list, and what it stands for is replaced by plain classes of this module that only
keep what they are given. NumPy's own unpickling code, which trusts its input, is never reached:
bytes become an array after their number was compared with shape and type.
"""

from __future__ import annotations

import pickle
import re
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from math import prod
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from .errors import InputError, MissingFileError

_NUMBERS = re.compile(r"[fiub][1248]")
_MODULES = ("numpy.core.multiarray", "numpy._core.multiarray")
_NUMERIC = ("numpy.core.numeric", "numpy._core.numeric")
DAMAGED_PICKLE = (
    pickle.UnpicklingError,
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
)
"""What reading a damaged pickle raises."""


class RefusedPickle(pickle.UnpicklingError):
    """The pickle holds something that is no part of an array."""


@contextmanager
def reading_pickle(path: str | Path, expected: str) -> Iterator[None]:
    """Turn whatever a damaged or refused pickle raises into one message.

    Raises:
        InputError: naming the file, what was `expected`, and what is wrong.
    """
    try:
        yield
    except RefusedPickle as error:
        raise InputError(str(path), expected, f"{error}; nothing of it was run") from error
    except DAMAGED_PICKLE as error:
        reason = str(error).splitlines()[0] if str(error) else type(error).__name__
        raise InputError(str(path), expected, f"a damaged file ({reason})") from error


class PickledType:
    """Stands for numpy.dtype: remembers its code and byte order."""

    def __init__(self, code: object = "", *_: object) -> None:
        self.code, self.order = code, "="

    def __setstate__(self, state: object) -> None:
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

    def __setstate__(self, state: object) -> None:
        self.state = state

    def resolve(self) -> NDArray[Any]:
        """The array; refuses parts that do not fit each other."""
        if not isinstance(self.state, tuple) or len(self.state) != 5:
            raise RefusedPickle("an array that is not NumPy's")
        _, shape, kind, columns_first, content = self.state
        return _array(content, kind, shape, "F" if columns_first else "C")


def _array(content: object, kind: object, shape: object, order: object) -> NDArray[Any]:
    """The array of bytes, all of its parts checked."""
    if isinstance(content, str):  # a pickle by Python 2, read as latin1
        content = content.encode("latin1")
    lengths = shape if isinstance(shape, tuple) else (-1,)
    whole = all(isinstance(n, int) and n >= 0 for n in lengths)
    if not (isinstance(content, bytes | bytearray) and isinstance(kind, PickledType) and whole):
        raise RefusedPickle("an array that is not NumPy's")
    dtype = kind.resolve()
    if len(content) != prod(lengths) * dtype.itemsize or order not in ("C", "F"):
        raise RefusedPickle(f"{len(content)} bytes for an array of shape {lengths}")
    flat = np.frombuffer(bytes(content), dtype)
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


def _bytes(text: object = "", encoding: object = "latin1") -> bytes:
    """How protocols 0 to 2 write bytes."""
    if not isinstance(text, str) or encoding != "latin1":
        raise RefusedPickle("bytes that are not latin1")
    return text.encode("latin1")


_KNOWN: dict[tuple[str, str], Callable[..., object]] = {
    ("numpy", "ndarray"): PickledArray,
    ("numpy", "dtype"): PickledType,
    ("_codecs", "encode"): _bytes,
    ("__builtin__", "bytes"): _bytes,  # empty ones
    **{(module, "_reconstruct"): PickledArray for module in _MODULES},
    **{(module, "scalar"): _Number for module in _MODULES},
    **{(module, "_frombuffer"): _Loose for module in _NUMERIC},
}


class ArrayUnpickler(pickle.Unpickler):
    """Answers the names that arrays need with the classes of this module, and no other name.

    `load` gives what stands for the content, `as_array` turns that into arrays. Subclasses may
    know more names.
    """

    def find_class(self, module: str, name: str) -> Any:  # noqa: ANN401
        """What stands for a name; refuses unknown ones."""
        if (module, name) not in _KNOWN:
            raise RefusedPickle(f"{module}.{name}")
        return _KNOWN[module, name]

    def persistent_load(self, pid: object) -> object:
        """Refuse what is not in the pickle itself."""
        raise RefusedPickle(f"the outside object {pid!r}")


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
    if not file.is_file():
        raise MissingFileError(str(file), "The file of arrays", "Check the path.")
    expected = "a pickled dictionary of arrays and nothing else"
    with reading_pickle(file, expected), file.open("rb") as stream:
        content = ArrayUnpickler(stream, encoding="latin1").load()
        if not isinstance(content, Mapping) or not content:
            raise RefusedPickle(type(content).__name__)
        return {_name(key): as_array(value) for key, value in content.items()}


def _name(key: object) -> str:
    if not isinstance(key, str):
        raise RefusedPickle(f"the key {key!r}")
    return key


def as_array(value: object) -> NDArray[Any]:
    """The array that a value from `ArrayUnpickler` stands for, or a number or a list of numbers.

    Raises:
        RefusedPickle: it is anything else.
    """
    if isinstance(value, PickledArray | _Loose | _Number):
        return value.resolve()
    if isinstance(value, bool | int | float) or (
        isinstance(value, list | tuple) and all(isinstance(v, bool | int | float) for v in value)
    ):
        return np.asarray(value)
    raise RefusedPickle(type(value).__name__)
