"""How photographs are prepared."""

from __future__ import annotations

from dataclasses import dataclass

from ..core.errors import InputError

WRITES = ("shards", "files")
LANDMARKS = ("auto", "fan", "own")
_LIMITS = (
    ("per_shard", 1, 1_000_000),
    ("size", 64, 8192),
    ("smallest", 8, 4096),
    ("held_out", 0.0, 0.9),
)


@dataclass(frozen=True)
class PrepareOptions:
    """What is prepared and how; the same options on the same photographs give the same files.

    Attributes:
        write: "shards", or "files" beside each other (see `datasets/record.py`), laid out as the
            data set reads them; these leave the photographs as they are.
        landmarks: "fan" (FAN's weights), "own" (our shipped network), "auto": FAN where its
            weights are.
        skin: make skin masks.
        per_shard: photographs to a shard.
        size: larger photographs are cut round the face and brought down to this many pixels,
            where nothing of the data set is bound to the whole photograph.
        smallest: pixels; faces whose box is smaller are rejected.
        held_out: share of the people that goes to the split "val", for data sets without a
            partition of their own.

    Raises:
        InputError: a value out of its range.
    """

    write: str = "shards"
    landmarks: str = "auto"
    skin: bool = True
    per_shard: int = 1000
    size: int = 512
    smallest: int = 32
    held_out: float = 0.1

    def __post_init__(self) -> None:
        for name, known in (("write", WRITES), ("landmarks", LANDMARKS)):
            if getattr(self, name) not in known:
                raise InputError(name, f"one of {', '.join(known)}", repr(getattr(self, name)))
        for name, low, high in _LIMITS:
            if not low <= getattr(self, name) <= high:
                raise InputError(name, f"{low:g} to {high:g}", f"{getattr(self, name)}")
