"""Which rows of which data sets make a batch: seeded, in given proportions, with a position."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import torch

from ..core.errors import InputError
from .seeds import derived_seed


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
