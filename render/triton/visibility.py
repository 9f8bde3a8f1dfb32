"""Which triangle each pixel sees, in Triton: the rules of render/cpu/raster.py on a GPU.

Edge functions, ties on edges and depths are those of the back end "cpu": float32 differences, whose
products are exact in float64. What differs is the order. Every triangle offers the pixels in its
box a key, depth above id, and an atomic minimum keeps the nearest, of equals the lowest id; so the
result does not depend on the order of threads.

Triangles of a dense mesh cover about a pixel: boxes up to `_SMALL` x `_SMALL` are tested whole by
one lane each. What is larger goes tile by tile, one program for each triangle; what reaches behind
the camera is tested against the whole image in homogeneous coordinates.
"""

from __future__ import annotations

import torch
import triton
import triton.language as tl
from torch import Tensor

EMPTY = tl.constexpr(0x7FFFFFFFFFFFFFFF)
"""The key of a pixel without a triangle."""

_SMALL = tl.constexpr(4)
_BLOCK, _TILE = 128, 16
_FAR_OUT = 1e9  # pixels; farther out, a triangle goes the homogeneous way

_IN_BOX, _TILED, _HOMOGENEOUS = 0, 1, 2


def visible_keys(pos: Tensor, tri: Tensor, resolution: tuple[int, int]) -> Tensor:
    """The nearest triangle of each pixel as a key, (B,H,W) int64; `EMPTY` where there is none.

    Its low 32 bits are the triangle's index.

    Args:
        pos: (B,V,4) float32, clip space, contiguous.
        tri: (T,3) int32, contiguous, T > 0.
        resolution: (H, W) in pixels.
    """
    batch, count = len(pos), len(tri)
    height, width = resolution
    keys = torch.full((batch, height, width), EMPTY.value, dtype=torch.int64, device=pos.device)
    screen = screen_positions(pos, resolution)
    ways = torch.empty(batch, count, dtype=torch.int8, device=pos.device)
    sizes = (count, pos.shape[1], height, width)
    _boxes[(triton.cdiv(count, _BLOCK), batch)](screen, tri, keys, ways, *sizes, BLOCK=_BLOCK)
    if not bool(ways.any()):
        return keys
    for way, kernel, points in ((_TILED, _tiles, screen), (_HOMOGENEOUS, _whole, pos)):
        listed = (ways == way).nonzero().int().contiguous()
        if len(listed):
            kernel[(len(listed),)](points, tri, listed, keys, *sizes[1:], TILE=_TILE)
    return keys


def screen_positions(pos: Tensor, resolution: tuple[int, int]) -> Tensor:
    """Column and row from the image's centre, z/w of each vertex: (B,V,3) float32.

    The column is NaN where there are none: w <= 0, something not finite, or too far out.
    """
    height, width = resolution
    inverse = 1.0 / pos[..., 3].double()
    x, y = pos[..., 0] * inverse * (0.5 * width), -pos[..., 1] * inverse * (0.5 * height)
    z = pos[..., 2] * inverse
    usable = (inverse > 0) & (x.abs() + y.abs() < _FAR_OUT) & (z.abs() + inverse < 1e30)
    missing = torch.full_like(x, torch.nan)
    return torch.stack([torch.where(usable, x, missing), y, z], -1).float()


@triton.jit
def _edges(xi, yi, xj, yj, xk, yk, px, py):
    """The edge functions in float64 of float32 corners at pixel centres."""
    ax, ay = (xi - px).to(tl.float64), (yi - py).to(tl.float64)
    bx, by = (xj - px).to(tl.float64), (yj - py).to(tl.float64)
    cx, cy = (xk - px).to(tl.float64), (yk - py).to(tl.float64)
    return bx * cy - by * cx, cx * ay - cy * ax, ax * by - ay * bx


@triton.jit
def _owns(xi, yi, xj, yj, sign):
    """Top-left rule: whether a triangle keeps pixel centres exactly on its edge i -> j."""
    dx, dy = sign * (xj - xi), sign * (yj - yi)
    return (dy < 0) | ((dy == 0) & (dx < 0))


@triton.jit
def _keeps(xi, yi, xj, yj, xk, yk, ei, ej, ek):
    """Whether pixel centres lie inside, or on an edge that is this triangle's."""
    inside = (tl.minimum(tl.minimum(ei, ej), ek) >= 0) | (tl.maximum(tl.maximum(ei, ej), ek) <= 0)
    sign = ei + ej + ek
    kept = inside & (sign != 0)
    kept &= (ei != 0) | _owns(xj, yj, xk, yk, sign)
    kept &= (ej != 0) | _owns(xk, yk, xi, yi, sign)
    return kept & ((ek != 0) | _owns(xi, yi, xj, yj, sign))


@triton.jit
def _offer(keys, place, z, t, wanted):
    """Put depth and triangle where they are nearer than what is there, |z| <= 1."""
    near = z.to(tl.float32) + 0.0  # no negative zero
    bits = near.to(tl.int32, bitcast=True)
    order = tl.where(bits < 0, bits ^ 0x7FFFFFFF, bits)  # as integers in the order of floats
    key = (order.to(tl.int64) << 32) | t.to(tl.int64)
    tl.atomic_min(keys + place, key, mask=wanted & (tl.abs(near) <= 1))


@triton.jit
def _corner(points, tri, t, corner, known):
    """Column, row and z/w of one corner of triangles."""
    vertex = points + 3 * tl.load(tri + 3 * t + corner, mask=known, other=0).to(tl.int64)
    return tl.load(vertex), tl.load(vertex + 1), tl.load(vertex + 2)


@triton.jit
def _test(xi, yi, zi, xj, yj, zj, xk, yk, zk, x, y, height, width):
    """Whether triangles keep the pixels (x, y), and the depth z/w there."""
    px = x.to(tl.float32) - 0.5 * (width - 1)
    py = y.to(tl.float32) - 0.5 * (height - 1)
    ei, ej, ek = _edges(xi, yi, xj, yj, xk, yk, px, py)
    area = ei + ej + ek
    z = (ei * zi + ej * zj + ek * zk) / tl.where(area == 0, 1.0, area)
    return _keeps(xi, yi, xj, yj, xk, yk, ei, ej, ek), z


@triton.jit
def _span(a, b, c, size):
    """First and last pixel whose centre lies between the least and the largest of three."""
    middle, last = 0.5 * (size - 1), 1.0 * size  # Triton makes a size of 1 a plain int
    low = tl.minimum(tl.maximum(tl.minimum(tl.minimum(a, b), c) + middle, 0.0), last)
    high = tl.minimum(tl.maximum(tl.maximum(tl.maximum(a, b), c) + middle, -1.0), last - 1)
    return tl.ceil(low).to(tl.int32), tl.floor(high).to(tl.int32)


@triton.jit
def _boxes(screen, tri, keys, ways, count, vertices, height, width, BLOCK: tl.constexpr):
    """Small triangles of one image, a block of them; notes the way of each in `ways`."""
    b = tl.program_id(1).to(tl.int64)
    t = tl.program_id(0) * BLOCK + tl.arange(0, BLOCK)
    known = t < count
    points, image = screen + b * vertices * 3, keys + b * height * width
    xi, yi, zi = _corner(points, tri, t, 0, known)
    xj, yj, zj = _corner(points, tri, t, 1, known)
    xk, yk, zk = _corner(points, tri, t, 2, known)
    total = xi + xj + xk
    usable = known & (total == total)
    x0, x1 = _span(xi, xj, xk, width)
    y0, y1 = _span(yi, yj, yk, height)
    seen = usable & (x1 >= x0) & (y1 >= y0)
    small = (x1 - x0 < _SMALL) & (y1 - y0 < _SMALL)
    way = tl.where(seen & (small == 0), 1, tl.where(usable, 0, 2))
    tl.store(ways + b * count + t, way.to(tl.int8), mask=known)
    seen &= small
    for row in range(_SMALL):
        for column in range(_SMALL):
            x, y = x0 + column, y0 + row
            kept, z = _test(xi, yi, zi, xj, yj, zj, xk, yk, zk, x, y, height, width)
            wanted = kept & seen & (x <= x1) & (y <= y1)
            _offer(image, y * width + x, z, t, wanted)


@triton.jit
def _tiles(screen, tri, listed, keys, vertices, height, width, TILE: tl.constexpr):
    """One large triangle, its box tile by tile."""
    b = tl.load(listed + 2 * tl.program_id(0)).to(tl.int64)
    t = tl.load(listed + 2 * tl.program_id(0) + 1)
    points, image = screen + b * vertices * 3, keys + b * height * width
    xi, yi, zi = _corner(points, tri, t, 0, True)
    xj, yj, zj = _corner(points, tri, t, 1, True)
    xk, yk, zk = _corner(points, tri, t, 2, True)
    x0, x1 = _span(xi, xj, xk, width)
    y0, y1 = _span(yi, yj, yk, height)
    for top in range(y0, y1 + 1, TILE):
        for left in range(x0, x1 + 1, TILE):
            y = top + tl.arange(0, TILE)[:, None] + tl.zeros((1, TILE), tl.int32)
            x = left + tl.arange(0, TILE)[None, :] + tl.zeros((TILE, 1), tl.int32)
            kept, z = _test(xi, yi, zi, xj, yj, zj, xk, yk, zk, x, y, height, width)
            _offer(image, y * width + x, z, t, kept & (x <= x1) & (y <= y1))


@triton.jit
def _clip_corner(points, tri, t, corner):
    """x, y, z, w of one corner of a triangle, float64."""
    vertex = points + 4 * tl.load(tri + 3 * t + corner).to(tl.int64)
    x, y = tl.load(vertex).to(tl.float64), tl.load(vertex + 1).to(tl.float64)
    return x, y, tl.load(vertex + 2).to(tl.float64), tl.load(vertex + 3).to(tl.float64)


@triton.jit
def _owns_homogeneous(xi, yi, wi, xj, yj, wj, sign):
    """As `_owns`, of clip positions, whose y points up as the other's points down."""
    dx, dy = sign * (xj * wi - xi * wj), sign * (yj * wi - yi * wj)
    return (dy < 0) | ((dy == 0) & (dx < 0))


@triton.jit
def _whole(pos, tri, listed, keys, vertices, height, width, TILE: tl.constexpr):
    """One triangle with a vertex that has no screen position, over the whole image."""
    b = tl.load(listed + 2 * tl.program_id(0)).to(tl.int64)
    t = tl.load(listed + 2 * tl.program_id(0) + 1)
    points, image = pos + b * vertices * 4, keys + b * height * width
    xi, yi, zi, wi = _clip_corner(points, tri, t, 0)
    xj, yj, zj, wj = _clip_corner(points, tri, t, 1)
    xk, yk, zk, wk = _clip_corner(points, tri, t, 2)
    size = tl.abs(xi) + tl.abs(yi) + tl.abs(zi) + tl.abs(wi)
    size += tl.abs(xj) + tl.abs(yj) + tl.abs(zj) + tl.abs(wj)
    size += tl.abs(xk) + tl.abs(yk) + tl.abs(zk) + tl.abs(wk)
    if size < float("inf"):
        for top in range(0, height, TILE):
            for left in range(0, width, TILE):
                y = top + tl.arange(0, TILE)[:, None] + tl.zeros((1, TILE), tl.int32)
                x = left + tl.arange(0, TILE)[None, :] + tl.zeros((TILE, 1), tl.int32)
                fy = 1.0 - (2 * y + 1).to(tl.float64) / height
                fx = (2 * x + 1).to(tl.float64) / width - 1.0
                aix, ajx, akx = xi - fx * wi, xj - fx * wj, xk - fx * wk
                aiy, ajy, aky = yi - fy * wi, yj - fy * wj, yk - fy * wk
                ei, ej, ek = ajx * aky - ajy * akx, akx * aiy - aky * aix, aix * ajy - aiy * ajx
                total, w = ei + ej + ek, ei * wi + ej * wj + ek * wk
                kept = (tl.minimum(tl.minimum(ei, ej), ek) >= 0) | (
                    tl.maximum(tl.maximum(ei, ej), ek) <= 0
                )
                kept &= (w * total > 0) & (x < width) & (y < height)
                kept &= (ei != 0) | _owns_homogeneous(xj, yj, wj, xk, yk, wk, total)
                kept &= (ej != 0) | _owns_homogeneous(xk, yk, wk, xi, yi, wi, total)
                kept &= (ek != 0) | _owns_homogeneous(xi, yi, wi, xj, yj, wj, total)
                z = (ei * zi + ej * zj + ek * zk) / tl.where(w == 0, 1.0, w)
                _offer(image, y * width + x, z, t, kept)
