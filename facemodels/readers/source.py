"""What somebody's face model came as: its container, the names in it, and the files beside it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from ...core.errors import InputError, MissingFileError
from ...core.given_file import open_given
from ...core.mat_file import MatArrays
from ...core.text_files import read_text_numbers as _read_text_numbers
from .archive import read_arrays
from .inert_pickle import read_inert_pickle

Container = Literal["npz", "mat", "hdf5", "pickle", "folder", "binary"]
_HDF5 = b"\x89HDF\r\n\x1a\n"
_PICKLE = (b"\x80", b"(", b"c", b"]", b"}")  # protocols 2 and up; then 0 and 1


@dataclass(frozen=True)
class Source:
    """A file or folder to convert.

    >>> from tempfile import TemporaryDirectory
    >>> with TemporaryDirectory() as folder:
    ...     np.savez(Path(folder, "model.npz"), mean=np.zeros(3))
    ...     source = Source(Path(folder, "model.npz"))
    ...     source.container, sorted(source.names), source.arrays["mean"].shape
    ('npz', ['mean'], (3,))

    Attributes:
        path: what the user named.
        indices: a folder with further files, searched before the source's own folder.
        part: which part of the surface is wanted; "" is the family's default.
        identity, expressions, albedo: keep at most so many modes; None keeps all.
    """

    path: Path
    indices: Path | None = None
    part: str = ""
    identity: int | None = None
    expressions: int | None = None
    albedo: int | None = None

    def __post_init__(self) -> None:
        if not self.path.exists():
            raise MissingFileError(str(self.path), "The face model", "Check the path.")
        if self.indices is not None and not self.indices.is_dir():
            raise MissingFileError(str(self.indices), "The folder of further files", "Check it.")

    @cached_property
    def container(self) -> Container:
        """How the source is stored, by its first bytes and not by its name."""
        if self.path.is_dir():
            return "folder"
        with open_given(self.path, "a face model") as stream:
            head = stream.read(520)
        if head.startswith(b"PK"):
            return "npz"
        if head.startswith(b"MATLAB 7.3"):
            return "mat"  # whose reader says what to do
        if head.startswith(_HDF5) or head[512:].startswith(_HDF5):
            return "hdf5"
        if head.startswith(b"MATLAB 5.0"):
            return "mat"
        return "pickle" if head[:1] in _PICKLE else "binary"

    @cached_property
    def names(self) -> frozenset[str]:
        """The names of the arrays; of a folder the files, of HDF5 whole paths, else none."""
        if self.container == "folder":
            return frozenset(file.name for file in self.path.iterdir())
        if self.container == "hdf5":
            from .hdf5 import dataset_names

            return dataset_names(self.path)
        if self.container == "binary":
            return frozenset()
        return frozenset(self.arrays)

    @cached_property
    def arrays(self) -> Mapping[str, NDArray]:
        """The arrays of an .npz, a .mat or a pickle.

        Raises:
            InputError: damaged, or holds more than arrays.
        """
        if self.container == "npz":
            return read_arrays(self.path)
        if self.container == "mat":
            return read_mat(self.path)
        if self.container == "pickle":
            return read_inert_pickle(self.path)
        raise InputError(str(self.path), "an .npz, .mat or pickle of arrays", self.container)

    def find(self, *names: str) -> Path | None:
        """The first of the files `names` that lies in `indices` or beside the source."""
        beside = self.path if self.path.is_dir() else self.path.parent
        folders = [beside] if self.indices is None else [self.indices, beside]
        files = (folder / name for name in names for folder in folders)
        return next((file for file in files if file.is_file()), None)

    def need(self, what: str, remedy: str, *names: str) -> Path:
        """As `find`, but it has to be there.

        Raises:
            MissingFileError: it is not; the message names every file that would do.
        """
        file = self.find(*names)
        if file is None:
            place = self.indices or (self.path if self.path.is_dir() else self.path.parent)
            raise MissingFileError(
                str(place),
                f"{' or '.join(names)} ({what})",
                f"{remedy} Give its folder with --indices DIR.",
            )
        return file

    def choose_part(self, *parts: str, default: str) -> str:
        """The wanted part of the surface.

        Raises:
            InputError: the family has no such part.
        """
        part = self.part or default
        if part not in parts:
            raise InputError("--part", " or ".join(parts), repr(part))
        return part


def read_mat(path: Path) -> Mapping[str, NDArray]:
    """Every numeric variable of a MATLAB v5 file, read when it is asked for.

    Raises:
        InputError: damaged, or saved by MATLAB as v7.3 (HDF5).
    """
    return MatArrays(path)


def read_text_numbers(path: Path) -> NDArray[np.float64]:
    """The numbers of a text file, in reading order.

    Raises:
        InputError: there is anything else in it.
    """
    return _read_text_numbers(path, "numbers in text").reshape(-1)


def required(
    arrays: Mapping[str, NDArray], names: Sequence[str], path: Path
) -> tuple[NDArray, ...]:
    """The arrays `names` of the file `path`.

    Raises:
        InputError: one is missing.
    """
    missing = [name for name in names if name not in arrays]
    if missing:
        raise InputError(str(path), f"the arrays {', '.join(names)}", f"no {', '.join(missing)}")
    return tuple(arrays[name] for name in names)
