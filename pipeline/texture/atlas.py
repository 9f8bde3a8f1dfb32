"""What of a texture never changes: who owns each texel, and what lies where on the head."""

from __future__ import annotations

from collections.abc import Sequence
from enum import IntEnum

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from ...geometry.face_model import FaceModel
from ...geometry.uv import UVMapper
from .atlas_kernels import distances, interpolate, nearest_within
from .mirror import mirrored_places, near_seam
from .strands import hair_strands

_PAD = 8  # texels beyond a chart that take its colours
_FEATURES = ("brows", "eyelids", "nose", "lips")
_NEAR_FEATURES = 4.0, 16.0  # mm from features: from their own to none of theirs
_NEAR_BROWS = 2.0, 7.0  # likewise from brows and lids
_FRINGE = -14.0, -4.0  # mm above the highest brow: from where no fringe is painted to all of it


class Part(IntEnum):
    """What a texel belongs to, as far as completing it differs."""

    SKIN = 0
    EYE = 1
    TEETH = 2
    MOUTH = 3


_REGIONS = (
    ("mouth_interior", Part.MOUTH), ("gums", Part.MOUTH), ("tongue", Part.MOUTH),
    ("teeth", Part.TEETH), ("left_eye", Part.EYE), ("right_eye", Part.EYE),
)  # fmt: skip
"""Regions of the face model and their parts; the later one wins, all else is skin."""


class Atlas:
    """The tables of one face model's texture at one size.

    Args:
        model: with a UV layout; regions that it lacks are taken as absent.
        size: side of the square texture in texels, S.

    Attributes:
        mapper: vertices to maps.
        texels: (N,) int64, flat positions of the texels that lie in a chart.
        corners: (N,3) int32 vertices and weights: (N,3) float32 barycentric, of each.
        part: (S,S) uint8, see `Part`.
        skin: (S,S) bool, the texels of skin, and inner: the flat positions of each other part's.
        scalp: (S,S) float32 in [0,1], where hair grows on most heads.
        hairy: (S,S) float32 in [0,1], where hair may be painted: on the scalp, the forehead and the
            brows. What falls over cheeks, ears and neck hangs before them and is none of their
            colour.
        brows: (S,S) float32 in [0,1], on and near brows and lids, whose own hairs look like hair.
        features: (S,S) float32 in [0,1], on and near brows, lids, nose and lips.
        strands: (S,S) float32, a pattern of combed hair with mean 0 and deviation 1;
            0 where no hair may be painted.
        twin: (S,S) int64, flat position of each texel's mirror image; None without a mirror.
        seam: (S,S) float32, 1 at a seam on the midline, 0 far from it; None without a mirror.
    """

    def __init__(self, model: FaceModel, size: int) -> None:
        self.size = size
        self.mapper = UVMapper(model.uv, model.uv_faces, model.faces, size, reading=False)
        self.mask: NDArray[np.bool_] = self.mapper.mask.numpy()
        self.texels = np.flatnonzero(self.mask)
        owner = self.mapper.triangle.reshape(-1)[torch.from_numpy(self.texels)]
        self.corners = model.faces[owner].to(torch.int32).contiguous().numpy()
        self.weights = np.ascontiguousarray(self.mapper.barycentric.numpy()[self.mask], np.float32)
        self.part = self._parts(model)
        self.skin: NDArray[np.bool_] = (self.part == Part.SKIN) & self.mask
        self.inner = {
            part: np.flatnonzero((self.part == part) & self.mask) for part in list(Part)[1:]
        }
        self.scalp = self.map(_region(model, "scalp"))
        self.hairy = self._hairy(model)
        self.brows = self.map(_nearness(model, ("brows", "eyelids"), _NEAR_BROWS))
        self.features = self.map(_nearness(model, _FEATURES, _NEAR_FEATURES))
        self.twin: NDArray[np.int64] | None = None
        self.seam: NDArray[np.float32] | None = None
        if model.mirror is not None:
            self.twin = self._twins(model.uv_faces[owner], mirrored_places(model))
            self.seam = self.map(near_seam(model))
        self.strands = self._strands(model)
        self._padding()

    def _hairy(self, model: FaceModel) -> NDArray[np.float32]:
        brows = _region(model, "brows")
        if not bool(brows.any()):
            return np.zeros((self.size, self.size), np.float32)
        height = self.map(model.mean[:, 1]) - float(model.mean[brows, 1].max())
        low, high = _FRINGE
        fringe = np.clip((height - low) / (high - low), 0, 1) * self.mask
        ears = self.map(_region(model, "ears"))
        return np.asarray(np.maximum(self.scalp, fringe) * (1 - ears), np.float32)

    def _strands(self, model: FaceModel) -> NDArray[np.float32]:
        result = np.zeros((self.size, self.size), np.float32)
        where = self.hairy > 0
        result[where] = hair_strands(
            self.map(model.mean)[where], _region(model, "ears"), model.mean
        )
        return result

    def pad(self, image: NDArray[np.float32]) -> None:
        """Continue (S,S,C) beyond its charts in place, so that mipmaps show no seams."""
        flat = image.reshape(self.size * self.size, -1)
        flat[self._to] = flat[self._from]

    def map(self, values: Tensor) -> NDArray[np.float32]:
        """Values of vertices, (V,) or (V,C), as a map (S,S) or (S,S,C)."""
        found = self._between(self.corners, values.reshape(len(values), -1))
        return found.reshape(self.size, self.size, *values.shape[1:])

    def _between(self, corners: NDArray[np.int32], values: Tensor) -> NDArray[np.float32]:
        """The values (V,C) between each texel's corners (N,3), as (S*S,C), 0 outside the charts."""
        found = np.zeros((self.size * self.size, values.shape[1]), np.float32)
        table = values.float().contiguous().numpy()
        interpolate(self.texels, corners, self.weights, table, found)
        return found

    def _parts(self, model: FaceModel) -> NDArray[np.uint8]:
        of_vertex = np.zeros(len(model.mean), np.uint8)
        for region, part in _REGIONS:
            of_vertex[_region(model, region).numpy()] = int(part)
        result = np.zeros((self.size, self.size), np.uint8)
        # A triangle between two parts is what its first corner is.
        result.reshape(-1)[self.texels] = of_vertex[self.corners].max(1)
        return result

    def _twins(self, corners: Tensor, places: Tensor) -> NDArray[np.int64]:
        """Flat positions (S,S) of texels' mirror images; corners (N,3) of UV points at `places`."""
        uv = self._between(corners.to(torch.int32).numpy(), places).reshape(self.size, self.size, 2)
        column = np.clip(np.floor(uv[..., 0] * self.size), 0, self.size - 1).astype(np.int64)
        row = np.clip(np.floor((1 - uv[..., 1]) * self.size), 0, self.size - 1).astype(np.int64)
        return row * self.size + column

    def _padding(self) -> None:
        nearest = np.empty((self.size, self.size), np.int64)
        nearest_within(self.mask, _PAD, nearest)
        self._to = np.flatnonzero(nearest >= 0)
        self._from = nearest.reshape(-1)[self._to]


def _region(model: FaceModel, name: str) -> Tensor:
    """A region's vertices (V,) bool; none where the model has no such region."""
    return model.regions.get(name, torch.zeros(len(model.mean), dtype=torch.bool))


def _nearness(model: FaceModel, names: Sequence[str], reach: tuple[float, float]) -> Tensor:
    """How near vertices (V,) are to regions, by mm: 1 below both of `reach`, 0 above."""
    region = torch.stack([_region(model, name) for name in names]).any(0)
    if not bool(region.any()):
        return torch.zeros(len(model.mean))
    there, away = model.mean[region], np.empty(len(model.mean), np.float32)
    there = there[there[:, 1].argsort()]
    distances(model.mean.contiguous().numpy(), there.numpy(), reach[1], away)
    return ((reach[1] - torch.from_numpy(away)) / (reach[1] - reach[0])).clamp(0, 1)
