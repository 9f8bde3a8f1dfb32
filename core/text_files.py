"""JSON and tables of numbers in text files that anybody may have written.

Whatever is wrong with one ends in one error.
"""

from __future__ import annotations

import io
import json
import os
import warnings
from typing import Any

import numpy as np
from numpy.typing import NDArray

from .errors import InputError
from .given_file import read_given_text

_LARGEST_JSON = 1 << 26  # bytes
_LARGEST_TABLE = 1 << 28  # bytes
_REMEDY = "Get or write the file again."


def read_json(
    path: str | os.PathLike[str],
    expected: str,
    *,
    limit: int = _LARGEST_JSON,
    remedy: str = _REMEDY,
) -> dict[str, Any]:
    """The object in a JSON file.

    >>> from tempfile import NamedTemporaryFile
    >>> with NamedTemporaryFile() as file:
    ...     _ = file.write(b'{"ipd": 63.0}'), file.flush()
    ...     read_json(file.name, "a face")
    {'ipd': 63.0}

    Args:
        path: the file.
        expected: what should be in it, for messages.
        limit: the most bytes that it may have.
        remedy: what the message advises where it is wrong.

    Raises:
        MissingFileError: no such file.
        InputError: no JSON, no object, or too large.
    """
    return parse_json(read_given_text(path, expected, limit), os.fspath(path), expected, remedy)


def parse_json(
    text: str | bytes, name: str, expected: str, remedy: str = _REMEDY
) -> dict[str, Any]:
    """The object that a JSON text holds; numbers may be NaN or infinite, as Python writes them.

    Args:
        text: the JSON.
        name: of the file, for messages.
        expected: what should be in it, for messages.
        remedy: what the message advises where it is wrong.

    Raises:
        InputError: no JSON, or no object.
    """
    try:
        content = json.loads(text)
    except (ValueError, RecursionError, MemoryError) as error:
        reason = str(error) or type(error).__name__
        raise InputError(name, expected, f"no JSON ({reason})", remedy) from None
    if not isinstance(content, dict):
        raise InputError(name, expected, f"JSON of a {type(content).__name__}", remedy)
    return content


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
    text = read_given_text(path, expected, _LARGEST_TABLE)
    try:
        with warnings.catch_warnings():  # an empty file is an error here
            warnings.simplefilter("error", UserWarning)
            return np.loadtxt(io.StringIO(text), dtype=np.float64)
    except (ValueError, UserWarning, MemoryError, OverflowError) as error:
        reason = str(error).splitlines()[0] if str(error) else type(error).__name__
        raise InputError(os.fspath(path), expected, reason, "One row a line.") from None
