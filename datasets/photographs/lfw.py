"""Labeled Faces in the Wild: 13,233 photographs of 5,749 people.

Huang et al., Labeled Faces in the Wild, technical report 07-49, University of Massachusetts,
Amherst, 2007; photographs from news pages, for research; http://vis-www.cs.umass.edu/lfw. Layout:

    ROOT/lfw/NAME/NAME_0001.jpg      250 x 250; also lfw_funneled, lfw-deepfunneled, or in ROOT
    ROOT/peopleDevTrain.txt ...      optional: lines NAME<tab>COUNT below lines of counts

The person is the folder. A photograph is the face detector's box enlarged 2.2 times (section 3 of
the report), so the box is known: others in the picture lie beside it.
"""

from __future__ import annotations

from pathlib import Path

from ...core.errors import InputError, MissingFileError
from ...core.given_file import read_given_text
from .photo_list import Listed, PhotoList, folders_in, pictures_in
from .record import Record

_REMEDY = (
    "LFW (lfw.tgz, lfw-funneled.tgz or lfw-deepfunneled.tgz) is at "
    "http://vis-www.cs.umass.edu/lfw, the first also at "
    "https://ndownloader.figshare.com/files/5976018; unpack it into ROOT."
)
_FOLDERS = ("lfw", "lfw_funneled", "lfw-deepfunneled")
_ENLARGED = 2.2  # side of a photograph over that of the detector's box
_PEOPLE = 5749


class Lfw(PhotoList):
    """The photographs that are there, person by person.

    Args:
        root: see the module.
        people: name of a list in ROOT, such as "peopleDevTrain": nobody else is taken.
        prepared: folder of side files, laid out as the folder of people.

    Raises:
        MissingFileError: no photographs, or no such list.
        InputError: a damaged list.
    """

    def __init__(self, root: str | Path, people: str = "", prepared: str = "") -> None:
        base = Path(root)
        folder = next((base / n for n in _FOLDERS if (base / n).is_dir()), base)
        photographs = _photographs(folder)
        self._absent = 0
        if people:
            wanted = _read_people(base, people)
            photographs = [photograph for photograph in photographs if photograph.person in wanted]
            self._absent = len(set(wanted) - {photograph.person for photograph in photographs})
        if not photographs:
            what = "LFW (folders NAME with NAME_0001.jpg ...)"
            raise MissingFileError(str(folder), what, _REMEDY)
        super().__init__("lfw", "LFW", folder, photographs, prepared, _REMEDY)
        self._whole = not people

    @property
    def summary(self) -> str:
        """How many photographs of how many people, and how many people are missing."""
        missing = max(0, _PEOPLE - self.people) if self._whole else self._absent
        return super().summary + (f"; {missing} more people are not there" if missing else "")

    def known(self, row: int, width: int, height: int) -> Record:
        """The detector's box, in the middle."""
        x, y = width / _ENLARGED / 2, height / _ENLARGED / 2
        return Record(box=(width / 2 - x, height / 2 - y, width / 2 + x, height / 2 + y))


def _photographs(folder: Path) -> list[Listed]:
    """Pictures named as their folders; other folders are passed over."""
    if not folder.is_dir():
        return []
    return [
        Listed(path.relative_to(folder), person.name)
        for person in folders_in(folder)
        for path in pictures_in(person)
        if path.stem.startswith(f"{person.name}_")
    ]


def _read_people(root: Path, name: str) -> dict[str, int]:
    """Number of photographs by person.

    Raises:
        MissingFileError: no such list.
        InputError: a line that is neither a count nor a name with a count.
    """
    path = root / (name if name.endswith(".txt") else f"{name}.txt")
    if not path.exists():
        raise MissingFileError(str(path), f"LFW's {path.name}", _REMEDY)
    lines = read_given_text(path, "a list of LFW").splitlines()
    people: dict[str, int] = {}
    for number, line in enumerate(lines, 1):
        words = line.split()
        if not words or (len(words) == 1 and _is_count(words[0])):
            continue
        if len(words) != 2 or not _is_count(words[1]):
            raise InputError(f"{path}, line {number}", "NAME COUNT", repr(line), _REMEDY)
        people[words[0]] = int(words[1])
    return people


def _is_count(word: str) -> bool:
    return word.isascii() and word.isdigit() and len(word) < 10
