"""Augmentation of whole batches as tensors: framing, mirroring, colours, covered rectangles.

Everything is drawn from the generator that is passed in, so that a step's seed fixes its batch.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from ...core.errors import InputError
from ...geometry.checks import check_shape
from ...geometry.crop import FRAME_PER_BOX

_WIDEST = 1.4  # side of a wide crop over that of a tight one
_SMALLEST, _MORE = 0.08, 0.34  # sides of rectangles, of the picture's


@dataclass(frozen=True)
class AugmentConfig:
    """How strongly pictures are changed.

    Attributes:
        tight: share of crops framed by `tight_scale` and `tight_shift`, the rest by `loose_*`:
            the former are crops round known landmarks, the latter round a detector's box.
        tight_scale, loose_scale: standard deviation of the logarithm of the crop's side.
        tight_shift, loose_shift: standard deviation of its middle, in sides.
        turned: share of crops that are rolled; two fifths of them by up to 109 degrees either
            way, the others by a normal deviate of 20 degrees.
        mirrored: share of mirrored pictures.
        brightness, contrast, tint: half widths of uniform deviates, in [0,1] picture units.
        grey: share of pictures without colour.
        covered: share of pictures with one rectangle of a plain colour.
        wide: share of crops that show more of the head, with sides up to `_WIDEST` times longer:
            what lies round the face is segmented there.
    """

    tight: float = 0.65
    tight_scale: float = 0.04
    tight_shift: float = 0.015
    loose_scale: float = 0.1
    loose_shift: float = 0.05
    turned: float = 0.4
    mirrored: float = 0.5
    brightness: float = 0.075
    contrast: float = 0.25
    tint: float = 0.07
    grey: float = 0.05
    covered: float = 0.25
    wide: float = 0.0

    def __post_init__(self) -> None:
        for name in ("tight", "turned", "mirrored", "grey", "covered", "wide"):
            if not 0 <= getattr(self, name) <= 1:
                raise InputError(name, "a share in [0,1]", str(getattr(self, name)))


NO_AUGMENTATION = AugmentConfig(1.0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0)


def draw_frames(
    points: Tensor, size: int, config: AugmentConfig, generator: torch.Generator
) -> Tensor:
    """Similarities (B,2,3) from pictures to crops of size x size pixels round landmarks.

    Args:
        points: (B,L,2) picture pixels of the landmarks whose box is framed.
        size: side of the crop in pixels.
        config: see `AugmentConfig`.
        generator: source of every draw.
    """
    check_shape("points", points, (None, None, 2))
    count = len(points)
    tight = torch.rand(count, generator=generator) < config.tight
    angle = _draw_angles(count, config, generator)
    rotation = torch.stack([angle.cos(), -angle.sin(), angle.sin(), angle.cos()], -1).unflatten(
        1, (2, 2)
    )
    turned = points @ rotation.transpose(1, 2)
    low, high = turned.amin(1), turned.amax(1)
    spread = torch.where(tight, config.tight_scale, config.loose_scale)
    jitter = torch.exp(torch.randn(count, generator=generator) * spread)
    if config.wide:
        wide, more = torch.rand(2, count, generator=generator)
        jitter = jitter / torch.where(wide < config.wide, _WIDEST**more, torch.ones_like(more))
    scale = size / ((high - low).amax(1) * FRAME_PER_BOX) * jitter
    shift = torch.randn(count, 2, generator=generator)
    shift = shift * torch.where(tight, config.tight_shift, config.loose_shift)[:, None] * size
    offset = size / 2 + shift - (low + high) / 2 * scale[:, None]
    return torch.cat([rotation * scale[:, None, None], offset[..., None]], -1)


def _draw_angles(count: int, config: AugmentConfig, generator: torch.Generator) -> Tensor:
    choice, uniform = torch.rand(2, count, generator=generator)
    normal = torch.randn(count, generator=generator)
    any_way = choice < config.turned * 0.4
    angle = torch.where(any_way, (2 * uniform - 1) * 1.9, normal * 0.35)
    return torch.where(choice < config.turned, angle, torch.zeros(count))


def move_points(points: Tensor, frames: Tensor, size: int) -> Tensor:
    """Picture points (B,N,3) in half sides of the crop from its middle, (B,N,3); z scales along."""
    check_shape("points", points, (None, None, 3))
    check_shape("frames", frames, (len(points), 2, 3))
    plane = points[..., :2] @ frames[..., :2].transpose(1, 2) + frames[:, None, :, 2]
    scale = torch.linalg.det(frames[..., :2]).abs().sqrt()
    half = size / 2
    return torch.cat([(plane - half) / half, points[..., 2:] * scale[:, None, None] / half], -1)


def change_colours(images: Tensor, config: AugmentConfig, generator: torch.Generator) -> Tensor:
    """Brightness, contrast, tint and loss of colour, each picture (B,3,H,W) its own; clamped."""
    count = len(images)

    def uniform(channels: int, width: float) -> Tensor:
        return (2 * torch.rand(count, channels, 1, 1, generator=generator) - 1) * width

    gain = (1 + uniform(1, config.contrast)) * (1 + uniform(3, config.tint))
    offset = 0.5 - 0.5 * gain + uniform(1, config.brightness)
    changed = torch.addcmul(offset, images, gain).clamp_(0, 1)
    grey = torch.rand(count, generator=generator) < config.grey
    if bool(grey.any()):
        changed[grey] = changed[grey].mean(1, keepdim=True).expand(-1, 3, -1, -1)
    return changed


def cover(images: Tensor, config: AugmentConfig, generator: torch.Generator) -> Tensor:
    """Paint a rectangle of a random colour over some pictures (B,3,H,W), in place."""
    return paint(images, draw_rectangles(len(images), config.covered, generator))


@dataclass(frozen=True)
class Rectangles:
    """At most one rectangle for each of B pictures.

    Attributes:
        chosen: (B,) bool, which pictures have one.
        place: (B,4) in [0,1]: height, width, top, left.
        colour: (B,3,1,1).
    """

    chosen: Tensor
    place: Tensor
    colour: Tensor

    def __getitem__(self, rows: Tensor) -> Rectangles:
        """Those of the pictures `rows` (N,) int64."""
        return Rectangles(self.chosen[rows], self.place[rows], self.colour[rows])

    def edges(self, picture: int) -> tuple[float, float, float, float]:
        """Top, bottom, left and right of a picture's rectangle, in sides; may lie outside it."""
        u = self.place[picture].tolist()
        height, width = _SMALLEST + _MORE * u[0], _SMALLEST + _MORE * u[1]
        top, left = u[2] * (1 + height) - height, u[3] * (1 + width) - width
        return top, top + height, left, left + width


def draw_rectangles(count: int, share: float, generator: torch.Generator) -> Rectangles:
    """Rectangles for a `share` of `count` pictures."""
    return Rectangles(
        torch.rand(count, generator=generator) < share,
        torch.rand(count, 4, generator=generator),
        torch.rand(count, 3, 1, 1, generator=generator),
    )


def paint(images: Tensor, rectangles: Rectangles) -> Tensor:
    """Paint rectangles, 8 to 42 % of the side high and wide, over pictures (B,3,H,W), in place."""
    height, width = images.shape[2:]
    for k in torch.nonzero(rectangles.chosen)[:, 0].tolist():
        top, bottom, left, right = rectangles.edges(k)
        rows = slice(max(int(top * height), 0), max(int(bottom * height), 0))
        columns = slice(max(int(left * width), 0), max(int(right * width), 0))
        images[k, :, rows, columns] = rectangles.colour[k]
    return images
