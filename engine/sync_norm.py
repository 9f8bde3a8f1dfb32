"""Batch normalisation over the batches of all processes.

Torch's own `SyncBatchNorm` runs on devices alone; this one runs on CPUs, too.
"""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor, nn
from torch.nn.modules.batchnorm import _BatchNorm


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
