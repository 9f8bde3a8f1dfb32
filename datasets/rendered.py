"""Rendered faces in memory, and batches of dense points made from them."""

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
from .augment import (
    NO_AUGMENTATION,
    AugmentConfig,
    change_colours,
    draw_frames,
    draw_rectangles,
    move_points,
    paint,
)
from .labels import cover_labels, seen_points, warp_labels
from .warp import warp


class Rows(Protocol):
    """Arrays of bytes, one per face, that are read when they are asked for; an array is one."""

    def __len__(self) -> int: ...

    def __getitem__(self, rows: NDArray[np.int64]) -> NDArray[np.uint8]:
        """Those of the faces `rows` (B,), (B,...)."""
        ...


@dataclass(frozen=True)
class RenderedFaces:
    """N faces of known geometry.

    Attributes:
        image: N pictures (H,W,3) uint8.
        identity: (N,Ki). expression: (N,Ke). albedo: (N,Ka). light: (N,9,3).
        rotation: (N,3,3). translation: (N,3) mm. focal: (N,) pixels. centre: (N,2) pixels.
        segmentation: N maps (H,W/2) uint8, two classes of `geometry.segments` to a byte, the left
            pixel's in the high four bits; None where nobody drew them.
        visible_vertices: N rows of bits, as numpy.packbits makes them, of the vertices that the
            picture shows; None likewise.
        person: (N,) int64, whom a picture shows; None where every face is another person's.
    """

    image: Rows
    identity: Tensor
    expression: Tensor
    albedo: Tensor
    light: Tensor
    rotation: Tensor
    translation: Tensor
    focal: Tensor
    centre: Tensor
    segmentation: Rows | None = None
    visible_vertices: Rows | None = None
    person: Tensor | None = None

    def __post_init__(self) -> None:
        for field in fields(self):
            value = getattr(self, field.name)
            if value is not None and len(value) != len(self.image):
                raise InputError(field.name, f"{len(self.image)} rows", str(len(value)))

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
        visible: (B,N) bool, points within the crop that nothing hides; None where unknown.
        segmentation: (B,S/4,S/4) int64, classes of `geometry.segments`; None where unknown.
        person: (B,) int64, alike for pictures of one person; None where all differ.
    """

    images: Tensor
    points: Tensor
    coefficients: Tensor
    visible: Tensor | None = None
    segmentation: Tensor | None = None
    person: Tensor | None = None

    def __len__(self) -> int:
        return len(self.images)

    def to(self, device: torch.device) -> DenseBatch:
        """The same batch on another device."""
        return self._each(lambda value: value.to(device))

    def __getitem__(self, rows: slice | Tensor) -> DenseBatch:
        """Some of its rows."""
        return self._each(lambda value: value[rows])

    def _each(self, change: Callable[[Tensor], Tensor]) -> DenseBatch:
        present = {f.name: getattr(self, f.name) for f in fields(self)}
        return DenseBatch(**{k: change(v) for k, v in present.items() if v is not None})


class DenseBatchMaker:
    """Crops, augments and labels faces; the same rows and seed give the same batch.

    Args:
        faces: where the rows lie; may be replaced by a longer table.
        basis: the face model at the layout's points.
        layout: the points; must hold the set `frame_set`.
        mirror: of the same model.
        size: side of the crops in pixels; a multiple of 4 where faces have a segmentation.
        augment: see `AugmentConfig`.
        frame_set: the landmarks whose box is framed.
        vertices: (N,) int64, the vertices that tell whether points are seen
            (`geometry.dense_points.vertices_of`); None leaves it unknown.
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
        vertices: Tensor | None = None,
    ) -> None:
        self.faces, self.mirror = faces, mirror
        self.size, self.augment = size, augment
        self._frame_set = frame_set
        self.use(basis, layout, vertices)

    def use(self, basis: PointBasis, layout: PointLayout, vertices: Tensor | None) -> None:
        """Label other points from now on."""
        self.basis, self._vertices = basis, vertices
        self._frame = layout.landmarks(self._frame_set)
        self._permutation = layout.permutation

    def __call__(self, rows: Tensor, seed: int) -> DenseBatch:
        """The faces `rows` (B,) int64, every draw from `seed`."""
        generator = torch.Generator().manual_seed(seed)
        coefficients = self.faces.coefficients(rows)
        body = self.basis.points(coefficients.identity, coefficients.expression)
        shown = self.faces.camera(rows).project(body)
        frames = draw_frames(shown[:, self._frame, :2], self.size, self.augment, generator)
        points = move_points(shown, frames, self.size)
        reflected = torch.rand(len(rows), generator=generator) < 0.5
        images = warp(self.faces.image[rows.numpy()], frames, self.size, reflected)
        images = change_colours(images, self.augment, generator)
        covers = draw_rectangles(len(images), self.augment.covered, generator)
        paint(images, covers)
        visible = self._visible(rows, points)
        segments = self._segments(rows, frames, reflected)
        cover_labels(points, visible, segments, covers)
        vector = coefficients_to_vector(coefficients)
        person = None if self.faces.person is None else self.faces.person[rows]
        flip = _drawn_alike(person, len(rows), generator) < self.augment.mirrored
        if bool(flip.any()):
            images[flip] = images[flip].flip(3)
            points[flip] = points[flip][:, self._permutation] * torch.tensor([-1.0, 1, 1])
            vector[flip] = coefficients_to_vector(self.mirror(self.faces.coefficients(rows[flip])))
            if visible is not None:
                visible[flip] = visible[flip][:, self._permutation]
            if segments is not None:
                segments[flip] = segments[flip].flip(2)
        images = images.contiguous(memory_format=torch.channels_last)
        return DenseBatch(images, points, vector, visible, segments, person)

    def _visible(self, rows: Tensor, points: Tensor) -> Tensor | None:
        """Which points (B,N) are seen, before anything is painted over the crops."""
        if self.faces.visible_vertices is None or self._vertices is None:
            return None
        bits = self.faces.visible_vertices[rows.numpy()]
        inside = (points[..., :2].abs() < 1).all(-1)
        return seen_points(bits, self._vertices) & inside

    def _segments(self, rows: Tensor, frames: Tensor, reflected: Tensor) -> Tensor | None:
        """The crops' classes (B,S/4,S/4)."""
        if self.faces.segmentation is None:
            return None
        return warp_labels(self.faces.segmentation[rows.numpy()], frames, self.size, reflected)


def _drawn_alike(person: Tensor | None, count: int, generator: torch.Generator) -> Tensor:
    """Numbers (count,) in [0,1), one for all pictures of a person.

    Mirrored pictures of a person show another one, so all of them are or none.
    """
    numbers = torch.rand(count, generator=generator)
    if person is None:
        return numbers
    _, which = torch.unique(person, return_inverse=True)
    return numbers[which]
