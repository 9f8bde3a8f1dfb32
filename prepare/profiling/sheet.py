"""The background of a turned face: a sheet with depth that covers the whole photograph.

Zhu et al. (CVPR 2016, section 3.3) give the surroundings of the face depth by a mesh between
anchors: those at the face's outline turn with it, those at the picture's border stay. This sheet
is that mesh on a regular grid. Its depth is the outline's, falling back away from it; each point
turns by a share of the angle that falls to 0 towards the border, so the sheet, which is one piece,
covers the picture whatever the turn. Under the face it is painted with what surrounds the face, so
that no second face looks out behind the turned one; there it bulges back, as a skull does.
"""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np
import torch
from scipy.ndimage import distance_transform_edt, gaussian_filter
from torch import Tensor
from torch.nn import functional

from ...render.rasterizer import Rasterizer
from .camera import Eye, turned_partly
from .fill import fill_holes

_CELLS = 64  # of the grid along the longer side
_COARSE = 4  # pixels to a pixel of the maps of depth and distance
_NEAR, _FAR = 40.0, -140.0  # mm before the pivot between which the sheet lies
_FALL = 1.0  # mm that it falls back for every mm away from the outline
_RIGID, _FREE = 18.0, 150.0  # mm from the outline: up to here with the head, from here on still
_MARGIN = 60.0  # mm from the border over which the turn dies out
_SMOOTH = 5.0  # mm, standard deviation
_ERODED, _DILATED = -2.0, 4.0  # pixels: how far the painted part reaches, unturned and turned
_FULLY = 0.25  # sine of the turn at which it reaches farthest


@dataclass(frozen=True)
class Sheet:
    """The background of one photograph.

    Attributes:
        photo: (1,3,H,W) in [0,1].
        signed: (H,W) pixels from the outline of what is painted over, negative within.
        points: (N,3) of the grid, camera space, mm. share: (N,) of a turn that each makes.
        uv: (1,N,2) texture coordinates in the photograph. triangles: (T,3) int32.
    """

    photo: Tensor
    signed: Tensor
    points: Tensor
    share: Tensor
    uv: Tensor
    triangles: Tensor
    _known: dict[int, Tensor] = field(default_factory=dict)

    @classmethod
    def of(cls, photo: Tensor, mask: Tensor, inner: Tensor, depth: Tensor, eye: Eye) -> Sheet:
        """The sheet of a photograph.

        Args:
            photo: (1,3,H,W). mask: (H,W) bool, the face. inner: the same without the brim
                of its surface, where hair begins. depth: (H,W) its camera space z, mm.
            eye: of the face's camera.
        """
        size = mask.shape[0], mask.shape[1]
        pixels, triangles = _grid(size)
        falls, share = _depth_and_share(mask, depth - eye.centre[2], eye.per_mm)
        extent = torch.tensor([size[1], size[0]], dtype=torch.float32)
        where = (2 * pixels / extent - 1)[None, None]
        maps = torch.stack([falls, share])[None]
        sampled = functional.grid_sample(maps, where, "bilinear", "border", align_corners=False)
        border = torch.minimum(pixels, extent - pixels).amin(1) / (_MARGIN * eye.per_mm)
        narrow = (0.5 * extent.min() / (_MARGIN * eye.per_mm)).clamp(max=1)
        share = sampled[0, 1, 0] * _smooth_step((border / narrow).clamp(0, 1))
        uv = torch.stack([pixels[:, 0] / extent[0], 1 - pixels[:, 1] / extent[1]], 1)
        inside = torch.from_numpy(distance_transform_edt(inner.numpy())).float()
        outside = torch.from_numpy(distance_transform_edt(~inner.numpy())).float()
        points = eye.unproject(pixels, sampled[0, 0, 0])
        return cls(photo, outside - inside, points, share, uv[None], triangles)

    def turned(self, turn: Tensor, eye: Eye, rasterizer: Rasterizer) -> Tensor:
        """The picture (1,3,H,W) of the sheet after a turn (3,3) in camera space."""
        height, width = self.photo.shape[-2:]
        points = turned_partly(self.points, turn, eye.centre, self.share)
        fragments = rasterizer.rasterize(
            eye.to_clip(points, (height, width)), self.triangles, (height, width)
        )
        clip = eye.to_clip(self.points, (height, width))  # linear in space, whatever the camera
        place = rasterizer.interpolate(clip[..., [0, 1, 3]], fragments, self.triangles)
        uv = 0.5 + 0.5 * place[..., :2] / place[..., 2:].clamp(min=1e-6)
        return rasterizer.texture(self._painted(turn), uv).permute(0, 3, 1, 2)

    def _painted(self, turn: Tensor) -> Tensor:
        """The photograph (1,H,W,3) with the face painted over."""
        sine = float((1 - ((turn.trace() - 1) / 2).clamp(-1, 1).square()).clamp(min=0).sqrt())
        grown = 1.0 if bool(turn.trace() < 1) else min(sine / _FULLY, 1.0)  # 1: over a quarter
        reach = round(_ERODED + (_DILATED - _ERODED) * grown)
        if reach not in self._known:
            known = (self.signed > reach).to(self.photo)[None, None]
            self._known[reach] = fill_holes(self.photo, known).permute(0, 2, 3, 1).contiguous()
        return self._known[reach]


def _grid(size: tuple[int, int]) -> tuple[Tensor, Tensor]:
    """Pixels (N,2) of a grid from border to border, and its triangles (T,3) int32."""
    height, width = size
    step = max(size) / _CELLS
    rows, columns = max(2, round(height / step)) + 1, max(2, round(width / step)) + 1
    y, x = torch.meshgrid(
        torch.linspace(0, height, rows), torch.linspace(0, width, columns), indexing="ij"
    )
    first = (torch.arange(rows - 1)[:, None] * columns + torch.arange(columns - 1)).reshape(-1)
    corners = torch.stack([first, first + columns, first + 1, first + columns + 1], 1)
    triangles = torch.cat([corners[:, [0, 1, 2]], corners[:, [2, 1, 3]]]).int().contiguous()
    return torch.stack([x, y], -1).reshape(-1, 2), triangles


def _depth_and_share(mask: Tensor, depth: Tensor, per_mm: float) -> tuple[Tensor, Tensor]:
    """Coarse maps (h,w) of the sheet's depth before the pivot, mm, and of its share of a turn."""
    small = functional.max_pool2d(mask.float()[None, None], _COARSE, ceil_mode=True)[0, 0] > 0
    behind = torch.where(mask, depth, torch.full_like(depth, torch.inf))
    nearest = -functional.max_pool2d(-behind[None, None], _COARSE, ceil_mode=True)[0, 0]
    rim = (small & ~_shrunk(small)).numpy()
    distance, index = distance_transform_edt(~rim, return_indices=True)
    to_mm = _COARSE / per_mm
    depth_there = np.clip(nearest.numpy()[tuple(index)], _FAR, _NEAR)
    falls = np.clip(depth_there - _FALL * distance * to_mm, _FAR, _NEAR)
    falls = gaussian_filter(falls, _SMOOTH / to_mm)
    outside = np.where(small.numpy(), 0.0, distance * to_mm)
    away = torch.from_numpy((outside - _RIGID) / (_FREE - _RIGID)).float().clamp(0, 1)
    return torch.from_numpy(falls).float(), 1 - _smooth_step(away)


def _shrunk(mask: Tensor) -> Tensor:
    outside = (~mask).float()[None, None]
    return functional.max_pool2d(outside, 3, 1, 1)[0, 0] == 0


def _smooth_step(x: Tensor) -> Tensor:
    return x * x * (3 - 2 * x)
