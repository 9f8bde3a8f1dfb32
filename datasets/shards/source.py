"""Endless training batches of photographs, with a position that can be saved and restored.

Which rows of which data sets make a batch is drawn from a seed, in given proportions.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import partial
from typing import Any

import torch

from ...core.errors import InputError
from ...core.item_failure import Failed, FailureLog, attempt
from ...geometry.coefficient_mirror import CoefficientMirror
from ..batches.batch import FaceBatch
from ..batches.collate import FaceRow, RowMaker, stack_rows
from ..batches.crops import CROPS
from ..batches.epochs import derived_seed
from ..batches.photo_augment import PhotoAugment, PhotoAugmentConfig, draw_photo_augment
from ..batches.sample import FaceDataset


@dataclass(frozen=True)
class Draw:
    """Row `row` of data set `number`."""

    number: int
    row: int


class Mix:
    """Endless draws from several data sets; each is gone through in a new order again and again.

    The share of a data set among the first n draws is its weight's to within one draw, for every n.

    Args:
        lengths: rows of each data set, at least 1.
        weights: share of each, any positive scale.
        seed: of the orders.

    Raises:
        InputError: no data set, an empty one, or weights that are not positive and as many.
    """

    def __init__(self, lengths: Sequence[int], weights: Sequence[float], seed: int) -> None:
        if not lengths or min(lengths) < 1:
            raise InputError("data sets", "one or more, none of them empty", str(list(lengths)))
        if len(weights) != len(lengths) or not all(0 < weight < float("inf") for weight in weights):
            expected = f"{len(lengths)} numbers above 0"
            raise InputError("weights", expected, str(list(weights)))
        self.lengths, self._seed = tuple(lengths), seed
        self._shares = [weight / sum(weights) for weight in weights]
        self.drawn = [0] * len(lengths)
        self._orders: dict[int, tuple[int, torch.Tensor]] = {}

    def draw(self, count: int) -> list[Draw]:
        """The next `count` rows."""
        draws = []
        for _ in range(count):
            total = sum(self.drawn) + 1
            lacks = [s * total - d for s, d in zip(self._shares, self.drawn, strict=True)]
            number = max(range(len(lacks)), key=lacks.__getitem__)
            epoch, place = divmod(self.drawn[number], self.lengths[number])
            draws.append(Draw(number, int(self._order(number, epoch)[place])))
            self.drawn[number] += 1
        return draws

    def _order(self, number: int, epoch: int) -> torch.Tensor:
        if number not in self._orders or self._orders[number][0] != epoch:
            generator = torch.Generator().manual_seed(derived_seed(self._seed, 1, number, epoch))
            self._orders[number] = epoch, torch.randperm(self.lengths[number], generator=generator)
        return self._orders[number][1]


@dataclass(frozen=True)
class BatchOrder:
    """Which batches are made of data sets: their crops, their size, and what is drawn.

    Attributes:
        crop: a name of `CROPS`.
        augment: how the crops are changed.
        size: side of the crops, pixels.
        batch: rows of a batch, over all processes.
        seed: of the order and of every change.
        epoch: batches of an epoch; 0: as many as show each row of the data sets once.

    Raises:
        InputError: a batch or size below 1, a seed or epoch below 0.
        UnknownNameError: an unknown crop.
    """

    crop: str
    augment: PhotoAugmentConfig
    size: int
    batch: int
    seed: int = 0
    epoch: int = 0

    def __post_init__(self) -> None:
        for name, least in (("epoch", 0), ("size", 1), ("batch", 1), ("seed", 0)):
            if getattr(self, name) < least:
                raise InputError(name, f"{least} or more", str(getattr(self, name)))
        CROPS.get(self.crop)


class FaceLoader:
    """Mixes data sets; batch k is the same whenever, and on however many processes, it is made.

    A bad row is replaced by the next good one of its data set, and listed.

    Args:
        datasets: where the samples come from.
        weights: share of each in the batches, on any scale.
        order: the batches that are made of them.
        mirror: of the face model that the samples' truth belongs to, if any are mirrored.
        threads: that read and crop at once.

    Attributes:
        log: for tracebacks of errors that nobody foresaw; none are kept without it.

    Raises:
        InputError: no data set, wrong weights, or no thread.
    """

    def __init__(
        self,
        datasets: Sequence[FaceDataset],
        weights: Sequence[float],
        order: BatchOrder,
        mirror: CoefficientMirror | None = None,
        threads: int = 1,
    ) -> None:
        if threads < 1:
            raise InputError("threads", "1 or more", str(threads))
        self._make = RowMaker(order.crop, order.size, mirror)
        self._datasets, self._order = tuple(datasets), order
        self._weights, self._threads = tuple(weights), threads
        self._rank, self._world = 0, 1
        self._mix = Mix([len(dataset) for dataset in datasets], weights, order.seed)
        self._done = 0
        self._rejects: dict[str, str] = {}
        self._pool = ThreadPoolExecutor(threads) if threads > 1 else None
        self.log: FailureLog | None = None

    def __len__(self) -> int:
        """Batches of an epoch: `epoch`, or as many rows as all data sets have together."""
        return self._order.epoch or max(sum(self._mix.lengths) // self._order.batch, 1)

    def __next__(self) -> FaceBatch:
        order = self._order
        draws = self._mix.draw(order.batch)
        generator = torch.Generator().manual_seed(derived_seed(order.seed, 2, self._done))
        augment = draw_photo_augment(order.augment, order.batch, generator)
        mine = range(self._rank, order.batch, self._world)
        jobs = [(draws[row], augment, row) for row in mine]
        rows = self._pool.map(self._row, jobs) if self._pool else map(self._row, jobs)
        batch = stack_rows(list(rows))
        augment[torch.tensor(list(mine))].paint(batch.images)
        self._done += 1
        return batch

    def shard(self, rank: int, world: int) -> FaceLoader:
        """Rows rank, rank + world, ... of the same batches, from the place where this one stands.

        Raises:
            InputError: no such rank, or a batch that does not divide by `world`.
        """
        if not 0 <= rank < world or self._order.batch % world:
            got = f"rank {rank} of {world} for a batch of {self._order.batch}"
            raise InputError("rank", "0..world-1 and a batch that world divides", got)
        mirror = self._make.mirror
        part = FaceLoader(self._datasets, self._weights, self._order, mirror, self._threads)
        part._rank, part._world, part.log = rank, world, self.log
        part.load_state_dict(self.state_dict())
        return part

    def rejects(self) -> dict[str, str]:
        """Why each bad row that was met is bad, by "set/file"."""
        return dict(self._rejects)

    @property
    def summary(self) -> str:
        """A line for each data set and one for the bad rows so far."""
        lines = [dataset.summary for dataset in self._datasets]
        return "\n".join([*lines, f"{len(self._rejects)} bad rows so far"])

    def state_dict(self) -> dict[str, Any]:
        """The position before the next batch; numbers, strings and containers of them."""
        return {
            "batches": self._done,
            "drawn": list(self._mix.drawn),
            "lengths": list(self._mix.lengths),
            "rejects": dict(self._rejects),
        }

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        """Go on where `state` was taken.

        Raises:
            InputError: the data sets had other lengths then.
        """
        if list(state["lengths"]) != list(self._mix.lengths):
            expected = f"lengths {state['lengths']} as before"
            raise InputError("data sets", expected, str(list(self._mix.lengths)))
        self._done = int(state["batches"])
        self._mix.drawn = list(state["drawn"])
        self._rejects = dict(state["rejects"])

    def _made(self, dataset: FaceDataset, row: int, augment: PhotoAugment, place: int) -> FaceRow:
        sample = dataset[row]
        return self._make(sample, self._make.frame(sample), augment, place)

    def _row(self, job: tuple[Draw, PhotoAugment, int]) -> FaceRow:
        draw, augment, place = job
        dataset = self._datasets[draw.number]
        for k in range(len(dataset)):
            row = (draw.row + k) % len(dataset)
            name = dataset.row_name(row)
            if name in self._rejects:
                continue
            face = attempt(name, partial(self._made, dataset, row, augment, place), self.log)
            if not isinstance(face, Failed):
                return face
            self._rejects[name] = face.message
        names = [dataset.row_name(row) for row in range(len(dataset))]
        reason = next(self._rejects[name] for name in names if name in self._rejects)
        raise InputError(f"data set {dataset.name}", "a row that can be used", f"none: {reason}")
