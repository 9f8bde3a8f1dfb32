"""The weights files that tasks write."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from torch import nn

from ..geometry.dense_points import PointLayout
from ..models.heads.layouts import Layout
from ..models.sadrnet.layout import UvSpec
from ..models.weights import pack_weights

Pack = Callable[[nn.Module, Mapping[str, Any]], dict[str, bytes]]
"""A trained network and facts of its run to files by suffix."""


def packer(
    name: str,
    options: object,
    layout: PointLayout | Layout | UvSpec,
    facts: Mapping[str, Any] | None = None,
) -> Pack:
    """What writes the weights of one network.

    Args:
        name: of the network in the registry.
        options: that it was built with.
        layout: what its outputs mean.
        facts: written along with those of the run, which take precedence.
    """
    known = dict(facts or {})

    def pack(network: nn.Module, more: Mapping[str, Any]) -> dict[str, bytes]:
        content = pack_weights(network, name, options, layout=layout, facts={**known, **more})
        return {".safetensors": content}

    return pack
