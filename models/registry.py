"""Networks by name."""

from __future__ import annotations

from torch import nn

from ..core.registry import Registry

NETWORKS: Registry[nn.Module] = Registry("network")
"""Entries build an `nn.Module` from keyword options, all with defaults.

Each network has `input_shape`, (channels, height, width) of one image in [0,1].
"""


@NETWORKS.register("dense-points")
def _dense_points(**options: object) -> nn.Module:
    from .dense_points import DensePointNetwork, DensePointOptions

    return DensePointNetwork(DensePointOptions(**options))  # type: ignore[arg-type]
