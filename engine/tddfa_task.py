"""Training a network of 3DDFA's 62 numbers on faces whose parameters are known."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any

import torch
from torch import Tensor, nn

from ..core.errors import InputError
from ..datasets.batch import FaceBatch
from ..geometry.face_model import FaceModel
from ..models.whitening import Whitening, compute_whitening
from .prefetch import Source
from .step_timer import NO_TIMER, Timer
from .tddfa_figures import TddfaFigures
from .tddfa_labels import TddfaTargets
from .tddfa_losses import TddfaLosses
from .tddfa_network import TddfaNetwork
from .tddfa_pictures import TddfaPictures

NONE_KNOWN = (
    "Train on faces with a truth of this face model; the labels of 300W-LP need face_model (or, "
    "beside a dense Basel model, label_model) to be the folder of 3DDFA's own model."
)


class TddfaTask:
    """See `engine.task.Task`.

    The whitening is computed when the first step needs it, from batches of its own, and is part of
    every checkpoint and weights file: a run that goes on keeps that of its beginning.

    Args:
        built: the network. losses: the terms. targets: reads batches.
        source: of training batches. validation: batches that training never sees.
        sample: the batches that the whitening is computed from, made when they are needed.
        model: the face model.
        test: batches that nothing is chosen by, read when the run has ended.
        norms: makes the batches that give batch normalisation its statistics (`norms.py`).
    """

    def __init__(
        self,
        built: TddfaNetwork,
        losses: TddfaLosses,
        targets: TddfaTargets,
        source: Source,
        validation: Sequence[FaceBatch],
        sample: Callable[[], Iterable[FaceBatch]],
        model: FaceModel,
        norms: Callable[[], Iterable[FaceBatch]] = tuple,
        test: Iterable[FaceBatch] = (),
    ) -> None:
        self.network, self.source = built.network, source
        self.timer: Timer = NO_TIMER
        self._built, self._losses, self._targets = built, losses, targets
        self._validation, self._sample, self._test = validation, sample, test
        self.tested = bool(test)
        self._model = model
        self._settled = built.settled
        self._figures: TddfaFigures | None = None
        self._norms, self._seen = norms, list[Tensor]()

    @property
    def whitening(self) -> Whitening:
        """Of the layout, computed now if it was not."""
        self._settle()
        return self._built.layout.whitening

    def losses(self, network: nn.Module, batch: FaceBatch) -> dict[str, Tensor]:
        """The weighted terms of a batch."""
        self._settle()
        self._built.to(batch.images.device)
        with self.timer("network"):
            outputs = self._built.outputs(network, batch.images)
        with self.timer("terms"):
            target = self._built.layout.whitening.apply(self._targets(batch))
            times = len(outputs) // len(target)
            return self._losses(outputs, target.repeat(times, 1))

    def settle_norms(self, network: nn.Module) -> None:
        """Show a network training crops, the same every time; see `Task`."""
        if not self._seen:
            self._seen = [batch.images for batch in self._norms()]
        self._settle()
        device = next(network.parameters()).device
        self._built.to(device)
        for images in self._seen:
            self._built.outputs(network, images.to(device))

    def validate(self, network: nn.Module) -> dict[str, float]:
        """The figures of `TddfaFigures`."""
        self._settle()
        self._built.to("cpu")
        if self._figures is None:
            own = (self._model, self._built.layout, self._targets, self._validation)
            self._figures = TddfaFigures(*own, self._losses.config.landmark_set)
        return self._figures(self._prediction(network))

    def test(self, network: nn.Module) -> dict[str, float]:
        """The same of the test sets."""
        self._settle()
        self._built.to("cpu")
        own = (self._model, self._built.layout, self._targets, list(self._test))
        return TddfaFigures(*own, self._losses.config.landmark_set)(self._prediction(network))

    def pictures(self, network: nn.Module) -> dict[str, Tensor]:
        """Landmarks and shapes of the first validation faces."""
        self._settle()
        self._built.to("cpu")
        own = (self._model, self._built.layout, self._targets, self._validation[0])
        look = TddfaPictures(*own, self._losses.config.landmark_set)
        return look(self._prediction(network))

    def export(self, network: nn.Module, facts: Mapping[str, Any]) -> dict[str, bytes]:
        """The weights, with layout and whitening."""
        self._settle()
        return self._built.pack(network, facts)

    def state_dict(self) -> dict[str, Any]:
        """The whitening; None before it is needed."""
        layout = self._built.layout
        own = {"mean": layout.mean.cpu().clone(), "std": layout.std.cpu().clone()}
        return {"whitening": own if self._settled else None}

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        """Go on with a state's whitening."""
        own = state["whitening"]
        if own is not None:
            self._built.layout.use_whitening(Whitening(own["mean"], own["std"]))
            self._settled, self._figures = True, None

    def _settle(self) -> None:
        """Compute the whitening, once."""
        if self._settled:
            return
        self._built.to("cpu")
        rows = torch.cat([self._targets(batch) for batch in self._sample()])
        known = rows[torch.isfinite(rows).all(1)]
        if not len(known):
            expected = f"faces whose parameters are known, of face model {self._model.name}"
            raise InputError("data.train", expected, f"none of {len(rows)}", NONE_KNOWN)
        self._built.layout.use_whitening(compute_whitening([known]))
        self._settled = True

    def _prediction(self, network: nn.Module) -> Callable[[Tensor], Tensor]:
        """Images to outputs by a network on any device; the layout is left on the CPU."""
        device = next(network.parameters()).device

        def predict(images: Tensor) -> Tensor:
            self._built.to(device)
            outputs = self._built.predict(network, images.to(device)).float().cpu()
            self._built.to("cpu")
            return outputs

        return predict
