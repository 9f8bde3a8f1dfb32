"""What a face detector learns from: pictures, and the boxes and five points of their faces."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, fields

import numpy as np
import torch
from torch import Tensor

MOST_FACES = 12
"""Faces of a picture that are told; crowds are no larger."""


@dataclass(frozen=True)
class CrowdBatch:
    """What a detector learns from; faces beyond a picture's own are zero.

    Attributes:
        images: (B,3,S,S) in [0,1], channels last in memory.
        boxes: (B,M,4) x0, y0, x1, y1 round the 68 landmarks, pixels; may reach over the border.
        points: (B,M,5,2) pixels, in the order of `detect.face.POINT_NAMES`.
        kinds: (B,M) int64: 1 a face, 2 one that is neither here nor there (tiny, hidden, cut), 0
            none.
    """

    images: Tensor
    boxes: Tensor
    points: Tensor
    kinds: Tensor

    def __len__(self) -> int:
        return len(self.images)

    def to(self, device: torch.device) -> CrowdBatch:
        """The same batch on another device."""
        return self._each(lambda value: value.to(device))

    def __getitem__(self, rows: slice | Tensor) -> CrowdBatch:
        """Some of its rows."""
        return self._each(lambda value: value[rows])

    def _each(self, change: Callable[[Tensor], Tensor]) -> CrowdBatch:
        return CrowdBatch(*(change(getattr(self, field.name)) for field in fields(self)))


def turned(batch: CrowdBatch, rng: np.random.Generator, share: float) -> CrowdBatch:
    """The batch mirrored, or a share of it turned by quarters and mirrored at times."""
    parts = []
    for k in range(len(batch)):
        quarters = int(rng.integers(1, 4)) if rng.random() < share else 0
        mirrored = quarters == 0 or rng.random() < 0.5
        parts.append(_turned_one(batch[k : k + 1], quarters, mirrored))
    return joined(parts)


def _turned_one(one: CrowdBatch, quarters: int, mirrored: bool) -> CrowdBatch:
    """A batch of one picture, mirrored if so wanted, then turned anticlockwise."""
    size = one.images.shape[-1]
    images, points = one.images, one.points
    corners = one.boxes.unflatten(-1, (2, 2))
    if mirrored:
        images = images.flip(3)
        points, corners = (_across(value, size) for value in (points, corners))
        points = points[:, :, [1, 0, 2, 4, 3]]
    for _ in range(quarters):
        images = torch.rot90(images, 1, (2, 3))
        points, corners = (
            torch.stack([value[..., 1], size - value[..., 0]], -1) for value in (points, corners)
        )
    boxes = torch.cat([corners.amin(2), corners.amax(2)], -1)
    told = (one.kinds > 0)[..., None]
    return CrowdBatch(images, boxes * told, points * told[..., None], one.kinds)


def _across(points: Tensor, size: int) -> Tensor:
    return torch.stack([size - points[..., 0], points[..., 1]], -1)


def joined(parts: Sequence[CrowdBatch]) -> CrowdBatch:
    """The pictures of several batches in one."""
    values = [torch.cat([getattr(p, field.name) for p in parts]) for field in fields(CrowdBatch)]
    values[0] = values[0].contiguous(memory_format=torch.channels_last)
    return CrowdBatch(*values)
