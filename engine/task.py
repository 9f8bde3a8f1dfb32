"""What the loop trains: a network, its batches, its loss terms and its validation."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Protocol

from torch import Tensor, nn

from .prefetch import Source


class Task(Protocol):
    """One recipe, bound to its data.

    A batch has `to(device)` and a length; where it also has `batch[rows]` and `names`, a loss that
    is not finite is traced to its sample. Every term must be a mean over the batch's samples, each
    counted alike: then accumulated batches and several processes give the gradients of one batch.

    A task may offer more:

    - `pictures(network) -> Mapping[str, Tensor]`: (3,H,W) or (N,3,H,W) in [0,1], at validations.
    - `state_dict()` and `load_state_dict(state)`: what it gathers on its way, as plain values and
      tensors, small; part of every checkpoint, and put back where a step is left out.
    - `begin_epoch(epoch, mean)`: called before the first step of every epoch, once, on every
      process; `mean` averages a tensor over the processes. Needs a source with a length.
    - `settle_norms(network)`: calls the network on some training batches, always the same; batch
      normalisations take their statistics from them in what is validated and written (`norms.py`).
    - `test(network) -> Mapping[str, float]`: figures of sets that nothing is chosen by; called
      once, when the run has ended, with its best weights, if `tested` is true.
    - `timer`: starts as `engine.step_timer.NO_TIMER`; the loop puts its own there, and the task
      says `with self.timer("geometry"):` round its stages.

    Attributes:
        network: what is trained.
        source: its batches.
    """

    network: nn.Module
    source: Source

    def losses(self, network: nn.Module, batch: Any) -> Mapping[str, Tensor]:  # noqa: ANN401
        """The weighted terms of a batch, scalars; the loss is their sum.

        Args:
            network: to be called with images; a wrapper of `self.network`, whose other attributes
                it lacks.
            batch: on the device.
        """
        ...

    def validate(self, network: nn.Module) -> Mapping[str, float]:
        """Figures of the averaged network; `error`, if there, is the one to be small."""
        ...

    def export(self, network: nn.Module, facts: Mapping[str, Any]) -> dict[str, bytes]:
        """Files to write beside the checkpoints, by name."""
        ...


def gathered_state(task: Task) -> Any:  # noqa: ANN401
    """The task's own state, None where it has none."""
    return task.state_dict() if hasattr(task, "state_dict") else None


def restore_state(task: Task, state: Any) -> None:  # noqa: ANN401
    """Put a `gathered_state` back."""
    if state is not None and hasattr(task, "load_state_dict"):
        task.load_state_dict(state)
