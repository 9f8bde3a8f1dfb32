"""MTCNN's cascade (Zhang et al. 2016, section II): three networks, each of which looks closer at
what the one before proposes.

The networks are facenet-pytorch's; the way from one to the next is ours and gives the same answers
sooner: averages come from one table of sums, instead of a resampling for every candidate.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from .cascade_kernels import average_parts, sum_table, suppress

Floats = NDArray[np.float32]

_CELL, _STRIDE = 12, 2  # pixels that the first network sees at once, and between its answers
_SHRINK = 0.709  # from one level of the pyramid to the next
_WITHIN_LEVEL, _OVERLAP = 0.5, 0.7  # of boxes that show the same face
_BATCH = 512


@dataclass(frozen=True)
class Cascade:
    """The three networks, in evaluation mode; fastest where their weights are channels last.

    Attributes:
        proposal: (N,3,h,w) to offsets (N,4,h',w') and probabilities (N,2,h',w').
        refinement: (N,3,24,24) to offsets (N,4) and probabilities (N,2).
        output: (N,3,48,48) to offsets (N,4), points (N,10) and probabilities (N,2).
    """

    proposal: nn.Module
    refinement: nn.Module
    output: nn.Module

    @torch.inference_mode()
    def __call__(
        self, image: NDArray[np.uint8], smallest: float, thresholds: tuple[float, float, float]
    ) -> tuple[Floats, Floats]:
        """The faces of an image.

        Args:
            image: (H,W,3) RGB.
            smallest: side of the smallest face, pixels.
            thresholds: the least probabilities of the three networks.

        Returns:
            Boxes (N,4) x0, y0, x1, y1 and scores (N,), the surest first; corners are counted from
            1, both ends included, as MTCNN does.
        """
        height, width = image.shape[:2]
        table = np.empty((height + 1, width + 1, 3), np.int32)  # enough for 8 megapixels
        sum_table(image, table)
        boxes = _squared(self._proposed(table, smallest, thresholds[0]))
        boxes, scores, offsets = _looked_at(self.refinement, 24, table, boxes, thresholds[1])
        kept = _kept(boxes, scores, _OVERLAP)
        boxes = _squared(_moved(boxes[kept], offsets[kept], 1))
        boxes, scores, offsets = _looked_at(self.output, 48, table, boxes, thresholds[2])
        boxes = _moved(boxes, offsets, 1)
        kept = _kept(boxes, scores, _OVERLAP, by_smaller=True)
        return boxes[kept], scores[kept]

    def _proposed(self, table: NDArray[Any], smallest: float, threshold: float) -> Floats:
        """Boxes (N,4) that the first network finds on a pyramid of the image."""
        height, width = table.shape[0] - 1, table.shape[1] - 1
        whole = np.array([[0, 0, width, height]])
        parts = [np.zeros((0, 9), np.float32)]
        scale = _CELL / smallest
        while min(height, width) * scale >= _CELL:
            size = int(height * scale + 1), int(width * scale + 1)
            offsets, probabilities = self.proposal(_cut(table, whole, size))
            found = _candidates(offsets[0].numpy(), probabilities[0, 1].numpy(), scale, threshold)
            parts.append(found[_kept(found[:, :4], found[:, 4], _WITHIN_LEVEL)])
            scale *= _SHRINK
        found = np.concatenate(parts)
        found = found[_kept(found[:, :4], found[:, 4], _OVERLAP)]
        return _moved(found[:, :4], found[:, 5:], 0)


def _cut(table: NDArray[Any], parts: NDArray[np.int64], size: tuple[int, int]) -> Tensor:
    """The image's parts (N,4) at this height and width: (N,3,h,w), channels last in memory."""
    cut = np.empty((len(parts), *size, 3), np.float32)
    average_parts(table, parts, cut)
    return torch.from_numpy(cut).permute(0, 3, 1, 2)


def _candidates(offsets: Floats, probabilities: Floats, scale: float, threshold: float) -> Floats:
    """Rows (N,9) of box, probability and offsets; offsets (4,h,w), probabilities (h,w)."""
    row, column = np.nonzero(probabilities >= threshold)
    corner = np.stack([column, row], 1).astype(np.float32) * _STRIDE
    ends = [np.floor((corner + end) / np.float32(scale)) for end in (1, _CELL)]
    score = probabilities[row, column, None]
    return np.concatenate([*ends, score, offsets[:, row, column].T], 1, dtype=np.float32)


def _looked_at(
    network: nn.Module, side: int, table: NDArray[Any], boxes: Floats, threshold: float
) -> tuple[Floats, Floats, Floats]:
    """Boxes (N,4), scores (N,) and offsets (N,4) of what a network believes to be faces."""
    height, width = table.shape[0] - 1, table.shape[1] - 1
    parts = np.trunc(boxes).astype(np.int64)
    parts[:, :2] = np.maximum(parts[:, :2], 1) - 1
    parts[:, 2:] = np.minimum(parts[:, 2:], [width, height])
    inside = (parts[:, :2] < parts[:, 2:]).all(1)
    boxes, parts = boxes[inside], parts[inside]
    scores, offsets = np.zeros(len(boxes), np.float32), np.zeros((len(boxes), 4), np.float32)
    for start in range(0, len(boxes), _BATCH):
        some = slice(start, start + _BATCH)
        answers = network(_cut(table, parts[some], (side, side)))
        offsets[some], scores[some] = answers[0].numpy(), answers[-1][:, 1].numpy()
    sure = scores > threshold
    return boxes[sure], scores[sure], offsets[sure]


def _moved(boxes: Floats, offsets: Floats, end: int) -> Floats:
    """Boxes with each edge moved by its offset, in units of the side, which `end` is added to."""
    sides = np.tile(boxes[:, 2:] - boxes[:, :2] + np.float32(end), 2)
    return boxes + offsets * sides


def _squared(boxes: Floats) -> Floats:
    """Squares about the boxes' middles, as long as their longer sides."""
    sides = boxes[:, 2:] - boxes[:, :2]
    longer = sides.max(1, keepdims=True, initial=0)
    corner = boxes[:, :2] + sides * np.float32(0.5) - longer * np.float32(0.5)
    return np.concatenate([corner, corner + longer], 1)


def _kept(
    boxes: Floats, scores: Floats, limit: float, *, by_smaller: bool = False
) -> NDArray[np.int64]:
    """Indices of boxes that do not show what a better one shows, the best first."""
    order = np.argsort(-scores, kind="stable")
    kept = np.empty(len(order), np.int64)
    boxes = np.ascontiguousarray(boxes)
    return kept[: suppress(boxes, order, np.float32(limit), by_smaller, kept)]
