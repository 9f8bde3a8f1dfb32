"""Patches painted over crops, so that a network learns faces that are partly hidden.

As SADRNet's code has them (MCG-NJU/SADRNet, src/dataset/augmentation_old.py; its paper says
"patterns with random shapes"): up to three rectangles whose edges are bent by sines, in one grey,
in one colour, or a tint that hides nothing. The attention that the network is to learn leaves them
out.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import torch
from torch import Tensor

from ...core.errors import InputError
from .batch import FaceBatch

COVERED = "covered"
"""The label (B,1,S,S) that is 1 where a patch hides the crop."""
_MOST_BEND = 0.08  # of the side
_MOST_RATE = 20.0  # radians per side
_GREY, _COLOURED = 0.25, 0.75 * 0.75  # shares of the patches; the rest are tints
_NUMBERS = 10  # of a patch: size, shape, left, top, two bends, four rates


@dataclass(frozen=True)
class OccluderConfig:
    """How much is hidden.

    Attributes:
        share: of the crops that have patches (0.25 in SADRNet).
        least_area, most_area: of a patch before it is cut off by the crop's edge, in areas of it.
        most: patches of a crop; n of them are 2 n + 1 times as likely as none would be. SADRNet's
            code says 4 and never draws more than 3.
        narrow: height over width of a patch is from `narrow` to 1 / `narrow`.
    """

    share: float = 0.25
    least_area: float = 0.02
    most_area: float = 0.3
    most: int = 3
    narrow: float = 0.3

    def __post_init__(self) -> None:
        if not 0 <= self.share <= 1:
            raise InputError("occluders.share", "a share in [0,1]", str(self.share))
        if not 0 < self.least_area <= self.most_area:
            got = f"{self.least_area:g} to {self.most_area:g}"
            raise InputError("occluders.least_area", "above 0 and at most most_area", got)
        if self.most < 1:
            raise InputError("occluders.most", "1 or more", str(self.most))
        if not 0 < self.narrow <= 1:
            raise InputError("occluders.narrow", "a ratio in (0,1]", str(self.narrow))


NO_OCCLUDERS = OccluderConfig(share=0.0)


@dataclass(frozen=True)
class Occluders:
    """Patches of B crops, in sides of them.

    Attributes:
        count: (B,) how many of the M patches a crop has.
        box: (B,M,4) left, top, width, height.
        bend: (B,M,2) how far edges are moved in x and y.
        rate: (B,M,4) radians per side of the sines in y and x y, in x and x y.
        colour: (B,M,3) in [0,1].
        hides: (B,M) bool; others multiply by their colour.
    """

    count: Tensor
    box: Tensor
    bend: Tensor
    rate: Tensor
    colour: Tensor
    hides: Tensor

    def __getitem__(self, rows: Tensor) -> Occluders:
        """Those of the crops `rows` (N,) int64."""
        return Occluders(*(value[rows] for value in vars(self).values()))

    def area(self, crop: int, patch: int, size: int) -> Tensor:
        """Which pixels (size,size) bool a patch covers."""
        at = (torch.arange(size) + 0.5) / size
        y, x = at[:, None], at[None]
        bend, rate = self.bend[crop, patch], self.rate[crop, patch]
        moved_x = (x + bend[0] * torch.sin(rate[0] * y + rate[1] * x * y)).clamp(0, 1)
        moved_y = (y + bend[1] * torch.sin(rate[2] * x + rate[3] * x * y)).clamp(0, 1)
        left, top, width, height = self.box[crop, patch]
        inside_x = (moved_x >= left) & (moved_x < left + width)
        return inside_x & (moved_y >= top) & (moved_y < top + height)


def draw_occluders(config: OccluderConfig, count: int, generator: torch.Generator) -> Occluders:
    """Draw patches for a batch of crops.

    >>> config = OccluderConfig(share=1.0)
    >>> draw_occluders(config, 2, torch.Generator().manual_seed(0)).box.shape
    torch.Size([2, 3, 4])

    Args:
        config: how much is hidden.
        count: of the crops.
        generator: every draw comes from it.

    Returns:
        The patches of `count` crops, `config.most` each, of which a crop uses the first few.
    """
    most = config.most
    chosen = torch.rand(count, generator=generator) < config.share
    odds = 2 * torch.arange(1, most + 1).float() + 1
    number = 1 + torch.multinomial(odds, count, replacement=True, generator=generator)
    u = torch.rand(count, most, _NUMBERS, generator=generator)
    area = config.least_area + (config.most_area - config.least_area) * u[..., 0]
    ratio = config.narrow + (1 / config.narrow - config.narrow) * u[..., 1]
    width, height = (area / ratio).sqrt(), (area * ratio).sqrt()
    kind = torch.rand(count, most, generator=generator)
    colour = torch.rand(count, most, 3, generator=generator)
    grey = (kind < _GREY)[..., None]
    return Occluders(
        number * chosen,
        torch.stack([u[..., 2], u[..., 3], width, height], -1),
        (2 * u[..., 4:6] - 1) * _MOST_BEND,
        (2 * u[..., 6:10] - 1) * _MOST_RATE,
        torch.where(grey, colour[..., :1], colour),
        kind < _GREY + _COLOURED,
    )


def cover(batch: FaceBatch, occluders: Occluders) -> FaceBatch:
    """The batch with patches over its crops.

    They are cut out of `skin`, and added to it as the label `COVERED`; landmarks and truth, which
    do not depend on being seen, stay.

    Args:
        batch: on the CPU.
        occluders: of as many crops.

    Raises:
        InputError: other numbers of crops.
    """
    if len(occluders.count) != len(batch):
        raise InputError("occluders", f"those of {len(batch)} crops", str(len(occluders.count)))
    images, size = batch.images.clone(), batch.images.shape[-1]
    covered = torch.zeros_like(images[:, :1])
    for crop in torch.nonzero(occluders.count)[:, 0].tolist():
        for patch in range(int(occluders.count[crop])):
            area = occluders.area(crop, patch, size)
            colour = occluders.colour[crop, patch, :, None]
            if occluders.hides[crop, patch]:
                images[crop][:, area] = colour
                covered[crop, 0][area] = 1
            else:
                images[crop][:, area] *= colour
    skin = None if batch.skin is None else batch.skin * (1 - covered)
    labels = {**batch.labels, COVERED: covered}
    return replace(batch, images=images, skin=skin, labels=labels)
