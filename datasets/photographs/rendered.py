"""Our own synthetic faces as photographs of known truth.

They come from the shards of `selfie3d synth`, or are drawn when they are first asked for, and kept.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray

from ...core.errors import InputError
from ...geometry.camera import PerspectiveCamera
from ...geometry.coefficients import Coefficients
from ...geometry.posed import PosedFaces
from ..batches.sample import FaceSample, checked
from ..synthetic.config import SyntheticConfig
from ..synthetic.shards import ShardedFaces, open_shards, write_shards

_COEFFICIENTS = ("identity", "expression", "albedo", "light")
_CAMERA = ("rotation", "translation", "focal", "centre")


class RenderedPhotographs:
    """The faces of folders of shards, one folder after the other.

    Every sample has the landmarks ibug68-3d, hidden ones too, a skin mask, and its truth for the
    face model that the shards name. A face drawn without visible skin is a bad row.

    Args:
        root: a folder, or several.
        limit: the first so many faces; 0 takes all.
        name: of the data set.

    Attributes:
        face_model: name of the model that the truth belongs to.

    Raises:
        MissingFileError: a folder without shards.
        InputError: no folder, or folders of different face models.
    """

    def __init__(
        self, root: str | Path | Sequence[str | Path], limit: int = 0, name: str = "rendered"
    ) -> None:
        self.name = name
        roots = [root] if isinstance(root, str | Path) else list(root)
        if not roots:
            raise InputError("root", "at least one folder of shards", "none")
        self._folders: list[ShardedFaces] = [open_shards(folder) for folder in roots]
        models = sorted({str(folder.index.get("face_model")) for folder in self._folders})
        if len(models) > 1:
            raise InputError("root", "faces of one face model", ", ".join(models))
        self.face_model = models[0]
        self._starts = np.cumsum([0, *(len(folder) for folder in self._folders)])
        self._count = min(limit or int(self._starts[-1]), int(self._starts[-1]))

    @property
    def summary(self) -> str:
        """How many faces of which model."""
        return f"{self.name}: {len(self)} synthetic faces of {self.face_model}"

    def __len__(self) -> int:
        return self._count

    def row_name(self, row: int) -> str:
        """ "set/number" of a row."""
        return f"{self.name}/{range(len(self))[row]}"

    def __getitem__(self, row: int) -> FaceSample:
        """Face `row`; see `FaceDataset`."""
        row = range(len(self))[row]
        number = int(np.searchsorted(self._starts, row, side="right")) - 1
        folder, at = self._folders[number], [row - int(self._starts[number])]

        def stored(name: str) -> NDArray:
            return folder.rows(name, at)

        def tensor(name: str) -> torch.Tensor:
            return torch.from_numpy(stored(name).astype(np.float32))

        picture = stored("image")[0]
        points = stored("landmarks_ibug68")[0, :, :2].astype(np.float64)
        mask = np.unpackbits(stored("skin_mask")[0], axis=1, count=picture.shape[1])
        truth = PosedFaces(
            Coefficients(*(tensor(name) for name in _COEFFICIENTS)),
            PerspectiveCamera(*(tensor(name) for name in _CAMERA)),
        )
        known = {"ibug68-3d": points}
        skin = mask * np.uint8(255)
        return checked(FaceSample(self.row_name(row), picture, known, skin=skin, truth=truth))


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
