"""Optimisers by name."""

from __future__ import annotations

from typing import Any

import torch
from torch import nn

from .config import OptimizerConfig


def make_optimizer(network: nn.Module, config: OptimizerConfig) -> torch.optim.Optimizer:
    """The optimiser of a configuration; weight decay on tensors of two or more dimensions only."""
    parameters = [p for p in network.parameters() if p.requires_grad]
    groups: list[dict[str, Any]] = [
        {"params": [p for p in parameters if p.ndim > 1], "weight_decay": config.weight_decay},
        {"params": [p for p in parameters if p.ndim <= 1], "weight_decay": 0.0},
    ]
    if config.name == "sgd":
        return torch.optim.SGD(
            groups, lr=config.rate, momentum=config.momentum, nesterov=config.nesterov
        )
    first, second = config.betas
    kind = {"adam": torch.optim.Adam, "adamw": torch.optim.AdamW}[config.name]
    return kind(groups, lr=config.rate, betas=(first, second))
