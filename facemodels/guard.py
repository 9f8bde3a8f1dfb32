"""The last net under the readers of face models: what does not fit ends in one kind of error."""

from __future__ import annotations

import struct
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import numpy as np

from ..core.errors import InputError, Selfie3dError

_DAMAGED = (
    ValueError,
    TypeError,
    KeyError,
    IndexError,
    AttributeError,
    OverflowError,
    ZeroDivisionError,
    FloatingPointError,
    MemoryError,
    RecursionError,
    RuntimeError,
    EOFError,
    OSError,
    struct.error,
    np.linalg.LinAlgError,
)


@contextmanager
def reading_model(path: Path, expected: str) -> Iterator[None]:
    """Name the file where its arrays do not fit each other and no reader said so.

    Args:
        path: the file.
        expected: what it should be.

    Raises:
        InputError: in place of whatever numerical code raised; errors of this package come through.
    """
    try:
        with np.errstate(all="ignore"):
            yield
    except Selfie3dError:
        raise
    except _DAMAGED as error:
        reason = str(error).splitlines()[0] if str(error) else type(error).__name__
        got = f"arrays that do not fit each other ({reason})"
        raise InputError(str(path), expected, got, "See docs/face_model_format.md.") from error
