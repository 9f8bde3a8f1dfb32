"""The photograph as the model's texture: sampled where it is seen, filled where it is not."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor
from torch.nn import functional

from ..geometry.camera import Camera
from ..geometry.checks import check_shape
from ..geometry.coefficients import Coefficients
from ..geometry.face_model import FaceModel
from ..geometry.mesh import vertex_normals
from ..geometry.sh import shade
from ..geometry.uv import UVMapper, pad_chart
from ..render.face import FaceRenderer
from .texture_mirror import mirror_grid, seam_texels

_DEPTH_TOLERANCE = 2.5  # mm behind the nearest surface that still counts as visible
_FACING = (0.15, 0.55)  # cosine to the viewer: from not used to fully trusted
_SEAM = 0.012  # softness of the seam, as a part of the texture's side
_COARSE = 0.03  # size of what counts as coarse, as a part of the texture's side
_ENOUGH = 100  # texels seen, to say anything about the light
_STRIDE = 7  # every so many texels are enough for a quantile
_DARKEST = 0.4  # of the mean shading: darker shadows are divided out only so far


@dataclass(frozen=True)
class Texture:
    """A texture and where it comes from.

    Attributes:
        image: (3,S,S) sRGB-coded [0,1], row 0 at v = 1, with the photograph's light in it unless
            it was divided out.
        seen: (1,S,S) in [0,1]: 1 where the photograph was sampled, 0 where it was filled.
    """

    image: Tensor
    seen: Tensor


class TextureBuilder:
    """Samples photographs into the UV map of one model.

    Args:
        model: the face model; its `mirror` map, if any, is used to fill hidden parts.
        size: side of the square texture in texels.
    """

    def __init__(self, model: FaceModel, size: int = 1024) -> None:
        self.model, self.size = model, size
        self.mapper = UVMapper(model.uv, model.uv_faces, model.faces, size)
        self.renderer = FaceRenderer(model.faces)
        self.eyes = self._region_map("left_eye") | self._region_map("right_eye")
        self.mirror_grid = None if model.mirror is None else mirror_grid(model, self.mapper)
        self.seam = None if model.mirror is None else seam_texels(model, self.mapper)

    def build(
        self,
        photo: Tensor,
        camera: Camera,
        coefficients: Coefficients,
        *,
        inside: Tensor | None = None,
        divide_light: bool = False,
    ) -> Texture:
        """The texture of one fitted face.

        What is carried over is the difference between the photograph and the fitted, lit model:
        its coarse part is extended smoothly (push-pull) to where the photograph does not reach, so
        that no seam shows; its fine part is taken from the mirror image where that was seen.

        Args:
            photo: (1,3,H,W) in [0,1].
            camera: the face's camera in the photo's pixels.
            coefficients: of one face.
            inside: (1,1,H,W) 1 where `photo` shows something, 0 in the margin of a crop.
            divide_light: leave the fitted light out of the result.
        """
        check_shape("photo", photo, (1, 3, None, None))
        with torch.no_grad():
            vertices = self.model.vertices(coefficients)
            normals = vertex_normals(camera.to_camera(vertices), self.model.faces)
            light = shade(normals, coefficients.light)
            maps = self._maps(vertices, normals, self.model.albedo(coefficients), light)
            covered = torch.ones_like(photo[:, :1]) if inside is None else inside
            photo = torch.cat([photo, covered], 1)
            sampled, weight = self._sample(photo, camera, vertices, maps)
            shading = _as_seen(maps["shading"], weight)
            fitted = maps["albedo"] * shading
            image = fitted + self._fill(sampled - fitted, weight)
            if divide_light:
                image = image / _bounded(shading, self.mapper.mask)
            return Texture(pad_chart(image.clamp(0, 1), self.mapper.mask, 8)[0], weight[0])

    def _maps(
        self, vertices: Tensor, normals: Tensor, albedo: Tensor, light: Tensor
    ) -> dict[str, Tensor]:
        packed = self.mapper.position_map(torch.cat([vertices, normals, albedo, light], -1))
        names = ("position", "normal", "albedo", "shading")
        return dict(zip(names, packed.split(3, 1), strict=True))

    def _sample(
        self, photo: Tensor, camera: Camera, vertices: Tensor, maps: dict[str, Tensor]
    ) -> tuple[Tensor, Tensor]:
        """Photograph colours per texel (1,3,S,S) and how far to trust them (1,1,S,S)."""
        points = maps["position"].flatten(2).transpose(1, 2)
        pixels = camera.project(points)[..., :2].reshape(1, self.size, self.size, 2)
        looked_up, inside = _look_up(photo, pixels)
        sampled, covered = looked_up[:, :3], (looked_up[:, 3:] > 0.99).to(photo)
        in_camera = camera.to_camera(points)
        view = -functional.normalize(in_camera, dim=-1)
        facing = functional.normalize(maps["normal"].flatten(2).transpose(1, 2), dim=-1) * view
        trust = _smoothstep(facing.sum(-1).reshape(1, 1, self.size, self.size), *_FACING)
        depth = -in_camera[..., 2].reshape(1, 1, self.size, self.size)
        visible = self._visible(camera, vertices, pixels, depth, photo.shape[-2:])
        weight = trust * visible * inside * covered * self.mapper.mask
        # The lids hide the rim of the eyeballs: no seam there, and the islands are small.
        return sampled, torch.where(self.eyes, weight, self._soften(weight))

    def _visible(
        self, camera: Camera, vertices: Tensor, pixels: Tensor, depth: Tensor, size: torch.Size
    ) -> Tensor:
        """1 where a texel is the nearest surface, by the depth of a rendering."""
        window, shrink = _window(camera.project(vertices)[0, :, :2], (size[0], size[1]))
        near = self.renderer(
            vertices,
            camera.moved(window),
            (shrink, shrink),
            albedo=torch.zeros_like(vertices),
            antialias=False,
        )
        # The farthest of 3x3 neighbours: a slanted surface must not hide itself.
        empty = near.depth.max() + 1000.0
        far = functional.max_pool2d(torch.where(near.mask > 0, near.depth, empty), 3, 1, 1)
        moved = pixels @ window[:, :2].T.to(pixels) + window[:, 2].to(pixels)
        surface, _ = _look_up(far, moved)
        return (depth <= surface + _DEPTH_TOLERANCE).to(depth)

    def _soften(self, weight: Tensor) -> Tensor:
        """Shrink and blur a weight map, so that it falls to 0 inside the trusted part."""
        radius = max(1, round(_SEAM * self.size))
        hard = weight * self.mapper.mask + (1 - self.mapper.mask.to(weight))
        side = 2 * radius + 1
        rows = functional.max_pool2d(-hard, (1, side), 1, (0, radius))
        shrunk = -functional.max_pool2d(rows, (side, 1), 1, (radius, 0))
        return torch.minimum(_blur(shrunk, radius), weight)

    def _fill(self, difference: Tensor, weight: Tensor) -> Tensor:
        """The difference (1,3,S,S) carried to where its weight is below 1."""
        extended = _push_pull(difference * weight, weight)
        coarse = _blur(extended, max(1, round(_COARSE * self.size)))
        filled = coarse
        if self.mirror_grid is not None and self.seam is not None:
            fine = (difference - coarse) * weight
            other, fine = (
                functional.grid_sample(x, self.mirror_grid, align_corners=False)
                for x in (coarse, fine)
            )
            filled = coarse + self.seam / 2 * (other - coarse) + fine
        return difference * weight + filled * (1 - weight)

    def _region_map(self, name: str) -> Tensor:
        """The texels of a region of the model, (1,1,S,S); none where it has no such region."""
        vertices = self.model.regions.get(name, torch.zeros(len(self.model.mean), dtype=torch.bool))
        return self.mapper.position_map(vertices.float()[None, :, None]) > 0.5


def _as_seen(shading: Tensor, weight: Tensor) -> Tensor:
    """A shading (1,3,S,S) held within what it is where the photograph is seen.

    On the hidden side the fitted harmonics are free, and may be far too bright.
    """
    seen = shading[:, :, weight[0, 0] > 0.5]
    if seen.shape[-1] < _ENOUGH:
        return shading
    low, high = torch.quantile(
        seen[..., ::_STRIDE].contiguous(), torch.tensor([0.02, 0.98]), dim=-1
    )
    return torch.minimum(torch.maximum(shading, low[..., None, None]), high[..., None, None])


def _bounded(shading: Tensor, mask: Tensor) -> Tensor:
    """The part of a fitted shading (1,3,S,S) that is safe to divide by.

    Its brightness varies over the face, its colour does not: where the harmonics of one channel
    dip, dividing would tint what is carried to the other side of the face.
    """
    inside = mask.to(shading).expand_as(shading)
    mean = (shading * inside).sum((2, 3), keepdim=True) / inside.sum((2, 3), keepdim=True)
    level = mean.mean().clamp(min=1e-3)
    colour = (mean / level).clamp(0.5, 2.0)
    return shading.mean(1, keepdim=True).clamp(min=_DARKEST * float(level)) * colour


def _look_up(image: Tensor, pixels: Tensor) -> tuple[Tensor, Tensor]:
    """Bilinear values at pixel coordinates (1,S,S,2), and 1 where these lie inside the image."""
    extent = pixels.new_tensor([image.shape[-1], image.shape[-2]])
    grid = 2 * pixels / extent - 1
    inside = (grid.abs() <= 1).all(-1)[:, None].to(image)
    value = functional.grid_sample(image, grid, align_corners=False, padding_mode="border")
    return value, inside


def _window(points: Tensor, size: tuple[int, int]) -> tuple[Tensor, int]:
    """The similarity from image pixels to a square rendering round the points, and its side."""
    low, high = points.min(0).values, points.max(0).values
    side = max(float((high - low).max()) * 1.05, 1.0)
    target = int(min(max(side, 256), 768))
    scale = target / side
    shift = torch.full((2,), target / 2) - scale * (low + high) / 2
    return torch.cat([torch.eye(2) * scale, shift[:, None]], 1), target


def _smoothstep(x: Tensor, low: float, high: float) -> Tensor:
    t = ((x - low) / (high - low)).clamp(0, 1)
    return t * t * (3 - 2 * t)


def _blur(x: Tensor, radius: int) -> Tensor:
    """Two box filters of the given radius, rows and columns one after the other."""
    side = 2 * radius + 1
    for _ in range(2):
        padded = functional.pad(x, (radius, radius, radius, radius), mode="replicate")
        x = functional.avg_pool2d(functional.avg_pool2d(padded, (side, 1), 1), (1, side), 1)
    return x


def _push_pull(weighted: Tensor, weight: Tensor) -> Tensor:
    """Extend weighted values smoothly over the whole map (Gortler et al. 1996, section 4.5.2).

    Args:
        weighted: (1,C,S,S) values times weights. weight: (1,1,S,S) in [0,1].
    """
    if weighted.shape[-1] <= 1:
        return weighted / weight.clamp(min=1e-6)
    small, small_weight = functional.avg_pool2d(weighted, 2), functional.avg_pool2d(weight, 2)
    known = (4 * small_weight).clamp(max=1)
    mean = small / small_weight.clamp(min=1e-6)
    coarse = _push_pull(mean * known, known)
    filled = mean * known + coarse * (1 - known)
    up = functional.interpolate(filled, size=weighted.shape[-2:], mode="bilinear")
    return weighted + (1 - weight) * up
