"""Numbers in text files that anybody may have written."""

from __future__ import annotations

import io
import os
import warnings

import numpy as np
from numpy.typing import NDArray

from .errors import InputError
from .given_file import read_given_text

_LARGEST = 1 << 28  # bytes


def read_text_numbers(
    path: str | os.PathLike[str], expected: str = "numbers in lines"
) -> NDArray[np.float64]:
    """The numbers of a text file, (N,) or (rows, columns); what follows # is left out.

    Args:
        path: the file.
        expected: what should be in it, for messages.

    Raises:
        MissingFileError: no such file.
        InputError: anything else than numbers, lines of other lengths, or none.
    """
    text = read_given_text(path, expected, _LARGEST)
    try:
        with warnings.catch_warnings():  # an empty file is an error here
            warnings.simplefilter("error", UserWarning)
            return np.loadtxt(io.StringIO(text), dtype=np.float64)
    except (ValueError, UserWarning, MemoryError, OverflowError) as error:
        reason = str(error).splitlines()[0] if str(error) else type(error).__name__
        raise InputError(os.fspath(path), expected, reason, "One row a line.") from None
