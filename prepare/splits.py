"""Which split a photograph belongs to: nobody is in two of them."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Sequence

from ..datasets.splits import split_by_name

__all__ = ["keep_people_together", "split_by_name"]

_ORDER = ("test", "val", "train")  # of equals the first wins: test sets stay whole


def keep_people_together(groups: Sequence[str], splits: Sequence[str]) -> tuple[list[str], int]:
    """Move photographs so that every group is in one split, that of most of its photographs.

    Args:
        groups: of each photograph. splits: a data set's own partition.

    Returns:
        The splits, and how many photographs were moved.
    """
    counts: dict[str, Counter[str]] = defaultdict(Counter)
    for group, split in zip(groups, splits, strict=True):
        counts[group][split] += 1
    chosen = {
        group: max(_ORDER, key=lambda split: (count[split], -_ORDER.index(split)))
        for group, count in counts.items()
    }
    result = [chosen[group] for group in groups]
    return result, sum(a != b for a, b in zip(result, splits, strict=True))
