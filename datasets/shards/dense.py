"""Tables of rendered faces: from folders of shards, or drawn on the spot."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import fields
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from ...core.errors import InputError
from ...core.progress import progress_bar
from ..synthetic.config import SyntheticConfig
from ..synthetic.faces import SyntheticFaces
from ..synthetic.shards import ShardedFaces, open_shards, pack_classes
from .rendered import RenderedFaces

_OTHERS = ("image", "segmentation", "visible_vertices", "person")
_NUMBERS = tuple(field.name for field in fields(RenderedFaces) if field.name not in _OTHERS)


class _ShardRows:
    """One array of several folders, one after the other, read from disk."""

    def __init__(self, folders: Sequence[ShardedFaces], name: str, limit: int) -> None:
        self._folders, self._name = folders, name
        self._starts = np.cumsum([0, *(len(folder) for folder in folders)])
        self._count = min(limit or int(self._starts[-1]), int(self._starts[-1]))

    def __len__(self) -> int:
        return self._count

    def __getitem__(self, rows: NDArray[np.int64]) -> NDArray[np.uint8]:
        owner = np.searchsorted(self._starts, rows, side="right") - 1
        if len(self._folders) == 1:
            return self._folders[0].rows(self._name, rows)
        shape = self._folders[0].arrays(self._name)[0].shape[1:]
        out = np.empty((len(rows), *shape), np.uint8)
        for k, folder in enumerate(self._folders):
            mine = owner == k
            out[mine] = folder.rows(self._name, rows[mine] - self._starts[k])
        return out


def open_rendered(folders: Sequence[str | Path], limit: int = 0) -> RenderedFaces:
    """The faces of folders that `selfie3d synth` wrote, pictures of one size.

    Segmentations, visible vertices and persons are there if every folder has them; those that older
    versions wrote have not.

    Args:
        folders: in order; only the last one may grow between two calls, so that rows keep their
            place.
        limit: the first so many faces; 0 takes all.

    Raises:
        InputError: no folder, or pictures of several sizes.
        MissingFileError: a folder without shards.
    """
    if not folders:
        raise InputError("folders", "at least one folder of shards", "none")
    opened = [open_shards(folder) for folder in folders]
    sizes = {folder.arrays("image")[0].shape[1:] for folder in opened}
    if len(sizes) > 1:
        raise InputError("folders", "pictures of one size", str(sorted(sizes)))
    images = _ShardRows(opened, "image", limit)
    count = len(images)
    numbers = {
        name: torch.from_numpy(
            np.concatenate([f.all(name) for f in opened])[:count].astype(np.float32)
        )
        for name in _NUMBERS
    }
    return RenderedFaces(
        images,
        **numbers,
        segmentation=_labels(opened, "segmentation", limit),
        visible_vertices=_labels(opened, "visible_vertices", limit),
        person=_persons(opened, count),
    )


def _labels(folders: Sequence[ShardedFaces], name: str, limit: int) -> _ShardRows | None:
    """Rows of an array that not every version wrote."""
    held = all(name in folder.names for folder in folders)
    return _ShardRows(folders, name, limit) if held else None


def _persons(folders: Sequence[ShardedFaces], count: int) -> Tensor | None:
    """Whom the first `count` pictures show; people of several folders are different ones."""
    if not all("person" in folder.names for folder in folders):
        return None
    parts, known = [], 0
    for folder in folders:
        persons = torch.from_numpy(folder.all("person").astype(np.int64))
        parts.append(persons + known)
        known += int(persons.max()) + 1
    return torch.cat(parts)[:count]


def draw_rendered(config: SyntheticConfig, count: int, start: int = 0) -> RenderedFaces:
    """Draw faces of a synthetic set into memory; about 100 a second and core.

    Args:
        config: what is drawn.
        count: of the faces.
        start: number of the first.
    """
    faces = SyntheticFaces(config)
    items = []
    with progress_bar("Drawing faces", count) as advance:
        for index in range(start, start + count):
            items.append(faces.item(index))
            advance()

    def column(name: str) -> Tensor:
        rows = np.stack([np.asarray(getattr(item, name), np.float32) for item in items])
        return torch.from_numpy(rows)

    return RenderedFaces(
        np.stack([item.image for item in items]),
        **{name: column(name) for name in _NUMBERS},
        segmentation=pack_classes(np.stack([item.segmentation for item in items])),
        visible_vertices=np.packbits(np.stack([item.visible_vertices for item in items]), axis=-1),
        person=torch.tensor([item.person for item in items], dtype=torch.int64),
    )
