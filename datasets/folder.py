"""Any folder of photographs, with what side files know of them (see `datasets/record.py`)."""

from __future__ import annotations

import os
from pathlib import Path

from ..core.errors import MissingFileError
from ..core.image_file import SUFFIXES, read_image
from .record import read_side_files
from .sample import FaceSample, checked


class PhotoFolder:
    """Every photograph of a folder and of those below it, in alphabetical order.

    A photograph without a side file is taken to be a crop already.

    Args:
        root: the folder. Hidden files and folders, and links to folders, are left out.
        prepared: folder of side files, laid out as `root`; "" looks beside the photographs.
        name: of the data set.

    Raises:
        MissingFileError: no such folder, or no photograph in it.
    """

    def __init__(self, root: str | Path, prepared: str = "", name: str = "folder") -> None:
        self.name = name
        self._root = Path(root)
        self._side = Path(prepared) if prepared else self._root
        self._files = _list(self._root)
        if not self._files:
            remedy = f"It is searched for files ending in {', '.join(SUFFIXES)}."
            raise MissingFileError(str(root), "A folder with photographs", remedy)

    @property
    def summary(self) -> str:
        """How many photographs."""
        return f"{self.name}: {len(self)} photographs"

    def __len__(self) -> int:
        return len(self._files)

    def row_name(self, row: int) -> str:
        """ "set/file" of a row."""
        return f"{self.name}/{self._files[row].as_posix()}"

    def __getitem__(self, row: int) -> FaceSample:
        """Photograph `row`; see `FaceDataset`."""
        file = self._files[row]
        path = self._root / file
        if not path.is_file():
            raise MissingFileError(str(path), "A photograph", "It was there before.")
        record, skin = read_side_files((self._side / file).with_suffix(""))
        known = (record.landmarks, record.five_points, record.box, skin)
        picture = read_image(path)
        return checked(FaceSample(self.row_name(row), picture, *known, labels=record.labels))


def _list(root: Path) -> list[Path]:
    found = []
    for folder, below, files in os.walk(root):
        below[:] = [name for name in below if not name.startswith(".")]
        found += [
            (Path(folder) / name).relative_to(root)
            for name in files
            if name.lower().endswith(SUFFIXES)
            and not name.startswith(".")
            and not name.endswith("_skin.png")
        ]
    return sorted(found)
