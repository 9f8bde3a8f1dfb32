"""How crops of photographs are changed for training: turned, moved, mirrored, coloured, covered."""

from __future__ import annotations

import math
from dataclasses import dataclass

import torch
from torch import Tensor

from ...core.errors import InputError
from .augment import Rectangles, draw_rectangles, paint

_SHARP = 0.1  # pixels, below which nothing is to be seen of a blur


@dataclass(frozen=True)
class PhotoAugmentConfig:
    """How strongly crops are changed; every deviate is uniform.

    The papers: MLANet mirrors half (Deep3D, whose recipe it follows, also moves by 10 of 224
    pixels, scales by 0.1 and turns by 10 degrees); Mobile-FaceRNet mirrors half, turns half by up
    to 30 degrees and multiplies each channel by 0.6 to 1.2; SADRNet turns by up to 90 degrees,
    moves by 0.1, scales by 0.1 and multiplies each channel by 0.6 to 1.4.

    Attributes:
        mirrored: share of mirrored crops.
        turned_deg: largest turn to either side, degrees.
        scaled: largest change of the face's size, as a share of it.
        moved: largest shift along either axis, in sides of the crop.
        colour_low, colour_high: limits of the factor of each of the three channels.
        covered: share of crops with one rectangle of a plain colour.
        turned: share of crops that are turned.
        blurred: share of crops that are made soft, as poor lenses and small pictures are.
        blur: largest standard deviation of the Gaussian that does it, in sides of the crop.
    """

    mirrored: float = 0.5
    turned_deg: float = 30.0
    scaled: float = 0.1
    moved: float = 0.05
    colour_low: float = 0.6
    colour_high: float = 1.2
    covered: float = 0.0
    turned: float = 1.0
    blurred: float = 0.0
    blur: float = 0.01

    def __post_init__(self) -> None:
        for name in ("mirrored", "covered", "turned", "blurred"):
            if not 0 <= getattr(self, name) <= 1:
                raise InputError(name, "a share in [0,1]", str(getattr(self, name)))
        for name, limit in (("turned_deg", 180.0), ("scaled", 0.9), ("moved", 1.0), ("blur", 0.1)):
            if not 0 <= getattr(self, name) <= limit:
                raise InputError(name, f"0 to {limit:g}", str(getattr(self, name)))
        if not 0 < self.colour_low <= self.colour_high:
            got = f"{self.colour_low:g} to {self.colour_high:g}"
            raise InputError("colour_low", "above 0 and at most colour_high", got)


NO_PHOTO_AUGMENTATION = PhotoAugmentConfig(0, 0, 0, 0, 1, 1, 0)


@dataclass(frozen=True)
class PhotoAugment:
    """What is drawn for B crops.

    Attributes:
        mirrored: (B,) bool.
        frames: (B,2,3) float64 similarity, crop to changed crop in sides of it, the middle at 0.
        colour: (B,3,1,1) factors.
        rectangles: what covers them.
        blur: (B,) standard deviations in sides of the crop, 0 for crops that stay sharp; None where
            all do.
    """

    mirrored: Tensor
    frames: Tensor
    colour: Tensor
    rectangles: Rectangles
    blur: Tensor | None = None

    def __getitem__(self, rows: Tensor) -> PhotoAugment:
        """That of the crops `rows` (N,) int64."""
        chosen = (self.mirrored[rows], self.frames[rows], self.colour[rows])
        blur = None if self.blur is None else self.blur[rows]
        return PhotoAugment(*chosen, self.rectangles[rows], blur)

    def matrix(self, row: int, crop: Tensor, size: int) -> Tensor:
        """The map (2,3) float64 from a photograph to the changed crop, before mirroring.

        Args:
            row: which of the B.
            crop: photograph to crop pixels.
            size: of the crop in pixels.
        """
        turn, shift = self.frames[row, :, :2], self.frames[row, :, 2]
        middle = torch.full((2,), size / 2, dtype=torch.float64)
        moved = turn @ (crop[:, 2] - middle) + shift * size + middle
        return torch.cat([turn @ crop[:, :2], moved[:, None]], 1)

    def paint(self, images: Tensor) -> Tensor:
        """Blur, colours and rectangles over the crops (B,3,S,S) in [0,1], in place."""
        if self.blur is not None:
            soften(images, self.blur)
        if bool((self.colour != 1).any()):
            images.mul_(self.colour).clamp_(0, 1)
        return paint(images, self.rectangles)


def draw_photo_augment(
    config: PhotoAugmentConfig, count: int, generator: torch.Generator
) -> PhotoAugment:
    """Changes for `count` crops, every draw from `generator`."""

    def uniform(*shape: int) -> Tensor:
        return 2 * torch.rand(*shape, generator=generator, dtype=torch.float64) - 1

    mirrored = torch.rand(count, generator=generator) < config.mirrored
    turned = torch.rand(count, generator=generator) < config.turned
    angle = uniform(count) * math.radians(config.turned_deg) * turned
    scale = 1 + uniform(count) * config.scaled
    shift = uniform(count, 2) * config.moved
    c, s = scale * angle.cos(), scale * angle.sin()
    frames = torch.stack([c, -s, shift[:, 0], s, c, shift[:, 1]], -1).unflatten(1, (2, 3))
    span = config.colour_high - config.colour_low
    colour = config.colour_low + span * torch.rand(count, 3, 1, 1, generator=generator)
    rectangles = draw_rectangles(count, config.covered, generator)
    blur = None
    if config.blurred:  # drawn last, so that all else is as without it
        chosen, width = torch.rand(2, count, generator=generator)
        blur = torch.where(chosen < config.blurred, config.blur * width, 0.0)
    return PhotoAugment(mirrored, frames, colour, rectangles, blur)


def soften(images: Tensor, blur: Tensor) -> None:
    """Blur crops (B,3,S,S) by Gaussians of deviations (B,), in sides, in place; 0 leaves one.

    One after the other: a crop is the same whichever others are in its batch.
    """
    from kornia.filters import gaussian_blur2d

    for row, share in enumerate(blur.tolist()):
        sigma = share * images.shape[-1]
        if sigma > _SHARP:
            kernel = 2 * math.ceil(3 * sigma) + 1
            image = images[row : row + 1]
            image.copy_(gaussian_blur2d(image, kernel, (sigma, sigma), "replicate"))
