"""Arrays out of pickles that also hold chumpy, SciPy or torch objects, without running any of them.

FLAME's models are pickles of a dictionary in which some arrays are wrapped: `chumpy` arrays, whose
numbers are a plain array in their state, and one `scipy.sparse` matrix; DECA's landmark embedding
holds torch tensors. None of their unpickling code is reached: the names are answered with classes
that only keep what they are given. Everything else that `core.array_pickle` does not know is
refused.

A tensor in such a pickle holds the bytes of a file as `torch.save` wrote it before version 1.6:
five pickles (a magic number, the protocol, the machine's sizes, the storage as an outside object,
the list of the outside objects), and then the number of items (int64) and the items, little-endian.
"""

from __future__ import annotations

import io
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ...core.array_pickle import (
    ArrayRoom,
    PickledArray,
    PickledType,
    array_stand_in,
    as_array,
    as_bytes,
    read_pickle_bytes,
    reading_pickle,
)
from ...core.errors import InputError
from ...core.npy_file import parse_header
from ...core.pickle_machine import PickleMachine, RefusedPickle, StandIn

_MAGIC = 0x1950A86A20F9469CFC6C
_KINDS = {
    "DoubleStorage": "<f8",
    "FloatStorage": "<f4",
    "LongStorage": "<i8",
    "IntStorage": "<i4",
    "ByteStorage": "u1",
}

_EXPECTED = "a pickle of arrays and nothing else"
_DENSEST = 1 << 26  # bytes of a sparse matrix in full
_SPARSE = {"csc_matrix": "csc", "csr_matrix": "csr", "csc_array": "csc", "csr_array": "csr"}


class TorchStorage:
    """Stands for torch.storage._load_from_bytes: keeps the bytes."""

    def __init__(self, content: object = b"", *_: object) -> None:
        self.content = content

    def items(self) -> NDArray[Any]:
        """The numbers (N,)."""
        content = as_bytes(self.content)
        head = PickleMachine(content, _kind, _outside)
        magic, _, _, kind, _ = (head.load() for _ in range(5))
        if magic != _MAGIC or not isinstance(kind, _Kind):
            raise RefusedPickle("a torch storage of another layout")
        rest = content[head.at :]
        count = int(np.frombuffer(rest[:8], "<i8")[0])
        if count < 0 or len(rest) != 8 + count * np.dtype(kind.numbers).itemsize:
            raise RefusedPickle("a torch storage of another length")
        return np.frombuffer(rest, kind.numbers, offset=8)


class TorchTensor:
    """Stands for torch._utils._rebuild_tensor_v2: a view of a storage."""

    def __init__(
        self, storage: object = None, offset: object = 0, size: object = (), stride: object = (),
        *_: object,
    ) -> None:  # fmt: skip
        self.storage, self.offset, self.size, self.stride = storage, offset, size, stride

    def resolve(self) -> NDArray[Any]:
        """The array, copied; only tensors that lie densely, row by row."""
        if not isinstance(self.storage, TorchStorage) or not isinstance(self.size, tuple):
            raise RefusedPickle("a torch tensor without a storage")
        items, sizes = self.storage.items(), tuple(int(n) for n in self.size)
        steps = tuple(int(np.prod(sizes[k + 1 :], dtype=np.int64)) for k in range(len(sizes)))
        if self.offset != 0 or min(sizes, default=1) < 0 or self.stride != steps:
            raise RefusedPickle("a torch tensor that is a part of another")
        if len(items) != np.prod(sizes, dtype=np.int64):
            raise RefusedPickle("a torch tensor of another size than its storage")
        return items.reshape(sizes).copy()


def _kind(module: str, name: str) -> StandIn:
    if module != "torch" or name not in _KINDS:
        raise RefusedPickle(f"{module}.{name}")
    return _Kind(name)


class _Kind(StandIn):
    """Stands for a class of storages, which nothing in such a file calls."""

    def __init__(self, name: str) -> None:
        super().__init__(_refuse)
        self.numbers = _KINDS[name]


def _refuse(*_: object) -> object:
    raise RefusedPickle("a call of a torch storage")


def _outside(pid: object) -> object:
    """The kind of the storage that an identifier describes."""
    if not isinstance(pid, tuple) or len(pid) < 2 or pid[0] != "storage":
        raise RefusedPickle("an outside object that is no storage")
    return pid[1]


class _Object:
    """Stands for `object`, the base that old pickles name."""


class _Kept:
    """Stands for any known class: keeps its state."""

    def __init__(self, *_: object) -> None:
        self.states: tuple[Mapping[object, object], ...] = ()

    def set_state(self, state: object) -> None:
        """A dictionary, or two: of the object's dictionary and of its slots."""
        parts = state if isinstance(state, tuple) and len(state) == 2 else (state,)
        self.states = tuple(part for part in parts if isinstance(part, dict))
        if len(self.states) != sum(part is not None for part in parts):
            raise RefusedPickle(f"a state that is a {type(state).__name__}")

    def part(self, name: str) -> object:
        """What the state has under a name; None where there is nothing."""
        return next((state[name] for state in reversed(self.states) if name in state), None)


class _Chumpy(_Kept):
    """A chumpy array: `x` is its value, or it is a selection of another."""

    def resolve(self) -> NDArray[Any]:
        value = self.part("x")
        if value is not None:
            return resolved(value)
        names = "a", "idxs", "preferred_shape"
        if any(self.part(name) is None for name in names):
            raise RefusedPickle("a chumpy expression that is no array")
        whole, chosen, shape = (resolved(self.part(name)).reshape(-1) for name in names)
        return whole[chosen.astype(np.int64)].reshape(tuple(int(n) for n in shape))


class _Sparse(_Kept):
    """A compressed sparse matrix; `major` is the class that was named."""

    major = "csc"

    def resolve(self) -> NDArray[Any]:
        shape = self.part("_shape")
        rows, columns = (int(n) for n in resolved(shape or self.part("shape")).reshape(-1))
        data, ids, ends = (resolved(self.part(k)) for k in ("data", "indices", "indptr"))
        lines, across = (columns, rows) if self.major == "csc" else (rows, columns)
        steps = np.diff(ends)
        fits = len(ends) == lines + 1 and len(data) == len(ids) == int(ends[-1]) and ends[0] == 0
        if (
            not fits
            or bool((steps < 0).any())
            or (ids.size and not 0 <= ids.min() <= ids.max() < across)
        ):
            raise RefusedPickle("a sparse matrix whose parts do not fit")
        if lines * across * data.dtype.itemsize > _DENSEST:
            raise RefusedPickle(f"a sparse matrix of {rows} x {columns}")
        dense = np.zeros((lines, across), data.dtype)
        np.add.at(dense, (np.repeat(np.arange(lines), steps), ids), data)
        return dense.T if self.major == "csc" else dense


class _Hooks:
    """Stands for the empty OrderedDict that a tensor carries."""


class _Csr(_Sparse):
    major = "csr"


_Wrapped = _Chumpy | _Sparse | TorchTensor


def _rebuild(kind: object = None, *_: object) -> object:
    """Stands for copyreg._reconstructor, which makes an empty object of a class."""
    kept = kind.make if isinstance(kind, StandIn) else None
    if not (isinstance(kept, type) and issubclass(kept, _Kept | PickledArray | PickledType)):
        raise RefusedPickle("an object of no known class")
    return kept()


_REBUILD, _CHUMPY, _OBJECT = StandIn(_rebuild), StandIn(_Chumpy), StandIn(_Object)


_KNOWN = {
    ("copy_reg", "_reconstructor"): _REBUILD,
    ("copyreg", "_reconstructor"): _REBUILD,
    ("__builtin__", "object"): _OBJECT,
    ("builtins", "object"): _OBJECT,
    ("torch._utils", "_rebuild_tensor_v2"): StandIn(TorchTensor),
    ("torch.storage", "_load_from_bytes"): StandIn(TorchStorage),
    ("collections", "OrderedDict"): StandIn(_Hooks),
}


def _stand_in(module: str, name: str) -> StandIn:
    if module.split(".")[0] == "chumpy" and name.isidentifier():
        return _CHUMPY
    if module.startswith("scipy.sparse.") and name in _SPARSE:
        return StandIn(_Csr if _SPARSE[name] == "csr" else _Sparse)
    return _KNOWN.get((module, name)) or array_stand_in(module, name)


def resolved(value: object) -> NDArray[Any]:
    """The array a value stands for; refuses what is none."""
    return value.resolve() if isinstance(value, _Wrapped) else as_array(value)


def read_inert_pickle(path: Path) -> dict[str, NDArray[Any]]:
    """The arrays of a pickled dictionary; what is text or None in it is left out.

    A pickle of a single array gives it under the name "".

    Raises:
        InputError: damaged, or it holds anything else; nothing of it was run.
    """
    return _guarded(path, read_pickle_bytes(path, _EXPECTED))


def read_object_npy(path: Path) -> dict[str, NDArray[Any]]:
    """The arrays of a dictionary that `numpy.save` pickled into a .npy.

    Raises:
        InputError: as `read_inert_pickle`, or no .npy of an object.
    """
    expected = "a .npy of one dictionary"
    content = read_pickle_bytes(path, expected)
    header = parse_header(io.BytesIO(content), str(path), expected)
    if not header.dtype.hasobject or header.shape not in ((), (1,)):
        raise InputError(str(path), expected, f"{header.dtype} {header.shape}")
    return _guarded(path, content[header.length :])


def _guarded(path: Path, content: bytes) -> dict[str, NDArray[Any]]:
    with reading_pickle(path, _EXPECTED):
        room = ArrayRoom(len(content))
        arrays = _arrays(PickleMachine(content, _stand_in).load())
        return {name: room.take(resolved(value)) for name, value in arrays.items()}


def _arrays(content: object) -> dict[str, object]:
    """What stands for arrays in what was loaded, by name."""
    if isinstance(content, PickledArray) and not _is_numbers(content):
        content = _only_item(content)
    if not isinstance(content, Mapping):
        return {"": content}
    if not all(isinstance(key, str) for key in content):
        raise RefusedPickle("keys that are no text")
    kept = {k: v for k, v in content.items() if not isinstance(v, str | bytes | None | dict | _Kept)
            or isinstance(v, _Wrapped)}  # fmt: skip
    if not kept:
        raise RefusedPickle("a dictionary without arrays")
    return kept


def _is_numbers(array: PickledArray) -> bool:
    return isinstance(array.state, tuple) and isinstance(array.state[-1], bytes | str)


def _only_item(array: PickledArray) -> object:
    """The one object in an array of objects."""
    state = array.state
    if not isinstance(state, tuple) or not isinstance(state[-1], list) or len(state[-1]) != 1:
        raise RefusedPickle("an array of objects")
    return state[-1][0]
