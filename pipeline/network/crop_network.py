"""Networks that see a face in one crop of a photograph: the crop, and the way back.

Crops are those of training (`datasets.batches.crops`), by the name that the weights carry. Training
framed faces by their 68 landmarks. A detector knows five points, from which the box is a guess: a
first look in it finds the landmarks, and the network looks again in their box.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from ...datasets.batches.crops import CROPS, crop_of
from ...datasets.batches.sample import FaceSample
from ...detect.face import Face
from ...geometry.coefficients import Coefficients
from ...geometry.crop import FRAME_PER_BOX, Crop
from ...geometry.face_model import FaceModel
from ...geometry.posed import FaceCamera
from ...models.weights import Weights
from ..locate.cut import cut_tensor

Box = tuple[float, float, float, float]
Photograph = NDArray[np.uint8]
_FRAMED_ANEW = ("tight", "roi", "sadrnet")
"""Crops round the landmarks' box; the others come from the five points, or from nothing."""
_PLAUSIBLE = (0.25, 1.5)  # side of a new crop over that of the crop it was found in
_BATCH = 8  # crops at once: more no longer fit into a processor's cache


@dataclass(frozen=True)
class Reading:
    """B faces, as a network sees them in its crops.

    Attributes:
        coefficients: of the face model.
        camera: model space to crop pixels.
        surface: (B,V,3) mm, the network's own vertices where coefficients do not have them.
    """

    coefficients: Coefficients
    camera: FaceCamera
    surface: Tensor | None = None

    def row(self, k: int, crop: Crop) -> Reading:
        """One face, its camera moved to the photograph of which it saw a crop."""
        one = slice(k, k + 1)
        numbers = Coefficients(*(value[one] for value in vars(self.coefficients).values()))
        camera = type(self.camera)(*(value[one] for value in vars(self.camera).values()))
        surface = None if self.surface is None else self.surface[one]
        return Reading(numbers, camera.moved(crop.inverse_matrix.float()), surface)


class CropNetwork(ABC):
    """A network, the crop that it expects, and the face model of what it says.

    Args:
        name: of the weights.
        model: the face model.
        crop: a name of `datasets.batches.crops`.
        size: of the crops, pixels.

    Attributes:
        lit: its coefficients have albedo and light.
    """

    lit = False

    def __init__(self, name: str, model: FaceModel, crop: str, size: int) -> None:
        self.name, self.model, self.crop, self.size = name, model, crop, size

    @abstractmethod
    def read(self, images: Tensor) -> Reading:
        """Faces in crops (B,3,S,S) in [0,1]."""

    def crop_of_box(self, picture: Photograph, box: Box) -> Crop:
        """The crop of a face whose landmarks lie in a box (x0,y0,x1,y1), photograph pixels."""
        return crop_of(self.crop, FaceSample("photograph", picture, box=box), self.size)

    def crop_of_face(self, picture: Photograph, face: Face) -> Crop:
        """The crop of a detected face."""
        five = np.asarray(face.points, np.float64)
        return crop_of(self.crop, FaceSample("photograph", picture, five_points=five), self.size)

    def in_faces(self, pictures: Sequence[Photograph], faces: Sequence[Face]) -> list[SeenFace]:
        """What it sees of detected faces, one in each picture (H,W,3) uint8."""
        crops = [self.crop_of_face(*pair) for pair in zip(pictures, faces, strict=True)]
        if self.crop in _FRAMED_ANEW:
            first = zip(pictures, self.in_crops(pictures, crops), strict=True)
            crops = [self._framed_anew(picture, seen) for picture, seen in first]
        return self.in_crops(pictures, crops)

    @torch.no_grad()
    def in_crops(self, pictures: Sequence[Photograph], crops: Sequence[Crop]) -> list[SeenFace]:
        """What it sees in crops of its size, one of each picture (H,W,3) uint8."""
        found = []
        for start in range(0, len(crops), _BATCH):
            part = crops[start : start + _BATCH]
            pairs = zip(pictures[start : start + _BATCH], part, strict=True)
            reading = self.read(torch.cat([cut_tensor(*pair) for pair in pairs]))
            found += [SeenFace(reading.row(k, crop), crop) for k, crop in enumerate(part)]
        return found

    def _framed_anew(self, picture: Photograph, seen: SeenFace) -> Crop:
        """The crop round the landmarks that were found; where they are implausible the same one."""
        face = seen.face
        vertices = face.surface
        if vertices is None:
            vertices = self.model.vertices(face.coefficients)
        points = face.camera.project(self.model.landmark_points(vertices, "ibug68"))[0, :, :2]
        points = points[torch.isfinite(points).all(1)].double()
        if not len(points):
            return seen.crop
        (x0, y0), (x1, y1) = points.amin(0).tolist(), points.amax(0).tolist()
        ratio = max(x1 - x0, y1 - y0) * FRAME_PER_BOX * seen.crop.scale / self.size
        if not _PLAUSIBLE[0] <= ratio <= _PLAUSIBLE[1]:
            return seen.crop
        return self.crop_of_box(picture, (x0, y0, x1, y1))


@dataclass(frozen=True)
class SeenFace:
    """One face in photograph pixels, and the crop in which it was seen."""

    face: Reading
    crop: Crop


def trained_crop(weights: Weights, usual: str) -> str:
    """The crop that weights were trained with, by their file, a name of `datasets.crops`."""
    data = weights.facts.get("configuration", {}).get("data", {})
    crop = data.get("crop") if isinstance(data, dict) else None
    return str(crop) if crop in CROPS else usual
