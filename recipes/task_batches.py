"""The batches of photographs that a task gets."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from ..datasets.batches.batch import FaceBatch
from ..engine.prefetch import Source


@dataclass(frozen=True)
class TaskBatches:
    """What a task learns from, and what it is measured by.

    Attributes:
        source: of training batches.
        validation: batches that training never sees.
        test: batches that nothing is chosen by, read when the run has ended.
        hidden: the validation's with patches over all faces, where a recipe looks at these too.
    """

    source: Source
    validation: Sequence[FaceBatch]
    test: Iterable[FaceBatch] = ()
    hidden: Sequence[FaceBatch] = ()
