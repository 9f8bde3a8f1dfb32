"""Pairs of neighbouring pixels with a silhouette between them, found on the tensors' device.

The search is that of render/cpu/silhouette.py, where it is explained; terms are its terms. What is
a table of numbers is plain torch; the walk over the surface, whose length differs from pair to
pair, is a Triton kernel. Pairs come in another order than on the CPU.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
import triton
import triton.language as tl
from torch import Tensor

from ..cpu.silhouette import MAX_STEPS
from ..cpu.topology import topology_of

_UNKNOWN = 2
"""Facing of a triangle that is not wholly in front of the camera; its edges are left alone."""

_BLOCK = 128


@dataclass(frozen=True)
class Tables:
    """What depends on the triangles alone, on a device.

    Attributes:
        tri: (T,3) int32.
        neighbours: (T,3) int32, the triangle beyond the edge opposite to a corner, or -1.
        edges: (5,E) int64: both vertices, one triangle, the other or -1, the corner opposite.
    """

    tri: Tensor
    neighbours: Tensor
    edges: Tensor

    @classmethod
    def of(cls, tri: Tensor) -> Tables:
        """The tables of triangles (T,3) int32 on any device."""
        topology = topology_of(tri.detach().cpu())
        neighbours = torch.from_numpy(topology.neighbours).to(tri.device)
        edges = torch.from_numpy(topology.edges).to(tri.device).long()
        return cls(tri.detach().contiguous(), neighbours.contiguous(), edges)


@dataclass(frozen=True)
class Pairs:
    """N pairs of pixels A and B that an edge splits; all (N,) int64 but `axis`.

    Attributes:
        image: of the batch.
        i, j: the edge's vertices.
        near, far: A and B, flat indices in their image.
        axis: 1 on a row of pixels, 0 on a column.
        line: the row or column.
    """

    image: Tensor
    i: Tensor
    j: Tensor
    near: Tensor
    far: Tensor
    axis: Tensor
    line: Tensor

    def only(self, which: Tensor) -> Pairs:
        """Those that a mask (N,) names."""
        return Pairs(*(getattr(self, name)[which] for name in self.__dataclass_fields__))


def find_pairs(pos: Tensor, rast: Tensor, tables: Tables) -> Pairs:
    """The pairs of a batch: pos (B,V,4), rast (B,H,W,4), at least one triangle."""
    screen = to_screen(pos.double(), rast.shape[1], rast.shape[2])
    facing = _facing(screen, tables.tri)
    image, edge, axis, upper = _silhouettes(screen, facing, tables)
    image, edge, axis, upper, line = _on_lines(
        screen, tables, (image, edge, axis, upper), (rast.shape[1], rast.shape[2])
    )
    i, j = tables.edges[0, edge], tables.edges[1, edge]
    size = torch.where(axis == 1, rast.shape[2], rast.shape[1])
    where = cut(screen[image, i], screen[image, j], axis, line)
    inside = (where >= 0) & (where < size - 1)
    low = torch.where(inside, where, 0.0).long()
    near, far = low + upper.long(), low + (~upper).long()
    width = rast.shape[2]
    flat = [torch.where(axis == 1, line * width + at, at * width + line) for at in (near, far)]
    pairs = Pairs(image, i, j, flat[0], flat[1], axis, line).only(inside)
    way = torch.where(upper, -1, 1)[inside]
    return _surface_ends(pairs, way, rast, screen, facing, tables)


def to_screen(pos: Tensor, height: int, width: int) -> Tensor:
    """Pixel positions (...,2), column and row, pixel centres at integers; NaN where w <= 0."""
    inverse = torch.where(pos[..., 3] > 0, 1.0 / pos[..., 3], torch.nan)
    column = (pos[..., 0] * inverse + 1.0) * (0.5 * width) - 0.5
    return torch.stack([column, (1.0 - pos[..., 1] * inverse) * (0.5 * height) - 0.5], -1)


def cut(first: Tensor, second: Tensor, axis: Tensor, line: Tensor) -> Tensor:
    """Where on the line the edges from `first` to `second` (N,2) cross it; see `Pairs`."""
    rows = axis[:, None] == 1
    (pi, li), (pj, lj) = (
        torch.where(rows, ends, ends.flip(-1)).unbind(-1) for ends in (first, second)
    )
    return pi + (line - li) / (lj - li) * (pj - pi)


def _facing(screen: Tensor, tri: Tensor) -> Tensor:
    """Of each triangle, (B,T) int8: 1 or 0 by its sense on the screen, `_UNKNOWN`."""
    first, second, third = screen[:, tri.long()].unbind(2)
    a, b = second - first, third - first
    area = a[..., 0] * b[..., 1] - a[..., 1] * b[..., 0]
    return torch.where(area.abs() < torch.inf, (area > 0).to(torch.int8), _UNKNOWN).to(torch.int8)


def _silhouettes(
    screen: Tensor, facing: Tensor, tables: Tables
) -> tuple[Tensor, Tensor, Tensor, Tensor]:
    """Silhouette edges (N,): image, edge, the axis their lines fix, whether A is beyond the cut."""
    first, second, front, beyond, corner = tables.edges
    mine, other = facing[:, front], facing[:, beyond.clamp(min=0)]
    alone = beyond < 0
    known = (mine != _UNKNOWN) & (alone | (other != _UNKNOWN))
    image, edge = (known & (alone | (mine != other))).nonzero(as_tuple=True)
    i, j = screen[image, first[edge]], screen[image, second[edge]]
    k = screen[image, tables.tri[front[edge], corner[edge]].long()]
    (dx, dy), (kx, ky) = (j - i).unbind(-1), (k - i).unbind(-1)
    side = dx * ky - dy * kx
    rows = dy.abs() >= dx.abs()
    upper = (side > 0) == (torch.where(rows, -dy, dx) > 0)
    kept = side != 0
    return image[kept], edge[kept], rows.long()[kept], upper[kept]


def _on_lines(
    screen: Tensor,
    tables: Tables,
    found: tuple[Tensor, Tensor, Tensor, Tensor],
    size: tuple[int, int],
) -> tuple[Tensor, Tensor, Tensor, Tensor, Tensor]:
    """What `_silhouettes` found once for each line of pixel centres that it cuts, and the line."""
    image, edge, axis, _ = found
    across = torch.arange(2, device=axis.device)[None] == axis[:, None]
    one = screen[image, tables.edges[0, edge]][across]
    two = screen[image, tables.edges[1, edge]][across]
    lines = torch.where(axis == 1, size[0], size[1])
    begin = torch.minimum(one, two).clamp(min=0).ceil().long()
    end = torch.minimum(torch.maximum(one, two), lines.double()).ceil().long()
    count = (end - begin).clamp(min=0)
    rows = torch.repeat_interleave(torch.arange(len(edge), device=edge.device), count)
    before = count.cumsum(0) - count
    line = begin[rows] + torch.arange(len(rows), device=rows.device) - before[rows]
    image, edge, axis, upper = (part[rows] for part in found)
    return image, edge, axis, upper, line


def _surface_ends(
    pairs: Pairs, way: Tensor, rast: Tensor, screen: Tensor, facing: Tensor, tables: Tables
) -> Pairs:
    """Those pairs whose A sees the surface of the edge, and is nearer than what B sees."""
    seen = rast.detach().flatten(1, 2)
    a, b = seen[pairs.image, pairs.near], seen[pairs.image, pairs.far]
    triangle = a[:, 3].long() - 1
    known = (triangle >= 0) & (triangle < len(tables.tri))
    triangle = triangle.clamp(0, len(tables.tri) - 1)
    nearer = (b[:, 3] <= 0) | (b[:, 2] > a[:, 2])
    kept = known & nearer & (facing[pairs.image, triangle] != _UNKNOWN)
    pairs, triangle, way = pairs.only(kept), triangle[kept], way[kept]
    found = torch.zeros(len(way), dtype=torch.int8, device=way.device)
    if len(way):
        walks = [pairs.image, triangle, pairs.i, pairs.j, pairs.axis, pairs.line, way]
        listed = torch.stack(walks).int().contiguous()
        _walk[(triton.cdiv(len(way), _BLOCK),)](
            screen.contiguous(), tables.tri, tables.neighbours, facing, listed, found,
            screen.shape[1], len(tables.tri), len(way), STEPS=MAX_STEPS, BLOCK=_BLOCK,
        )  # fmt: skip
    return pairs.only(found > 0)


@triton.jit
def _crossing(points, i, j, axis, line, known):
    """Whether the line passes between two vertices, and where it cuts what joins them."""
    li = tl.load(points + 2 * i + axis, mask=known, other=0.0)
    lj = tl.load(points + 2 * j + axis, mask=known, other=0.0)
    pi = tl.load(points + 2 * i + 1 - axis, mask=known, other=0.0)
    pj = tl.load(points + 2 * j + 1 - axis, mask=known, other=0.0)
    passes = (li <= line) != (lj <= line)
    step = (line - li) / tl.where(passes, lj - li, 1.0)
    return passes, pi + step * (pj - pi)


@triton.jit
def _walk(
    screen, tri, neighbours, facing, listed, found, vertices, triangles, count,
    STEPS: tl.constexpr, BLOCK: tl.constexpr,
):  # fmt: skip
    """Whether walks from triangles along their lines leave the surface through their edges."""
    n = tl.program_id(0) * BLOCK + tl.arange(0, BLOCK)
    known = n < count
    image = tl.load(listed + n, mask=known, other=0).to(tl.int64)
    t = tl.load(listed + count + n, mask=known, other=0)
    i = tl.load(listed + 2 * count + n, mask=known, other=0)
    j = tl.load(listed + 3 * count + n, mask=known, other=0)
    axis = tl.load(listed + 4 * count + n, mask=known, other=0)
    line = tl.load(listed + 5 * count + n, mask=known, other=0)
    way = tl.load(listed + 6 * count + n, mask=known, other=1)
    points, sides = screen + image * vertices * 2, facing + image * triangles
    c = tl.full((BLOCK,), -1, tl.int32)
    farthest = tl.full((BLOCK,), float("-inf"), tl.float64)
    for corner in tl.static_range(3):
        a = tl.load(tri + 3 * t + (corner + 1) % 3, mask=known, other=0)
        b = tl.load(tri + 3 * t + (corner + 2) % 3, mask=known, other=0)
        passes, where = _crossing(points, a, b, axis, line, known)
        farther = passes & (where * way > farthest)
        c = tl.where(farther, corner, c)
        farthest = tl.where(farther, where * way, farthest)
    active = known & (c >= 0)
    leaves = known & (c < -1)  # none yet
    step = 0
    while (step < STEPS) & (tl.max(active.to(tl.int32), 0) > 0):
        a = tl.load(tri + 3 * t + (c + 1) % 3, mask=active, other=-1)
        b = tl.load(tri + 3 * t + (c + 2) % 3, mask=active, other=-1)
        through = active & (((a == i) & (b == j)) | ((a == j) & (b == i)))
        leaves |= through
        beyond = tl.load(neighbours + 3 * t + c, mask=active, other=-1)
        mine = tl.load(sides + t, mask=active, other=0)
        other = tl.load(sides + beyond, mask=active & (beyond >= 0), other=3)
        active &= (through == 0) & (beyond >= 0) & (other == mine)
        t = tl.where(active, beyond, t)
        first = tl.load(tri + 3 * t, mask=active, other=-1)
        second = tl.load(tri + 3 * t + 1, mask=active, other=-1)
        last = tl.load(tri + 3 * t + 2, mask=active, other=-1)
        # The line enters between a and b, and leaves between the third corner and the one of them
        # that lies on its other side; so it leaves opposite to the one on the third's side.
        third = tl.where((last != a) & (last != b), last, -1)
        third = tl.where((second != a) & (second != b), second, third)
        third = tl.where((first != a) & (first != b), first, third)
        active &= third >= 0
        level = tl.load(points + 2 * third + axis, mask=active, other=0.0) <= line
        same = (tl.load(points + 2 * a + axis, mask=active, other=0.0) <= line) == level
        opposite = tl.where(same, a, b)
        c = tl.where(first == opposite, 0, tl.where(second == opposite, 1, 2))
        step += 1
    tl.store(found + n, leaves.to(tl.int8), mask=known)
