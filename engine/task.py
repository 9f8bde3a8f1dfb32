"""What the loop trains: a network, its batches, its loss terms and its validation."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Protocol

from torch import Tensor, nn

from .prefetch import Source


class Task(Protocol):
    """One recipe, bound to its data.

    Attributes:
        network: what is trained.
        source: its batches; a batch has `to(device)` and a length.
    """

    network: nn.Module
    source: Source

    def losses(self, network: nn.Module, batch: Any) -> Mapping[str, Tensor]:  # noqa: ANN401
        """The weighted terms of a batch, scalars; the loss is their sum."""
        ...

    def validate(self, network: nn.Module) -> Mapping[str, float]:
        """Figures of the averaged network; `error`, if there, is the one to be small."""
        ...

    def export(self, network: nn.Module, facts: Mapping[str, Any]) -> dict[str, bytes]:
        """Files to write beside the checkpoints, by name."""
        ...
