"""One look at a photograph through a face's mesh: what each texel shows, and how sure that is."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.nn import functional

from ...geometry.camera import Camera
from ...geometry.coefficients import Coefficients
from ...geometry.face_model import FaceModel
from ...geometry.mesh import vertex_normals
from ...geometry.sh import shade
from ...render.face import FaceRenderer
from ..segment.evidence import CHANNELS, EYE, MOUTH, SKIN, TEETH, Evidence
from .atlas import Atlas
from .kernels import DEPTH, sample_texels

Floats = NDArray[np.float32]

_DEPTH_TOLERANCE = 2.5  # mm behind the nearest surface that still counts as visible
_NOTHING = 1000.0  # mm behind the farthest vertex, where there is nothing
_NEAR_SIDE = (256, 768)  # pixels of the rendering that tells what is nearest
_FRONT = 0.35  # cosine to the viewer from which a vertex tells how bright the seen side is
_USUAL = 0.05, 0.95  # quantiles of the brightness there between which all shading is held
_DARKEST = 1e-3  # a brightness that can be divided by
_ENOUGH = 50  # such vertices, to say anything


@dataclass(frozen=True)
class Look:
    """What a photograph gives to the texels of an atlas.

    Attributes:
        sampled: (S,S,3) the photograph's colours, 0 where it shows nothing.
        fitted: (S,S,3) the model's albedo under the fitted light.
        facing: (S,S) cosine to the viewer where a texel is seen, else 0.
        shown: (S,S,7) the evidence's channels there.
        shading: (V,3) the fitted light on the vertices.
        colours: (7,3) mean colours of what the photograph shows, by the evidence, and
        amounts: (7,) over how many of its maps' pixels each is; 0 without evidence.
    """

    sampled: Floats
    fitted: Floats
    facing: Floats
    shown: Floats
    shading: Tensor
    colours: Floats
    amounts: Floats

    @property
    def segmented(self) -> bool:
        """Whether anybody said what the photograph shows."""
        return bool(self.amounts.any())


@dataclass(frozen=True)
class FittedPhoto:
    """A photograph and the face that was fitted to it.

    Attributes:
        photo: (1,3,H,W) in [0,1].
        camera: the face's camera in the photo's pixels.
        coefficients: of one face.
        inside: (1,1,H,W) 1 where `photo` shows something, 0 in the margin of a crop; None: all of
            it shows something.
        evidence: what the photo's pixels show; without it all that the mesh covers is taken.
    """

    photo: Tensor
    camera: Camera
    coefficients: Coefficients
    inside: Tensor | None = None
    evidence: Evidence | None = None


def look(
    model: FaceModel,
    atlas: Atlas,
    renderer: FaceRenderer,
    *,
    fitted: FittedPhoto,
) -> Look:
    """Sample a photograph into an atlas; without evidence everything is skin."""
    photo, camera, evidence = fitted.photo, fitted.camera, fitted.evidence
    table, shading, vertices = _vertex_table(model, camera, fitted.coefficients)
    covered = torch.ones_like(photo[:, :1]) if fitted.inside is None else fitted.inside
    picture = torch.cat([photo, covered], 1)[0].permute(1, 2, 0).contiguous().numpy()
    near, to_near = _nearest_depth(renderer, vertices, camera, table)
    maps, to_maps = _plain(photo) if evidence is None else _told(evidence)
    side = atlas.size
    sampled, albedo = np.zeros((2, side * side, 3), np.float32)
    facing = np.zeros(side * side, np.float32)
    shown = np.zeros((side * side, maps.shape[2]), np.float32)
    sample_texels(
        atlas.texels, atlas.corners, atlas.weights, table, picture, maps,
        np.ascontiguousarray(to_maps, np.float64), near, to_near, _DEPTH_TOLERANCE,
        sampled, albedo, facing, shown,
    )  # fmt: skip
    square = (side, side)
    return Look(
        sampled.reshape(*square, 3),
        albedo.reshape(*square, 3),
        facing.reshape(square),
        shown.reshape(*square, -1),
        shading,
        *(evidence.colours(picture) if evidence else _nothing()),
    )


def _vertex_table(
    model: FaceModel, camera: Camera, coefficients: Coefficients
) -> tuple[Floats, Tensor, Tensor]:
    """What `sample_texels` interpolates (V,10), the shading (V,3), the vertices (1,V,3)."""
    vertices = model.vertices(coefficients)
    in_camera = camera.to_camera(vertices)
    normals = vertex_normals(in_camera, model.faces)
    facing = (normals * -functional.normalize(in_camera, dim=-1)).sum(-1, keepdim=True)
    shading = as_seen(shade(normals, coefficients.light)[0], facing[0, :, 0])
    columns = (
        camera.project(vertices)[0, :, :2],
        -in_camera[0, :, 2:],
        facing[0],
        model.albedo(coefficients)[0],
        shading,
    )
    table = torch.cat([column.float() for column in columns], 1)
    return np.ascontiguousarray(table.numpy()), shading, vertices


def as_seen(shading: Tensor, facing: Tensor) -> Tensor:
    """A shading (V,3) of one colour, as dark or bright as usual where the face turns to the camera.

    On the hidden side the fitted harmonics are free, and may be far too bright, dark or colourful.

    Args:
        shading: of vertices under a fitted light. facing: (V,) their cosine to the camera.
    """
    front = facing > _FRONT
    if int(front.sum()) < _ENOUGH:
        return shading
    level, colour = shading.mean(1), shading[front].mean(0)
    low, high = torch.quantile(level[front], torch.tensor(_USUAL).to(level))
    bounded = torch.minimum(torch.maximum(level, low), high)
    return bounded[:, None] * colour / colour.mean().clamp(min=_DARKEST)


def _nearest_depth(
    renderer: FaceRenderer, vertices: Tensor, camera: Camera, table: Floats
) -> tuple[Floats, Floats]:
    """The farthest depth among 3x3 pixels that is still the nearest surface, and where it lies."""
    points = table[:, :2]
    low, high = points.min(0), points.max(0)
    side = max(float((high - low).max()) * 1.05, 1.0)
    target = int(min(max(side, _NEAR_SIDE[0]), _NEAR_SIDE[1]))
    scale = target / side
    shift = target / 2 - scale * (low + high) / 2
    window = torch.cat([torch.eye(2) * scale, torch.from_numpy(shift)[:, None]], 1).float()
    size, rasterizer = (target, target), renderer.rasterizer
    clip = camera.moved(window).to_clip(vertices, size)
    seen = rasterizer.rasterize(clip, renderer.triangles, size)
    behind = torch.from_numpy(table[None, :, DEPTH, None])
    depth = rasterizer.interpolate(behind, seen, renderer.triangles)[0, :, :, 0].numpy()
    farthest = float(table[:, DEPTH].max()) + _NOTHING
    depth = np.where(seen.covered[0].numpy(), depth, np.float32(farthest))
    far = functional.max_pool2d(torch.from_numpy(depth)[None], 3, 1, 1)[0].numpy()
    return far, np.array([scale, shift[0], shift[1]], np.float64)


def _plain(photo: Tensor) -> tuple[Floats, NDArray[np.float64]]:
    """Evidence that everything may be skin, eye and mouth, and the way to it."""
    maps = np.zeros((1, 1, CHANNELS), np.float32)
    maps[..., [SKIN, EYE, TEETH, MOUTH]] = 1
    return maps, np.array([[1 / photo.shape[-1], 0, 0], [0, 1 / photo.shape[-2], 0]])


def _told(evidence: Evidence) -> tuple[Floats, NDArray[np.float64]]:
    maps = np.ascontiguousarray(evidence.maps[..., :CHANNELS])
    return maps, evidence.to_maps.double().numpy()


def _nothing() -> tuple[Floats, Floats]:
    return np.zeros((CHANNELS, 3), np.float32), np.zeros(CHANNELS, np.float32)
