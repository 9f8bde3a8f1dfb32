"""Rendered faces in memory, and endless batches of dense points made from them."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, fields
from typing import Protocol

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from ..core.errors import InputError
from ..geometry.camera import PerspectiveCamera
from ..geometry.coefficient_mirror import CoefficientMirror
from ..geometry.coefficient_vector import coefficients_to_vector
from ..geometry.coefficients import Coefficients
from ..geometry.dense_points import PointBasis, PointLayout
from .augment import NO_AUGMENTATION, AugmentConfig, change_colours, cover, draw_frames, move_points
from .seeds import derived_seed
from .warp import warp


class ImageRows(Protocol):
    """Pictures that are read when they are asked for; an array is one."""

    def __len__(self) -> int: ...

    def __getitem__(self, rows: NDArray[np.int64]) -> NDArray[np.uint8]:
        """The pictures `rows` (B,) as (B,H,W,3)."""
        ...


@dataclass(frozen=True)
class RenderedFaces:
    """N faces of known geometry.

    Attributes:
        image: N pictures (H,W,3) uint8.
        identity: (N,Ki). expression: (N,Ke). albedo: (N,Ka). light: (N,9,3).
        rotation: (N,3,3). translation: (N,3) mm. focal: (N,) pixels. centre: (N,2) pixels.
    """

    image: ImageRows
    identity: Tensor
    expression: Tensor
    albedo: Tensor
    light: Tensor
    rotation: Tensor
    translation: Tensor
    focal: Tensor
    centre: Tensor

    def __post_init__(self) -> None:
        for field in fields(self):
            length = len(getattr(self, field.name))
            if length != len(self.image):
                raise InputError(field.name, f"{len(self.image)} rows", str(length))

    def __len__(self) -> int:
        return len(self.image)

    def coefficients(self, rows: Tensor) -> Coefficients:
        """Of the faces `rows` (B,) int64."""
        own = (self.identity, self.expression, self.albedo, self.light)
        return Coefficients(*(values[rows] for values in own))

    def camera(self, rows: Tensor) -> PerspectiveCamera:
        """Model to image pixels, of the faces `rows` (B,) int64."""
        own = (self.rotation, self.translation, self.focal, self.centre)
        return PerspectiveCamera(*(values[rows] for values in own))


@dataclass(frozen=True)
class DenseBatch:
    """What a dense-point network learns from.

    Attributes:
        images: (B,3,S,S) in [0,1], channels last in memory.
        points: (B,N,3) as `PointPrediction.points`. coefficients: (B,K).
    """

    images: Tensor
    points: Tensor
    coefficients: Tensor

    def __len__(self) -> int:
        return len(self.images)

    def to(self, device: torch.device) -> DenseBatch:
        """The same batch on another device."""
        return DenseBatch(*(getattr(self, f.name).to(device) for f in fields(self)))

    def __getitem__(self, rows: slice | Tensor) -> DenseBatch:
        """Some of its rows."""
        return DenseBatch(*(getattr(self, f.name)[rows] for f in fields(self)))


class DenseBatchMaker:
    """Crops, augments and labels faces; the same rows and seed give the same batch.

    Args:
        faces: where the rows lie; may be replaced by a longer table.
        basis: the face model at the layout's points.
        layout: the points; must hold the set `frame_set`.
        mirror: of the same model.
        size: side of the crops in pixels.
        augment: see `AugmentConfig`.
        frame_set: the landmarks whose box is framed.
    """

    def __init__(
        self,
        faces: RenderedFaces,
        basis: PointBasis,
        layout: PointLayout,
        mirror: CoefficientMirror,
        size: int,
        augment: AugmentConfig = NO_AUGMENTATION,
        frame_set: str = "ibug68",
    ) -> None:
        self.faces, self.basis, self.mirror = faces, basis, mirror
        self.size, self.augment = size, augment
        self._frame = layout.landmarks(frame_set)
        self._permutation = layout.permutation

    def __call__(self, rows: Tensor, seed: int) -> DenseBatch:
        """The faces `rows` (B,) int64, every draw from `seed`."""
        generator = torch.Generator().manual_seed(seed)
        coefficients = self.faces.coefficients(rows)
        body = self.basis.points(coefficients.identity, coefficients.expression)
        seen = self.faces.camera(rows).project(body)
        frames = draw_frames(seen[:, self._frame, :2], self.size, self.augment, generator)
        points = move_points(seen, frames, self.size)
        reflected = torch.rand(len(rows), generator=generator) < 0.5
        images = warp(self.faces.image[rows.numpy()], frames, self.size, reflected)
        images = cover(change_colours(images, self.augment, generator), self.augment, generator)
        vector = coefficients_to_vector(coefficients)
        flip = torch.rand(len(rows), generator=generator) < self.augment.mirrored
        if bool(flip.any()):
            images[flip] = images[flip].flip(3)
            points[flip] = points[flip][:, self._permutation] * torch.tensor([-1.0, 1, 1])
            vector[flip] = coefficients_to_vector(self.mirror(self.faces.coefficients(rows[flip])))
        return DenseBatch(images.contiguous(memory_format=torch.channels_last), points, vector)


class EpochSource:
    """Endless batches in seeded random order; its position can be saved and restored exactly.

    Args:
        make: (rows, seed) to a batch.
        count: returns how many rows there are, asked at the start of every epoch.
        batch: rows of a batch; what an epoch leaves over is dropped.
        seed: of the order and of every batch.
    """

    def __init__(
        self,
        make: Callable[[Tensor, int], DenseBatch],
        count: Callable[[], int],
        batch: int,
        seed: int,
    ) -> None:
        self._make, self._count, self._batch, self._seed = make, count, batch, seed
        self._part: slice | None = None
        self._epoch, self._offset, self._rows = 0, 0, 0
        self._order = torch.zeros(0, dtype=torch.int64)
        self._begin(count())

    def __next__(self) -> DenseBatch:
        if self._offset + self._batch > self._rows:
            self._epoch += 1
            self._offset = 0
            self._begin(self._count())
        rows = self._order[self._offset : self._offset + self._batch]
        self._offset += self._batch
        batch = self._make(rows, derived_seed(self._seed, self._epoch, self._offset))
        return batch if self._part is None else batch[self._part]

    def __len__(self) -> int:
        """Batches of the present epoch."""
        return self._rows // self._batch

    def shard(self, rank: int, world: int) -> EpochSource:
        """One of `world` equal parts of every batch, from where this source stands.

        Each part is cut out of the whole batch, whose draws depend on all of its rows.

        Raises:
            InputError: the batch cannot be divided so.
        """
        if not 0 <= rank < world or self._batch % world:
            expected = f"a batch that {world} processes can divide"
            raise InputError("data.batch", expected, f"{self._batch} (rank {rank})")
        part = EpochSource(self._make, self._count, self._batch, self._seed)
        part.load_state_dict(self.state_dict())
        rows = self._batch // world
        part._part = slice(rank * rows, (rank + 1) * rows)
        return part

    def state_dict(self) -> dict[str, int]:
        """Where the source stands."""
        return {"epoch": self._epoch, "offset": self._offset, "rows": self._rows}

    def load_state_dict(self, state: dict[str, int]) -> None:
        """Go on where `state` was taken.

        Raises:
            InputError: there are fewer rows than there were.
        """
        if self._count() < state["rows"]:
            raise InputError("rows", f"at least {state['rows']}, as before", str(self._count()))
        self._epoch, self._offset = state["epoch"], state["offset"]
        self._begin(state["rows"])

    def _begin(self, rows: int) -> None:
        if rows < self._batch:
            raise InputError("training data", f"at least {self._batch} faces", str(rows))
        self._rows = rows
        generator = torch.Generator().manual_seed(derived_seed(self._seed, self._epoch))
        self._order = torch.randperm(rows, generator=generator)
