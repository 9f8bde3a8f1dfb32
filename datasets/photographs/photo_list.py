"""A list of photographs on disk, each of a known person, with side files: what LFW, FFHQ, MICC
Florence and NoW share."""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from ...core.errors import MissingFileError
from ...core.image_file import read_image
from ...core.picture_limits import suffixes
from ..batches.sample import FaceSample, checked
from .record import Record, read_side_files


@dataclass(frozen=True)
class Listed:
    """One photograph.

    Attributes:
        file: below the data set's folder.
        person: of whom it is; "" where nobody says.
    """

    file: Path
    person: str = ""


class PhotoList:
    """A data set of listed photographs; a subclass says what else is known of one.

    Samples have the label "identity" where persons are known: their number in alphabetical order.
    What side files say (see `datasets/photographs/record.py`) goes before what the data set says.

    Args:
        name: of the data set. title: the same for messages.
        root: folder that `Listed.file` lies under.
        photographs: at least one.
        prepared: folder of side files, laid out as `root`; "" looks beside the photographs.
        remedy: where to get the data set.
    """

    def __init__(
        self,
        name: str,
        title: str,
        root: Path,
        photographs: Sequence[Listed],
        prepared: str = "",
        remedy: str = "",
    ) -> None:
        self.name, self.title, self.root = name, title, root
        self._photographs, self._remedy = list(photographs), remedy
        self._side = Path(prepared) if prepared else root
        people = sorted({p.person for p in photographs if p.person})
        self._number = {person: number for number, person in enumerate(people)}

    @property
    def people(self) -> int:
        """How many different persons are known."""
        return len(self._number)

    @property
    def summary(self) -> str:
        """How many photographs of how many people."""
        of = f" of {self.people} people" if self.people else ""
        return f"{self.name}: {len(self)} photographs{of}"

    def __len__(self) -> int:
        return len(self._photographs)

    def row_name(self, row: int) -> str:
        """ "set/file" of a row."""
        return f"{self.name}/{self._photographs[row].file.as_posix()}"

    def file(self, row: int) -> Path:
        """The photograph of a row."""
        return self.root / self._photographs[row].file

    def person(self, row: int) -> str:
        """Who is on it; "" where nobody says."""
        return self._photographs[row].person

    def known(self, row: int, width: int, height: int) -> Record:
        """What the data set says of a photograph of `width` x `height` pixels."""
        return Record()

    def __getitem__(self, row: int) -> FaceSample:
        """Photograph `row`; see `FaceDataset`."""
        path, person = self.file(row), self.person(row)
        if not path.is_file():
            raise MissingFileError(str(path), f"A photograph of {self.title}", self._remedy)
        side, skin = read_side_files((self._side / self._photographs[row].file).with_suffix(""))
        picture = read_image(path)
        known = self.known(row, picture.shape[1], picture.shape[0])
        labels = {"identity": np.array([float(self._number[person])])} if person else {}
        merged = replace(
            known,
            landmarks={**known.landmarks, **side.landmarks},
            five_points=known.five_points if side.five_points is None else side.five_points,
            box=side.box or known.box,
            labels={**labels, **known.labels, **side.labels},
        )
        parts = (merged.landmarks, merged.five_points, merged.box, skin)
        return checked(FaceSample(self.row_name(row), picture, *parts, labels=merged.labels))


def pictures_in(folder: Path) -> list[Path]:
    """The pictures of one folder in alphabetical order; skin masks and hidden files left out."""
    return sorted(
        folder / name
        for name in os.listdir(folder)
        if name.lower().endswith(suffixes())
        and not name.startswith(".")
        and not name.endswith("_skin.png")
    )


def folders_in(folder: Path) -> list[Path]:
    """The folders of one folder in alphabetical order, hidden ones left out."""
    return sorted(p for p in folder.iterdir() if p.is_dir() and not p.name.startswith("."))
