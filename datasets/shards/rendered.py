"""Rendered faces in memory, and batches of dense points made from them.

A batch is cropped, augmented and labelled in one go: what its crops show, place by place and point
by point, is read from labels that are packed into bits.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, fields
from typing import Any, Protocol

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from ...core.errors import InputError
from ...core.jit import kernel
from ...geometry.camera import PerspectiveCamera
from ...geometry.checks import check_shape
from ...geometry.coefficient_mirror import CoefficientMirror
from ...geometry.coefficients import Coefficients, coefficients_to_vector
from ...geometry.cut import to_pictures, warp
from ...geometry.dense_points import PointBasis, PointLayout, vertices_of
from ...geometry.face_model import FaceModel
from ...geometry.segments import Segment
from ..batches.augment import (
    NO_AUGMENTATION,
    AugmentConfig,
    Rectangles,
    change_colours,
    draw_frames,
    draw_rectangles,
    move_points,
    paint,
)

CELL = 4
"""Pixels of a crop from one place of its segmentation to the next."""


def warp_labels(packed: NDArray[np.uint8], frames: Tensor, size: int, reflected: Tensor) -> Tensor:
    """The classes of crops, each place that of the pixel which its middle falls into.

    Args:
        packed: (B,H,W/2) uint8, two classes to a byte, the left pixel's in the high four bits.
        frames: (B,2,3), picture to crop pixels.
        size: side of the crops in pixels, a multiple of `CELL`.
        reflected: (B,) bool, what lies outside a picture is its mirror image; else background.

    Returns:
        (B,size/4,size/4) int64.

    Raises:
        InputError: not uint8, a wrong shape or size, no pixels, or maps without an inverse.
    """
    if packed.dtype != np.uint8 or packed.ndim != 3 or 0 in packed.shape[1:]:
        raise InputError("packed", "(B,H,W/2) uint8", f"{packed.shape} {packed.dtype}")
    if size % CELL:
        raise InputError("size", f"a multiple of {CELL}", str(size))
    check_shape("reflected", reflected, (len(packed),))
    back = to_pictures(frames, len(packed))
    out = np.empty((len(packed), size // CELL, size // CELL), np.int64)
    _warp_labels(packed, back, reflected.numpy(), int(Segment.BACKGROUND), CELL, out)
    return torch.from_numpy(out)


def seen_points(bits: NDArray[np.uint8], vertices: Tensor) -> Tensor:
    """Bits (B,ceil(V/8)), as numpy.packbits makes them, of `vertices` (N,) int64: (B,N) bool.

    Raises:
        InputError: there are fewer vertices.
    """
    if len(vertices) and int(vertices.max()) >= 8 * bits.shape[1]:
        got = f"{8 * bits.shape[1]} at most"
        raise InputError("visible_vertices", f"bits of {int(vertices.max()) + 1} vertices", got)
    picked = torch.from_numpy(bits[:, (vertices // 8).numpy()])
    return (picked >> (7 - vertices % 8).to(torch.uint8) & 1).bool()


def cover_labels(
    points: Tensor, visible: Tensor | None, segments: Tensor | None, covers: Rectangles
) -> None:
    """Mark, in place, what rectangles painted over crops hide: nothing is seen through them.

    Args:
        points: (B,N,3) in half sides of the crop from its middle.
        visible: (B,N) bool or None. segments: (B,S,S) classes or None.
        covers: of the B crops.
    """
    for k in torch.nonzero(covers.chosen)[:, 0].tolist():
        top, bottom, left, right = covers.edges(k)
        if visible is not None:
            x, y = (points[k, :, :2].T + 1) / 2
            visible[k] &= ~((y >= top) & (y < bottom) & (x >= left) & (x < right))
        if segments is not None:
            side = segments.shape[1]
            rows = (torch.arange(side) + 0.5) / side
            inside = ((rows >= top) & (rows < bottom))[:, None] & (rows >= left) & (rows < right)
            segments[k][inside] = int(Segment.OCCLUDER)


@kernel
def _warp_labels(packed: Any, back: Any, reflected: Any, empty: Any, cell: Any, out: Any) -> None:  # noqa: ANN401
    count, height, half_width = packed.shape
    width, side = 2 * half_width, out.shape[1]
    for b in range(count):
        m = back[b]
        for row in range(side):
            v = np.float32(row * cell) + np.float32(0.5 * cell)
            for column in range(side):
                u = np.float32(column * cell) + np.float32(0.5 * cell)
                x = int(np.floor(m[0, 0] * u + m[0, 1] * v + m[0, 2]))
                y = int(np.floor(m[1, 0] * u + m[1, 1] * v + m[1, 2]))
                if not (x >= 0 and y >= 0 and x < width and y < height):
                    if not reflected[b]:
                        out[b, row, column] = empty
                        continue
                    x, y = x % (2 * width), y % (2 * height)
                    x, y = min(x, 2 * width - 1 - x), min(y, 2 * height - 1 - y)
                byte = packed[b, y, x // 2]
                out[b, row, column] = byte & 15 if x % 2 else byte >> 4


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
        parts = (self.identity, self.expression, self.albedo, self.light)
        return Coefficients(*(values[rows] for values in parts))

    def camera(self, rows: Tensor) -> PerspectiveCamera:
        """Model to image pixels, of the faces `rows` (B,) int64."""
        parts = (self.rotation, self.translation, self.focal, self.centre)
        return PerspectiveCamera(*(values[rows] for values in parts))


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


@dataclass(frozen=True)
class LabelledPoints:
    """The points that batches are labelled with.

    Attributes:
        basis: the face model at the layout's points.
        layout: the points.
        vertices: (N,) int64, the vertices that tell whether points are seen; None leaves it
            unknown.
    """

    basis: PointBasis
    layout: PointLayout
    vertices: Tensor | None = None

    @classmethod
    def of(cls, model: FaceModel, layout: PointLayout) -> LabelledPoints:
        """Those of a layout on its face model, with the vertices that tell what is seen."""
        return cls(PointBasis.of(model, layout), layout, vertices_of(model, layout))


class DenseBatchMaker:
    """Crops, augments and labels faces; the same rows and seed give the same batch.

    Args:
        faces: where the rows lie; may be replaced by a longer table.
        points: that are labelled; must hold the set `frame_set`.
        mirror: of the same model.
        size: side of the crops in pixels; a multiple of 4 where faces have a segmentation.
        augment: see `AugmentConfig`.
        frame_set: the landmarks whose box is framed.
    """

    def __init__(
        self,
        faces: RenderedFaces,
        points: LabelledPoints,
        mirror: CoefficientMirror,
        size: int,
        augment: AugmentConfig = NO_AUGMENTATION,
        frame_set: str = "ibug68",
    ) -> None:
        self.faces, self.mirror = faces, mirror
        self.size, self.augment = size, augment
        self._frame_set = frame_set
        self.use(points)

    def use(self, points: LabelledPoints) -> None:
        """Label other points from now on."""
        self.basis, self._vertices = points.basis, points.vertices
        self._frame = points.layout.landmarks(self._frame_set)
        self._permutation = points.layout.permutation

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
