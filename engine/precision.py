"""Half precision in the network alone: its inputs and outputs, and every loss, stay float32."""

from __future__ import annotations

import dataclasses
from typing import Any

import torch
from torch import Tensor, nn
from torch.optim import Optimizer

_TYPES = {"float32": torch.float32, "bfloat16": torch.bfloat16, "float16": torch.float16}


class CastingNetwork(nn.Module):
    """Runs a network where torch lets it in another type; its outputs are float32 again.

    Args:
        network: shared, not copied.
        kind: float32 changes nothing.
    """

    def __init__(self, network: nn.Module, kind: torch.dtype) -> None:
        super().__init__()
        self.network, self.kind = network, kind

    def forward(self, images: Tensor) -> Any:  # noqa: ANN401
        """Whatever the network returns."""
        if self.kind == torch.float32:
            return self.network(images)
        with torch.autocast(images.device.type, self.kind):
            out = self.network(images)
        return _as_float(out)


class Precision:
    """Forward passes, gradients and steps of one precision.

    Gradients of "float16" are scaled so that small ones do not vanish; a step whose scaled
    gradients overflow is left out and the scale halved (Micikevicius et al. 2018).

    Args:
        name: of `engine.config.Precision`.
        device: where the network is.
    """

    def __init__(self, name: str, device: torch.device) -> None:
        self.kind = _TYPES[name]
        self._scaler = torch.amp.GradScaler(device.type, enabled=name == "float16")

    @property
    def scales(self) -> bool:
        """Whether an overflow of the gradients is part of the method."""
        return self._scaler.is_enabled() and self._scaler.get_scale() > 1

    def wrap(self, network: nn.Module) -> CastingNetwork:
        """The network in this precision."""
        return CastingNetwork(network, self.kind)

    def backward(self, loss: Tensor) -> None:
        """Add to the (scaled) gradients."""
        scaled: Tensor = self._scaler.scale(loss)
        scaled.backward()

    def clip(self, optimizer: Optimizer, parameters: list[nn.Parameter], limit: float) -> Tensor:
        """Unscale and clip the gradients; their norm before clipping, a scalar.

        Args:
            optimizer: of the parameters.
            parameters: whose gradients make up the norm.
            limit: largest norm; 0 leaves it.
        """
        self._scaler.unscale_(optimizer)
        return nn.utils.clip_grad_norm_(parameters, limit or float("inf"))

    def step(self, optimizer: Optimizer) -> None:
        """Change the weights."""
        self._scaler.step(optimizer)
        self._scaler.update()

    def skip(self, optimizer: Optimizer) -> None:
        """Leave the weights; where gradients were scaled and overflowed, scale them less."""
        if self._scaler.is_enabled():
            self._scaler.update()

    def state_dict(self) -> dict[str, Any]:
        """The scale."""
        return self._scaler.state_dict()

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Go on with a scale."""
        if state and self._scaler.is_enabled():
            self._scaler.load_state_dict(state)


def _as_float(value: Any) -> Any:  # noqa: ANN401
    """Every floating tensor of nested containers as float32."""
    if isinstance(value, Tensor):
        return value.float() if value.is_floating_point() else value
    if isinstance(value, dict):
        return {key: _as_float(item) for key, item in value.items()}
    if isinstance(value, tuple) and hasattr(value, "_fields"):
        return type(value)(*map(_as_float, value))
    if isinstance(value, list | tuple):
        return type(value)(map(_as_float, value))
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        names = [field.name for field in dataclasses.fields(value)]
        return dataclasses.replace(value, **{n: _as_float(getattr(value, n)) for n in names})
    return value
