"""The network of our own detector: where faces are, how large, and their five points.

Fully convolutional and free of anchors (Tian et al., "FCOS", ICCV 2019): every cell of a grid with
a step of 8 pixels says how sure it is to lie in the middle of a face, the face's box, and the five
points of `POINT_NAMES`. It knows faces of `SMALLEST` to `LARGEST` pixels alone, so that all it
learns is of one size; whoever uses it shows pictures in several sizes.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple

import torch
from torch import Tensor, nn
from torch.nn import functional

from ..core.errors import InputError

STRIDE = 8
"""Step of the grid, pixels."""
SMALLEST, LARGEST = 14.0, 40.0
"""Sizes of faces that are found for certain, longer sides of the box, pixels."""

_OUTPUTS = 1 + 4 + 10
_RARE = -4.0  # logit of a face at the start
_LIMIT = 3.0  # logarithm of a box's side over the step


@dataclass(frozen=True)
class FinderOptions:
    """How a `FaceFinder` is built.

    Attributes:
        stem: channels at half the picture's size.
        widths: channels at steps of 4, 8 and 16 pixels.
        blocks: residual convolutions at steps of 8 and 16.
        neck: channels of the head.
    """

    stem: int = 16
    widths: tuple[int, int, int] = (32, 48, 64)
    blocks: tuple[int, int] = (2, 3)
    neck: int = 48

    def __post_init__(self) -> None:
        numbers = (self.stem, self.neck, *self.widths, *self.blocks)
        counts = len(self.widths) == 3 and len(self.blocks) == 2
        if not counts or min(numbers) < 1 or max(numbers) > 4096:
            raise InputError("network", "three widths, two blocks, 1 to 4096 each", str(self))


class FinderOutput(NamedTuple):
    """What every cell says, cells in rows.

    score: (B,N) logits. box: (B,N,4) x0, y0, x1, y1 and points (B,N,5,2), pixels of the input.
    """

    score: Tensor
    box: Tensor
    points: Tensor


class FaceFinder(nn.Module):
    """Pictures (B,3,H,W) in [0,1], sides multiples of 16, to `FinderOutput`."""

    def __init__(self, options: FinderOptions | None = None) -> None:
        super().__init__()
        self.options = options = options or FinderOptions()
        w, count = options.widths, options.blocks
        self.stem = nn.Sequential(_conv(3, options.stem, 2), _conv(options.stem, w[0], 2))
        self.fine = _stage(w[0], w[1], count[0])
        self.coarse = _stage(w[1], w[2], count[1])
        self.from_fine = nn.Conv2d(w[1], options.neck, 1)
        self.from_coarse = nn.Conv2d(w[2], options.neck, 1)
        last = nn.Conv2d(options.neck, _OUTPUTS, 1)
        self.head = nn.Sequential(_conv(options.neck, options.neck), last)
        nn.init.normal_(last.weight, std=0.01)
        last.bias = nn.Parameter(torch.tensor([_RARE] + [0.0] * (_OUTPUTS - 1)))

    def forward(self, pictures: Tensor) -> FinderOutput:
        """See the class."""
        fine = self.fine(self.stem((pictures - 0.5) * 4))
        coarse = self.from_coarse(self.coarse(fine))
        both = self.from_fine(fine) + functional.interpolate(coarse, scale_factor=2.0)
        return _decoded(self.head(both).float())


def _stage(inside: int, outside: int, blocks: int) -> nn.Sequential:
    """Half the size, then residual convolutions."""
    return nn.Sequential(_conv(inside, outside, 2), *(_Residual(outside) for _ in range(blocks)))


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


def cell_centres(height: int, width: int, device: torch.device | None = None) -> Tensor:
    """Middles (N,2) of the cells of an input of this size, pixels."""
    y, x = torch.meshgrid(
        torch.arange(height // STRIDE, device=device),
        torch.arange(width // STRIDE, device=device),
        indexing="ij",
    )
    return (torch.stack([x, y], -1).reshape(-1, 2) + 0.5) * STRIDE


def _decoded(raw: Tensor) -> FinderOutput:
    """Logits, boxes and points of raw values (B,15,h,w)."""
    height, width = raw.shape[-2:]
    flat = raw.flatten(2).transpose(1, 2)
    cells = cell_centres(height * STRIDE, width * STRIDE, raw.device)
    middle = cells + STRIDE * flat[..., 1:3]
    half = STRIDE / 2 * flat[..., 3:5].clamp(max=_LIMIT).exp()
    points = cells[:, None] + STRIDE * flat[..., 5:].unflatten(2, (5, 2))
    return FinderOutput(flat[..., 0], torch.cat([middle - half, middle + half], -1), points)
