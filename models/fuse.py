"""Networks rearranged for speed; what they compute stays the same to rounding."""

from __future__ import annotations

import copy
from itertools import pairwise
from typing import TypeVar

import torch
from torch import nn
from torch.nn.utils.fusion import fuse_conv_bn_eval

Module = TypeVar("Module", bound=nn.Module)


def fuse_norms(network: Module) -> Module:
    """A copy in which every `Sequential` of convolution then normalisation is one convolution.

    The network must be in evaluation mode; its outputs stay the same to rounding.
    """
    fused = copy.deepcopy(network).eval()
    for module in list(fused.modules()):
        if not isinstance(module, nn.Sequential):
            continue
        layers = list(module.children())
        for k, (first, second) in enumerate(pairwise(layers)):
            if isinstance(first, nn.Conv2d) and isinstance(second, nn.BatchNorm2d):
                module[k] = fuse_conv_bn_eval(first, second)
                module[k + 1] = nn.Identity()
    return fused


def channels_last(network: Module) -> Module:
    """The same network with convolutions that like channels last in memory, in place."""
    moved: Module = network.to(memory_format=torch.channels_last)  # type: ignore[call-overload]
    return moved
