"""Photograph in, textured 3D faces out."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from ..core.errors import InputError, NoFaceError
from ..core.image_file import read_image
from ..detect.face import Face, get_face_detector
from ..facemodels import load_face_model
from ..geometry.camera import PerspectiveCamera
from ..geometry.crop import Crop
from ..render.overlay import to_image
from .crop import crop_around_points, resized
from .face import ReconstructedFace
from .fit import FaceFitter, FitConfig
from .texture import TextureBuilder

_SMALLEST_CROP = 256  # pixels: smaller faces are enlarged to this for fitting


@dataclass(frozen=True)
class ReconstructOptions:
    """How photographs are reconstructed.

    Attributes:
        face_model: a registered name or a path.
        max_faces: the largest so many faces of a photograph; None takes all.
        texture_size: side of the square texture, texels.
        divide_light: leave the fitted light out of the texture.
        fit: weights and schedule of the optimiser.
    """

    face_model: str = "default"
    max_faces: int | None = None
    texture_size: int = 1024
    divide_light: bool = False
    fit: FitConfig = field(default_factory=FitConfig)

    def __post_init__(self) -> None:
        if self.max_faces is not None and self.max_faces < 1:
            raise InputError("max_faces", "at least 1", str(self.max_faces))
        if not 16 <= self.texture_size <= 8192:
            raise InputError("texture size", "16 to 8192 texels", str(self.texture_size))


class Reconstructor:
    """Detects, fits and textures every face of a photograph. Make one, use it for many photos.

    Args:
        options: see `ReconstructOptions`.
    """

    def __init__(self, options: ReconstructOptions | None = None) -> None:
        self.options = options or ReconstructOptions()
        self.model = load_face_model(self.options.face_model)
        self.detector = get_face_detector("mtcnn")
        self.fitter = FaceFitter(self.model, self.options.fit)
        self.textures = TextureBuilder(self.model, self.options.texture_size)

    @property
    def steps(self) -> int:
        """Optimiser steps per face, the unit of `on_step`."""
        return sum(stage.steps for stage in self.options.fit.stages)

    def __call__(
        self,
        photo: str | Path | NDArray[np.uint8],
        on_step: Callable[[], None] = lambda: None,
    ) -> list[ReconstructedFace]:
        """Every face of a photograph, largest first.

        Args:
            photo: a path, or RGB (H,W,3) uint8.
            on_step: called after every optimiser step.

        Raises:
            NoFaceError: no face was found.
            InputError: the photograph cannot be read.
        """
        picture = photo if isinstance(photo, np.ndarray) else read_image(Path(photo))
        return [self.reconstruct_face(picture, face, on_step) for face in self.detect(picture)]

    def detect(self, picture: NDArray[np.uint8]) -> list[Face]:
        """The faces of a photograph, largest first.

        Raises:
            NoFaceError: there is none.
        """
        faces = self.detector.detect(picture)
        if not faces:
            height, width = picture.shape[:2]
            raise NoFaceError(
                f"no face found in this photograph of {width} x {height} pixels. "
                "Faces must be at least about 20 pixels wide and not upside down."
            )
        return faces[: self.options.max_faces]

    def reconstruct_face(
        self,
        picture: NDArray[np.uint8],
        face: Face,
        on_step: Callable[[], None] = lambda: None,
    ) -> ReconstructedFace:
        """One detected face of a photograph (H,W,3) uint8."""
        points = torch.as_tensor(face.points, dtype=torch.float64)
        crop = self._crop(points)
        base, inside = crop.warp(to_image(picture))
        size = crop.size[0]

        def crops(side: int) -> tuple[Tensor, Tensor]:
            return resized(base, side), resized(inside, side)

        fractions = (crop.to_crop(points) / size).float()[None]
        fit = self.fitter.fit(crops, fractions, on_step)
        in_crop = _scaled(fit.camera, size / fit.size)
        texture = self.textures.build(
            base,
            in_crop,
            fit.coefficients,
            inside=inside,
            divide_light=self.options.divide_light,
        )
        camera = in_crop.moved(crop.inverse_matrix)
        return ReconstructedFace(
            self.model, fit.coefficients, camera, texture, face.box, face.score
        )

    def _crop(self, points: Tensor) -> Crop:
        """The face's crop at the photograph's own resolution, within reason."""
        side = 1 / crop_around_points(points, 1).scale
        size = int(min(max(side, _SMALLEST_CROP), 2 * self.options.texture_size))
        return crop_around_points(points, max(size, _SMALLEST_CROP))


def _scaled(camera: PerspectiveCamera, factor: float) -> PerspectiveCamera:
    return camera.moved(torch.tensor([[factor, 0.0, 0.0], [0.0, factor, 0.0]]))
