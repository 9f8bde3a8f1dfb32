"""One optimiser step: batches, terms, gradients, weights.

Over several processes batch normalisation may see the batches of all of them. Torch's own
`SyncBatchNorm` does so on devices alone; `SyncNorm` does on CPUs, too.
"""

from __future__ import annotations

import contextlib
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn.modules.batchnorm import _BatchNorm
from torch.optim import Optimizer

from .config import EngineConfig
from .nonfinite import Snapshot, Trouble, bad_samples, bad_terms, save_bad_batch
from .precision import Precision
from .runtime import Runtime
from .step_timer import StepTimer
from .task import Task


@dataclass(frozen=True)
class Outcome:
    """What became of a step.

    Attributes:
        terms: means over its batches, and their sum as "loss".
        images: of this process.
        changed: whether the weights were changed.
        trouble: why not; None also where scaled gradients overflowed, which is no trouble.
        seconds: that the main process's clock went on.
    """

    terms: dict[str, Tensor]
    images: int
    changed: bool
    trouble: Trouble | None
    seconds: float


class Stepper:
    """Makes steps of one task.

    Args:
        task: its network is moved to the device, and wrapped for the processes.
        optimizer: of the network's parameters.
        runtime: device and processes.
        config: of the run.
        folder: where bad batches are saved.
        timer: of the stages.
    """

    def __init__(
        self,
        task: Task,
        optimizer: Optimizer,
        runtime: Runtime,
        config: EngineConfig,
        folder: Path,
        timer: StepTimer,
    ) -> None:
        self._task, self._optimizer, self._runtime = task, optimizer, runtime
        self._config, self._folder, self._timer = config, folder, timer
        self.precision = Precision(config.precision, runtime.device)
        if config.sync_batch_norm and runtime.world > 1:
            synchronise_norms(task.network, runtime.device)
        self._wrapped = runtime.wrap(task.network)
        self._network = self.precision.wrap(self._wrapped)
        self._snapshot = Snapshot(task)
        self._trained = [p for p in task.network.parameters() if p.requires_grad]

    def __call__(
        self, take: Callable[[], Any], step: int, rate: float, lap: Callable[[], float]
    ) -> Outcome:
        """Make a step, or find out why it cannot be made.

        Args:
            take: the next batch.
            step: optimiser steps done.
            rate: the learning rate.
            lap: seconds since it was called last.
        """
        for group in self._optimizer.param_groups:
            group["lr"] = rate
        self._snapshot.take()
        self._network.train()
        self._optimizer.zero_grad(set_to_none=True)
        count = self._config.accumulate
        parts = [self._gradients(take, last=k == count - 1) for k in range(count)]
        with self._timer("optimiser"):
            limit = self._config.optimizer.clip
            norm = self.precision.clip(self._optimizer, self._trained, limit)
            poor, steep, seconds = self._agree([terms["loss"] for _, terms in parts], norm, lap())
            overflow = steep and not poor and self.precision.scales
            usable = not (poor or steep)
            (self.precision.step if usable else self.precision.skip)(self._optimizer)
        trouble = None if usable or overflow else self._explain(parts, step)
        names = parts[0][1]
        means = {n: torch.stack([terms[n] for _, terms in parts]).mean() for n in names}
        images = sum(len(batch) for batch, _ in parts)
        return Outcome(means, images, usable, trouble, seconds)

    def _gradients(self, take: Callable[[], Any], last: bool) -> tuple[Any, dict[str, Tensor]]:
        """A batch on the device and its terms; its share of the gradients is added."""
        with self._timer("data"):
            batch = take().to(self._runtime.device)
        alone = contextlib.nullcontext() if last else self._runtime.local(self._wrapped)
        with alone:
            with self._timer("forward"):
                terms = dict(self._task.losses(self._network, batch))
                total = torch.stack(list(terms.values())).sum()
            with self._timer("backward"):
                self.precision.backward(total / self._config.accumulate)
        return batch, {name: v.detach() for name, v in {"loss": total, **terms}.items()}

    def _agree(
        self, totals: list[Tensor], norm: Tensor, seconds: float
    ) -> tuple[bool, bool, float]:
        """Over all processes: is any loss not finite, is any gradient, and the main one's time."""
        poor = (~torch.isfinite(torch.stack(totals))).any()
        steep = ~torch.isfinite(norm)
        clock = seconds if self._runtime.rank == 0 else 0.0
        flags = torch.stack([poor.double(), steep.double()]).to(self._runtime.device)
        values = torch.cat([flags, flags.new_tensor([clock])])
        any_poor, any_steep, passed = self._runtime.sum(values).tolist()
        return any_poor > 0, any_steep > 0, passed

    def _explain(self, parts: list[tuple[Any, dict[str, Tensor]]], step: int) -> Trouble:
        """Put back what the step has spoilt; name terms and samples, save the first bad batch."""
        self._snapshot.restore()
        self._optimizer.zero_grad(set_to_none=True)
        plain: nn.Module = self.precision.wrap(self._task.network)
        by_batch = [(bad_terms(terms), batch) for batch, terms in parts]
        suspects = [(names, batch) for names, batch in by_batch if names]
        names, batch = suspects[0] if suspects else (("gradient",), parts[0][0])
        samples: tuple[str, ...] = ()
        for other in [batch] if suspects else [batch for batch, _ in parts]:
            samples = bad_samples(self._task, plain, other)
            self._snapshot.restore()
            if samples:
                batch = other
                break
        traced = torch.tensor(float(bool(samples)), device=self._runtime.device)
        elsewhere = float(self._runtime.sum(traced)) > 0
        if elsewhere and not samples:
            return Trouble((), (), "")  # synchronised norms spread what is not finite
        facts = {"step": step, "terms": list(names), "samples": list(samples)}
        file = save_bad_batch(self._folder, step, self._runtime.rank, batch=batch, facts=facts)
        return Trouble(names, samples, file)


class SyncNorm(_BatchNorm):
    """Normalises with mean and variance over every process's batch (Ioffe and Szegedy 2015).

    Arguments, parameters and buffers are those of `nn.BatchNorm2d`. Every process must have a batch
    of the same shape. Outside training it is the plain one.
    """

    def _check_input_dim(self, input: Tensor) -> None:
        pass

    def forward(self, input: Tensor) -> Tensor:
        """(B,C,...) to the same shape."""
        if not self.training or not torch.distributed.is_initialized():
            return super().forward(input)
        mean, variance, count = _statistics(input)
        self._follow(mean.detach(), variance.detach() * count / max(count - 1, 1))
        scale = torch.rsqrt(variance + self.eps)
        if self.affine:
            scale = scale * self.weight
        offset = -mean * scale if not self.affine else self.bias - mean * scale
        shape = (1, -1, *[1] * (input.ndim - 2))
        return (input.float() * scale.view(shape) + offset.view(shape)).to(input.dtype)

    @torch.no_grad()
    def _follow(self, mean: Tensor, variance: Tensor) -> None:
        seen, means, variances = self.num_batches_tracked, self.running_mean, self.running_var
        if seen is None or means is None or variances is None:
            return
        seen.add_(1)
        share = 1 / float(seen) if self.momentum is None else self.momentum
        means.lerp_(mean.to(means), share)
        variances.lerp_(variance.to(variances), share)


class _Sum(torch.autograd.Function):
    """The sum of a tensor over processes; so is its gradient."""

    @staticmethod
    def forward(ctx: Any, values: Tensor) -> Tensor:  # noqa: ANN401
        return _summed(values)

    @staticmethod
    def backward(ctx: Any, gradient: Tensor) -> Tensor:  # noqa: ANN401
        return _summed(gradient)


def _summed(values: Tensor) -> Tensor:
    total = values.contiguous().clone()
    torch.distributed.all_reduce(total)
    return total


def _statistics(images: Tensor) -> tuple[Tensor, Tensor, int]:
    """Mean (C,), biased variance (C,) and number of values over all processes.

    The variance is taken round the common mean: a difference of mean squares would cancel.
    """
    axes = [0, *range(2, images.ndim)]
    world = torch.distributed.get_world_size()
    values = images.float()
    mean = _Sum.apply(values.mean(axes)) / world
    shape = (1, -1, *[1] * (images.ndim - 2))
    variance = _Sum.apply((values - mean.view(shape)).square().mean(axes)) / world
    return mean, variance, world * images.numel() // images.shape[1]


def synchronise_norms(network: nn.Module, device: torch.device) -> None:
    """Replace every batch normalisation below a network, in place, sharing its tensors.

    Args:
        network: no batch normalisation itself.
        device: where it will run; on CUDA torch's own `SyncBatchNorm` is used.
    """
    for name, child in network.named_children():
        if not isinstance(child, nn.BatchNorm1d | nn.BatchNorm2d | nn.BatchNorm3d):
            synchronise_norms(child, device)
        elif device.type == "cuda":
            setattr(network, name, nn.SyncBatchNorm.convert_sync_batchnorm(child))
        else:
            setattr(network, name, _synchronised(child))


def _synchronised(norm: _BatchNorm) -> SyncNorm:
    other = SyncNorm(
        norm.num_features, norm.eps, norm.momentum, norm.affine, norm.track_running_stats
    )
    other._parameters, other._buffers = norm._parameters, norm._buffers
    return other.train(norm.training)
