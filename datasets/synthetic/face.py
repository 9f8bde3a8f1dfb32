"""One synthetic face with everything that is known about it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray

from ...geometry.camera import PerspectiveCamera
from ...geometry.coefficients import Coefficients

LANDMARK_SETS = ("ibug68", "300w-lp")


@dataclass(frozen=True)
class SyntheticFace:
    """A picture and its labels; pixels are those of the picture.

    Attributes:
        image: (H,W,3) uint8.
        person: number of the person; pictures of one person share identity and albedo.
        identity, expression, albedo: coefficients of the default face models.
        light: (9,3) spherical harmonics in camera space; times the model's albedo it is nearest
            to the skin's colours as drawn, before camera and file changed them.
        rotation: (3,3); translation: (3,) mm; focal: pixels; centre: (2,) pixels.
        landmarks: "ibug68" and "300w-lp", (68,3): x, y, and depth at the same scale relative
            to the model's origin, larger = nearer.
        visible: (68,) bool, landmarks of ibug68 that nothing hides.
        visible_vertices: (V,) bool, vertices of the face model `default` that the picture shows.
        skin_mask: (H,W) bool, bare facial skin.
        segmentation: (H,W) uint8, codes of `geometry.segments.Segment`; what was put over the
            drawing, borders included, is an occluder.
    """

    image: NDArray[np.uint8]
    person: int
    identity: NDArray[np.float32]
    expression: NDArray[np.float32]
    albedo: NDArray[np.float32]
    light: NDArray[np.float32]
    rotation: NDArray[np.float32]
    translation: NDArray[np.float32]
    focal: float
    centre: NDArray[np.float32]
    landmarks: Mapping[str, NDArray[np.float32]]
    visible: NDArray[np.bool_]
    visible_vertices: NDArray[np.bool_]
    skin_mask: NDArray[np.bool_]
    segmentation: NDArray[np.uint8]

    def camera(self) -> PerspectiveCamera:
        """The camera, a batch of one."""
        return PerspectiveCamera(
            torch.from_numpy(self.rotation)[None],
            torch.from_numpy(self.translation)[None],
            torch.tensor([self.focal], dtype=torch.float32),
            torch.from_numpy(self.centre)[None],
        )

    def coefficients(self) -> Coefficients:
        """The coefficients, a batch of one."""
        parts = (self.identity, self.expression, self.albedo, self.light)
        return Coefficients(*(torch.from_numpy(part)[None] for part in parts))
