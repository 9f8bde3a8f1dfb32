"""Photographs in tar shards: pictures with what is known of them, for sets of any size.

A sample NAME is NAME.jpg (or .jpeg, .png), NAME.json (see `datasets/photographs/record.py`) and
NAME.skin.png (grey, white on facial skin), the last two optional, in one uncompressed tar; NAME may
hold folders. Pictures are upright, whatever their EXIF says. Other files in a tar are passed over.
"""

from __future__ import annotations

import io
import tarfile
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from ...core.errors import InputError, MissingFileError
from ...core.image_file import opened_image
from ...core.whole_file import write_whole
from ..batches.sample import FaceSample, checked
from ..photographs.record import Record, format_record, parse_record
from .tar_index import Member, checksum_note, read_member, tar_members

_ENDINGS = (".skin.png", ".json", ".jpg", ".jpeg", ".png")
_PICTURES = (".jpg", ".jpeg", ".png")
_REMEDY = "Shards are written by selfie3d prepare; see selfie3d.datasets.shards.tar."


class TarShards:
    """The samples of shards, shard by shard, in the order in which their first files lie there.

    >>> from tempfile import TemporaryDirectory
    >>> from PIL import Image
    >>> picture = io.BytesIO()
    >>> Image.new("RGB", (8, 6)).save(picture, "PNG")
    >>> with TemporaryDirectory() as folder:
    ...     entry = ShardEntry("anna", picture.getvalue(), ".png", Record(box=(1.0, 1.0, 5.0, 5.0)))
    ...     write_tar_shard(Path(folder, "some.tar"), [entry])
    ...     shards = TarShards(folder)
    ...     shards.row_name(0), shards[0].picture.shape, shards[0].box
    1
    ('shards/some/anna', (6, 8, 3), (1.0, 1.0, 5.0, 5.0))

    Args:
        root: a .tar, or a folder of them.
        pattern: which files of the folder, such as "train-*.tar".
        name: of the data set.

    Raises:
        MissingFileError: no such shard.
        InputError: a damaged shard, or one with refused members (see `tar_index.py`).
    """

    def __init__(self, root: str | Path, pattern: str = "*.tar", name: str = "shards") -> None:
        self.name = name
        path = Path(root)
        self._shards = _shards_below(path, pattern) if path.is_dir() else [path]
        self._rows: list[tuple[int, str, dict[str, Member]]] = []
        for number, shard in enumerate(self._shards):
            self._rows += [(number, key, files) for key, files in _samples(shard).items()]
        if not self._rows:
            raise MissingFileError(str(path / pattern), "Shards with photographs", _REMEDY)

    @property
    def summary(self) -> str:
        """How many photographs in how many shards."""
        return f"{self.name}: {len(self)} photographs in {len(self._shards)} shards"

    def __len__(self) -> int:
        return len(self._rows)

    def row_name(self, row: int) -> str:
        """ "set/shard/file" of a row."""
        number, key, _ = self._rows[row]
        return f"{self.name}/{self._shards[number].stem}/{key}"

    def __getitem__(self, row: int) -> FaceSample:
        """Photograph `row`; see `FaceDataset`."""
        number, _, files = self._rows[row]
        shard, name = self._shards[number], self.row_name(row)
        picture = next((ending for ending in _PICTURES if ending in files), None)
        if picture is None:
            raise InputError(name, "a picture (.jpg or .png)", f"only {', '.join(files)}", _REMEDY)
        image = decode_picture(read_member(shard, files[picture]), f"{name}{picture}", "RGB")
        record, skin = Record(), None
        if ".json" in files:
            record = parse_record(read_member(shard, files[".json"]), f"{name}.json")
        if ".skin.png" in files:
            skin = decode_picture(read_member(shard, files[".skin.png"]), f"{name}.skin.png", "L")
        known = (record.landmarks, record.five_points, record.box, skin)
        return checked(FaceSample(name, image, *known, labels=record.labels))


def decode_picture(data: bytes, name: str, mode: str) -> NDArray[np.uint8]:
    """A JPEG or PNG from memory.

    Args:
        data: the file's content.
        name: of the file, for messages.
        mode: "RGB" or "L".

    Returns:
        uint8, (H,W,3) for "RGB" or (H,W) for "L".

    Raises:
        InputError: another format, damaged, or more than `core/picture_limits.py` allows.
    """
    with opened_image(name, io.BytesIO(data), ("JPEG", "PNG")) as image:
        return np.asarray(image.convert(mode))


@dataclass(frozen=True)
class ShardEntry:
    """One sample to write: its name, the picture's bytes as in a file, and what is known.

    Attributes:
        name: without suffix.
        picture: content of a .jpg or .png. suffix: ".jpg" or ".png".
        record: goes into NAME.json.
        skin: content of NAME.skin.png.
    """

    name: str
    picture: bytes
    suffix: str
    record: Record
    skin: bytes | None = None


def write_tar_shard(path: Path, entries: Iterable[ShardEntry]) -> int:
    """Write a shard whole or not at all; the same entries give the same bytes.

    Args:
        path: of the .tar.
        entries: its samples, in this order; they may be made while they are written.

    Returns:
        How many samples there were.

    Raises:
        InputError: a suffix that no shard knows, or a file that cannot be written.
    """
    count = 0

    def files() -> Iterator[tuple[str, bytes]]:
        nonlocal count
        for entry in entries:
            yield from _files_of(entry)
            count += 1

    write_tar_files(path, files())
    return count


def write_tar_files(
    path: Path, files: Iterable[tuple[str, bytes]], *, shared: bool = False
) -> None:
    """Write an uncompressed tar whole or not at all, with a checksum for each file.

    Args:
        path: of the .tar.
        files: names and contents, in this order; they may be made while they are written.
        shared: as `core.write_whole`.

    Raises:
        InputError: it cannot be written.
    """

    def write(part: Path) -> None:
        with tarfile.open(part, "w", format=tarfile.PAX_FORMAT) as archive:
            for name, content in files:
                info = tarfile.TarInfo(name)
                info.size, info.pax_headers = len(content), checksum_note(content)
                archive.addfile(info, io.BytesIO(content))

    write_whole(path, write, shared=shared)


def _files_of(entry: ShardEntry) -> list[tuple[str, bytes]]:
    if entry.suffix not in _PICTURES:
        raise InputError(entry.name, f"one of {', '.join(_PICTURES)}", entry.suffix)
    files = [(entry.suffix, entry.picture)]
    files.append((".json", format_record(entry.record).encode()))
    files += [(".skin.png", entry.skin)] if entry.skin is not None else []
    return [(entry.name + ending, content) for ending, content in files]


def _shards_below(folder: Path, pattern: str) -> list[Path]:
    """The shards of a folder; what a killed writer left behind has a hidden name."""
    return sorted(path for path in folder.glob(pattern) if not path.name.startswith("."))


def _samples(shard: Path) -> dict[str, dict[str, Member]]:
    """The files of each sample by ending."""
    samples: dict[str, dict[str, Member]] = {}
    for member in tar_members(shard):
        ending = next((e for e in _ENDINGS if member.name.endswith(e)), None)
        if ending is not None:
            samples.setdefault(member.name.removesuffix(ending), {})[ending] = member
    return samples


def shard_paths(folder: Path, stem: str, count: int) -> Sequence[Path]:
    """Names of `count` shards: STEM-00000.tar and so on."""
    return [folder / f"{stem}-{number:05d}.tar" for number in range(count)]
