"""The network that is validated and saved: an exponential moving average, or the last weights."""

from __future__ import annotations

import copy

import torch
from torch import nn

_RAMP = 20.0  # steps after which the average starts to be slower than step / (step + ramp)


class AveragedNetwork:
    """A copy of a network that follows it slowly; early on it follows faster.

    Args:
        network: what is followed.
        decay: share kept per step, in the long run; 0 makes a plain copy, which follows only when
            `catch_up` is called.
    """

    def __init__(self, network: nn.Module, decay: float) -> None:
        self.network = copy.deepcopy(network).eval().requires_grad_(False)
        self.decay = decay

    @torch.no_grad()
    def update(self, network: nn.Module, step: int) -> None:
        """Follow `network` after optimiser step number `step` (from 1)."""
        if self.decay:
            keep = min(self.decay, step / (step + _RAMP))
            pairs = list(zip(_floats(self.network), _floats(network), strict=True))
            torch._foreach_lerp_([own for own, _ in pairs], [new for _, new in pairs], 1 - keep)

    @torch.no_grad()
    def catch_up(self, network: nn.Module) -> None:
        """Take the weights of `network` where nothing is averaged."""
        if not self.decay:
            self.network.load_state_dict(network.state_dict())


def _floats(network: nn.Module) -> list[torch.Tensor]:
    tensors = [*network.parameters(), *network.buffers()]
    return [t.detach() for t in tensors if t.is_floating_point()]
