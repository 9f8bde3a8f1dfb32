"""The photograph as the model's texture: carried over where it is seen, completed where not."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from ...geometry.checks import check_shape
from ...geometry.face_model import FaceModel
from ...render.face import FaceRenderer
from .atlas import Atlas
from .compose import divided
from .hair import put_hair
from .inner import fill_inner
from .look import FittedPhoto, Look, look
from .skin import fill_skin
from .tone import keep_tone

Floats = NDArray[np.float32]

_DARKEST = 0.4  # of the mean shading: darker shadows are divided out only so far


@dataclass(frozen=True)
class Texture:
    """A texture and where it comes from.

    Attributes:
        image: (3,S,S) sRGB-coded [0,1], row 0 at v = 1, with the photograph's light in it unless
            it was divided out.
        seen: (1,S,S) in [0,1]: 1 where the photograph was sampled, 0 where it was completed.
    """

    image: Tensor
    seen: Tensor


class TextureBuilder:
    """Turns photographs into textures of one model.

    Args:
        model: the face model; its regions say what is scalp, eye, teeth and mouth, its `mirror`
            map is used to complete hidden parts. What a model lacks is left out.
        size: side of the square texture in texels.
    """

    def __init__(self, model: FaceModel, size: int = 1024) -> None:
        self.model, self.size = model, size
        self.atlas = Atlas(model, size)
        self.renderer = FaceRenderer(model.faces)

    def build(
        self,
        fitted: FittedPhoto,
        *,
        divide_light: bool = False,
        keep_glasses: bool = True,
    ) -> Texture:
        """The texture of one fitted face.

        Skin is carried over where the evidence says skin. What is carried is the difference
        between the photograph and the fitted, lit model: its coarse part is extended smoothly to
        where the photograph does not reach, so that no seam shows; its fine part is taken from the
        mirror image where that was seen. Hair goes on top, eyes and the mouth's inside are
        completed by themselves.

        Args:
            fitted: the photograph and the face in it.
            divide_light: leave the fitted light out of the result.
            keep_glasses: carry glasses over as well, where they are seen from the front.
        """
        check_shape("photo", fitted.photo, (1, 3, None, None))
        with torch.no_grad():
            seen = look(self.model, self.atlas, self.renderer, fitted=fitted)
        image, weight = fill_skin(self.atlas, seen, keep_glasses)
        if fitted.evidence is not None:
            put_hair(self.atlas, seen, image, weight)
        fill_inner(self.atlas, seen, image, weight, keep_glasses)
        if divide_light:
            self._divide(image, seen)
        keep_tone(image, seen.sampled, seen.facing > 0)
        self.atlas.pad(image)
        planes = np.empty((3, self.size, self.size), np.float32)
        divided(image, planes)
        return Texture(torch.from_numpy(planes), torch.from_numpy(weight)[None])

    def _divide(self, image: Floats, seen: Look) -> None:
        """Divide out what is safe of the fitted shading.

        Its brightness varies over the face, its colour does not: where the harmonics of one
        channel dip, dividing would tint what is carried to the other side of the face.
        """
        shading = self.atlas.map(seen.shading)
        mean = shading[self.atlas.mask].mean(0)
        level = max(float(mean.mean()), 1e-3)
        colour = np.clip(mean / level, 0.5, 2.0)
        bounded = np.maximum(shading.mean(2, keepdims=True), _DARKEST * level) * colour
        image /= np.where(self.atlas.mask[..., None], bounded, 1)
