"""The layers of a network: names, types, shapes of what they give, parameters."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass

import torch
from torch import Tensor, nn

from .network import Network

_COLUMNS = ("layer", "type", "output", "parameters")

Hook = Callable[[nn.Module, tuple[object, ...], object], None]


@dataclass(frozen=True)
class Layer:
    """One call of one layer.

    Attributes:
        name: path of attributes inside the network.
        kind: its class.
        output: shapes of the tensors it gives, for one image, batch of 1 included.
        parameters: its own, not those of layers inside it; 0 where counted before.
    """

    name: str
    kind: str
    output: tuple[tuple[int, ...], ...]
    parameters: int


def describe_network(network: Network) -> list[Layer]:
    """The layers in the order in which they are called for one image.

    Listed are modules without modules inside, and those with parameters of their own.

    Args:
        network: is left as it was.

    Example:
        >>> from selfie3d.models import NETWORKS
        >>> layers = describe_network(NETWORKS.create("mobilenet_v1", width=0.25, size=64))
        >>> layers[0].kind, layers[0].output, layers[0].parameters
        ('Conv2d', ((1, 8, 32, 32),), 216)
    """
    found: list[Layer] = []
    seen: set[int] = set()

    def note(name: str) -> Hook:
        def hook(module: nn.Module, inputs: tuple[object, ...], output: object) -> None:
            sizes = {id(p): p.numel() for p in module.parameters(recurse=False)}
            count = sum(size for key, size in sizes.items() if key not in seen)
            seen.update(sizes)
            found.append(Layer(name, type(module).__name__, tuple(_shapes(output)), count))

        return hook

    layers = {name: module for name, module in network.named_modules() if _is_listed(module)}
    device = next((p.device for p in network.parameters()), torch.device("cpu"))
    images = torch.zeros(1, *network.input_shape, device=device)
    with _hooked(layers, note), _evaluated(network), torch.no_grad():
        network(images)
    return found


def format_layers(layers: list[Layer]) -> str:
    """A table for people: a line for each layer, and the sum of the parameters as the last one.

    Args:
        layers: of `describe_network`.

    Example:
        >>> print(format_layers([Layer("fc", "Linear", ((1, 62),), 6262)]))
        layer  type    output  parameters
        fc     Linear  62           6,262
        total                       6,262
    """
    rows = [
        (layer.name, layer.kind, " ".join(map(_product, layer.output)), f"{layer.parameters:,}")
        for layer in layers
    ]
    total = f"{sum(layer.parameters for layer in layers):,}"
    rows = [_COLUMNS, *rows, ("total", "", "", total)]
    widths = [max(len(row[k]) for row in rows) for k in range(len(_COLUMNS))]
    return "\n".join(
        "  ".join(
            [text.ljust(width) for text, width in zip(row[:3], widths[:3], strict=True)]
            + [row[3].rjust(widths[3])]
        )
        for row in rows
    )


def _is_listed(module: nn.Module) -> bool:
    leaf = next(module.children(), None) is None
    parameters = next(module.parameters(recurse=False), None) is not None
    return (leaf and not isinstance(module, nn.Identity)) or parameters


def _shapes(output: object) -> Iterator[tuple[int, ...]]:
    if isinstance(output, Tensor):
        yield tuple(output.shape)
    elif isinstance(output, tuple | list):
        for part in output:
            yield from _shapes(part)


def _product(shape: tuple[int, ...]) -> str:
    return "x".join(map(str, shape[1:]))


@contextmanager
def _hooked(layers: dict[str, nn.Module], note: Callable[[str], Hook]) -> Iterator[None]:
    handles = [module.register_forward_hook(note(name)) for name, module in layers.items()]
    try:
        yield
    finally:
        for handle in handles:
            handle.remove()


@contextmanager
def _evaluated(network: nn.Module) -> Iterator[None]:
    """A context in which the network evaluates; afterwards each module is as it was."""
    modes = {module: module.training for module in network.modules()}
    network.eval()
    try:
        yield
    finally:
        for module, training in modes.items():
            module.training = training
