"""A selection of prepared photographs in which every pose comes about as often as every other.

Mobile-FaceRNet learns from "approximately 120,000 clear facial images with a relatively uniform
distribution" of CelebA and 300W-LP, and says no more. Our reading: |yaw| is spread evenly over
bins, and of the faces of a bin the largest are the clear ones.
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from ..core.errors import InputError, MissingFileError
from ..core.item_failure import FailureLog
from ..datasets.photographs.landmark_sets import points_68
from ..datasets.photographs.record import Record, parse_record
from ..datasets.shards.tar import ShardEntry, TarShards
from ..datasets.shards.tar_index import Member, read_member, tar_members
from ..facemodels import load_face_model
from .options import BalanceOptions
from .photographs import Collection, Photograph
from .profiling.collection import estimated_yaws
from .work import Reject, entries_of

Array = NDArray[np.float64]
BALANCED = "balanced"
_SPLITS = ("train", "val", "test")
_PATTERN = "*/[tv]*-*.tar"
_SUFFIXES = (".jpg", ".jpeg", ".png")


def balanced_rows(yaws: Array, sizes: Array, edges: Array, count: int) -> list[int]:
    """The rows with which |yaw| is as flat over bins as so many photographs can make it.

    Every bin gives as many; what a bin lacks the others give. Of a bin the largest faces are
    taken, of equal ones the first.

    >>> yaws, sizes = np.array([1.0, 2, 3, 40]), np.array([9.0, 8, 7, 1])
    >>> balanced_rows(yaws, sizes, np.array([0.0, 30, 60]), 3)
    [0, 1, 3]

    Args:
        yaws: (N,) degrees, NaN where unknown; these, and those beyond the edges, are left out.
        sizes: (N,) of the faces, pixels.
        edges: (B+1,) rising, degrees from 0 on.
        count: of the rows; more than there are takes all.
    """
    turn = np.abs(yaws)
    rows = [np.flatnonzero((turn >= low) & (turn < high)) for low, high in pairwise(edges)]
    left = min(count, sum(len(one) for one in rows))
    chosen: list[int] = []
    for k, own in enumerate(sorted(rows, key=len)):
        share = min(len(own), -(-left // (len(rows) - k)))
        order = np.lexsort((own, -sizes[own]))
        chosen += own[order[:share]].tolist()
        left -= share
    return sorted(chosen)


def open_balanced(root: Path, options: BalanceOptions) -> Collection:
    """The photographs that are chosen of the shards in the folders of a folder.

    Splits stay; each has its own balance, and its share of the count.

    Args:
        root: holds folders that `selfie3d prepare` wrote, such as celeba and 300w-lp.
        options: how many, and the bins.

    Raises:
        MissingFileError: no shards in folders of it.
        InputError: a damaged shard, or no photograph whose pose can be told.
    """
    shards = sorted(root.glob(_PATTERN))
    if not shards:
        remedy = "Put there what `selfie3d prepare celeba` and `300w-lp` wrote, a folder each."
        raise MissingFileError(str(root / _PATTERN), "Prepared shards", remedy)
    found = [(shard, key, record) for shard in shards for key, record in _records(shard)]
    points = np.stack([_points(record) for _, _, record in found])
    sizes = np.ptp(points, axis=1).max(1)
    yaws = np.where(sizes >= options.smallest, _yaws(points), np.nan)
    photographs: list[Photograph] = []
    for split in _SPLITS:
        rows = [k for k, (shard, _, _) in enumerate(found) if shard.name.startswith(f"{split}-")]
        share = round(options.count * len(rows) / len(found))
        for at in balanced_rows(yaws[rows], sizes[rows], np.array(options.edges), share):
            shard, key, _ = found[rows[at]]
            name = f"{shard.parent.name}/{key}"
            photographs.append(Photograph(rows[at], name, shard, key, split))
    if not photographs:
        expected = "photographs with 68 landmarks and a yaw within the bins"
        raise InputError(str(root), expected, f"none of {len(found)}")
    data = TarShards(root, _PATTERN)
    text = "as the shards that were chosen from"
    return Collection(BALANCED, data, photographs, text, whole=True, detected=False)


def _records(shard: Path) -> list[tuple[str, Record]]:
    """Names and records of a shard's samples, without their pictures."""
    members = [member for member in tar_members(shard) if member.name.endswith(".json")]
    return [
        (m.name.removesuffix(".json"), parse_record(read_member(shard, m), f"{shard}/{m.name}"))
        for m in members
    ]


def _points(record: Record) -> Array:
    """(68,2), NaN where a record has none."""
    points = points_68(record.landmarks)
    return np.full((68, 2), np.nan) if points is None else points


def _yaws(points: Array) -> Array:
    model = load_face_model()
    mean = model.landmark_points(model.mean[None], "ibug68")[0].double().numpy()
    return estimated_yaws(points, mean)


class CopyWorkshop:
    """Takes samples from shards as they are.

    Args:
        collection: of `open_balanced`.
        log: for tracebacks of errors that nobody foresaw.
    """

    def __init__(self, collection: Collection, log: FailureLog | None = None) -> None:
        self.collection, self._log = collection, log
        self._members: dict[Path, dict[str, Member]] = {}

    def content(self, photograph: Photograph) -> bytes:
        """The picture in the shard."""
        return self._picture(photograph)[0]

    def entries(self, photographs: Sequence[Photograph]) -> tuple[list[ShardEntry], list[Reject]]:
        """What goes into shards, in order, and what does not."""
        return entries_of(photographs, self._entry, self._log)

    def _entry(self, photograph: Photograph) -> ShardEntry:
        members = self._of(photograph.file)
        picture, suffix = self._picture(photograph)
        text = read_member(photograph.file, members[f"{photograph.group}.json"])
        skin = members.get(f"{photograph.group}.skin.png")
        return ShardEntry(
            photograph.name,
            picture,
            suffix,
            parse_record(text, photograph.name),
            None if skin is None else read_member(photograph.file, skin),
        )

    def _picture(self, photograph: Photograph) -> tuple[bytes, str]:
        members = self._of(photograph.file)
        for suffix in _SUFFIXES:
            if f"{photograph.group}{suffix}" in members:
                return read_member(photograph.file, members[f"{photograph.group}{suffix}"]), suffix
        raise InputError(photograph.name, "a picture (.jpg or .png)", "none in its shard")

    def _of(self, shard: Path) -> dict[str, Member]:
        if shard not in self._members:
            self._members[shard] = {member.name: member for member in tar_members(shard)}
        return self._members[shard]
