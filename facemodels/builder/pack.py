"""The model file: plain arrays in an .npz whose bytes depend on its content only."""

from __future__ import annotations

import io
import zipfile
from collections.abc import Mapping
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

_EPOCH = (1980, 1, 1, 0, 0, 0)  # the earliest date a zip file can hold


def write_npz(path: Path, arrays: Mapping[str, NDArray]) -> None:
    """Write a compressed .npz without dates, so that equal arrays give equal files."""
    path.parent.mkdir(parents=True, exist_ok=True)
    temporary = path.with_suffix(".partial")
    with zipfile.ZipFile(temporary, "w", zipfile.ZIP_DEFLATED, compresslevel=9) as archive:
        for name in sorted(arrays):
            buffer = io.BytesIO()
            np.lib.format.write_array(buffer, np.asarray(arrays[name], order="C"), version=(1, 0))
            entry = zipfile.ZipInfo(f"{name}.npy", date_time=_EPOCH)
            entry.compress_type = zipfile.ZIP_DEFLATED
            entry.external_attr = 0o644 << 16
            archive.writestr(entry, buffer.getvalue(), compresslevel=9)
    temporary.replace(path)


def smallest_ints(values: NDArray[np.int64]) -> NDArray:
    """The same integers in the smallest unsigned type that holds them."""
    return values.astype(np.min_scalar_type(int(values.max())))
