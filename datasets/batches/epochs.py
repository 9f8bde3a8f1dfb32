"""Endless batches in seeded random order, whose place can be saved and restored exactly."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import torch
from torch import Tensor

from ...core.errors import InputError


def derived_seed(*numbers: int) -> int:
    """One seed out of several numbers of at least 0, the same on every platform.

    >>> derived_seed(7, 1), derived_seed(7, 2)
    (3317731564112288844, 9139555415570476218)
    """
    return int(np.random.SeedSequence(numbers).generate_state(1, np.uint64)[0] >> 1)


class EpochSource:
    """Endless batches in seeded random order; its position can be saved and restored exactly.

    Args:
        make: (rows, seed) to a batch.
        count: returns how many rows there are, asked at the start of every epoch.
        batch: rows of a batch; what an epoch leaves over is dropped.
        seed: of the order and of every batch.
        persons: returns whom each row shows (rows,) int64, asked with `count`; rows of a person
            then follow each other, in the order that they have. None, here or there: rows are
            shuffled one by one.
    """

    def __init__(
        self,
        make: Callable[[Tensor, int], Any],
        count: Callable[[], int],
        batch: int,
        seed: int,
        persons: Callable[[], Tensor | None] | None = None,
    ) -> None:
        self._make, self._count, self._batch, self._seed = make, count, batch, seed
        self._persons = persons
        self._part: slice | None = None
        self._epoch, self._offset, self._rows = 0, 0, 0
        self._order = torch.zeros(0, dtype=torch.int64)
        self._begin(count())

    def __next__(self) -> Any:  # noqa: ANN401
        if self._offset + self._batch > self._rows:
            self._epoch += 1
            self._offset = 0
            self._begin(self._count())
        rows = self._order[self._offset : self._offset + self._batch]
        self._offset += self._batch
        batch = self._make(rows, derived_seed(self._seed, self._epoch, self._offset))
        return batch if self._part is None else batch[self._part]

    def __len__(self) -> int:
        """Batches of the present epoch."""
        return self._rows // self._batch

    def shard(self, rank: int, world: int) -> EpochSource:
        """One of `world` equal parts of every batch, from where this source stands.

        Each part is cut out of the whole batch, whose draws depend on all of its rows.

        Raises:
            InputError: the batch cannot be divided so.
        """
        if not 0 <= rank < world or self._batch % world:
            expected = f"a batch that {world} processes can divide"
            raise InputError("data.batch", expected, f"{self._batch} (rank {rank})")
        part = EpochSource(self._make, self._count, self._batch, self._seed, self._persons)
        part.load_state_dict(self.state_dict())
        rows = self._batch // world
        part._part = slice(rank * rows, (rank + 1) * rows)
        return part

    def state_dict(self) -> dict[str, int]:
        """Where the source stands."""
        return {"epoch": self._epoch, "offset": self._offset, "rows": self._rows}

    def load_state_dict(self, state: dict[str, int]) -> None:
        """Go on where `state` was taken.

        Raises:
            InputError: there are fewer rows than there were.
        """
        if self._count() < state["rows"]:
            raise InputError("rows", f"at least {state['rows']}, as before", str(self._count()))
        self._epoch, self._offset = state["epoch"], state["offset"]
        self._begin(state["rows"])

    def _begin(self, rows: int) -> None:
        if rows < self._batch:
            raise InputError("training data", f"at least {self._batch} faces", str(rows))
        self._rows = rows
        generator = torch.Generator().manual_seed(derived_seed(self._seed, self._epoch))
        persons = None if self._persons is None else self._persons()
        if persons is None:
            self._order = torch.randperm(rows, generator=generator)
            return
        names, person = torch.unique(persons[:rows], return_inverse=True)
        place = torch.randperm(len(names), generator=generator)
        self._order = torch.argsort(place[person], stable=True)
