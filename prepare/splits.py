"""Which split a photograph belongs to: nobody is in two of them."""

from __future__ import annotations

import hashlib
from collections import Counter, defaultdict
from collections.abc import Sequence

_ORDER = ("test", "val", "train")  # of equals the first wins: test sets stay whole


def split_by_name(group: str, held_out: float) -> str:
    """ "val" for a share of the groups, "train" for the others, by a hash of the group's name.

    It does not depend on which other groups there are.

    Args:
        group: of photographs that must not be parted: a person, a folder, a photograph and its
            mirror image.
        held_out: 0..1.
    """
    digest = hashlib.sha256(group.encode("utf-8", "surrogateescape")).digest()
    return "val" if int.from_bytes(digest[:8], "big") < held_out * 2**64 else "train"


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
