"""Training the face detector on drawn faces in places."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import torch
from torch import Tensor

from ...datasets.synthetic.crowds.batch import CrowdBatch
from ...datasets.synthetic.crowds.crowds import CrowdMaker
from ...detect.boxes import suppressed
from ...detect.drawn_network import FaceFinder, pack_finder
from ...engine.prefetch import Source
from ...engine.task import Task
from .losses import DetectorLossConfig, box_overlap, detector_losses

_BATCH = 32
_LEAST = 0.02  # scores below this are no finds
_HIT = 0.4  # overlap of a find with the face that it has found
_FALSE = 0.05  # wrong finds a picture, at which missed faces are counted


class DetectorTask(Task):
    """Trains a face detector on crowds of drawn faces.

    Args:
        network: a `FaceFinder`.
        source: of its batches.
        validation: makes pictures of faces that `source` never shows.
        pictures: how many of them are used.
        config: see `DetectorLossConfig`.
        seed: of the validation's pictures.
    """

    def __init__(
        self, network: FaceFinder, source: Source, validation: CrowdMaker, pictures: int,
        config: DetectorLossConfig, seed: int,
    ) -> None:  # fmt: skip
        self.network = network
        self.source = source
        self._options = network.options
        self._config = config
        rows = torch.arange(pictures) % len(validation)
        self._batches = [validation(part, seed + k) for k, part in enumerate(rows.split(_BATCH))]

    def losses(self, network: torch.nn.Module, batch: CrowdBatch) -> Mapping[str, Tensor]:
        """Scores, boxes, points."""
        with self.timer("network"):
            out = network(batch.images)
        with self.timer("losses"):
            return detector_losses(out, batch, self._config)

    @torch.no_grad()
    def validate(self, network: torch.nn.Module) -> dict[str, float]:
        """On composed pictures; `error` is the share of missed faces, in %.

        It is counted at the score that leaves one wrong find in twenty pictures, told as
        `threshold`; `points`: median distance of the five points, in % of the box's side, of all
        that were found.
        """
        device = next(network.parameters()).device
        hits: list[tuple[float, bool]] = []
        faces, away = 0, []
        for batch in self._batches:
            out = network(batch.to(device).images)
            score = out.score.float().sigmoid().cpu()
            for k in range(len(batch)):
                finds = _Finds.of(score[k], out.box[k].float().cpu(), out.points[k].float().cpu())
                scored, errors = _matched(finds, batch, k)
                hits += scored
                away += errors
                faces += int((batch.kinds[k] == 1).sum())
        pictures = sum(len(batch) for batch in self._batches)
        threshold = _threshold(hits, _FALSE * pictures)
        kept = sum(good and score >= threshold for score, good in hits)
        return {
            "error": 100 * (1 - kept / max(faces, 1)),
            "threshold": threshold,
            "points": float(np.median(away)) if away else 100.0,
        }

    def export(self, network: torch.nn.Module, facts: Mapping[str, Any]) -> dict[str, bytes]:
        """A weights file for `detect.drawn`."""
        return {".safetensors": pack_finder(network, self._options, facts)}


class _Finds:
    """What was found in one picture, best first: scores (N,), boxes (N,4), points (N,5,2)."""

    def __init__(self, score: Tensor, box: Tensor, points: Tensor) -> None:
        self.score, self.box, self.points = score, box, points

    @classmethod
    def of(cls, score: Tensor, box: Tensor, points: Tensor) -> _Finds:
        likely = torch.nonzero(score > _LEAST)[:, 0]
        kept = likely[suppressed(score[likely].numpy(), box[likely].numpy())]
        return cls(score[kept], box[kept], points[kept])


def _matched(finds: _Finds, batch: CrowdBatch, k: int) -> tuple[list[tuple[float, bool]], list]:
    """Scores and whether they are of a face that nobody better has found; errors of the points."""
    hits, errors, taken = [], [], set()
    overlap = box_overlap(finds.box[:, None], batch.boxes[k][None])[0]
    overlap[:, batch.kinds[k] == 0] = 0
    for n, score in enumerate(finds.score.tolist()):
        best = int(overlap[n].argmax())
        if overlap[n, best] < _HIT:
            hits.append((score, False))
        elif batch.kinds[k, best] == 1 and best not in taken:
            taken.add(best)
            hits.append((score, True))
            box = batch.boxes[k, best]
            side = float((box[2:] - box[:2]).prod().sqrt())
            away = (finds.points[n] - batch.points[k, best]).norm(dim=-1).mean()
            errors.append(100 * float(away) / side)
    return hits, errors


def _threshold(hits: list[tuple[float, bool]], allowed: float) -> float:
    """The lowest score above which at most so many finds are wrong."""
    wrong = sorted((score for score, good in hits if not good), reverse=True)
    return wrong[int(allowed)] + 1e-6 if len(wrong) > allowed else _LEAST
