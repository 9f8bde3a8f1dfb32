"""Normalisation folded into the convolutions before it, for networks that no longer learn."""

from __future__ import annotations

from itertools import pairwise

from torch import nn
from torch.nn.utils.fusion import fuse_conv_bn_eval


def fold_norms(network: nn.Module) -> None:
    """Leave, of a convolution and the normalisation after it, only a convolution; in place.

    Those inside a `Sequential` are found. What the network computes stays the same to rounding.

    Args:
        network: in evaluation mode.

    Example:
        >>> layers = nn.Sequential(nn.Conv2d(3, 4, 3), nn.BatchNorm2d(4)).eval()
        >>> fold_norms(layers)
        >>> [type(layer).__name__ for layer in layers]
        ['Conv2d', 'Identity']
    """
    for module in list(network.modules()):
        if not isinstance(module, nn.Sequential):
            continue
        for k, (first, second) in enumerate(pairwise(list(module.children()))):
            if isinstance(first, nn.Conv2d) and isinstance(second, nn.BatchNorm2d):
                module[k] = fuse_conv_bn_eval(first, second)
                module[k + 1] = nn.Identity()
