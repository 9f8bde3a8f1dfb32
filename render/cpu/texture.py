"""Kernels: bilinear texture look-up, v up, clamped at the edges, and the way back."""

from __future__ import annotations

from numpy.typing import NDArray

from .jit import inline, kernel


@inline
def _clamp(position: float, size: int) -> float:
    """Into 0..size-1; NaN becomes 0."""
    if not position > 0:
        return 0.0
    return min(position, size - 1.0)


@kernel
def texture_images(tex: NDArray, uv: NDArray, out: NDArray, first: int, last: int) -> None:
    """Sample tex (B or 1,h,w,C) at uv (B,H,W,2) into out (B,H,W,C)."""
    height, width, channels = tex.shape[1], tex.shape[2], tex.shape[3]
    for b in range(first, last):
        image = tex[b if tex.shape[0] > 1 else 0]
        for row in range(uv.shape[1]):
            for column in range(uv.shape[2]):
                x = _clamp(uv[b, row, column, 0] * float(width) - 0.5, width)
                y = _clamp((1.0 - uv[b, row, column, 1]) * height - 0.5, height)
                x0, y0 = int(x), int(y)
                x1, y1 = min(x0 + 1, width - 1), min(y0 + 1, height - 1)
                fx, fy = x - x0, y - y0
                for c in range(channels):
                    top = image[y0, x0, c] * (1 - fx) + image[y0, x1, c] * fx
                    bottom = image[y1, x0, c] * (1 - fx) + image[y1, x1, c] * fx
                    out[b, row, column, c] = top * (1 - fy) + bottom * fy


@kernel
def texture_backward_stripes(
    tex: NDArray,
    uv: NDArray,
    grad_out: NDArray,
    grad_tex: NDArray,
    grad_uv: NDArray,
    first: int,
    last: int,
) -> None:
    """Write d/d tex of the stripes first..last-1, grad_tex (S,h,w,C), and d/d uv (B,H,W,2).

    Stripes as in interpolate.py. An empty grad_tex or grad_uv (S or B without h or H) is not
    wanted. Where a coordinate is clamped its gradient is 0.
    """
    height, width, channels = tex.shape[1], tex.shape[2], tex.shape[3]
    batch, stripes = uv.shape[0], grad_tex.shape[0]
    want_tex, want_uv = grad_tex.shape[1] > 0, grad_uv.shape[1] > 0
    for s in range(first, last):
        grad_tex[s] = 0
        grad = grad_tex[s]
        for b in range(s * batch // stripes, (s + 1) * batch // stripes):
            image = tex[b if tex.shape[0] > 1 else 0]
            for row in range(uv.shape[1]):
                for column in range(uv.shape[2]):
                    free_x = uv[b, row, column, 0] * float(width) - 0.5
                    free_y = (1.0 - uv[b, row, column, 1]) * height - 0.5
                    x, y = _clamp(free_x, width), _clamp(free_y, height)
                    x0, y0 = int(x), int(y)
                    x1, y1 = min(x0 + 1, width - 1), min(y0 + 1, height - 1)
                    fx, fy = x - x0, y - y0
                    gx = gy = 0.0
                    for c in range(channels):
                        g = grad_out[b, row, column, c]
                        if g == 0:
                            continue
                        if want_tex:
                            grad[y0, x0, c] += g * (1 - fx) * (1 - fy)
                            grad[y0, x1, c] += g * fx * (1 - fy)
                            grad[y1, x0, c] += g * (1 - fx) * fy
                            grad[y1, x1, c] += g * fx * fy
                        t0, t1 = image[y0, x0, c], image[y0, x1, c]
                        s0, s1 = image[y1, x0, c], image[y1, x1, c]
                        gx += g * ((t1 - t0) * (1 - fy) + (s1 - s0) * fy)
                        gy += g * ((s0 - t0) * (1 - fx) + (s1 - t1) * fx)
                    if want_uv:
                        grad_uv[b, row, column, 0] = gx * width if x == free_x else 0.0
                        grad_uv[b, row, column, 1] = -gy * height if y == free_y else 0.0
