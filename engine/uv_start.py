"""A better start for networks of UV maps: heads that begin at the scale of what they learn."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from .uv_targets import UvTargets


@torch.no_grad()
def scale_heads(network: nn.Module, targets: UvTargets, mask: Tensor) -> None:
    """Give the last norms of `network`'s map heads the mean and spread of their targets.

    SADRNet's heads end in a normalisation, whose outputs start with mean 0 and spread 1: a crop's
    width for P and 67 mm for D. Adam moves a parameter by about its learning rate a step, so that
    thousands of steps of 1e-4 go by until the faces have their size.

    Args:
        network: its heads `position` and `deformation`, where it has them, end in a BatchNorm2d.
        targets: some known faces'.
        mask: (S,S) bool, the texels that count.
    """
    if not bool(targets.known.any()):
        return
    for name, maps in (("position", targets.position), ("deformation", targets.shaped)):
        head = getattr(network, name, None)
        norms = [m for m in head.modules() if isinstance(m, nn.BatchNorm2d)] if head else []
        if norms and norms[-1].affine:
            values = maps[targets.known][..., mask].transpose(0, 1).flatten(1)
            norms[-1].weight.copy_(values.std(1))
            norms[-1].bias.copy_(values.mean(1))
