"""Whether every training set has something that the terms of a run learn from.

A set whose labels no term uses gives terms of 0 and a run that ends well, having learnt nothing.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

from ..core.errors import InputError
from ..datasets.batches.batch import FaceBatch
from ..datasets.batches.face_pass import FacePass
from ..datasets.batches.sample import FaceDataset

_SEEN = 8  # good rows of a set that are looked at
_TRIED = 64  # rows among which they are looked for

Lessons = Callable[[FaceBatch], set[str]]
"""The terms that learn something from a batch, by their names in `loss`."""


def check_lessons(
    sets: Sequence[FaceDataset], crop: str, size: int, *, lessons: Lessons, remedy: str
) -> set[str]:
    """Look at the first rows of every training set.

    Args:
        sets: of `data.train`.
        crop: of `datasets.crops`.
        size: of the crops in pixels.
        lessons: of the recipe.
        remedy: what to do where there is none.

    Returns:
        The terms that some set teaches. A set without a good row among its first is not judged.

    Raises:
        InputError: a set teaches nothing; the message says what it has.
    """
    learnt: set[str] = set()
    for data in sets:
        batch = next(iter(FacePass(data, crop, size, _SEEN, _TRIED)), None)
        if batch is None:
            continue
        taught = lessons(batch)
        if not taught:
            expected = "samples that a term of loss learns from"
            raise InputError(f"data.train: {data.name}", expected, _has(batch), remedy)
        learnt |= taught
    return learnt


def require_weight(config: object, terms: Sequence[str]) -> None:
    """Refuse terms none of which counts: the run would end well, having learnt nothing.

    Args:
        config: with a weight for each term.
        terms: their names.

    Raises:
        InputError: all weights are 0.
    """
    if not any(getattr(config, name) for name in terms):
        expected = f"a weight above 0 of one of {', '.join(terms)}"
        raise InputError("loss", expected, "0 for all of them")


def _has(batch: FaceBatch) -> str:
    """What a batch knows, in words."""
    labels = [name for name in batch.labels if name not in ("inside", "crop")]
    parts = {
        "landmarks": sorted(batch.landmarks),
        "labels": sorted(labels),
        "skin masks": [""] if batch.skin is not None else [],
        "faces of a known model": [""] if batch.truth is not None else [],
    }
    told = [f"{name} {', '.join(some)}".strip() for name, some in parts.items() if some]
    return "; ".join(told) or "photographs alone"
