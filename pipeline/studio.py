"""Heads in a studio: the light and the cameras of their portraits, and the portraits."""

from __future__ import annotations

import math
from collections.abc import Sequence
from weakref import WeakKeyDictionary

import numpy as np
import torch
from torch import Tensor

from ..core.errors import InputError
from ..geometry.camera import PerspectiveCamera
from ..geometry.face_model import FaceModel
from ..geometry.mesh import vertex_normals
from ..geometry.rotation import euler_to_matrix
from ..geometry.sh import shade
from ..render.face import FaceRenderer
from ..render.overlay import Picture
from ..render.pictures import Shaded, Textured, draw_pictures
from .fit.pose import FOCAL_PER_SIZE

View = tuple[float, float, float]
"""Pitch, yaw, roll in degrees."""

GREY = 0.75
"""The albedo of a bare shape."""

_GROUND = 0.25  # grey of the background
_FILL = 1.0  # of the picture's side that a ball round the head takes

_RENDERERS: WeakKeyDictionary[FaceModel, FaceRenderer] = WeakKeyDictionary()


def renderer_of(model: FaceModel) -> FaceRenderer:
    """A model's renderer, made once: it keeps what depends on the triangles alone."""
    if model not in _RENDERERS:
        _RENDERERS[model] = FaceRenderer(model.faces, model.uv, model.uv_faces)
    return _RENDERERS[model]


def draw_head(
    model: FaceModel,
    vertices: Tensor,
    views: Sequence[View],
    size: int,
    *,
    texels: Picture | None = None,
    bare: bool = False,
) -> list[list[Picture]]:
    """Square pictures of a head from several sides, on a grey ground.

    Args:
        model: of the head. vertices: (V,3) mm.
        views: pitch, yaw, roll in degrees.
        size: side of the pictures, pixels.
        texels: (h,w,3) uint8 the texture, for pictures that show it.
        bare: for pictures of the bare shape.

    Returns:
        a list of pictures (size,size,3) uint8, one for each view, with the texture, and another of
        the bare shape; of what was asked for.
    """
    renderer, heads = renderer_of(model), vertices[None].expand(len(views), -1, -1)
    with torch.no_grad():
        camera = studio_camera(heads, views, size)
        clip = camera.to_clip(heads, (size, size))
        layers: list[Textured | Shaded] = []
        if texels is not None:
            layers.append(textured_layer(renderer, texels))
        if bare:
            layers.append(bare_layer(renderer, heads, camera))
        ground = np.full((size, size, 3), _GROUND, np.float32)
        return draw_pictures(clip, renderer.triangles, layers, ground)


def bare_layer(renderer: FaceRenderer, vertices: Tensor, camera: PerspectiveCamera) -> Shaded:
    """The shape of heads (B,V,3) in grey under the studio's light."""
    normals = vertex_normals(camera.to_camera(vertices), renderer.faces)
    light = studio_light().expand(len(vertices), -1, -1)
    return Shaded(GREY * shade(normals, light)[..., 0])


def studio_light() -> Tensor:
    """A soft white light from the upper front, (1,9,3)."""
    light = torch.zeros(1, 9, 3)
    light[:, 0] = 2.0
    light[:, 1] = 0.55
    light[:, 2] = 0.75
    light[:, 3] = 0.2
    return light


def studio_camera(vertices: Tensor, views: Sequence[View], size: int) -> PerspectiveCamera:
    """Cameras at about 1 m that show the whole first mesh, turned by `views` degrees each.

    Args:
        vertices: (B,V,3) mm.
        views: pitch, yaw, roll in degrees.
        size: side of the square picture, pixels.
    """
    count = len(views)
    rotation = euler_to_matrix(torch.tensor(views) * (math.pi / 180))
    low, high = vertices[0].min(0).values, vertices[0].max(0).values
    middle = (low + high) / 2
    extent = 2 * float((vertices[0] - middle).norm(dim=-1).max())
    distance = FOCAL_PER_SIZE * extent / _FILL
    return PerspectiveCamera(
        rotation,
        torch.tensor([0.0, 0.0, -distance]) - middle @ rotation.mT,
        torch.full((count,), FOCAL_PER_SIZE * size),
        torch.full((count, 2), size / 2),
    )


def textured_layer(renderer: FaceRenderer, texels: Picture) -> Textured:
    """A head under its texture (h,w,3) uint8.

    Raises:
        InputError: the model has no texture coordinates.
    """
    if renderer.uv is None or renderer.uv_triangles is None:
        raise InputError("face model", "one with texture coordinates", "one without")
    return Textured(renderer.uv, renderer.uv_triangles, texels)
