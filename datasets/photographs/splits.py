"""Which photographs are held out, by their names: what belongs together stays together."""

from __future__ import annotations

import hashlib


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
