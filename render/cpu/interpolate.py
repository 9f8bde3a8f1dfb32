"""Kernels of interpolation and texture, and their gradients: vertex attributes to pixels by
barycentrics, and bilinear look-up with v up, clamped at the edges.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from ...core.jit import inline, kernel


@kernel
def interpolate_images(
    attr: NDArray, rast: NDArray, tri: NDArray, out: NDArray, first: int, last: int
) -> None:
    """attr (B or 1,V,A), rast (B,H,W,4), tri (T,3) into out (B,H,W,A); 0 where empty."""
    channels = attr.shape[2]
    for b in range(first, last):
        values = attr[b if attr.shape[0] > 1 else 0]
        for row in range(rast.shape[1]):
            for column in range(rast.shape[2]):
                t = int(rast[b, row, column, 3]) - 1
                if t < 0 or t >= tri.shape[0]:
                    for c in range(channels):
                        out[b, row, column, c] = 0
                    continue
                i, j, k = np.uint32(tri[t, 0]), np.uint32(tri[t, 1]), np.uint32(tri[t, 2])
                u, v = rast[b, row, column, 0], rast[b, row, column, 1]
                w = 1 - u - v
                for c in range(channels):
                    out[b, row, column, c] = u * values[i, c] + v * values[j, c] + w * values[k, c]


@kernel
def interpolate_backward_stripes(
    attr: NDArray,
    rast: NDArray,
    tri: NDArray,
    grad_out: NDArray,
    grad_attr: NDArray,
    grad_rast: NDArray,
    first: int,
    last: int,
) -> None:
    """Write d/d attr of the stripes first..last-1, grad_attr (S,V,A), and d/d rast (B,H,W,4).

    Stripe s sums the images s B / S .. (s + 1) B / S - 1 in this order, whatever thread runs it.
    An empty grad_attr or grad_rast (S or B without V or H) is not wanted and not written.
    """
    batch, stripes, channels = rast.shape[0], grad_attr.shape[0], attr.shape[2]
    want_attr, want_rast = grad_attr.shape[1] > 0, grad_rast.shape[1] > 0
    for s in range(first, last):
        grad_attr[s] = 0
        grad = grad_attr[s]
        for b in range(s * batch // stripes, (s + 1) * batch // stripes):
            values = attr[b if attr.shape[0] > 1 else 0]
            for row in range(rast.shape[1]):
                for column in range(rast.shape[2]):
                    t = int(rast[b, row, column, 3]) - 1
                    gu = gv = 0.0
                    if t >= 0 and t < tri.shape[0]:
                        i, j, k = np.uint32(tri[t, 0]), np.uint32(tri[t, 1]), np.uint32(tri[t, 2])
                        u, v = rast[b, row, column, 0], rast[b, row, column, 1]
                        w = 1 - u - v
                        for c in range(channels):
                            g = grad_out[b, row, column, c]
                            if want_attr:
                                grad[i, c] += u * g
                                grad[j, c] += v * g
                                grad[k, c] += w * g
                            gu += g * (values[i, c] - values[k, c])
                            gv += g * (values[j, c] - values[k, c])
                    if want_rast:
                        grad_rast[b, row, column, 0] = gu
                        grad_rast[b, row, column, 1] = gv
                        grad_rast[b, row, column, 2] = 0
                        grad_rast[b, row, column, 3] = 0


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

    Stripes as in `interpolate_backward_stripes`. An empty grad_tex or grad_uv (S or B without h or
    H) is not wanted. Where a coordinate is clamped its gradient is 0.
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
