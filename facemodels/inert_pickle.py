"""Arrays out of pickles that also hold chumpy, SciPy or torch objects, without running any of them.

FLAME's models are pickles of a dictionary in which some arrays are wrapped: `chumpy` arrays, whose
numbers are a plain array in their state, and one `scipy.sparse` matrix; DECA's landmark embedding
holds torch tensors. None of their unpickling code is reached: the names are answered with classes
that only keep what they are given. Everything else that `core.array_pickle` does not know is
refused.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import IO, Any

import numpy as np
from numpy.typing import NDArray

from ..core.array_pickle import (
    ArrayUnpickler,
    PickledArray,
    PickledType,
    RefusedPickle,
    as_array,
    reading_pickle,
)
from ..core.errors import InputError
from .torch_storage import TorchStorage, TorchTensor

_EXPECTED = "a pickle of arrays and nothing else"
_SPARSE = {"csc_matrix": "csc", "csr_matrix": "csr", "csc_array": "csc", "csr_array": "csr"}


class _Object:
    """Stands for `object`, the base that old pickles name."""


class _Kept:
    """Stands for any known class: keeps its state."""

    def __init__(self, *_: object) -> None:
        self.state: dict[str, object] = {}

    def __setstate__(self, state: object) -> None:
        if isinstance(state, tuple) and len(state) == 2:
            state = {**(state[0] or {}), **(state[1] or {})}
        if not isinstance(state, dict):
            raise RefusedPickle(f"a state that is a {type(state).__name__}")
        self.state = state


class _Chumpy(_Kept):
    """A chumpy array: `x` is its value, or it is a selection of another."""

    def resolve(self) -> NDArray[Any]:
        if "x" in self.state:
            return resolved(self.state["x"])
        if {"a", "idxs", "preferred_shape"} <= set(self.state):
            whole = resolved(self.state["a"]).reshape(-1)
            chosen = resolved(self.state["idxs"]).reshape(-1)
            shape = resolved(self.state["preferred_shape"]).reshape(-1)
            return whole[chosen.astype(np.int64)].reshape(tuple(int(n) for n in shape))
        raise RefusedPickle("a chumpy expression that is no array")


class _Sparse(_Kept):
    """A compressed sparse matrix; `major` is the class that was named."""

    major = "csc"

    def resolve(self) -> NDArray[Any]:
        shape = self.state.get("_shape", self.state.get("shape"))
        rows, columns = (int(n) for n in resolved(shape).reshape(-1))
        data, ids, ends = (resolved(self.state.get(k)) for k in ("data", "indices", "indptr"))
        lines, across = (columns, rows) if self.major == "csc" else (rows, columns)
        steps = np.diff(ends)
        fits = len(ends) == lines + 1 and len(data) == len(ids) == int(ends[-1]) and ends[0] == 0
        if (
            not fits
            or bool((steps < 0).any())
            or (ids.size and not 0 <= ids.min() <= ids.max() < across)
        ):
            raise RefusedPickle("a sparse matrix whose parts do not fit")
        dense = np.zeros((lines, across), data.dtype)
        np.add.at(dense, (np.repeat(np.arange(lines), steps), ids), data)
        return dense.T if self.major == "csc" else dense


class _Hooks:
    """Stands for the empty OrderedDict that a tensor carries."""


class _Csr(_Sparse):
    major = "csr"


_Wrapped = _Chumpy | _Sparse | TorchTensor
_TORCH = {
    ("torch._utils", "_rebuild_tensor_v2"): TorchTensor,
    ("torch.storage", "_load_from_bytes"): TorchStorage,
    ("collections", "OrderedDict"): _Hooks,
}


def _rebuild(kind: object = None, *_: object) -> object:
    """Stands for copyreg._reconstructor, which makes an empty object of a class."""
    if not (isinstance(kind, type) and issubclass(kind, _Kept | PickledArray | PickledType)):
        raise RefusedPickle("an object of no known class")
    return kind()


class _InertReader(ArrayUnpickler):
    def find_class(self, module: str, name: str) -> Any:  # noqa: ANN401
        if module.split(".")[0] == "chumpy" and name.isidentifier():
            return _Chumpy
        if module.startswith("scipy.sparse.") and name in _SPARSE:
            return _Csr if _SPARSE[name] == "csr" else _Sparse
        if (module, name) in (("copy_reg", "_reconstructor"), ("copyreg", "_reconstructor")):
            return _rebuild
        if (module, name) in (("__builtin__", "object"), ("builtins", "object")):
            return _Object
        if (module, name) in _TORCH:
            return _TORCH[module, name]
        return super().find_class(module, name)


def resolved(value: object) -> NDArray[Any]:
    """The array a value stands for; refuses what is none."""
    return value.resolve() if isinstance(value, _Wrapped) else as_array(value)


def read_inert_pickle(path: Path) -> dict[str, NDArray[Any]]:
    """The arrays of a pickled dictionary; what is text or None in it is left out.

    A pickle of a single array gives it under the name "".

    Raises:
        InputError: damaged, or it holds anything else; nothing of it was run.
    """
    with path.open("rb") as stream:
        return _guarded(path, stream)


def read_object_npy(path: Path) -> dict[str, NDArray[Any]]:
    """The arrays of a dictionary that `numpy.save` pickled into a .npy.

    Raises:
        InputError: as `read_inert_pickle`, or no .npy of an object.
    """
    with path.open("rb") as stream:
        try:
            version = np.lib.format.read_magic(stream)
            read = np.lib.format.read_array_header_1_0 if version == (1, 0) else None
            shape, _, dtype = (read or np.lib.format.read_array_header_2_0)(stream)
        except (ValueError, EOFError, SyntaxError) as error:
            raise InputError(str(path), "a .npy file", f"a damaged one ({error})") from None
        if not dtype.hasobject or shape not in ((), (1,)):
            raise InputError(str(path), "a .npy of one dictionary", f"{dtype} {shape}")
        return _guarded(path, stream)


def _guarded(path: Path, stream: IO[bytes]) -> dict[str, NDArray[Any]]:
    with reading_pickle(path, _EXPECTED):
        return _arrays(_InertReader(stream, encoding="latin1").load())


def _arrays(content: object) -> dict[str, NDArray[Any]]:
    if isinstance(content, PickledArray) and not _is_numbers(content):
        content = _only_item(content)
    if not isinstance(content, Mapping):
        return {"": resolved(content)}
    if not all(isinstance(key, str) for key in content):
        raise RefusedPickle("keys that are no text")
    kept = {k: v for k, v in content.items() if not isinstance(v, str | bytes | None | dict | _Kept)
            or isinstance(v, _Wrapped)}  # fmt: skip
    if not kept:
        raise RefusedPickle("a dictionary without arrays")
    return {key: resolved(value) for key, value in kept.items()}


def _is_numbers(array: PickledArray) -> bool:
    return isinstance(array.state, tuple) and isinstance(array.state[-1], bytes | str)


def _only_item(array: PickledArray) -> object:
    """The one object in an array of objects."""
    state = array.state
    if not isinstance(state, tuple) or not isinstance(state[-1], list) or len(state[-1]) != 1:
        raise RefusedPickle("an array of objects")
    return state[-1][0]
