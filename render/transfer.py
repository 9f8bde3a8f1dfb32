"""Rendering on the CPU beside a network on a GPU: tensors travel, gradients travel back."""

from __future__ import annotations

import torch
from torch import Tensor

from ..core.errors import InputError
from ..geometry.tensor_cache import TensorCache
from .rasterizer import Fragments, Rasterizer, buffer_of

_STAYS = ("cpu", "meta")
"""Devices whose tensors are not copied; "meta" has nothing to copy and is refused further down."""


def _copy(tensor: Tensor) -> Tensor:
    return tensor if tensor.device.type in _STAYS else tensor.cpu()


class HostRasterizer:
    """A CPU rasterizer that takes tensors from any device and answers on the same one.

    CPU tensors go straight through. Others are copied to the CPU and the result back: every call
    waits for the GPU, and autograd carries gradients the same way. A triangle list is copied once,
    as long as the same tensor comes unchanged; it may also lie on the CPU already.

    Args:
        inner: does the work, on CPU tensors.
        name: what it is registered as.
    """

    def __init__(self, inner: Rasterizer, name: str) -> None:
        self.inner, self.name = inner, name
        self._triangles = TensorCache(_copy)

    def rasterize(self, pos: Tensor, tri: Tensor, resolution: tuple[int, int]) -> Fragments:
        """See `Rasterizer.rasterize`."""
        drawn = self.inner.rasterize(_copy(pos), self._host(tri), resolution)
        return Fragments(drawn.buffer.to(pos.device))

    def interpolate(self, attr: Tensor, fragments: Fragments, tri: Tensor) -> Tensor:
        """See `Rasterizer.interpolate`."""
        buffer = buffer_of(fragments)
        device = _common_device(attr=attr, fragments=buffer)
        parts = _copy(attr), Fragments(_copy(buffer)), self._host(tri)
        return self.inner.interpolate(*parts).to(device)

    def texture(self, tex: Tensor, uv: Tensor) -> Tensor:
        """See `Rasterizer.texture`."""
        device = _common_device(tex=tex, uv=uv)
        return self.inner.texture(_copy(tex), _copy(uv)).to(device)

    def antialias(self, color: Tensor, fragments: Fragments, pos: Tensor, tri: Tensor) -> Tensor:
        """See `Rasterizer.antialias`."""
        buffer = buffer_of(fragments)
        device = _common_device(color=color, fragments=buffer, pos=pos)
        parts = _copy(color), Fragments(_copy(buffer.detach())), _copy(pos), self._host(tri)
        return self.inner.antialias(*parts).to(device)

    def _host(self, tri: Tensor) -> Tensor:
        return tri if tri.device.type in _STAYS else self._triangles(tri)


def _common_device(**tensors: Tensor) -> torch.device:
    """The device of all; raises InputError naming the first that lies elsewhere."""
    (first, tensor), *others = tensors.items()
    for name, other in others:
        if other.device != tensor.device:
            got = f"one on {other.device}"
            raise InputError(name, f"a tensor on {tensor.device}, as {first}", got)
    return tensor.device
