"""What the loop trains: a network, its batches, its loss terms and its validation."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping, Sequence
from typing import Any, Protocol, runtime_checkable

from torch import Tensor, nn

from .prefetch import Source
from .step_timer import NO_TIMER, Timer


@runtime_checkable
class Sliceable(Protocol):
    """A batch of which rows can be taken: then a loss that is not finite is traced to a sample."""

    def __len__(self) -> int: ...

    def __getitem__(self, rows: slice) -> Any: ...  # noqa: ANN401


@runtime_checkable
class Named(Protocol):
    """A batch that knows its samples' names.

    Attributes:
        names: of the samples, row by row; empty or None where they are not known.
    """

    names: Sequence[str]


class Task(ABC):
    """One recipe, bound to its data.

    A task says what a batch's loss is, how the network is judged and what is written of it. What
    else a run may ask of it has a default here that does nothing.

    A batch has `to(device)` and a length; it may be `Sliceable` and `Named`, too. Every term must
    be a mean over the batch's samples, each counted alike: then accumulated batches and several
    processes give the gradients of one batch.

    Attributes:
        network: what is trained.
        source: its batches.
        timer: the loop puts its own here; the task says `with self.timer("geometry"):` round its
            stages.
        tested: whether `test` is to be called when the run has ended.

    Example:
        >>> import torch
        >>> class Line(Task):
        ...     def __init__(self):
        ...         self.network = nn.Linear(1, 1)
        ...     def losses(self, network, batch):
        ...         return {"square": (network(batch) - 3 * batch).square().mean()}
        ...     def validate(self, network):
        ...         return {"error": abs(3 - network.weight.item())}
        ...     def export(self, network, facts):
        ...         return {".txt": f"{network.weight.item():.2f}".encode()}
        >>> task = Line()
        >>> list(task.losses(task.network, torch.ones(2, 1)))
        ['square']
        >>> task.state_dict(), task.tested
        ({}, False)
    """

    network: nn.Module
    source: Source
    timer: Timer = NO_TIMER
    tested: bool = False

    @abstractmethod
    def losses(self, network: nn.Module, batch: Any) -> Mapping[str, Tensor]:  # noqa: ANN401
        """The weighted terms of a batch, scalars; the loss is their sum.

        Args:
            network: to be called with images; a wrapper of `self.network`, whose other attributes
                it lacks.
            batch: on the device.
        """

    @abstractmethod
    def validate(self, network: nn.Module) -> Mapping[str, float]:
        """Metrics of the averaged network by name; `error`, if there, is the one to be small."""

    @abstractmethod
    def export(self, network: nn.Module, facts: Mapping[str, Any]) -> dict[str, bytes]:
        """The files to write beside the checkpoints.

        Args:
            network: whose weights are written.
            facts: plain values to store with them.

        Returns:
            Content by suffix, such as ".safetensors".
        """

    def pictures(self, network: nn.Module) -> Mapping[str, Tensor]:
        """Pictures to look at after a validation, by name: (3,H,W) or (N,3,H,W) in [0,1]."""
        return {}

    def test(self, network: nn.Module) -> Mapping[str, float]:
        """Metrics of sets that nothing is chosen by.

        It is called once, when the run has ended, with the best weights, if `tested` is true.
        """
        return {}

    def begin_epoch(  # noqa: B027  (nothing to do is a good default)
        self, epoch: int, mean: Callable[[Tensor], Tensor]
    ) -> None:
        """Note that an epoch begins.

        It is called before the first step of every epoch, once, on every process, if the source
        has a length.

        Args:
            epoch: number of the epoch, from 0.
            mean: averages a tensor over the processes.
        """

    def settle_norms(self, network: nn.Module) -> None:  # noqa: B027
        """Call the network on some training batches, always the same.

        Batch normalisations take their statistics from them in what is validated and written (see
        `engine.nonfinite.exact_norms`); they keep their running ones where nothing is called.
        """

    def state_dict(self) -> dict[str, Any]:
        """What the task gathers on its way, as plain values and small tensors.

        It is part of every checkpoint, and put back where a step is left out.
        """
        return {}

    def load_state_dict(self, state: Mapping[str, Any]) -> None:  # noqa: B027
        """Put a `state_dict` back."""
