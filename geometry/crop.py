"""The crop: one affine map between a photograph's pixels and a network's or fitter's pixels."""

from __future__ import annotations

import math
from dataclasses import dataclass

import torch
from torch import Tensor
from torch.nn import functional

from ..core.errors import InputError
from .checks import check_finite, check_shape

FRAME_PER_BOX = math.sqrt(2.0)
"""Side of a network's crop over the longer side of the box of the 68 landmarks, as 3DDFA has it."""
EYES_TO_MOUTH = 0.85
"""Distance from the middle of the eyes to that of the mouth, over the distance of the eyes, of an
average face: what a box follows from where a turned head brings the eyes together."""


@dataclass(frozen=True)
class Crop:
    """A similarity crop of a photograph.

    >>> crop = Crop.from_square((300.0, 200.0), side=100.0, size=50)
    >>> crop.to_crop(torch.tensor([250.0, 150.0])), crop.scale
    (tensor([0., 0.]), 0.5)

    Attributes:
        matrix: (2,3) float64, photograph pixels to crop pixels, both by our convention
            (x right, y down, the first pixel's centre at (0.5, 0.5)).
        size: (height, width) of the crop in pixels.

    Raises:
        InputError: a matrix of another shape, not finite or singular.
    """

    matrix: Tensor
    size: tuple[int, int]

    def __post_init__(self) -> None:
        check_shape("crop matrix", self.matrix, (2, 3))
        check_finite("crop matrix", self.matrix)
        if torch.linalg.det(self.matrix[:, :2]).abs() < 1e-12:
            raise InputError("crop matrix", "an invertible map", "a singular one")

    @classmethod
    def from_square(
        cls, center: tuple[float, float], side: float, size: int, roll: float = 0.0
    ) -> Crop:
        """The square of `side` photograph pixels round `center`, turned upright by `roll`.

        Args:
            center: x, y in photograph pixels.
            side: length of the square's side in photograph pixels, > 0.
            size: the crop is size x size pixels.
            roll: radians, clockwise in the image; a face with this roll stands upright in the
                crop.
        """
        if not side > 0:
            raise InputError("side", "a positive number of pixels", str(side))
        scale = size / side
        c, s = torch.cos(torch.tensor(roll)).item(), torch.sin(torch.tensor(roll)).item()
        linear = scale * torch.tensor([[c, s], [-s, c]], dtype=torch.float64)
        middle = torch.tensor([size / 2, size / 2], dtype=torch.float64)
        shift = middle - linear @ torch.tensor(center, dtype=torch.float64)
        return cls(torch.cat([linear, shift[:, None]], 1), (size, size))

    @property
    def scale(self) -> float:
        """Crop pixels per photograph pixel."""
        return float(torch.linalg.det(self.matrix[:, :2]).abs().sqrt())

    @property
    def inverse_matrix(self) -> Tensor:
        """(2,3), crop pixels to photograph pixels."""
        inverse = torch.linalg.inv(self.matrix[:, :2])
        return torch.cat([inverse, -(inverse @ self.matrix[:, 2:])], 1)

    def to_crop(self, points: Tensor) -> Tensor:
        """Photograph points (...,2) in crop pixels."""
        return _apply(self.matrix, points)

    def to_photo(self, points: Tensor) -> Tensor:
        """Crop points (...,2) in photograph pixels."""
        return _apply(self.inverse_matrix, points)

    def warp(self, image: Tensor) -> tuple[Tensor, Tensor]:
        """Cut the crop out of photographs.

        When the crop shrinks the photograph by more than two, the photograph is first averaged
        over whole blocks, so that no detail aliases. Photographs that are bytes are cut faster,
        and shrunk more evenly, by `geometry.cut.cut_out`.

        Args:
            image: (B,C,H,W) photographs.

        Returns:
            crop (B,C,h,w), black outside the photograph, and (B,1,h,w) in [0,1]: 1 inside it.
        """
        check_shape("image", image, (None, None, None, None))
        inside = torch.ones_like(image[:, :1])
        stacked = torch.cat([image, inside], 1)
        matrix = self.matrix
        block = int(1 / self.scale)
        if block >= 2:
            stacked, matrix = (
                _shrink(stacked, block),
                self.matrix @ torch.diag(torch.tensor([block, block, 1.0], dtype=torch.float64)),
            )
        out = _sample(stacked, matrix, self.size)
        return out[:, :-1], out[:, -1:]


def _apply(matrix: Tensor, points: Tensor) -> Tensor:
    check_shape("points", points, ("...", 2))
    m = matrix.to(points)
    return points @ m[:, :2].T + m[:, 2]


def _shrink(image: Tensor, block: int) -> Tensor:
    height, width = image.shape[-2:]
    pad = (0, -width % block, 0, -height % block)
    return functional.avg_pool2d(functional.pad(image, pad), block)


def _sample(image: Tensor, matrix: Tensor, size: tuple[int, int]) -> Tensor:
    height, width = size
    y, x = torch.meshgrid(
        torch.arange(height, dtype=torch.float64) + 0.5,
        torch.arange(width, dtype=torch.float64) + 0.5,
        indexing="ij",
    )
    source = Crop(matrix, size).to_photo(torch.stack([x, y], -1))
    extent = torch.tensor([image.shape[-1], image.shape[-2]], dtype=torch.float64)
    grid = (2 * source / extent - 1).to(image)
    return functional.grid_sample(
        image, grid.expand(len(image), -1, -1, -1), align_corners=False, padding_mode="zeros"
    )
