"""The network of our own detector: where faces are, how large, and their five points.

Fully convolutional and free of anchors (Tian et al., "FCOS", ICCV 2019): every cell of three grids
with steps of 8, 16 and 32 pixels says how sure it is to lie in the middle of a face, the face's
box, and the five points of `POINT_NAMES`.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple

import torch
from torch import Tensor, nn
from torch.nn import functional

from ..core.errors import InputError

STRIDES = (8, 16, 32)
"""Steps of the grids, pixels."""

_OUTPUTS = 1 + 4 + 10
_RARE = -4.0  # logit of a face at the start
_LARGEST = 5.0  # logarithm of a box's side over the step


@dataclass(frozen=True)
class FinderOptions:
    """How a `FaceFinder` is built.

    Attributes:
        stem: channels at half the picture's size.
        widths: channels at steps of 4, 8, 16 and 32 pixels.
        blocks: residual convolutions at steps of 8, 16 and 32.
        neck: channels of the heads.
    """

    stem: int = 16
    widths: tuple[int, int, int, int] = (32, 48, 64, 96)
    blocks: tuple[int, int, int] = (2, 3, 3)
    neck: int = 48

    def __post_init__(self) -> None:
        numbers = (self.stem, self.neck, *self.widths, *self.blocks)
        counts = len(self.widths) == 4 and len(self.blocks) == 3
        if not counts or min(numbers) < 1 or max(numbers) > 4096:
            raise InputError("network", "four widths, three blocks, 1 to 4096 each", str(self))


class FinderOutput(NamedTuple):
    """What every cell of all grids says; cells in rows, the finest grid first.

    score: (B,N) logits. box: (B,N,4) x0, y0, x1, y1 and points (B,N,5,2), pixels of the input.
    """

    score: Tensor
    box: Tensor
    points: Tensor


class FaceFinder(nn.Module):
    """Pictures (B,3,H,W) in [0,1], sides multiples of 32, to `FinderOutput`."""

    def __init__(self, options: FinderOptions | None = None) -> None:
        super().__init__()
        self.options = options = options or FinderOptions()
        w = options.widths
        self.stem = nn.Sequential(_conv(3, options.stem, 2), _conv(options.stem, w[0], 2))
        self.stages = nn.ModuleList(
            nn.Sequential(_conv(w[k], w[k + 1], 2), *(_Residual(w[k + 1]) for _ in range(count)))
            for k, count in enumerate(options.blocks)
        )
        self.sides = nn.ModuleList(nn.Conv2d(width, options.neck, 1) for width in w[1:])
        self.heads = nn.ModuleList(
            nn.Sequential(_conv(options.neck, options.neck), nn.Conv2d(options.neck, _OUTPUTS, 1))
            for _ in STRIDES
        )
        for head in self.heads:
            last = head[1]  # type: ignore[index]
            nn.init.normal_(last.weight, std=0.01)
            nn.init.zeros_(last.bias)
            last.bias.data[0] = _RARE

    def forward(self, pictures: Tensor) -> FinderOutput:
        """See the class."""
        x = self.stem((pictures - 0.5) * 4)
        levels = []
        for stage, side in zip(self.stages, self.sides, strict=True):
            x = stage(x)
            levels.append(side(x))
        for k in (1, 0):
            levels[k] = levels[k] + functional.interpolate(levels[k + 1], scale_factor=2.0)
        parts = [
            _decoded(head(level).float(), stride)
            for head, level, stride in zip(self.heads, levels, STRIDES, strict=True)
        ]
        return FinderOutput(*(torch.cat(values, 1) for values in zip(*parts, strict=True)))


class _Residual(nn.Module):
    def __init__(self, width: int) -> None:
        super().__init__()
        self.body = _conv(width, width)

    def forward(self, x: Tensor) -> Tensor:
        out: Tensor = x + self.body(x)
        return out


def _conv(inside: int, outside: int, step: int = 1) -> nn.Sequential:
    return nn.Sequential(
        nn.Conv2d(inside, outside, 3, step, 1, bias=False),
        nn.BatchNorm2d(outside),
        nn.ReLU(inplace=True),
    )


def cell_centres(height: int, width: int, device: torch.device) -> tuple[Tensor, Tensor]:
    """Middles (N,2) of all cells of an input of this size, and their steps (N,), pixels."""
    centres, steps = [], []
    for stride in STRIDES:
        rows, columns = height // stride, width // stride
        y, x = torch.meshgrid(
            torch.arange(rows, device=device), torch.arange(columns, device=device), indexing="ij"
        )
        centres.append((torch.stack([x, y], -1).reshape(-1, 2) + 0.5) * stride)
        steps.append(torch.full((rows * columns,), float(stride), device=device))
    return torch.cat(centres), torch.cat(steps)


def _decoded(raw: Tensor, stride: int) -> tuple[Tensor, Tensor, Tensor]:
    """Logits, boxes and points of a grid's raw values (B,15,h,w)."""
    height, width = raw.shape[-2:]
    flat = raw.flatten(2).transpose(1, 2)
    y, x = torch.meshgrid(
        torch.arange(height, device=raw.device), torch.arange(width, device=raw.device),
        indexing="ij",
    )  # fmt: skip
    cells = (torch.stack([x, y], -1).reshape(-1, 2) + 0.5) * stride
    middle = cells + stride * flat[..., 1:3]
    half = stride / 2 * flat[..., 3:5].clamp(max=_LARGEST).exp()
    points = cells[:, None] + stride * flat[..., 5:].unflatten(2, (5, 2))
    return flat[..., 0], torch.cat([middle - half, middle + half], -1), points
