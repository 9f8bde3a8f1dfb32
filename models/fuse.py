"""Networks rearranged for speed; what they compute stays the same to rounding."""

from __future__ import annotations

import copy
from typing import TypeVar

import torch
from torch import nn

from ..core.fold_norms import fold_norms
from .exported.onnx_network import OnnxNetwork

Module = TypeVar("Module", bound=nn.Module)


def fuse_norms(network: Module) -> Module:
    """A copy in which convolution and normalisation that follow each other are one convolution.

    Only those inside a `Sequential` are joined. The outputs stay the same to rounding.

    Args:
        network: in evaluation mode; it is left as it was.

    Example:
        >>> layers = nn.Sequential(nn.Conv2d(3, 4, 3), nn.BatchNorm2d(4)).eval()
        >>> fused = fuse_norms(layers)
        >>> [type(layer).__name__ for layer in fused]
        ['Conv2d', 'Identity']
        >>> images = torch.ones(1, 3, 8, 8)
        >>> bool(torch.allclose(fused(images), layers(images), atol=1e-6))
        True
    """
    fused = copy.deepcopy(network).eval()
    fold_norms(fused)
    return fused


def channels_last(network: Module) -> Module:
    """The same network, in place, whose convolutions have channels last in memory.

    Args:
        network: any module; what is no convolution stays as it is.
    """
    moved: Module = network.to(memory_format=torch.channels_last)  # type: ignore[call-overload]
    return moved


def ready_to_run(network: Module) -> Module:
    """A network as it predicts fastest; one that onnxruntime runs is so already.

    Args:
        network: in evaluation mode; it is left as it was.
    """
    if isinstance(network, OnnxNetwork):
        return network
    return channels_last(fuse_norms(network))
