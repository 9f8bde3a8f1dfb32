"""The readout `300w-lp`: where another convention has the 68 points, as offsets from `ibug68`.

It lies in a file of its own, with a version of its own: placing it anew changes neither the face
model nor its version.
"""

from __future__ import annotations

import json
from importlib.resources import files
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from ..core.errors import InputError

READOUT_FILE = "landmarks_300w_lp.json"


def read_readout(path: Path | None = None) -> tuple[int, NDArray[np.float32]]:
    """The version and the offsets (68,3) mm of a readout file; None is the shipped one.

    Raises:
        InputError: the file is damaged.
    """
    source = files(__package__) / "data" / READOUT_FILE if path is None else path
    try:
        content = json.loads(source.read_text(encoding="utf-8"))
        version, offset = int(content["version"]), np.array(content["offset_mm"], np.float32)
    except (OSError, ValueError, KeyError, TypeError, OverflowError, RecursionError) as error:
        raise InputError(str(source), "a readout: version and offset_mm", str(error)) from None
    if offset.shape != (68, 3) or not np.isfinite(offset).all():
        raise InputError(f"{source}: offset_mm", "68 points of x, y, z", str(offset.shape))
    return version, offset


def next_version() -> int:
    """The version of a readout that takes the shipped one's place."""
    return read_readout()[0] + 1
