"""Values out of cereal's binary archives (little-endian, no header), bounds checked.

How cereal writes: numbers as they lie in memory; a vector or text as its uint64 length and its
items; an optional as one byte (1: nothing) and the value; a variant as the int32 of its kind and
the value (uscilab.github.io/cereal). An Eigen matrix as int32 rows, int32 columns and its floats
column by column (eos, include/eos/morphablemodel/io/eigen_cerealisation.hpp).
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..core.errors import InputError
from ..core.given_file import read_given

_MOST = 1 << 31  # bytes; no model is larger


class CerealReader:
    """Reads one value after another.

    Args:
        path: the archive.
        what: what it should be, for messages.
    """

    def __init__(self, path: Path, what: str) -> None:
        self.path, self.what, self.at = path, what, 0
        self.content = read_given(path, what, _MOST)

    def numbers(self, dtype: str, count: int) -> NDArray[Any]:
        """`count` numbers of the type `dtype`."""
        kind = np.dtype(dtype).newbyteorder("<")
        end = self.at + count * kind.itemsize
        if count < 0 or end > len(self.content):
            raise self.damaged(f"it ends at byte {len(self.content)}, {end} are needed")
        values = np.frombuffer(self.content, kind, count, self.at)
        self.at = end
        return values

    def number(self, dtype: str) -> int:
        """One whole number."""
        return int(self.numbers(dtype, 1)[0])

    def matrix(self) -> NDArray[np.float32]:
        """An Eigen matrix (rows, columns) of float32."""
        rows, columns = self.number("i4"), self.number("i4")
        if rows < 0 or columns < 0:
            raise self.damaged(f"a matrix of {rows} x {columns}")
        return self.numbers("f4", rows * columns).reshape(columns, rows).T

    def rows(self, dtype: str, width: int) -> NDArray[Any]:
        """A vector of arrays of `width` numbers, as (N, width)."""
        count = self.number("u8")
        return self.numbers(dtype, count * width).reshape(count, width)

    def text(self) -> str:
        """A string."""
        length = self.number("u8")
        return self.numbers("u1", length).tobytes().decode("utf-8", "replace")

    def given(self) -> bool:
        """Whether an optional value follows."""
        flag = self.number("u1")
        if flag > 1:
            raise self.damaged(f"a flag of {flag}")
        return flag == 0

    def finish(self) -> None:
        """Raise unless everything was read."""
        if self.at != len(self.content):
            raise self.damaged(f"{len(self.content) - self.at} bytes too many")

    def damaged(self, reason: str) -> InputError:
        """The error that says where reading stopped making sense."""
        return InputError(str(self.path), self.what, f"something else or a damaged file ({reason})")
