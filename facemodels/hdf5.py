"""Datasets of an HDF5 file by their paths; needs h5py (`pip install "selfie3d[models]"`)."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..core.errors import InputError, MissingFileError

_ERRORS = (OSError, KeyError, ValueError, RuntimeError, TypeError)


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
        InputError: the file is damaged.
    """
    h5py = _library(path)
    try:
        with h5py.File(path, "r") as file:
            found = {
                n: file[n][()] for n in names if n in file and isinstance(file[n], h5py.Dataset)
            }
    except _ERRORS as error:
        raise _damaged(path, error) from None
    return {name: _plain(value) for name, value in found.items()}


def _note(names: list[str], name: str, item: object, h5py: Any) -> None:  # noqa: ANN401
    if isinstance(item, h5py.Dataset):
        names.append(name)


def _plain(value: Any) -> NDArray:  # noqa: ANN401
    """An array; bytes, objects of bytes and void become text."""
    if isinstance(value, np.ndarray) and value.dtype.kind in "fiub":
        return value
    first = value.reshape(-1)[0] if isinstance(value, np.ndarray) and value.size else value
    content = first if isinstance(first, bytes | str) else np.asarray(first).tobytes()
    text = content if isinstance(content, str) else content.decode("utf-8", "replace")
    return np.array(text.rstrip("\0"))


def _library(path: Path) -> Any:  # noqa: ANN401
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
    return InputError(str(path), "a whole HDF5 file", f"a damaged one ({error})")
