"""Any folder of photographs, with what side files (see `record.py`) know of them."""

from __future__ import annotations

from pathlib import Path

from ...core.errors import MissingFileError
from ...core.image_file import read_image
from ...core.picture_folders import FoundPictures, walk_pictures
from ...core.picture_limits import suffixes
from ..batches.sample import FaceSample, checked
from .record import read_side_files


class PhotoFolder:
    """Every photograph of a folder and of those below it, in alphabetical order.

    A photograph without a side file is taken to be a crop already.

    Args:
        root: the folder. Hidden files and folders, links to folders, and folders of results are
            left out.
        prepared: folder of side files, laid out as `root`; "" looks beside the photographs.
        name: of the data set.

    Attributes:
        passed: what was passed over, with the reason.

    Raises:
        MissingFileError: no such folder, or no photograph in it.
    """

    def __init__(self, root: str | Path, prepared: str = "", name: str = "folder") -> None:
        self.name = name
        self._root = Path(root)
        self._side = Path(prepared) if prepared else self._root
        walked = walk_pictures(self._root, lambda path: (path / ".selfie3d").is_dir())
        self._files = sorted(
            path.relative_to(self._root)
            for path in walked.pictures
            if not path.name.endswith("_skin.png")
        )
        known = {self._root / f"{file.with_suffix('')}.json" for file in self._files}
        self.passed = FoundPictures([], [p for p in walked.passed if p[0] not in known])
        if not self._files:
            remedy = f"It is searched for files ending in {', '.join(suffixes())}."
            remedy = " ".join([remedy, *self.passed.lines()])
            raise MissingFileError(str(root), "A folder with photographs", remedy)

    @property
    def summary(self) -> str:
        """How many photographs, and what was passed over."""
        return "; ".join([f"{self.name}: {len(self)} photographs", *self.passed.lines()])

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
