"""Dense labels of a synthetic face, computed from its coefficients and camera when asked for."""

from __future__ import annotations

import numpy as np
import torch
from numpy.typing import NDArray

from ...geometry.face_model import FaceModel
from ...geometry.mesh import vertex_normals
from ...geometry.uv import UVMapper
from ...render.face import FaceRenderer
from .face import SyntheticFace

Array = NDArray[np.float32]

_TOLERANCE_MM = 2.0


def dense_vertices(face: SyntheticFace, model: FaceModel) -> Array:
    """Vertices (V,3) of either default model, mm in model space."""
    return model.vertices(face.coefficients())[0].numpy()


def dense_points(face: SyntheticFace, model: FaceModel) -> Array:
    """The vertices (V,3) in the picture: x, y and depth as `SyntheticFace.landmarks`."""
    return face.camera().project(model.vertices(face.coefficients()))[0].numpy()


def dense_normals(face: SyntheticFace, model: FaceModel) -> Array:
    """Unit normals (V,3) of the vertices in camera space."""
    in_camera = face.camera().to_camera(model.vertices(face.coefficients()))
    return vertex_normals(in_camera, model.faces)[0].numpy()


def depth_map(face: SyntheticFace, model: FaceModel) -> Array:
    """Distance (H,W) of the bare model along the viewing axis, mm; 0 outside."""
    size = face.image.shape[:2]
    vertices = model.vertices(face.coefficients())
    drawn = FaceRenderer(model.faces)(
        vertices, face.camera(), size, albedo=torch.ones_like(vertices), antialias=False
    )
    return drawn.depth[0, 0].numpy()


def vertex_visibility(face: SyntheticFace, model: FaceModel) -> NDArray[np.bool_]:
    """Which vertices (V,) the bare model itself does not hide, inside the picture.

    Hair, glasses and what else was drawn do not count: see `SyntheticFace.visible`.
    """
    depth, points = depth_map(face, model), dense_points(face, model)
    in_camera = face.camera().to_camera(model.vertices(face.coefficients()))[0].numpy()
    height, width = depth.shape
    x, y = np.floor(points[:, :2]).astype(int).T
    inside = (x >= 0) & (x < width) & (y >= 0) & (y < height)
    x, y = np.clip(x, 0, width - 1), np.clip(y, 0, height - 1)
    padded = np.pad(depth, 1)
    around = [padded[y + i, x + j] for i in range(3) for j in range(3)]
    farthest = np.max(around, 0)  # a slanted surface changes its depth within a pixel
    towards = dense_normals(face, model)[:, 2] > 0
    return inside & towards & (-in_camera[:, 2] <= farthest + _TOLERANCE_MM)


def position_map(face: SyntheticFace, model: FaceModel, mapper: UVMapper) -> Array:
    """UV map (3,H,W) of the vertices in the picture (x, y, depth), 0 outside the charts.

    Args:
        face: the face.
        model: either default model.
        mapper: of this model's `uv`, `uv_faces` and `faces`; made once.
    """
    return mapper.position_map(torch.from_numpy(dense_points(face, model))[None])[0].numpy()
