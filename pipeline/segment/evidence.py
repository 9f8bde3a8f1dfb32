"""What a photograph shows where: which of its pixels may become skin, hair, eyes, mouth."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.nn import functional

from ...geometry.checks import check_shape
from ...geometry.crop import Crop
from ...geometry.segments import Segment
from .guided import guided_filter

SKIN, BEARD, HAIR, EYE, TEETH, MOUTH, GLASSES, BROWS, LIPS = range(9)
"""Channels of `Evidence.maps`."""

CHANNELS = 7
"""So many of them, the first ones, tell what becomes of a texture; brows and lips are skin, too."""

_CHANNELS = (
    (Segment.SKIN, Segment.BROWS, Segment.LIPS, Segment.EARS, Segment.NECK),
    (Segment.BEARD,),
    (Segment.HAIR,),
    (Segment.SCLERA, Segment.IRIS),
    (Segment.TEETH,),
    (Segment.MOUTH,),
    (Segment.GLASSES,),
    (Segment.BROWS,),
    (Segment.LIPS,),
)
_FINER = 4  # times finer than the segmentation is what the photograph's own edges refine
_RADIUS = 6  # pixels of the finer map within which its edges follow the photograph's
_SMOOTH = 4e-4  # variance of colours below which a surface counts as even


@dataclass(frozen=True)
class Evidence:
    """How likely each place of a photograph shows what.

    Attributes:
        maps: (h,w,9) float32 in [0,1]: skin (of face, ears and neck, with brows and lips), beard,
            hair, eyes, teeth, the rest of the mouth's inside, glasses; and once more brows and lips
            alone. What remains is background, clothes, hats, hands.
        to_maps: (2,3) photograph pixels to the maps' pixels.
    """

    maps: NDArray[np.float32]
    to_maps: Tensor

    def moved(self, to_photo: Tensor) -> Evidence:
        """The same for another picture, whose pixels `to_photo` (2,3) takes to this one's."""
        square = torch.cat([to_photo.double(), torch.tensor([[0.0, 0, 1]], dtype=torch.float64)])
        return Evidence(self.maps, self.to_maps.double() @ square)

    def at(self, points: Tensor) -> Tensor:
        """The maps at points (...,2) of the photograph (...,9); beyond them as at their border."""
        places = points.double() @ self.to_maps[:, :2].double().T + self.to_maps[:, 2].double()
        size = torch.tensor([self.maps.shape[1], self.maps.shape[0]])
        grid = (2 * places / size - 1).float().reshape(1, 1, -1, 2)
        given = torch.from_numpy(self.maps).permute(2, 0, 1)[None]
        seen = functional.grid_sample(given, grid, padding_mode="border", align_corners=False)
        return seen[0, :, 0].T.reshape(*points.shape[:-1], -1)

    def colours(
        self, photo: NDArray[np.float32]
    ) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
        """Mean colours (7,3) of what a picture (H,W,3 or more) shows; how many pixels show it (7,).

        Pixels count by the square of their evidence, so that borders hardly do.
        """
        inverse = np.linalg.inv(np.concatenate([self.to_maps.numpy(), [[0.0, 0, 1]]]))[:2]
        height, width = self.maps.shape[:2]
        y, x = np.mgrid[:height, :width] + 0.5
        column, row = (inverse @ np.stack([x.ravel(), y.ravel(), np.ones(x.size)])).astype(int)
        inside = (column >= 0) & (row >= 0) & (column < photo.shape[1]) & (row < photo.shape[0])
        weight = np.square(self.maps[..., :CHANNELS].reshape(-1, CHANNELS)[inside])
        seen = photo[row[inside], column[inside], :3]
        total = weight.sum(0)
        return (weight.T @ seen) / np.maximum(total, 1e-6)[:, None], total

    def skin(self, size: tuple[int, int]) -> Tensor:
        """How likely the pixels of a picture of that size show what of a face (1,4,H,W).

        Bare or bearded skin, brows, lips, and eyes; all are 0 beyond the maps.
        """
        maps = torch.from_numpy(self.maps).permute(2, 0, 1)
        plain = (maps[SKIN] + maps[BEARD] - maps[BROWS] - maps[LIPS]).clamp(min=0)
        parts = torch.stack([plain, maps[BROWS], maps[LIPS], maps[EYE]])[None]
        to_picture = Crop(self.to_maps.double(), self.maps.shape[:2]).inverse_matrix
        return Crop(to_picture, size).warp(parts)[0]


def evidence_of(
    segmentation: Tensor,
    guide: Tensor,
    to_guide: Tensor,
    closer: Tensor | None = None,
    wider: float = 1.0,
) -> Evidence:
    """Evidence from a network's segmentation, its borders moved to the photograph's own edges.

    The probabilities are refined by a guided filter (He et al. 2010), whose guide is the picture.

    Args:
        segmentation: (16,s,s) probabilities of `Segment` over a square crop.
        guide: (1,3,S,S) that crop in [0,1], of any size.
        to_guide: (2,3) photograph pixels to pixels of `guide`.
        closer: (16,s,s) probabilities over the middle of the crop alone, which are finer.
        wider: side of the crop over the side of that middle.
    """
    check_shape("segmentation", segmentation, (len(Segment), None, None))
    fine = refined(
        _grouped(segmentation), guide, None if closer is None else _grouped(closer), wider
    )
    maps = np.ascontiguousarray(fine[0].permute(1, 2, 0).float().numpy())
    height, width = maps.shape[:2]
    scale = torch.tensor([width / guide.shape[-1], height / guide.shape[-2]]).double()
    return Evidence(maps, to_guide.double() * scale[:, None])


def refined(
    chances: Tensor, guide: Tensor, closer: Tensor | None = None, wider: float = 1.0
) -> Tensor:
    """Maps (C,s,s) in [0,1] of a picture, `_FINER` times finer, (1,C,h,w), by a guided filter.

    Args:
        chances: over the whole picture. guide: (1,3,S,S) the picture in [0,1], of any size.
        closer, wider: see `evidence_of`.
    """
    check_shape("chances", chances, (None, None, None))
    check_shape("guide", guide, (1, 3, None, None))
    size = [side * _FINER for side in chances.shape[1:]]
    coarse = functional.interpolate(chances[None], size=size, mode="bilinear", align_corners=False)
    if closer is not None:
        border = functional.pad(torch.ones(1, 1, *[side - 2 for side in closer.shape[1:]]), [1] * 4)
        both = torch.cat([closer[None], border.to(closer)], 1)
        theta = torch.tensor([[[wider, 0.0, 0.0], [0.0, wider, 0.0]]]).to(closer)
        grid = functional.affine_grid(theta, [1, 1, *size], align_corners=False)
        near = functional.grid_sample(both, grid, align_corners=False)
        coarse = coarse + near[:, -1:] * (near[:, :-1] - coarse)
    seen = functional.interpolate(guide, size=size, mode="area")
    picture, maps = (part[0].permute(1, 2, 0).contiguous().numpy() for part in (seen, coarse))
    fine = torch.from_numpy(guided_filter(picture, maps, _RADIUS, _SMOOTH))
    return fine.permute(2, 0, 1)[None].clamp(0, 1)


def _grouped(segmentation: Tensor) -> Tensor:
    return torch.stack([segmentation[list(group)].sum(0) for group in _CHANNELS])
