"""How photographs are prepared."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise
from typing import Literal

from ..core.choices import check_choices
from ..core.errors import InputError

_LARGEST = 110.0  # degrees of yaw
_LIMITS = (
    ("per_shard", 1, 1_000_000),
    ("size", 64, 8192),
    ("smallest", 8, 4096),
    ("held_out", 0.0, 0.9),
)


Output = Literal["shards", "files"]
"""Where samples go: into shards, or into files beside each other."""

LandmarkSource = Literal["auto", "fan", "own"]
"""Who finds landmarks: FAN, our own network, or FAN where its weights are."""

SkinSource = Literal["auto", "network", "colour", "none"]
"""Who makes skin masks; "auto" is our network where its weights know segments."""


@dataclass(frozen=True)
class PrepareOptions:
    """What is prepared and how; the same options on the same photographs give the same files.

    Attributes:
        write: "shards", or "files" beside each other (see `datasets/photographs/record.py`), laid
            out as the data set reads them; these leave the photographs as they are.
        landmarks: "fan" (FAN's weights), "own" (our shipped network), "auto": FAN where its
            weights are.
        skin: who makes skin masks: "network" (the shipped one's segmentation), "colour", "auto":
            the network if its weights know segments; or "none".
        per_shard: photographs to a shard.
        size: larger photographs are cut round the face and brought down to this many pixels,
            where nothing of the data set is bound to the whole photograph.
        smallest: pixels; faces whose box is smaller are rejected.
        held_out: share of the people that goes to the split "val", for data sets without a
            partition of their own.

    Raises:
        InputError: a value out of its range.
    """

    write: Output = "shards"
    landmarks: LandmarkSource = "auto"
    skin: SkinSource = "auto"
    per_shard: int = 1000
    size: int = 512
    smallest: int = 32
    held_out: float = 0.1

    def __post_init__(self) -> None:
        check_choices(self)
        for name, low, high in _LIMITS:
            if not low <= getattr(self, name) <= high:
                raise InputError(name, f"{low:g} to {high:g}", f"{getattr(self, name)}")


_BINS = "0,15,30,45,60,75,90"


@dataclass(frozen=True)
class BalanceOptions(PrepareOptions):
    """Which of the prepared photographs are taken, beside `per_shard` and `smallest`.

    Attributes:
        count: so many, of all splits together.
        bins: edges in degrees of |yaw|, from 0 up to 110, over which they are spread evenly.

    Raises:
        InputError: a value out of its range.
    """

    landmarks: LandmarkSource = "own"
    count: int = 120_000
    bins: str = _BINS

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.write != "shards":
            raise InputError("write", "shards: they are taken from shards", repr(self.write))
        if self.count < 1:
            raise InputError("count", "1 or more", str(self.count))
        _ = self.edges

    @property
    def edges(self) -> list[float]:
        """Of the bins, degrees."""
        return _edges(self.bins)


@dataclass(frozen=True)
class DrawnOptions(PrepareOptions):
    """How drawn faces get the labels of 300W-LP, beside `per_shard` and `held_out`.

    Attributes:
        label_model: 3DDFA's face model, as `facemodels.read_tddfa_points` takes it.
        count: the first so many faces; 0 takes all.

    Raises:
        InputError: a value out of its range, or no face model.
    """

    landmarks: LandmarkSource = "own"
    label_model: str = ""
    count: int = 0

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.write != "shards":
            raise InputError("write", "shards: drawn pictures have no files", repr(self.write))
        if self.count < 0:
            raise InputError("count", "0 for all, or more", str(self.count))
        if not self.label_model:
            remedy = "Name Model_Shape.mat, or the folder of 3DDFA's 68 points (--label-model)."
            raise InputError("label_model", "3DDFA's face model", "none", remedy)


@dataclass(frozen=True)
class TurnOptions(PrepareOptions):
    """How the faces of prepared photographs are turned, beside `per_shard` and `smallest`.

    >>> TurnOptions(turns="30,60").degrees
    [30.0, 60.0]

    Attributes:
        turns: "flat" turns so that |yaw| is spread evenly over `bins`; or degrees such as
            "30,60,90", to which every face is turned that is not there yet; or a range such as
            "90-105", to somewhere in which each is turned.
        count: with a range, so many copies in all, of photographs by chance; 0 is one of each.
        bins: edges in degrees, from 0 up to 110.
        most: copies of one photograph, with "flat".
        pitch: degrees up or down by which faces are turned as well, each its own.
        apart: largest mean distance of the fitted face's landmarks from the known ones, in parts of
            the face's size; worse fits are rejected.

    Raises:
        InputError: a value out of its range.
    """

    landmarks: LandmarkSource = "own"
    turns: str = "flat"
    count: int = 0
    bins: str = _BINS
    most: int = 4
    pitch: float = 0.0
    apart: float = 0.08

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.write != "shards":
            raise InputError("write", "shards: turned pictures have no files", repr(self.write))
        for name, low, high in (("most", 1, 50), ("pitch", 0, 30), ("apart", 0.01, 1.0)):
            if not low <= getattr(self, name) <= high:
                raise InputError(name, f"{low:g} to {high:g}", f"{getattr(self, name)}")
        _ = self.edges
        if self.count < 0:
            raise InputError("count", "0 for all, or more", str(self.count))
        if self.turns != "flat" and self.between is None:
            _ = self.degrees

    @property
    def edges(self) -> list[float]:
        """Of the bins, degrees."""
        return _edges(self.bins)

    @property
    def between(self) -> tuple[float, float] | None:
        """The range of `turns`, degrees, where it is one."""
        low, dash, high = self.turns.partition("-")
        if not dash:
            return None
        ends = _degrees("turns", f"{low},{high}")
        if ends[0] >= ends[1]:
            raise InputError("turns", "a range such as 90-105", repr(self.turns))
        return ends[0], ends[1]

    @property
    def degrees(self) -> list[float]:
        """The poses of `turns`, where it is not "flat"."""
        return _degrees("turns", self.turns)


def _edges(text: str) -> list[float]:
    edges = _degrees("bins", text)
    if len(edges) < 2 or any(b <= a for a, b in pairwise(edges)):
        raise InputError("bins", "two or more rising degrees", repr(text))
    return edges


def _degrees(name: str, text: str) -> list[float]:
    try:
        values = [float(part) for part in text.split(",")]
    except ValueError:
        values = []
    if not values or not all(0 <= value <= _LARGEST for value in values):
        raise InputError(name, f"degrees from 0 to {_LARGEST:g}, such as 30,60,90", repr(text))
    return values
