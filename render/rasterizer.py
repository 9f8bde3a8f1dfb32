"""The rasterizer protocol: four differentiable primitives that every back end offers.

The decomposition is that of Laine et al. 2020, "Modular Primitives for High-Performance
Differentiable Rendering" (arXiv 2011.03277): rasterize, interpolate, texture, antialias.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

from torch import Tensor

from ..core.errors import InputError


@dataclass(frozen=True, eq=False)
class Fragments:
    """What every pixel of B images sees: a raster buffer with names for its channels.

    Nothing is copied: `u`, `v` and `depth` are views of `buffer` and carry its gradients.

    >>> import torch
    >>> pixels = Fragments(torch.tensor([[[[0.25, 0.5, 0.1, 7.0], [0.0, 0.0, 0.0, 0.0]]]]))
    >>> pixels.triangle
    tensor([[[ 6, -1]]])
    >>> pixels.covered
    tensor([[[ True, False]]])

    Attributes:
        buffer: (B,H,W,4) float32: u, v, z/w and triangle + 1; all 0 where no triangle is.
    """

    buffer: Tensor

    @property
    def u(self) -> Tensor:
        """The barycentric weight of the triangle's first vertex, (B,H,W)."""
        return self.buffer[..., 0]

    @property
    def v(self) -> Tensor:
        """The barycentric weight of the triangle's second vertex, (B,H,W)."""
        return self.buffer[..., 1]

    @property
    def depth(self) -> Tensor:
        """The depth z/w of clip space, (B,H,W), larger is farther; 0 where empty."""
        return self.buffer[..., 2]

    @property
    def triangle(self) -> Tensor:
        """The index of the triangle, (B,H,W) int64; -1 where empty."""
        return self.buffer[..., 3].long() - 1

    @property
    def covered(self) -> Tensor:
        """Where a triangle is, (B,H,W) bool."""
        return self.buffer[..., 3] > 0


def buffer_of(fragments: Fragments) -> Tensor:
    """The raster buffer of `fragments`.

    Raises:
        InputError: it is something else, such as the bare buffer.
    """
    if not isinstance(fragments, Fragments):
        remedy = "Wrap a raster buffer (B,H,W,4): Fragments(buffer)."
        got = f"an object of type {type(fragments).__name__}"
        raise InputError("fragments", "Fragments, as rasterize returns them", got, remedy)
    return fragments.buffer


class Rasterizer(Protocol):
    """Four primitives on float32 tensors; images are (B,H,W,C) with row 0 at the top.

    The centre of pixel (row r, column c) is x_ndc = 2 (c + .5) / W - 1, y_ndc = 1 - 2 (r + .5) / H.
    Vertex 0 of a triangle has the barycentric weights (u, v) = (1, 0), vertex 1 (0, 1), vertex 2
    (0, 0).
    Every method raises `InputError` for a wrong shape, dtype or device.
    """

    def rasterize(self, pos: Tensor, tri: Tensor, resolution: tuple[int, int]) -> Fragments:
        """The nearest triangle of each pixel, both of its sides visible.

        Args:
            pos: (B,V,4) clip space, larger z/w is farther.
            tri: (T,3) int32.
            resolution: (H, W) in pixels.

        Returns:
            `Fragments` of (B,H,W) pixels. Perspective-correct (u, v) have gradients to x, y, w of
            `pos`, the depth z/w to all four; silhouettes move only through `antialias`.
        """
        ...

    def interpolate(self, attr: Tensor, fragments: Fragments, tri: Tensor) -> Tensor:
        """Vertex attributes at the pixels; gradients to `attr` and to (u, v).

        Args:
            attr: (B or 1,V,A).
            fragments: of B images, as `rasterize` returns them.
            tri: (T,3) int32 into `attr`; may differ from the triangles rasterized (UV seams).

        Returns:
            (B,H,W,A), 0 where empty.
        """
        ...

    def texture(self, tex: Tensor, uv: Tensor) -> Tensor:
        """Bilinear look-up, clamped at the edges; gradients to `tex` and `uv`.

        Args:
            tex: (B or 1,h,w,C); texel (r,c) has its centre at ((c+.5)/w, 1-(r+.5)/h).
            uv: (B,H,W,2), v up. Empty pixels (uv 0) read the bottom left texel: mask the result.

        Returns:
            (B,H,W,C).
        """
        ...

    def antialias(self, color: Tensor, fragments: Fragments, pos: Tensor, tri: Tensor) -> Tensor:
        """Blend pixels across silhouettes; gradients to `color` and to x, y, w of `pos`.

        Args:
            color: (B,H,W,C).
            fragments: of `pos` and `tri`.
            pos: (B,V,4) clip space.
            tri: (T,3) int32.

        Returns:
            (B,H,W,C).
        """
        ...
