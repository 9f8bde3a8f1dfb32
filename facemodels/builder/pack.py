"""The model file: plain arrays in an .npz whose bytes depend on its content only."""

from __future__ import annotations

import io
import zipfile
from collections.abc import Mapping
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from ...core.whole_file import prepare_file, write_whole

_EPOCH = (1980, 1, 1, 0, 0, 0)  # the earliest date a zip file can hold


def write_npz(path: Path, arrays: Mapping[str, NDArray]) -> None:
    """Write a compressed .npz without dates, so that equal arrays give equal files.

    Raises:
        InputError: it cannot be written; nothing half written is left.
    """
    prepare_file(path)
    write_whole(path, lambda part: _write_arrays(part, arrays))


def _write_arrays(path: Path, arrays: Mapping[str, NDArray]) -> None:
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED, compresslevel=9) as archive:
        for name in sorted(arrays):
            buffer = io.BytesIO()
            np.lib.format.write_array(buffer, np.asarray(arrays[name], order="C"), version=(1, 0))
            entry = zipfile.ZipInfo(f"{name}.npy", date_time=_EPOCH)
            entry.compress_type = zipfile.ZIP_DEFLATED
            entry.external_attr = 0o644 << 16
            archive.writestr(entry, buffer.getvalue(), compresslevel=9)


def smallest_ints(values: NDArray[np.int64]) -> NDArray:
    """The same integers in the smallest unsigned type that holds them."""
    return values.astype(np.min_scalar_type(int(values.max())))
