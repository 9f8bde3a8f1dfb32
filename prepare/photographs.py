"""The photographs of a data set that are to be prepared: names, files, people, splits.

Nobody is in two splits.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

from ..core.errors import MissingFileError, UnknownNameError
from ..datasets.batches.sample import FaceDataset
from ..datasets.photographs.aflw_photos import AflwPhotographs, is_of_aflw2000
from ..datasets.photographs.celeba import CelebA
from ..datasets.photographs.ffhq import Ffhq, split_of
from ..datasets.photographs.folder import PhotoFolder
from ..datasets.photographs.lfw import Lfw
from ..datasets.photographs.micc import MiccVideos
from ..datasets.photographs.now import NowPhotographs
from ..datasets.photographs.photo_list import PhotoList
from ..datasets.photographs.splits import split_by_name
from ..datasets.photographs.w300lp import W300LP, photograph_of

__all__ = ["keep_people_together", "split_by_name"]

_ORDER = ("test", "val", "train")  # of equals the first wins: test sets stay whole


def keep_people_together(groups: Sequence[str], splits: Sequence[str]) -> tuple[list[str], int]:
    """Move photographs so that every group is in one split, that of most of its photographs.

    Args:
        groups: of each photograph. splits: a data set's own partition.

    Returns:
        The splits, and how many photographs were moved.
    """
    counts: dict[str, Counter[str]] = defaultdict(Counter)
    for group, split in zip(groups, splits, strict=True):
        counts[group][split] += 1
    chosen = {
        group: max(_ORDER, key=lambda split: (count[split], -_ORDER.index(split)))
        for group, count in counts.items()
    }
    result = [chosen[group] for group in groups]
    return result, sum(a != b for a, b in zip(result, splits, strict=True))


@dataclass(frozen=True)
class Photograph:
    """One photograph.

    Attributes:
        row: of its data set.
        name: without suffix, plain and unlike every other's; may hold folders. Side files lie at
            this place.
        file: the picture.
        group: what must not be parted by a split.
        split: "train", "val" or "test".
    """

    row: int
    name: str
    file: Path
    group: str
    split: str


@dataclass(frozen=True)
class Collection:
    """A data set and its photographs.

    Attributes:
        kind: key of `COLLECTIONS`.
        data: reads them.
        photographs: in the order of the data set.
        splitting: how they were split, in words.
        whole: labels or points of the data set are bound to the whole photograph.
        detected: faces have to be found; else the data set says where they are.
        passed: lines that say what was passed over where files were looked for.
    """

    kind: str
    data: FaceDataset
    photographs: Sequence[Photograph]
    splitting: str
    whole: bool
    detected: bool
    passed: Sequence[str] = ()


def open_collection(kind: str, root: Path, held_out: float) -> Collection:
    """The photographs of a data set.

    Args:
        kind: a key of `COLLECTIONS`.
        root: as for the data set (`datasets/photographs/registry.py`).
        held_out: share of the groups that goes to "val", where the data set has no partition.

    Raises:
        UnknownNameError: no such data set.
        MissingFileError, InputError: as the data set raises them.
    """
    if kind not in COLLECTIONS:
        raise UnknownNameError("data set to prepare", kind, list(COLLECTIONS))
    return COLLECTIONS[kind](root, held_out)


def _celeba(root: Path, held_out: float) -> Collection:
    data = CelebA(root, split="all")
    files = [data.file(row) for row in range(len(data))]
    people = [data.person(row) for row in range(len(data))]
    groups = [
        f"person {person}" if person else file.name
        for file, person in zip(files, people, strict=True)
    ]
    partition = _partition(root)
    splits, moved = keep_people_together(groups, [partition[file.name] for file in files])
    text = "CelebA's own partition"
    if any(people):
        text += f"; {moved} photographs moved, so that nobody of identity_CelebA.txt is in two"
    names = [f"{data.kind}/{file.stem}" for file in files]
    photographs = _photographs(names, files, groups, splits)
    return Collection("celeba", data, photographs, text, whole=False, detected=False)


def _partition(root: Path) -> dict[str, str]:
    """The split of every file of CelebA that is there."""
    splits: dict[str, str] = {}
    for split in ("train", "val", "test"):
        with suppress(MissingFileError):  # a part without one photograph
            data = CelebA(root, split=split)
            splits |= {_inside(data, row): split for row in range(len(data))}
    return splits


def _w300lp(root: Path, held_out: float) -> Collection:
    inner = root / "300W_LP"
    base = inner if inner.is_dir() else root
    data = W300LP(root)
    names = [_inside(data, row) for row in range(len(data))]
    files = [base / f"{name}.jpg" for name in names]
    groups = [photograph_of(*name.rsplit("/", 1)) for name in names]
    splits = [split_by_name(group, held_out) for group in groups]
    text = f"by a hash of the photograph's name, {held_out:g} to val: turned and mirrored with it"
    photographs = _photographs(names, files, groups, splits)
    return Collection("300w-lp", data, photographs, text, whole=True, detected=False)


def _folder(root: Path, held_out: float) -> Collection:
    data = PhotoFolder(root)
    files = [PurePosixPath(_inside(data, row)) for row in range(len(data))]
    groups = [file.parts[0] for file in files]
    splits = [split_by_name(group, held_out) for group in groups]
    text = f"by a hash of the top folder's or the file's name, {held_out:g} to val"
    paths = [root / file for file in files]
    photographs = _photographs(_stems(files), paths, groups, splits)
    passed = data.passed.lines()
    return Collection("folder", data, photographs, text, False, True, passed)


def _aflw(root: Path, held_out: float) -> Collection:
    data = AflwPhotographs(root)
    files = [data.file(row) for row in range(len(data))]
    groups = [file.stem for file in files]
    splits = [
        "test" if is_of_aflw2000(group) else split_by_name(group, held_out) for group in groups
    ]
    text = f"photographs of AFLW2000-3D to test; else by a hash of their name, {held_out:g} to val"
    names = [_inside(data, row) for row in range(len(data))]
    photographs = _photographs(names, files, groups, splits)
    return Collection("aflw", data, photographs, text, whole=False, detected=False)


def _ffhq(root: Path, held_out: float) -> Collection:
    data = Ffhq(root)
    splits = [split_of(int(data.file(row).stem)) for row in range(len(data))]
    return _listed(data, "ffhq", splits, "FFHQ's own partition: the first 60,000 to train")


def _people(data: PhotoList, held_out: float) -> Collection:
    """A set that says who is on its photographs."""
    splits = [split_by_name(data.person(row), held_out) for row in range(len(data))]
    text = f"by a hash of the person's name, {held_out:g} to val"
    return _listed(data, data.name, splits, text)


def _listed(data: PhotoList, kind: str, splits: Sequence[str], text: str) -> Collection:
    rows = range(len(data))
    files = [data.file(row) for row in rows]
    inside = [PurePosixPath(_inside(data, row)) for row in rows]
    groups = [data.person(row) or str(inside[row]) for row in rows]
    photographs = _photographs(_stems(inside), files, groups, splits)
    return Collection(kind, data, photographs, text, whole=False, detected=True)


COLLECTIONS: dict[str, Callable[[Path, float], Collection]] = {
    "celeba": _celeba,
    "300w-lp": _w300lp,
    "aflw": _aflw,
    "ffhq": _ffhq,
    "lfw": lambda root, held_out: _people(Lfw(root), held_out),
    "micc": lambda root, held_out: _people(MiccVideos(root), held_out),
    "now": lambda root, held_out: _people(NowPhotographs(root), held_out),
    "folder": _folder,
}
"""Data sets that can be prepared."""


def _photographs(
    names: Sequence[str], files: Sequence[Path], groups: Sequence[str], splits: Sequence[str]
) -> list[Photograph]:
    rows = zip(names, files, groups, splits, strict=True)
    return [Photograph(row, *known) for row, known in enumerate(rows)]


def _inside(data: FaceDataset, row: int) -> str:
    """The name of a row without that of its data set."""
    return data.row_name(row).split("/", 1)[1]


def _stems(files: Sequence[PurePosixPath]) -> list[str]:
    """Names without suffix; those of a.jpg and a.png keep theirs; none a shard would refuse."""
    stems = [str(file.with_suffix("")) for file in files]
    counts = Counter(stems)
    names = [
        str(file).replace(".", "_")
        if counts[stem] > 1 or stem.endswith((".skin", "_skin"))
        else stem
        for file, stem in zip(files, stems, strict=True)
    ]
    return _plain(names)


def _plain(names: Sequence[str]) -> list[str]:
    plain = ["".join(c if c.isprintable() and c != "\\" else "_" for c in name) for name in names]
    counts = Counter(plain)
    return [f"{name}_{row}" if counts[name] > 1 else name for row, name in enumerate(plain)]
