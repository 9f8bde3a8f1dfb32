"""PNCC: the normalised coordinates of a face, drawn where the face lies in the picture.

Zhu et al., Face Alignment Across Large Poses, CVPR 2016, section 3.3: every vertex has the place
of its twin on the mean face, each coordinate brought to [0,1], for a colour, and the posed face is
drawn with it. A network that sees this beside the photograph knows where the current parameters
put each part of the face.
"""

from __future__ import annotations

import torch
from torch import Tensor

from ..core.errors import InputError
from ..geometry.camera import Camera
from ..geometry.checks import check_finite, check_shape
from .back_ends import get_rasterizer
from .rasterizer import Rasterizer


def normalised_coordinates(mean: Tensor) -> Tensor:
    """NCC_d = (S_d - min S_d) / (max S_d - min S_d) of the mean face, d = x, y, z.

    Args:
        mean: (V,3), any unit.

    Returns:
        (V,3) in [0,1].

    Raises:
        InputError: not (V,3), not finite, or flat along an axis.
    """
    check_shape("mean", mean, (None, 3))
    check_finite("mean", mean)
    low, high = mean.amin(0), mean.amax(0)
    if not bool((high > low).all()):
        raise InputError("mean", "a face with extent along every axis", str((high - low).tolist()))
    return (mean - low) / (high - low)


class PnccRenderer:
    """Draws PNCC; nothing of it is differentiable, as in the paper.

    Args:
        mean: (V,3) the mean face.
        faces: (F,3) its triangles.
        rasterizer: a registered name, or an object with the four primitives.

    Raises:
        InputError: a mean face without extent, or without triangles.
    """

    def __init__(self, mean: Tensor, faces: Tensor, rasterizer: str | Rasterizer = "cpu") -> None:
        check_shape("faces", faces, (None, 3))
        if not len(faces):
            raise InputError("faces", "triangles, for PNCC", "a model of points alone")
        self._colours = normalised_coordinates(mean)[None]
        self._triangles = faces.to(torch.int32).contiguous()
        self._rasterizer = get_rasterizer(rasterizer) if isinstance(rasterizer, str) else rasterizer

    @torch.no_grad()
    def __call__(self, vertices: Tensor, camera: Camera, size: tuple[int, int]) -> Tensor:
        """PNCC of posed faces.

        Args:
            vertices: (B,V,3) model space.
            camera: B cameras.
            size: (height, width) in pixels.

        Returns:
            (B,3,height,width) in [0,1], the nearest surface's code; 0 beside the face.
        """
        clip = camera.to_clip(vertices, size).float()
        triangles, colours = self._triangles.to(clip.device), self._colours.to(clip.device)
        fragments = self._rasterizer.rasterize(clip, triangles, size)
        code = self._rasterizer.interpolate(colours, fragments, triangles)
        return code.permute(0, 3, 1, 2)
