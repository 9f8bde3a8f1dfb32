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

_DEPTH_TOLERANCE = 2.5  # mm behind the nearest surface that still counts as visible
_FACING = (0.15, 0.55)  # cosine to the viewer: from not used to fully trusted
_SEAM = 0.012  # softness of the seam, as a part of the texture's side
_DARKEST = 0.12  # shading below this is not divided out


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
        self.mirror_grid = None if model.mirror is None else self._mirror_grid(model.mirror)

    def build(
        self,
        photo: Tensor,
        camera: Camera,
        coefficients: Coefficients,
        *,
        divide_light: bool = False,
    ) -> Texture:
        """The texture of one fitted face.

        The difference between the photograph, divided by the fitted light, and the fitted albedo
        is what is transported: from the mirror image where only that side is seen, and smoothly
        extended (push-pull) where neither is, so that no seam shows.

        Args:
            photo: (1,3,H,W) in [0,1].
            camera: the face's camera in the photo's pixels.
            coefficients: of one face.
            divide_light: leave the fitted light out of the result.
        """
        check_shape("photo", photo, (1, 3, None, None))
        with torch.no_grad():
            vertices = self.model.vertices(coefficients)
            normals = vertex_normals(camera.to_camera(vertices), self.model.faces)
            light = shade(normals, coefficients.light)
            maps = self._maps(vertices, normals, self.model.albedo(coefficients), light)
            sampled, weight = self._sample(photo, camera, vertices, maps)
            shading = maps["shading"].clamp(min=_DARKEST)
            detail, seen = self._fill(sampled / shading - maps["albedo"], weight)
            image = (maps["albedo"] + detail).clamp(0, 1)
            if not divide_light:
                image = (image * shading).clamp(0, 1)
            return Texture(pad_chart(image, self.mapper.mask, 8)[0], seen[0])

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
        sampled, inside = _look_up(photo, pixels)
        in_camera = camera.to_camera(points)
        view = -functional.normalize(in_camera, dim=-1)
        facing = functional.normalize(maps["normal"].flatten(2).transpose(1, 2), dim=-1) * view
        trust = _smoothstep(facing.sum(-1).reshape(1, 1, self.size, self.size), *_FACING)
        depth = -in_camera[..., 2].reshape(1, 1, self.size, self.size)
        visible = self._visible(camera, vertices, pixels, depth, photo.shape[-2:])
        weight = trust * visible * inside * self.mapper.mask
        return sampled, self._soften(weight)

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
        shrunk = -functional.max_pool2d(-hard, 2 * radius + 1, 1, radius)
        return torch.minimum(_blur(shrunk, radius), weight)

    def _fill(self, detail: Tensor, weight: Tensor) -> tuple[Tensor, Tensor]:
        seen = weight
        if self.mirror_grid is not None:
            both = functional.grid_sample(
                torch.cat([detail * weight, weight], 1), self.mirror_grid, align_corners=False
            )
            other, other_weight = both[:, :3], both[:, 3:]
            part = (1 - weight) * other_weight
            detail = detail * weight + (1 - weight) * other
            weight = weight + part
        else:
            detail = detail * weight
        smooth = _push_pull(detail, weight)
        return detail + (1 - weight) * smooth, seen

    def _mirror_grid(self, mirror: Tensor) -> Tensor:
        """Where each texel's mirror image lies, as a sampling grid (1,S,S,2)."""
        corner = torch.zeros(len(self.model.mean), dtype=torch.int64)
        corner[self.model.faces.flatten()] = self.model.uv_faces.flatten()
        uv = self.model.uv[corner[mirror]]
        grid = self.mapper.position_map(torch.stack([2 * uv[:, 0] - 1, 1 - 2 * uv[:, 1]], -1)[None])
        return grid.permute(0, 2, 3, 1)


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
    side = float((high - low).max()) * 1.05
    target = int(min(max(side, 256), 768))
    scale = target / side
    shift = torch.full((2,), target / 2) - scale * (low + high) / 2
    return torch.cat([torch.eye(2) * scale, shift[:, None]], 1), target


def _smoothstep(x: Tensor, low: float, high: float) -> Tensor:
    t = ((x - low) / (high - low)).clamp(0, 1)
    return t * t * (3 - 2 * t)


def _blur(x: Tensor, radius: int) -> Tensor:
    """Two box filters of the given radius."""
    for _ in range(2):
        padded = functional.pad(x, (radius, radius, radius, radius), mode="replicate")
        x = functional.avg_pool2d(padded, 2 * radius + 1, 1)
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
