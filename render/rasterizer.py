"""The rasterizer protocol: four differentiable primitives that every back end offers.

The decomposition is that of Laine et al. 2020, "Modular Primitives for High-Performance
Differentiable Rendering" (arXiv 2011.03277): rasterize, interpolate, texture, antialias.
"""

from __future__ import annotations

from typing import Protocol

from torch import Tensor


class Rasterizer(Protocol):
    """Four primitives on float32 tensors; images are (B,H,W,C) with row 0 at the top.

    The centre of pixel (row r, column c) is x_ndc = 2 (c + .5) / W - 1, y_ndc = 1 - 2 (r + .5) / H.
    A raster buffer (B,H,W,4) holds (u, v, z/w, triangle id + 1); all 0 where no triangle is.
    Vertex 0 of a triangle is (u, v) = (1, 0), vertex 1 (0, 1), vertex 2 (0, 0).
    Every method raises `InputError` for a wrong shape, dtype or device.
    """

    def rasterize(self, pos: Tensor, tri: Tensor, resolution: tuple[int, int]) -> Tensor:
        """The nearest triangle of each pixel, both of its sides visible.

        Args:
            pos: (B,V,4) clip space, larger z/w is farther.
            tri: (T,3) int32.
            resolution: (H, W) in pixels.

        Returns:
            (B,H,W,4) raster buffer. Perspective-correct (u, v) have gradients to x, y, w of `pos`,
            z/w to all four; silhouettes move only through `antialias`.
        """
        ...

    def interpolate(self, attr: Tensor, rast: Tensor, tri: Tensor) -> Tensor:
        """Vertex attributes at the pixels; gradients to `attr` and to (u, v) of `rast`.

        Args:
            attr: (B or 1,V,A).
            rast: (B,H,W,4) raster buffer.
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

    def antialias(self, color: Tensor, rast: Tensor, pos: Tensor, tri: Tensor) -> Tensor:
        """Blend pixels across silhouettes; gradients to `color` and to x, y, w of `pos`.

        Args:
            color: (B,H,W,C).
            rast: (B,H,W,4) raster buffer of `pos` and `tri`.
            pos: (B,V,4) clip space.
            tri: (T,3) int32.

        Returns:
            (B,H,W,C).
        """
        ...
