"""Which photographs are held out, by their names: what belongs together stays together."""

from __future__ import annotations

import hashlib


def split_by_name(group: str, held_out: float) -> str:
    """The split of a group by a hash of its name: "val" for a share of them, "train" for the rest.

    It does not depend on which other groups there are.

    >>> [split_by_name(person, 0.25) for person in ("gus", "hal", "ida")]
    ['train', 'val', 'train']

    Args:
        group: of photographs that must not be parted: a person, a folder, a photograph and its
            mirror image.
        held_out: share of the groups, 0..1.
    """
    digest = hashlib.sha256(group.encode("utf-8", "surrogateescape")).digest()
    return "val" if int.from_bytes(digest[:8], "big") < held_out * 2**64 else "train"
