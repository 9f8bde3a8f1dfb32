"""AFLW as distributed: 25,993 faces in 21,997 photographs, with up to 21 points each.

Koestinger et al., Annotated Facial Landmarks in the Wild, 2011; for research only, on request from
https://www.tugraz.at/institute/icg/research/team-bischof/lrs/downloads/aflw/. Layout:

    ROOT/data/aflw.sqlite                 see `datasets/aflw_database.py`
    ROOT/data/flickr/0/image00002.jpg     also 2/ and 3/

Both may also lie in ROOT itself or in ROOT/aflw/data. Every face is a row. The photographs of
AFLW2000-3D are the first 2,000 faces of this set: whoever is measured there leaves them out
(`without`), and whoever is measured on AFLW's points (`datasets/aflw.py`) takes none.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np

from ..core.errors import MissingFileError
from ..core.given_file import read_given_text
from ..core.image_file import read_image
from .aflw_database import AflwFaces, read_aflw_database
from .record import read_side_files
from .sample import Box, FaceSample, checked

_REMEDY = (
    "AFLW is for research only; ask for it at "
    "https://www.tugraz.at/institute/icg/research/team-bischof/lrs/downloads/aflw/ and unpack "
    "aflw-db.tar.gz and aflw-images-0, -2, -3.tar.gz into ROOT."
)
_PLACES = (Path("data"), Path(), Path("aflw/data"), Path("aflw"))
_LAST_OF_AFLW2000 = 4375  # AFLW2000-3D's names run from image00002 to image04375


class AflwPhotographs:
    """The faces whose photographs are there, in the order of their numbers.

    Landmarks are `aflw21`, hidden ones NaN; the label "roll_pitch_yaw" (3,) is that of the file,
    radians. A photograph's side file (see `datasets/record.py`) is NAME_FACE.json.

    Args:
        root: see the module.
        without: a text file of photographs to leave out, a name to a line.
        prepared: folder of side files, laid out as flickr/; "" looks beside the photographs.

    Raises:
        MissingFileError: no aflw.sqlite, no photograph, or no such list.
        InputError: a damaged file.
    """

    name = "aflw"

    def __init__(self, root: str | Path, without: str = "", prepared: str = "") -> None:
        base = Path(root)
        place = next((p for p in _PLACES if (base / p / "aflw.sqlite").is_file()), None)
        if place is None:
            path = base / _PLACES[0] / "aflw.sqlite"
            raise MissingFileError(str(path), "AFLW's annotation", _REMEDY)
        self._faces = read_aflw_database(base / place / "aflw.sqlite", _REMEDY)
        self._folder = base / place / "flickr"
        self._side = Path(prepared) if prepared else self._folder
        left_out = _read_names(Path(without)) if without else set()
        wanted = [
            row for row, file in enumerate(self._faces.files) if Path(file).stem not in left_out
        ]
        there = {file: (self._folder / file).is_file() for file in set(self._faces.files)}
        self._rows = [row for row in wanted if there[self._faces.files[row]]]
        self._wanted = len(wanted)
        if not self._rows:
            what = f"{len(set(self._faces.files))} photographs of AFLW"
            raise MissingFileError(str(self._folder), what, _REMEDY)

    @property
    def summary(self) -> str:
        """How many faces in how many photographs, and how many are missing."""
        photographs = len({self._faces.files[row] for row in self._rows})
        text = f"{self.name}: {len(self)} faces in {photographs} photographs"
        missing = self._wanted - len(self)
        return text + (f"; {missing} more faces have no photograph there" if missing else "")

    def __len__(self) -> int:
        return len(self._rows)

    def row_name(self, row: int) -> str:
        """ "set/folder/photograph_face" of a row."""
        return f"{self.name}/{self._stem(row).as_posix()}"

    def file(self, row: int) -> Path:
        """The photograph of a row."""
        return self._folder / self._faces.files[self._rows[row]]

    def __getitem__(self, row: int) -> FaceSample:
        """Face `row`; see `FaceDataset`."""
        path, own = self.file(row), self._rows[row]
        if not path.is_file():
            raise MissingFileError(str(path), "A photograph of AFLW", _REMEDY)
        record, skin = read_side_files(self._side / self._stem(row))
        landmarks, labels = {}, {}
        if np.isfinite(self._faces.points[own]).any():
            landmarks["aflw21"] = self._faces.points[own]
        if np.isfinite(self._faces.pose[own]).all():
            labels["roll_pitch_yaw"] = self._faces.pose[own]
        sample = FaceSample(
            self.row_name(row),
            read_image(path),
            {**landmarks, **record.landmarks},
            record.five_points,
            record.box or _box(self._faces, own),
            skin,
            labels={**labels, **record.labels},
        )
        return checked(sample)

    def _stem(self, row: int) -> Path:
        own = self._rows[row]
        file = Path(self._faces.files[own])
        return file.with_name(f"{file.stem}_{self._faces.numbers[own]}")


def is_of_aflw2000(stem: str) -> bool:
    """Whether a photograph, such as "image00002", is among the first, of which AFLW2000-3D is."""
    number = stem.removeprefix("image")
    return number.isdigit() and int(number) <= _LAST_OF_AFLW2000


def _box(faces: AflwFaces, row: int) -> Box | None:
    if not np.isfinite(faces.boxes[row]).all():
        return None
    x0, y0, x1, y1 = faces.boxes[row].tolist()
    return x0, y0, x1, y1


def _read_names(path: Path) -> set[str]:
    """Names without folder and suffix."""
    if not path.is_file():
        raise MissingFileError(str(path), "The list of photographs to leave out", "Check it.")
    lines = read_given_text(path, "a text file of names").splitlines()
    return {Path(line.strip()).stem for line in lines if line.strip()}
