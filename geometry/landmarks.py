"""Landmarks as fixed barycentric points of a face model's surface.

Two sets share the 68-point iBUG order but not the meaning of the jaw points (0-16): in a 3D set
they sit on the jaw, in a 2D-contour set on the visible outline. They are different targets, so a
set carries its `contour` and comparisons go through `require_same_contour`.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Literal

import torch
from torch import Tensor

from ..core.errors import InputError
from .checks import check_finite, check_shape

Contour = Literal["2d", "3d"]

# The 68-point order mirrored left to right: point i of a mirrored face is point IBUG68_MIRROR[i].
# fmt: off
IBUG68_MIRROR: tuple[int, ...] = (
    16, 15, 14, 13, 12, 11, 10, 9, 8, 7, 6, 5, 4, 3, 2, 1, 0,
    26, 25, 24, 23, 22, 21, 20, 19, 18, 17, 27, 28, 29, 30, 35, 34, 33, 32, 31,
    45, 44, 43, 42, 47, 46, 39, 38, 37, 36, 41, 40,
    54, 53, 52, 51, 50, 49, 48, 59, 58, 57, 56, 55, 64, 63, 62, 61, 60, 67, 66, 65,
)
# fmt: on


@dataclass(frozen=True)
class LandmarkSet:
    """L named points on (or at a fixed offset from) a mesh.

    >>> eyes = LandmarkSet.from_vertices("eyes", [2, 0])
    >>> eyes.points(torch.tensor([[[1.0, 1, 1], [2, 2, 2], [3, 3, 3]]]))
    tensor([[[3., 3., 3.],
             [1., 1., 1.]]])

    Attributes:
        name: the set's name, such as "ibug68".
        vertices: (L,3) int64, the three vertices of each point's triangle.
        weights: (L,3) float, barycentric weights, summing to 1 for valid points.
        offset: (L,3) float, mm in model space, added to the surface point.
        valid: (L,) bool, False where the model has no such point.
        contour: "3d" if jaw points are anatomical, "2d" if they follow the visible outline.
        version: of a set that is placed anew now and then; 0 of others.

    Raises:
        InputError: a wrong shape, or numbers that are not finite.
    """

    name: str
    vertices: Tensor
    weights: Tensor
    offset: Tensor
    valid: Tensor
    contour: Contour = "3d"
    version: int = 0

    def __post_init__(self) -> None:
        count = self.vertices.shape[0]
        for field, shape in (
            ("vertices", (count, 3)),
            ("weights", (count, 3)),
            ("offset", (count, 3)),
            ("valid", (count,)),
        ):
            check_shape(f"landmarks {self.name!r}: {field}", getattr(self, field), shape)
        check_finite(f"landmarks {self.name!r}: weights", self.weights)
        check_finite(f"landmarks {self.name!r}: offset", self.offset)

    @classmethod
    def from_vertices(
        cls,
        name: str,
        ids: Sequence[int] | Tensor,
        contour: Contour = "3d",
        valid: Sequence[bool] | Tensor | None = None,
    ) -> LandmarkSet:
        """A set whose points are mesh vertices; `ids` of invalid points are ignored."""
        index = torch.as_tensor(ids, dtype=torch.int64)
        mask = (
            torch.ones(len(index), dtype=torch.bool)
            if valid is None
            else torch.as_tensor(valid, dtype=torch.bool)
        )
        index = torch.where(mask, index, torch.zeros_like(index))
        weights = torch.tensor([1.0, 0.0, 0.0]).expand(len(index), 3).clone()
        return cls(
            name,
            index[:, None].expand(-1, 3).clone(),
            weights,
            torch.zeros(len(index), 3),
            mask,
            contour,
        )

    def __len__(self) -> int:
        return len(self.vertices)

    def points(self, mesh_vertices: Tensor) -> Tensor:
        """Positions (B,L,3) on meshes (B,V,3); rows of invalid points are NaN."""
        check_shape("mesh_vertices", mesh_vertices, (None, None, 3))
        return self.of_corners(mesh_vertices[:, self.vertices])

    def of_corners(self, corners: Tensor) -> Tensor:
        """Positions (B,L,3) from each point's three vertices (B,L,3,3), as `points`."""
        check_shape("corners", corners, (None, len(self), 3, 3))
        points = (corners * self.weights[..., None]).sum(2) + self.offset
        return torch.where(self.valid[:, None], points, torch.full_like(points, torch.nan))

    def to(self, device: torch.device | str) -> LandmarkSet:
        """The same set on another device."""
        return self.changed(lambda tensor: tensor.to(device))

    def changed(self, change: Callable[[Tensor], Tensor]) -> LandmarkSet:
        """The set of changed tensors; itself where none is another one."""
        before = self.vertices, self.weights, self.offset, self.valid
        after = [change(value) for value in before]
        if all(one is other for one, other in zip(before, after, strict=True)):
            return self
        vertices, weights, offset, valid = after
        return LandmarkSet(self.name, vertices, weights, offset, valid, self.contour, self.version)


def require_same_contour(predicted: Contour, target: Contour) -> None:
    """Refuse to compare a 3D jaw with a 2D outline.

    >>> require_same_contour("3d", "3d")

    Args:
        predicted: the kind of the prediction's jaw points.
        target: the kind of the target's.

    Raises:
        InputError: the two kinds differ.
    """
    if predicted != target:
        raise InputError(
            "landmarks",
            f"contour kind {target!r} as the target has",
            repr(predicted),
            "Use a landmark set of the same kind (jaw on the jaw: 3d; on the outline: 2d).",
        )
