"""Faces of photographs by networks that see one crop, as a reconstruction takes them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np
import torch
from numpy.typing import NDArray

from ...detect.face import Face
from ...geometry.camera import PerspectiveCamera, WeakPerspectiveCamera
from ...geometry.posed import FaceCamera
from ...models.heads.nearest_camera import to_far_perspective
from .crop_network import CropNetwork, SeenFace
from .found import FoundFace


class CropRegressor:
    """A network of parameters or of UV maps, as `FaceNetwork`.

    Weak perspective cameras become perspective ones from far away. Of UV maps the coefficients
    count: they are a whole head, and what the face model cannot express is lost.

    Args:
        network: see `CropNetwork`.
    """

    def __init__(self, network: CropNetwork) -> None:
        self.network, self.name = network, network.name
        model = network.model
        points = model.landmark_points(model.mean[None], "ibug68")[0]
        self._middle = points[torch.isfinite(points).all(1)].mean(0)

    def from_faces(
        self, pictures: Sequence[NDArray[np.uint8]], faces: Sequence[Face]
    ) -> list[FoundFace]:
        """See `FaceNetwork`."""
        return [self._found(seen) for seen in self.network.in_faces(pictures, faces)]

    def of_one_person(
        self, pictures: Sequence[NDArray[np.uint8]], faces: Sequence[Face]
    ) -> list[FoundFace]:
        """See `FaceNetwork`; the identity is the mean of all photographs'."""
        found = self.from_faces(pictures, faces)
        same = torch.stack([face.coefficients.identity for face in found]).mean(0)
        return [
            replace(face, coefficients=replace(face.coefficients, identity=same)) for face in found
        ]

    def _found(self, seen: SeenFace) -> FoundFace:
        camera = self._perspective(seen.face.camera)
        return FoundFace(seen.face.coefficients, camera, seen.crop, lit=self.network.lit)

    def _perspective(self, camera: FaceCamera) -> PerspectiveCamera:
        if isinstance(camera, WeakPerspectiveCamera):
            return to_far_perspective(camera, self._middle)
        return camera
