"""Kernels: vertex attributes to pixels by barycentrics, and the way back."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from .jit import kernel


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
