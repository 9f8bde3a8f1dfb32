"""Training a network of UV maps on faces whose shape and pose are known."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any

import torch
from torch import Tensor, nn

from ..datasets.batch import FaceBatch
from ..models.sadrnet import UvPrediction
from .prefetch import Source
from .step_timer import NO_TIMER, Timer
from .uv_figures import UvFigures
from .uv_losses import UvLosses
from .uv_pictures import uv_pictures
from .uv_targets import UvTargetMaker

Pack = Callable[[nn.Module, Mapping[str, Any]], dict[str, bytes]]
_SHOWN = 4  # faces of each kind in pictures


class UvTask:
    """See `engine.task.Task`.

    Args:
        network: images to `UvPrediction`.
        maker: of the targets.
        losses: the terms.
        figures: of validations.
        source: of training batches.
        validation: batches that training never sees, by the prefix of their figures; those of ""
            give the "error".
        pack: network and facts to the files that are written.
        rasterizer: of the pictures.
        test: batches that nothing is chosen by, read when the run has ended.
    """

    def __init__(
        self,
        network: nn.Module,
        maker: UvTargetMaker,
        losses: UvLosses,
        figures: UvFigures,
        source: Source,
        validation: Mapping[str, Sequence[FaceBatch]],
        pack: Pack,
        rasterizer: str = "cpu",
        test: Iterable[FaceBatch] = (),
    ) -> None:
        self.network, self.source = network, source
        self.timer: Timer = NO_TIMER
        self._maker, self._losses, self._figures = maker, losses, figures
        self._validation, self._pack, self._rasterizer = validation, pack, rasterizer
        self._test = test
        self.tested = bool(test)

    def losses(self, network: nn.Module, batch: FaceBatch) -> dict[str, Tensor]:
        """The weighted terms of a batch."""
        device = batch.images.device
        with self.timer("network"):
            prediction: UvPrediction = network(batch.images)
        with torch.autocast(device.type, enabled=False), self.timer("geometry"):
            targets = self._maker.to(device)(batch)
            terms: dict[str, Tensor] = self._losses.to(device)(prediction, targets)
        return terms

    @torch.no_grad()
    def validate(self, network: nn.Module) -> dict[str, float]:
        """The figures of `UvFigures` by prefix."""
        found: dict[str, float] = {}
        for prefix, batches in self._validation.items():
            figures = self._figures(network, batches)
            found |= {f"{prefix}{name}": value for name, value in figures.items()}
        return found

    def test(self, network: nn.Module) -> dict[str, float]:
        """`UvFigures` of the test sets."""
        return self._figures(network, self._test)

    @torch.no_grad()
    def pictures(self, network: nn.Module) -> dict[str, Tensor]:
        """`uv_pictures` of the first faces of each kind of validation."""
        device = next(network.parameters()).device
        layout = self._losses.layout.to(device)
        found: dict[str, Tensor] = {}
        for prefix, batches in self._validation.items():
            batch = batches[0][:_SHOWN].to(device)
            maps = UvPrediction(*(None if m is None else m.float() for m in network(batch.images)))
            shown = uv_pictures(maps, layout, batch, self._rasterizer)
            found |= {f"{prefix}{name}": picture for name, picture in shown.items()}
        return found

    def export(self, network: nn.Module, facts: Mapping[str, Any]) -> dict[str, bytes]:
        """The weights."""
        return self._pack(network, facts)
