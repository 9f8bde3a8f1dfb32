"""Synthetic faces that are drawn when they are first asked for, and kept."""

from __future__ import annotations

from pathlib import Path

from .rendered_photos import RenderedPhotographs
from .synthetic.config import SyntheticConfig
from .synthetic.shards import write_shards


class DrawnPhotographs(RenderedPhotographs):
    """The first `count` faces of a seed, as `selfie3d synth` draws them.

    Args:
        root: folder of the shards; what is missing there is drawn now.
        count: how many faces. seed: another seed, other faces. size: side of the pictures, pixels.
        workers: processes that draw.

    Raises:
        InputError: the folder holds other faces.
    """

    def __init__(
        self, root: str | Path, count: int = 1000, seed: int = 0, size: int = 96, workers: int = 1
    ) -> None:
        write_shards(Path(root), SyntheticConfig(size=size, seed=seed), count, workers)
        super().__init__(root, name="drawn")
