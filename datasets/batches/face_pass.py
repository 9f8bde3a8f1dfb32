"""One pass over a data set without changes, for validation."""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial

import torch

from ...core.errors import InputError
from ...core.item_failure import Failed, attempt
from .batch import FaceBatch
from .collate import FaceRow, RowMaker, stack_rows
from .crops import CROPS
from .photo_augment import NO_PHOTO_AUGMENTATION, PhotoAugment, draw_photo_augment
from .sample import FaceDataset


class FacePass:
    """The crops of a data set in its order, again and again; bad rows are left out and listed.

    Args:
        dataset: where the samples come from.
        crop: a name of `CROPS`.
        size: side of the crops, pixels.
        batch: rows of a batch; the last one may be shorter.
        limit: the first so many rows; 0 takes all.
        spread: so many rows evenly over the whole set instead of the first: neighbours are often of
            one person, or turned from one photograph.

    Raises:
        InputError: size or batch below 1, or a negative limit.
        UnknownNameError: an unknown crop.
    """

    def __init__(
        self,
        dataset: FaceDataset,
        crop: str,
        size: int,
        batch: int,
        limit: int = 0,
        spread: bool = False,
    ) -> None:
        for name, value, least in (("size", size, 1), ("batch", batch, 1), ("limit", limit, 0)):
            if value < least:
                raise InputError(name, f"{least} or more", str(value))
        CROPS.get(crop)
        self._dataset, self._batch = dataset, batch
        self._make = RowMaker(crop, size)
        count = min(limit or len(dataset), len(dataset))
        step = len(dataset) if spread else count
        self._rows = [k * step // count for k in range(count)]
        self._rejects: dict[str, str] = {}

    def __iter__(self) -> Iterator[FaceBatch]:
        rows: list[FaceRow] = []
        still = draw_photo_augment(NO_PHOTO_AUGMENTATION, 1, torch.Generator())
        for index in self._rows:
            name = self._dataset.row_name(index)
            row = attempt(name, partial(self._made, index, still))
            if isinstance(row, Failed):
                self._rejects[name] = row.message
                continue
            rows.append(row)
            if len(rows) == self._batch:
                yield stack_rows(rows)
                rows = []
        if rows:
            yield stack_rows(rows)

    def _made(self, index: int, still: PhotoAugment) -> FaceRow:
        sample = self._dataset[index]
        return self._make(sample, self._make.frame(sample), still, 0)

    def rejects(self) -> dict[str, str]:
        """Why each bad row that was met is bad, by "set/file"."""
        return dict(self._rejects)
