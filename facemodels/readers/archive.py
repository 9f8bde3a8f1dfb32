"""Arrays out of .npz files that may be damaged, with errors that say what is wrong."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

from numpy.typing import NDArray

from ...core.errors import InputError, MissingFileError
from ...core.npz_file import NpzArrays


def read_arrays(path: Path) -> Mapping[str, NDArray]:
    """The arrays of an .npz, each read when it is asked for; nothing in it is ever unpickled.

    >>> import numpy as np
    >>> from tempfile import TemporaryDirectory
    >>> with TemporaryDirectory() as folder:
    ...     np.savez(Path(folder, "model.npz"), mean=np.zeros((5, 3)))
    ...     read_arrays(Path(folder, "model.npz"))["mean"].shape
    (5, 3)

    Raises:
        MissingFileError: there is no such file.
        InputError: it is no .npz, is damaged, or, when they are asked for, holds pickled objects.
    """
    if not path.exists():
        raise MissingFileError(str(path), "face model file", "Check the path.")
    return NpzArrays(path, "an .npz archive of plain arrays (no pickled objects)")


def require(arrays: Mapping[str, NDArray], names: Sequence[str], path: Path) -> None:
    """Raise InputError unless `arrays` of the file `path` has every name."""
    missing = [name for name in names if name not in arrays]
    if missing:
        raise InputError(str(path), f"the arrays {', '.join(names)}", f"no {', '.join(missing)}")
