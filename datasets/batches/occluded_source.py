"""A source of batches whose crops are partly hidden."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import torch

from ...core.errors import InputError
from ..shards.source import FaceLoader
from .epochs import derived_seed
from .occluders import OccluderConfig, cover, draw_occluders

_STREAM = 7  # of the seed; others belong to the source's own draws


class OccludedSource:
    """The batches of a source under patches; batch k is the same on however many processes.

    Args:
        source: of the crops.
        config: of the patches.
        batch: crops of a batch, over all processes.
        seed: of the patches.
        epoch: batches of an epoch.

    Raises:
        InputError: no batch, or no epoch.
    """

    def __init__(
        self, source: FaceLoader, config: OccluderConfig, batch: int, seed: int, epoch: int
    ) -> None:
        for name, value in (("batch", batch), ("epoch", epoch)):
            if value < 1:
                raise InputError(name, "1 or more", str(value))
        self._source, self._config = source, config
        self._batch, self._seed, self._epoch = batch, seed, epoch
        self._rows = torch.arange(batch)
        self._done = 0

    def __len__(self) -> int:
        """Batches of an epoch."""
        return self._epoch

    def __next__(self) -> Any:  # noqa: ANN401
        batch = next(self._source)
        generator = torch.Generator().manual_seed(derived_seed(self._seed, _STREAM, self._done))
        occluders = draw_occluders(self._config, self._batch, generator)
        self._done += 1
        return cover(batch, occluders[self._rows])

    def shard(self, rank: int, world: int) -> OccludedSource:
        """Rows rank, rank + world, ... of the same batches.

        Raises:
            InputError: as `FaceLoader.shard`.
        """
        source = self._source.shard(rank, world)
        part = OccludedSource(source, self._config, self._batch, self._seed, self._epoch)
        part._rows, part._done = torch.arange(rank, self._batch, world), self._done
        return part

    def rejects(self) -> dict[str, str]:
        """Why each bad row that was met is bad."""
        return self._source.rejects()

    @property
    def summary(self) -> str:
        """The source's."""
        return self._source.summary

    def state_dict(self) -> dict[str, Any]:
        """The position before the next batch."""
        return {"batches": self._done, "source": self._source.state_dict()}

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        """Go on where `state` was taken.

        Raises:
            InputError: as `FaceLoader.load_state_dict`.
        """
        self._source.load_state_dict(state["source"])
        self._done = int(state["batches"])
