"""The face renderer: vertices, albedo or texture, light and camera to images."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from ..core.errors import InputError
from ..geometry.camera import Camera
from ..geometry.checks import check_shape
from ..geometry.mesh import vertex_normals
from ..geometry.sh import shade
from .back_ends import get_rasterizer
from .rasterizer import Fragments, Rasterizer


@dataclass(frozen=True)
class Rendering:
    """What the renderer gives for B faces; outside the face everything is 0.

    Attributes:
        image: (B,3,H,W) sRGB-coded RGB, unclamped, premultiplied by the mask.
        mask: (B,1,H,W) coverage in [0,1], soft at silhouettes when antialiased; of a face of a few
            pixels, where many edges cross each, it leaves [0,1].
        depth: (B,1,H,W) distance along the viewing axis, mm (weak perspective: relative).
        normals: (B,3,H,W) in camera space, unit length inside.
        extras: (B,A,H,W) the interpolated extra attributes, without antialiasing.
        fragments: which triangle every pixel sees, and where on it.
    """

    image: Tensor
    mask: Tensor
    depth: Tensor
    normals: Tensor
    extras: Tensor
    fragments: Fragments

    def over(self, background: Tensor) -> Tensor:
        """The image (B,3,H,W) composited over a background of the same shape."""
        check_shape("background", background, tuple(self.image.shape))
        return self.image + (1 - self.mask) * background


class FaceRenderer:
    """Renders meshes of one topology.

    >>> from selfie3d.geometry import WeakPerspectiveCamera
    >>> place = torch.eye(3)[None], torch.tensor([1.0]), torch.zeros(1, 2)
    >>> corners = torch.tensor([[[0.0, 0, 0], [8, 0, 0], [0, -8, 0]]])
    >>> render = FaceRenderer(torch.tensor([[0, 2, 1]]))
    >>> camera = WeakPerspectiveCamera(*place)
    >>> seen = render(corners, camera, (2, 3), albedo=torch.ones(1, 3, 3))
    >>> seen.image.shape, float(seen.mask.min())
    (torch.Size([1, 3, 2, 3]), 1.0)

    Args:
        faces: (F,3) vertex triangles.
        uv: (T,2) texture coordinates; only textures need them.
        uv_faces: (F,3) indices into `uv`; only textures need them.
        rasterizer: a registered name, or an object with the four primitives.
    """

    def __init__(
        self,
        faces: Tensor,
        uv: Tensor | None = None,
        uv_faces: Tensor | None = None,
        rasterizer: str | Rasterizer = "cpu",
    ) -> None:
        check_shape("faces", faces, (None, 3))
        self.faces = faces
        self.triangles = faces.to(torch.int32).contiguous()
        self.uv = uv
        self.uv_triangles = None if uv_faces is None else uv_faces.to(torch.int32).contiguous()
        self.rasterizer = get_rasterizer(rasterizer) if isinstance(rasterizer, str) else rasterizer

    def to(self, device: torch.device | str) -> FaceRenderer:
        """Itself, moved to another device; a rasterizer of the CPU still draws there."""
        for name in ("faces", "triangles", "uv", "uv_triangles"):
            value: Tensor | None = getattr(self, name)
            setattr(self, name, None if value is None else value.to(device))
        return self

    def __call__(
        self,
        vertices: Tensor,
        camera: Camera,
        size: tuple[int, int],
        *,
        albedo: Tensor | None = None,
        texture: Tensor | None = None,
        light: Tensor | None = None,
        extras: Tensor | None = None,
        antialias: bool = True,
    ) -> Rendering:
        """Render meshes.

        Args:
            vertices: (B,V,3) mm, model space.
            camera: B cameras.
            size: (height, width) of the image in pixels.
            albedo: (B,V,3) sRGB-coded [0,1]; or
            texture: (B,3,h,w), row 0 at v = 1, needs the renderer's uv.
            light: (B,9,3) spherical harmonics in camera space; None shows the bare colours.
            extras: (B or 1,V,A) further vertex attributes to interpolate.
            antialias: blend silhouettes; gives positions a gradient from the outline.

        Raises:
            InputError: both or neither of albedo and texture, or a wrong shape.
        """
        if (albedo is None) == (texture is None):
            raise InputError("albedo, texture", "exactly one of the two", "both or neither")
        check_shape("vertices", vertices, (None, None, 3))
        if albedo is not None:
            check_shape("albedo", albedo, tuple(vertices.shape))
        if extras is not None:
            check_shape("extras", extras, (None, vertices.shape[1], None))
        in_camera = camera.to_camera(vertices)
        normals = vertex_normals(in_camera, self.faces)
        clip = camera.to_clip(vertices, size)
        fragments = self.rasterizer.rasterize(clip, self.triangles, size)
        shading = torch.ones_like(normals) if light is None else shade(normals, light)
        colours = shading if albedo is None else albedo * shading
        maps = self._interpolate(colours, normals, in_camera, extras, fragments)
        image, rest = maps[..., :3], maps[..., 3:]
        if texture is not None:
            image = image * self._look_up(texture, fragments)
        covered = fragments.covered[..., None].to(image)
        both = torch.cat([image, covered], -1)
        if antialias:
            both = self.rasterizer.antialias(both, fragments, clip, self.triangles)
        both, rest = both.permute(0, 3, 1, 2), rest.permute(0, 3, 1, 2)
        unit = torch.nn.functional.normalize(rest[:, :3], dim=1)
        return Rendering(both[:, :3], both[:, 3:], rest[:, 3:4], unit, rest[:, 4:], fragments)

    def _interpolate(
        self,
        colours: Tensor,
        normals: Tensor,
        in_camera: Tensor,
        extras: Tensor | None,
        fragments: Fragments,
    ) -> Tensor:
        parts = [colours, normals, -in_camera[..., 2:]]
        if extras is not None:
            parts.append(extras.expand(len(colours), -1, -1))
        attributes = torch.cat(parts, -1)
        return self.rasterizer.interpolate(attributes, fragments, self.triangles)

    def _look_up(self, texture: Tensor, fragments: Fragments) -> Tensor:
        if self.uv is None or self.uv_triangles is None:
            raise InputError("texture", "a renderer with uv and uv_faces", "one without")
        check_shape("texture", texture, (None, 3, None, None))
        uv = self.rasterizer.interpolate(self.uv[None], fragments, self.uv_triangles)
        return self.rasterizer.texture(texture.permute(0, 2, 3, 1).contiguous(), uv)
