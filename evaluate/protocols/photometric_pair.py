"""A photograph and the rendering of its reconstruction, ready to compare."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Literal

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from ...core.choices import check_choice
from ...core.errors import InputError, MissingFileError
from ...core.given_file import open_given
from ...core.image_file import opened_image
from ...geometry.crop import Crop
from ...geometry.cut import cut_out
from ...geometry.face_regions import named_face
from ...pipeline.fit.appearance import Appearance
from ...pipeline.predicted import PredictedFace
from ...render.face import FaceRenderer
from ...render.overlay import to_image

_FRAME = 1.9  # crop side over the longer side of the predicted landmarks' box
_LARGEST = 16_000_000  # pixels: the figures hold some forty values for each
AppearanceSource = Literal["predicted", "solved"]


@dataclass(frozen=True)
class Pair:
    """Both images in one frame.

    Attributes:
        rendering: (1,3,H,W) in [0,1]. photo: the same.
        mask: (1,1,H,W) bool, where the rendering shows the face and the photograph has pixels.
        crop: from the photograph's pixels to this frame.
    """

    rendering: Tensor
    photo: Tensor
    mask: Tensor
    crop: Crop

    def composite(self) -> Tensor:
        """The rendering over the photograph (1,3,H,W)."""
        return torch.where(self.mask, self.rendering, self.photo)


class PairMaker:
    """Renders predicted faces over their photographs.

    Args:
        size: side of the square frame in pixels.
        region: of the face model that counts, see `geometry.face_regions.named_face`.
        appearance: "predicted" takes the prediction's albedo and light; "solved" fits both to the
            photograph by least squares, so that the shape alone is judged.

    Raises:
        InputError: a size that is none of 32 to 2048, or another word for `appearance`.
    """

    def __init__(self, size: int, region: str, appearance: AppearanceSource) -> None:
        if not 32 <= size <= 2048:
            raise InputError("size", "32 to 2048 pixels", str(size))
        check_choice("appearance", appearance, AppearanceSource)
        self.size, self.region, self.appearance = size, region, appearance

    @torch.no_grad()
    def __call__(self, face: PredictedFace, picture: NDArray[np.uint8]) -> Pair:
        """The pair of one face and its photograph (H,W,3)."""
        model = face.model
        crop = self._frame(face)
        photo, inside = (part[None] for part in cut_out(picture, crop.matrix, crop.size))
        camera = face.camera.to_float().moved(crop.matrix.float())
        renderer = FaceRenderer(model.faces)
        coefficients = face.coefficients.detach()
        if self.appearance == "solved":
            solver = Appearance(model, renderer)
            albedo, light = solver.solve(coefficients, camera, photo, inside)
            coefficients = replace(coefficients, albedo=albedo, light=light)
        counted = named_face(model, self.region)
        seen = renderer(
            model.vertices(coefficients),
            camera,
            crop.size,
            albedo=model.albedo(coefficients),
            light=coefficients.light,
            extras=counted.float()[None, :, None],
            antialias=False,
        )
        mask = (seen.mask > 0) & (seen.extras > 1 - 1e-3) & (inside > 1 - 1e-3)
        return Pair(seen.image.clamp(0, 1), photo, mask, crop)

    def _frame(self, face: PredictedFace) -> Crop:
        points = torch.from_numpy(face.landmarks("ibug68")[:, :2])
        points = points[points.isfinite().all(1)]
        low, high = points.amin(0), points.amax(0)
        middle, side = ((low + high) / 2).tolist(), _FRAME * float((high - low).max())
        if not np.isfinite(side) or side <= 1:
            raise InputError("face", "landmarks of some size", f"{side:.3g} pixels")
        return Crop.from_square((middle[0], middle[1]), side, self.size)


def read_pair(path: Path, picture: NDArray[np.uint8]) -> Pair:
    """Anybody's rendering of a photograph: an image of the same size whose alpha is the mask.

    Args:
        path: a PNG with RGBA; alpha of half and more counts.
        picture: the photograph (H,W,3).

    Raises:
        MissingFileError: no such file.
        InputError: it is no image, has no alpha or another size, or shows nothing; or too many
            pixels to compare.
    """
    pixels_given = picture.shape[0] * picture.shape[1]
    if pixels_given > _LARGEST:
        remedy = "Downscale both, or predict instead: frames round the face are small."
        got = f"{picture.shape[1]} x {picture.shape[0]} pixels"
        raise InputError("photograph", "at most 16 megapixels, which are compared", got, remedy)
    if not path.is_file():
        raise MissingFileError(str(path), "The rendering", "One RGBA NAME.png per photograph.")
    with open_given(path, "a PNG image") as file, opened_image(str(path), file, ("PNG",)) as image:
        mode, pixels = image.mode, np.asarray(image.convert("RGBA"))
    if mode not in ("RGBA", "LA", "PA"):
        raise InputError(str(path), "an image with alpha, which is the mask", mode)
    if pixels.shape[:2] != picture.shape[:2]:
        size = f"{picture.shape[1]} x {picture.shape[0]} as the photograph"
        raise InputError(str(path), size, f"{pixels.shape[1]} x {pixels.shape[0]}")
    mask = torch.from_numpy(pixels[..., 3] >= 128)[None, None]
    if not mask.any():
        raise InputError(str(path), "an alpha that shows a face", "nothing opaque")
    identity = torch.tensor([[1.0, 0, 0], [0, 1, 0]], dtype=torch.float64)
    whole = Crop(identity, (picture.shape[0], picture.shape[1]))
    return Pair(to_image(pixels[..., :3]), to_image(picture), mask, whole)


Maker = Callable[[Path, NDArray[np.uint8]], Pair]
"""Gives the pair of a photograph by its path and its pixels (H,W,3)."""
