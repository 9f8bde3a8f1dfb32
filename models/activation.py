"""Class-activation maps: from which places of a picture a network's numbers come.

MLANet's figure 4 shows them "based on class activation mapping" (Zhou et al., CVPR 2016): the sum
of a layer's features, each weighted by what the last layer makes of it. Numbers are no classes:
here the answer itself takes the class's place, half its squared length, whose gradient with respect
to a feature's mean is that weight (Selvaraju et al., ICCV 2017, for layers of any depth).
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor, nn

from ..core.errors import InputError, UnknownNameError

_LEAST_SIDE = 2  # places across, below which a map has no places


def spatial_layers(network: nn.Module, images: Tensor) -> list[str]:
    """The names of the layers whose outputs are maps, in the order of their work.

    >>> network = nn.Sequential(nn.Conv2d(3, 4, 3), nn.ReLU(), nn.Flatten())
    >>> spatial_layers(network, torch.ones(1, 3, 8, 8))
    ['0', '1']

    Args:
        network: of any kind.
        images: (B,C,H,W) that it takes.
    """
    names: list[str] = []

    def note(name: str) -> Callable[..., None]:
        return lambda module, given, out: names.append(name) if _is_map(out) else None

    hooks = [part.register_forward_hook(note(name)) for name, part in _parts(network)]
    try:
        with torch.no_grad():
            network(images)
    finally:
        for hook in hooks:
            hook.remove()
    return names


def activation_map(
    network: nn.Module, images: Tensor, layer: str = "", outputs: slice | None = None
) -> Tensor:
    """Where the numbers that a network gives of images come from.

    relu(sum_c w_c F_c) with w_c the mean over the places of d(|y|^2 / 2) / d F_c, divided by its
    largest value. Where a mean over all places and one linear layer W follow F it is, up to that
    division, the class-activation map sum_c (sum_k y_k W_kc) F_c.

    Args:
        network: of numbers (B,N), in evaluation mode.
        images: (B,C,H,W) that it takes.
        layer: name of a layer whose output is a map; "": the last one.
        outputs: which of the numbers count as y; None: all.

    Returns:
        (B,1,h,w) in [0,1], of the layer's own size; 0 where nothing speaks for the answer.

    Raises:
        InputError: a network of something else than numbers, or without a layer of maps.
        UnknownNameError: no such layer of maps.
    """
    names = spatial_layers(network, images)
    if not names:
        raise InputError("network", "layers whose outputs are maps", "none")
    if layer and layer not in names:
        raise UnknownNameError("layer of maps", layer, names)
    features, answer = _answered(network, images, layer or names[-1])
    if answer.ndim != 2:
        raise InputError("network", "one that gives numbers (B,N)", str(tuple(answer.shape)))
    chosen = answer if outputs is None else answer[:, outputs]
    (gradient,) = torch.autograd.grad(chosen.square().sum() / 2, features)
    found = (gradient.mean((2, 3), keepdim=True) * features).sum(1, keepdim=True).relu().detach()
    return found / found.amax((2, 3), keepdim=True).clamp(min=torch.finfo(found.dtype).tiny)


def _answered(network: nn.Module, images: Tensor, layer: str) -> tuple[Tensor, Tensor]:
    """A layer's output, and the network's numbers, which depend on it."""
    kept: list[Tensor] = []

    def keep(module: nn.Module, given: Any, out: Tensor) -> Tensor:  # noqa: ANN401
        leaf = out.detach().requires_grad_()
        kept.append(leaf)
        return leaf * 1  # what follows may work in place

    hook = dict(_parts(network))[layer].register_forward_hook(keep)
    try:
        with torch.enable_grad():
            answer = network(images)
    finally:
        hook.remove()
    if not isinstance(answer, Tensor):
        raise InputError("network", "one that gives numbers (B,N)", type(answer).__name__)
    return kept[-1], answer


def _parts(network: nn.Module) -> list[tuple[str, nn.Module]]:
    return [(name, part) for name, part in network.named_modules() if name]


def _is_map(out: object) -> bool:
    return isinstance(out, Tensor) and out.ndim == 4 and min(out.shape[2:]) >= _LEAST_SIDE
