"""Datasets of an HDF5 file by their paths; needs h5py (`pip install "selfie3d[models]"`).

A file can declare values that it does not hold, keep them in other files, or have them unpacked by
code that is loaded for it; only values that lie in the file, plain or deflated, are read.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ...core.errors import InputError, MissingFileError
from ...core.given_file import check_given

_ERRORS = (
    OSError,
    KeyError,
    ValueError,
    RuntimeError,
    TypeError,
    AttributeError,
    OverflowError,
    MemoryError,
    NotImplementedError,
    IndexError,
)
_FILTERS = {1: "deflate", 2: "shuffle", 3: "checksum", 32000: "lzf"}
_FREE = 1 << 26  # bytes that any file may unpack to
_RATIO = 100  # times what is stored that a dataset may unpack to beyond that
_MOST_NAMES = 10_000
_PLAIN = "Save it anew with h5py or MATLAB, plain or with gzip."


def dataset_names(path: Path) -> frozenset[str]:
    """The paths of every dataset in the file.

    Raises:
        MissingFileError: h5py is not installed.
        InputError: the file is damaged.
    """
    h5py = _library(path)
    names: list[str] = []
    try:
        with h5py.File(path, "r") as file:
            file.visititems(lambda name, item: _note(names, name, item, h5py))
    except _ERRORS as error:
        raise _damaged(path, error) from None
    return frozenset(names)


def read_datasets(path: Path, names: Sequence[str]) -> dict[str, NDArray]:
    """Those of the datasets `names` that the file has; text as a 0-d array of str.

    Raises:
        MissingFileError: h5py is not installed.
        InputError: the file is damaged, or values do not lie in it.
    """
    h5py = _library(path)
    try:
        with h5py.File(path, "r") as file:
            values = {name: _read(path, file, name, h5py) for name in names}
            return {name: _plain(value) for name, value in values.items() if value is not None}
    except _ERRORS as error:
        raise _damaged(path, error) from None


def _note(names: list[str], name: str, item: object, h5py: Any) -> None:  # noqa: ANN401
    if len(names) >= _MOST_NAMES:
        raise ValueError(f"more than {_MOST_NAMES:,} datasets")
    if isinstance(item, h5py.Dataset):
        names.append(name)


def _read(path: Path, file: Any, name: str, h5py: Any) -> Any:  # noqa: ANN401
    """The value of a dataset; None where there is none, or a link to another file."""
    parts = name.split("/")
    for length in range(1, len(parts) + 1):
        link = file.get("/".join(parts[:length]), getlink=True)
        if not isinstance(link, h5py.HardLink):
            return None
    item = file[name]
    if not isinstance(item, h5py.Dataset):
        return None
    _check(f"{path}: {name}", item)
    return item[()]


def _check(label: str, item: Any) -> None:  # noqa: ANN401
    """Refuse what lies elsewhere, has to be unpacked by other code, or is not there."""
    if item.is_virtual or item.external:
        raise InputError(label, "values in this file", "values that lie in another one", _PLAIN)
    creation = item.id.get_create_plist()
    used = [creation.get_filter(k)[0] for k in range(creation.get_nfilters())]
    unknown = [number for number in used if number not in _FILTERS]
    if unknown:
        known = ", ".join(_FILTERS.values())
        raise InputError(label, f"filters among {known}", f"number {unknown[0]}", _PLAIN)
    kind, stored = item.dtype.kind, item.id.get_storage_size()
    if kind not in "fiubSO" or (kind == "O" and item.shape not in ((), (1,))):
        raise InputError(label, "numbers or a text", str(item.dtype), _PLAIN)
    packed = 1 in used or 32000 in used
    most = _FREE + _RATIO * stored if packed and stored else stored
    size = item.size * item.dtype.itemsize
    if kind != "O" and size > most:
        got = f"{size:,} bytes, of which the file holds {stored:,}"
        raise InputError(label, "values that are there", got, _PLAIN)
    if item.chunks is not None and np.prod(item.chunks, dtype=float) * item.dtype.itemsize > most:
        raise InputError(label, "chunks within the array", f"{item.chunks}", _PLAIN)


def _plain(value: Any) -> NDArray:  # noqa: ANN401
    """An array; bytes, objects of bytes and void become text."""
    if isinstance(value, np.ndarray | np.generic) and value.dtype.kind in "fiub":
        return np.asarray(value)
    first = value.reshape(-1)[0] if isinstance(value, np.ndarray) and value.size else value
    content = first if isinstance(first, bytes | str) else np.asarray(first).tobytes()
    text = content if isinstance(content, str) else content.decode("utf-8", "replace")
    return np.array(text.rstrip("\0"))


def _library(path: Path) -> Any:  # noqa: ANN401
    check_given(path, "a whole HDF5 file")
    try:
        import h5py
    except ImportError:
        raise MissingFileError(
            str(path),
            "The library h5py, which reads this HDF5 file,",
            'Install it: pip install "selfie3d[models]" (or h5py).',
        ) from None
    return h5py


def _damaged(path: Path, error: Exception) -> InputError:
    if isinstance(error, InputError):
        return error
    reason = str(error).splitlines()[0] if str(error) else type(error).__name__
    return InputError(str(path), "a whole HDF5 file", f"a damaged one ({reason})")
