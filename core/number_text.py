"""Tables of numbers as text, by a compiled loop: a mesh has a hundred thousand rows."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from .errors import InputError
from .jit import kernel

_LARGEST = 10.0**15  # with its decimals: beyond, a float64 has no such digits
_WIDTH = 18  # bytes of a number: sign, digits, point


@kernel
def _write_rows(
    numbers: NDArray[Any],
    decimals: int,
    start: NDArray[Any],
    after: NDArray[Any],
    out: NDArray[Any],
) -> int:
    """Bytes written to out: for each row `start`, then each number and what stands `after` it."""
    n = 0
    digits = np.empty(20, np.uint8)
    for row in range(numbers.shape[0]):
        for c in range(start.shape[0]):
            out[n] = start[c]
            n += 1
        for column in range(numbers.shape[1]):
            left = numbers[row, column]
            if left < 0:
                out[n] = 45  # -
                n += 1
                left = -left
            count = 0
            while left > 0 or count <= decimals:
                digits[count] = 48 + left % 10
                left //= 10
                count += 1
            for k in range(count - 1, -1, -1):
                out[n] = digits[k]
                n += 1
                if k == decimals and decimals > 0:
                    out[n] = 46  # .
                    n += 1
            out[n] = after[column]
            n += 1
    return n


def rows_as_text(numbers: NDArray[Any], start: str, after: str, *, decimals: int = 0) -> bytes:
    """Rows of numbers as lines of text.

    Args:
        numbers: (N,C), of any sign.
        start: what each line begins with; ASCII.
        after: C characters, one after each number; ASCII.
        decimals: digits behind the point; 0 writes no point. Numbers are rounded to them.

    Raises:
        InputError: a number is not finite or has too many digits, or other than C characters.

    Example:
        >>> rows_as_text(np.array([[1.25, -3.0]]), "v ", " \\n", decimals=1)
        b'v 1.2 -3.0\\n'
    """
    if len(after) != numbers.shape[1]:
        raise InputError("after", f"{numbers.shape[1]} characters", str(len(after)))
    scaled = np.rint(numbers.astype(np.float64) * 10.0**decimals) if decimals else numbers
    if not (np.abs(scaled) < _LARGEST).all():
        raise InputError("numbers", "finite ones, of up to 15 digits", "others")
    marks = np.frombuffer(start.encode("ascii"), np.uint8), np.frombuffer(after.encode(), np.uint8)
    out = np.empty(len(numbers) * (len(start) + len(after) * _WIDTH), np.uint8)
    length = _write_rows(np.ascontiguousarray(scaled, np.int64), decimals, *marks, out)
    return out[:length].tobytes()
