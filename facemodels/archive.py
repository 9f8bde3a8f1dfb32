"""Arrays out of .npz files that may be damaged, with errors that say what is wrong."""

from __future__ import annotations

import zipfile
import zlib
from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from ..core.errors import InputError, MissingFileError


def read_arrays(path: Path) -> dict[str, NDArray]:
    """Every array of an .npz; nothing in it is ever unpickled.

    Raises:
        MissingFileError: there is no such file.
        InputError: it is no .npz, is damaged, or holds pickled objects.
    """
    if not path.is_file():
        raise MissingFileError(str(path), "face model file", "Check the path.")
    try:
        with np.load(path, allow_pickle=False) as archive:
            if not isinstance(archive, np.lib.npyio.NpzFile):
                raise InputError(str(path), "an .npz archive of arrays", "a single array")
            return {name: archive[name] for name in archive.files}
    except (zipfile.BadZipFile, zlib.error, EOFError, OSError) as error:
        raise InputError(str(path), "a whole .npz archive", f"a damaged file ({error})") from error
    except ValueError as error:
        if isinstance(error, InputError):
            raise
        raise InputError(
            str(path), "an .npz of plain arrays (no pickled objects)", str(error)
        ) from error


def require(arrays: Mapping[str, NDArray], names: Sequence[str], path: Path) -> None:
    """Raise InputError unless `arrays` of the file `path` has every name."""
    missing = [name for name in names if name not in arrays]
    if missing:
        raise InputError(str(path), f"the arrays {', '.join(names)}", f"no {', '.join(missing)}")
