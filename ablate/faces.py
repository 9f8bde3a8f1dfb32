"""Drawn faces that an ablation learns from, and others that it is scored on."""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path

from ..core.errors import InputError
from ..datasets.synthetic.config import SyntheticConfig
from ..datasets.synthetic.shards import open_shards, write_shards

_UNSEEN, _LEAST_UNSEEN = 10, 32  # one unseen face for ten that teach, and so many at least
_SEEDS = (3, 4)  # of the two sets
_CONFIG = SyntheticConfig()
_STEP = 8  # of the sizes that can be drawn, pixels


@dataclass(frozen=True)
class OwnFaces:
    """Drawn faces: given as folders of `selfie3d synth`, or drawn now.

    Attributes:
        train: shards to learn from; None: `count` faces are drawn.
        unseen: shards to be scored on; None: a tenth as many are drawn.
        count: of faces that are drawn to learn from, or used of `train`; 0 takes all of `train`.

    Example:
        >>> OwnFaces(count=2000).unseen is None
        True
    """

    train: Path | None = None
    unseen: Path | None = None
    count: int = 0

    def __post_init__(self) -> None:
        if self.count < 0 or (self.train is None and not self.count):
            expected = "folders of `selfie3d synth`, or how many faces to draw"
            raise InputError("faces", expected, f"{self.count} and no folder")

    def opened(self, out: Path, size: int) -> OwnFaces:
        """The same with folders that are there; faces that are missing are drawn.

        Args:
            out: folder of what is drawn.
            size: side of the crops in pixels; pictures are larger by the margin round a face.

        Raises:
            MissingFileError: a given folder holds no shards.
            InputError: `out` holds other faces, or cannot be written.
        """
        unseen = max(_LEAST_UNSEEN, self.count // _UNSEEN)
        counts = (self.count, unseen)
        train, test = (
            _draw(out / name, size, count, seed) if given is None else _there(given)
            for name, given, count, seed in zip(
                ("faces", "unseen"), (self.train, self.unseen), counts, _SEEDS, strict=True
            )
        )
        return replace(self, train=train, unseen=test)

    @property
    def settings(self) -> list[str]:
        """Of a training run, once opened."""
        options = f", options: {{limit: {self.count}}}" if self.count else ""
        return [
            f"data.train=[{{name: rendered, root: '{self.train}'{options}}}]",
            f"data.validation=[{{name: rendered, root: '{self.unseen}'}}]",
            "data.epoch=0",
        ]


def _draw(folder: Path, size: int, count: int, seed: int) -> Path:
    side = -(-size * _CONFIG.margin // _STEP) * _STEP
    write_shards(folder, replace(_CONFIG, size=int(side), seed=seed), count)
    return folder


def _there(folder: Path) -> Path:
    open_shards(folder)
    return folder
