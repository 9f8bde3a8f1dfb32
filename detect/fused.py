"""Normalisation folded into the convolutions before it."""

from __future__ import annotations

from typing import TypeVar

from torch import nn
from torch.nn.utils.fusion import fuse_conv_bn_eval

Network = TypeVar("Network", bound=nn.Module)


def fused(network: Network) -> Network:
    """The network, changed in place: in every sequence, of a convolution and the norm after it
    only a convolution is left. It must be in evaluation mode."""
    for part in network.modules():
        if not isinstance(part, nn.Sequential):
            continue
        for k in range(len(part) - 1):
            convolution, norm = part[k], part[k + 1]
            if isinstance(convolution, nn.Conv2d) and isinstance(norm, nn.BatchNorm2d):
                part[k] = fuse_conv_bn_eval(convolution, norm)
                part[k + 1] = nn.Identity()
    return network
