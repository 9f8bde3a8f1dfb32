"""Faces of many photographs: in batches where a predictor takes these, on all of torch's threads.

A thread reads, predicts and measures a batch by itself: that keeps as many cores busy as there are
threads, where the threads within an operation would wait for each other and for the photographs.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Protocol, TypeVar, runtime_checkable

import torch

from ...core.image_file import read_image
from ...core.item_failure import Failed, FailureLog, attempt
from ...core.threads import in_order
from ...pipeline.predicted import PredictedFace
from .predicted import Box, Photograph, Predictor

T = TypeVar("T")
_BATCH = 8  # photographs: more of them no longer fit into a processor's cache


@runtime_checkable
class BatchPredictor(Predictor, Protocol):
    """Predicts the faces of several photographs at once, from several threads."""

    def many(self, pictures: Sequence[Photograph], boxes: Sequence[Box]) -> list[PredictedFace]:
        """The face in or nearest to each box, as calling it for each photograph.

        Args:
            pictures: RGB (H,W,3) uint8 each.
            boxes: (x0,y0,x1,y1) in photograph pixels, one for each.
        """
        ...


@dataclass(frozen=True)
class Item:
    """A photograph and the face in it.

    Attributes:
        name: for the log.
        path: of the photograph.
        box: round the face's landmarks, photograph pixels.
    """

    name: str
    path: Path
    box: Box


def each_face(
    predictor: Predictor,
    items: Sequence[Item],
    measure: Callable[[PredictedFace], T],
    log: FailureLog | None = None,
) -> Iterator[T | Failed]:
    """What `measure` says of the face of each item, or why there is none; in order.

    Args:
        predictor: what predicts; photographs go one by one to those that take no batches.
        items: the photographs.
        measure: called from several threads.
        log: for tracebacks of what nobody foresaw.

    Raises:
        FullError, SettingError: as `attempt`.
    """
    if not isinstance(predictor, BatchPredictor):
        for item in items:
            yield attempt(item.name, partial(_alone, predictor, item, measure), log)
        return
    batches = [items[start : start + _BATCH] for start in range(0, len(items), _BATCH)]
    count, work = torch.get_num_threads(), partial(_together, predictor, measure, log)
    if count == 1:
        found: Iterator[list[T | Failed]] = map(work, batches)
    else:
        torch.set_num_threads(1)
        found = in_order(work, batches, count, start=partial(torch.set_num_threads, 1))
    try:
        for batch in found:
            yield from batch
    finally:
        torch.set_num_threads(count)


def _alone(predictor: Predictor, item: Item, measure: Callable[[PredictedFace], T]) -> T:
    return measure(predictor(read_image(item.path), item.box))


def _together(
    predictor: BatchPredictor,
    measure: Callable[[PredictedFace], T],
    log: FailureLog | None,
    items: Sequence[Item],
) -> list[T | Failed]:
    """A batch; one by one where the batch as a whole fails, so that it is known for whom."""
    read = [attempt(item.name, partial(read_image, item.path), log) for item in items]
    there = [
        (item, picture)
        for item, picture in zip(items, read, strict=True)
        if not isinstance(picture, Failed)
    ]
    pictures, boxes = [picture for _, picture in there], [item.box for item, _ in there]
    faces = attempt("a batch", partial(predictor.many, pictures, boxes))
    if isinstance(faces, Failed):
        return [
            attempt(item.name, partial(_alone, predictor, item, measure), log) for item in items
        ]
    known = iter(faces)
    return [
        picture if isinstance(picture, Failed)
        else attempt(item.name, partial(measure, next(known)), log)
        for item, picture in zip(items, read, strict=True)
    ]  # fmt: skip
