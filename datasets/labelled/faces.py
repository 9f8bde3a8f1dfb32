"""Photographs with what `selfie3d batch` found in them, as a data set to learn from."""

from __future__ import annotations

import os
from dataclasses import fields
from pathlib import Path
from typing import Any, Literal

import numpy as np
import torch

from ...core.choices import check_choice
from ...core.errors import InputError
from ...geometry.camera import PerspectiveCamera
from ...geometry.coefficients import Coefficients
from ...geometry.posed import PosedFaces
from ..batches.sample import FaceSample, checked
from ..photographs.splits import split_by_name
from .places import Place, read_place
from .table import map_faces

Split = Literal["all", "train", "val"]
_CAMERA = {"rotation": (1, 3, 3), "translation": (1, 3), "focal": (1,), "centre": (1, 2)}
_COEFFICIENTS = tuple(field.name for field in fields(Coefficients))


class LabelledFaces:
    """The faces that `selfie3d batch` found, a row each: photograph, box, landmarks and truth.

    The truth is what the network found, in the coefficients of its face model; it is there unless
    `--write points` left it out. Photographs are read from where they lay. All processes of a
    machine share one table on disk, and which row is which does not depend on them.

    Args:
        root: folder of the results.
        split: "all", "train" or "val"; a photograph is held out by a hash of its key.
        held_out: share of the photographs that are held out for "val".
        least_score: of the detector; fainter faces are left out.
        most_sigma: the largest mean error of landmarks that the network expects, over the longer
            side of their box; less certain faces are left out. 0 takes all.
        photographs: folder that the keys of the photographs are paths in, where they have moved;
            "" reads them from where they lay.
        name: of the data set.

    Attributes:
        face_model: name of the model that the truth belongs to; "" where there is none.

    Raises:
        InputError: no results, damaged ones, of several face models, or no face that is left.
        MissingFileError: the package pyarrow is not installed.
    """

    def __init__(
        self,
        root: str | Path,
        split: Split = "all",
        *,
        held_out: float = 0.05,
        least_score: float = 0.0,
        most_sigma: float = 0.0,
        photographs: str = "",
        name: str = "labelled",
    ) -> None:
        check_choice("split", split, Split)
        self.name, self._photographs = name, photographs
        self._table = map_faces(Path(root))
        models = set(self._table.column("face_model").unique().to_pylist())
        self._whole = set(_COEFFICIENTS) <= set(self._table.column_names)
        if len(models) > 1:
            raise InputError(str(root), "faces of one face model", ", ".join(sorted(models)))
        self.face_model = models.pop() if models and self._whole else ""
        kept = self._certain(least_score, most_sigma)
        if split != "all":
            keys = self._table.column("key").to_pylist()
            kept &= np.array([split_by_name(key, held_out) == split for key in keys], bool)
        self._rows = np.flatnonzero(kept)
        if not len(self._rows):
            got = f"none of {len(self._table)} in split {split!r}"
            remedy = "See held_out, least_score and most_sigma."
            raise InputError(str(root), "faces", got, remedy)

    @property
    def summary(self) -> str:
        """How many faces of how many."""
        return f"{self.name}: {len(self)} of {len(self._table)} faces that were found"

    def __len__(self) -> int:
        return len(self._rows)

    def row_name(self, row: int) -> str:
        """ "set/key/number" of a row."""
        at = int(self._rows[row])
        return f"{self.name}/{self._value('key', at)}/{self._value('face', at)}"

    def __getitem__(self, row: int) -> FaceSample:
        """Face `row`; see `FaceDataset`."""
        at, name = int(self._rows[row]), self.row_name(row)
        picture = read_place(self._place(at))
        size = self._value("width", at), self._value("height", at)
        if picture.shape[1::-1] != size:
            got = f"one of {picture.shape[1]} x {picture.shape[0]}"
            expected = f"the photograph of {size[0]} x {size[1]} pixels that was labelled"
            raise InputError(name, expected, got)
        points = np.array(self._value("landmarks", at), np.float64).reshape(68, 3)[:, :2]
        box = (*(float(x) for x in points.min(0)), *(float(x) for x in points.max(0)))
        known = {"ibug68-3d": points}
        truth = self._truth(at) if self._whole else None
        return checked(FaceSample(name, picture, known, box=box, truth=truth))  # type: ignore[arg-type]

    def _certain(self, least_score: float, most_sigma: float) -> np.ndarray:
        """Which rows are sure enough."""
        kept: np.ndarray = self._table.column("score").to_numpy() >= least_score
        if most_sigma <= 0:
            return kept
        points = self._floats("landmarks", 204).reshape(-1, 68, 3)[..., :2]
        sides = (points.max(1) - points.min(1)).max(1)
        means = self._floats("sigmas", 68).mean(1)
        return kept & (means <= most_sigma * sides)  # False where there are none

    def _floats(self, name: str, width: int) -> np.ndarray:
        """A column of lists as (N,width); NaN where it is null."""
        column = self._table.column(name)
        out = np.full((len(column), width), np.nan, np.float32)
        known = ~column.is_null().to_numpy()
        parts = [chunk.flatten().to_numpy(zero_copy_only=False) for chunk in column.chunks]
        out[known] = np.concatenate(parts).reshape(-1, width)
        return out

    def _place(self, at: int) -> Place:
        key = self._value("key", at)
        if self._photographs:
            return Place(key, str(Path(self._photographs) / key))
        where = os.fsdecode(self._value("place_where", at))
        known = (self._value(f"place_{name}", at) for name in ("offset", "size", "checksum"))
        return Place(key, where, *known)

    def _truth(self, at: int) -> PosedFaces:
        known = {name: self._tensor(name, at)[None] for name in _COEFFICIENTS}
        known["light"] = known["light"].reshape(1, 9, 3)
        camera = (self._tensor(name, at).reshape(shape) for name, shape in _CAMERA.items())
        return PosedFaces(Coefficients(**known), PerspectiveCamera(*camera))

    def _tensor(self, name: str, at: int) -> torch.Tensor:
        return torch.tensor(self._value(name, at), dtype=torch.float32)

    def _value(self, name: str, at: int) -> Any:  # noqa: ANN401
        return self._table.column(name)[at].as_py()
