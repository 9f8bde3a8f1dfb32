"""The part of a face model that can be seen from outside: what a scanner would have seen."""

from __future__ import annotations

import math
from functools import lru_cache

import numpy as np
import torch
from numpy.typing import NDArray

from ..geometry.camera import WeakPerspectiveCamera
from ..geometry.face_model import FaceModel
from ..geometry.mesh import face_normals
from ..geometry.rotation import euler_to_matrix
from ..geometry.topology import SubMesh
from ..render.face import FaceRenderer
from .geometric_surface import Surface

_YAWS, _PITCHES = (-80, -40, 0, 40, 80), (-40, 0, 40)
_SIZE = 768  # pixels


@lru_cache(maxsize=4)
def outer_part(model: FaceModel) -> SubMesh:
    """The triangles of the mean face whose outside some of 15 views show, and their vertices.

    Sockets, the backs of the eyeballs and the inside of the mouth are left out: they are no part
    of a scan, and would be measured as errors of centimetres.
    """
    return seen_part(model.mean.numpy(), model.faces.numpy())


def seen_part(points: NDArray[np.floating], faces: NDArray[np.int64]) -> SubMesh:
    """The triangles of a mesh (V,3), (F,3) whose outside some of 15 views show.

    The mesh should look along +z with +y up, as model space.
    """
    vertices, triangles = torch.from_numpy(points).float()[None], torch.from_numpy(faces)
    centre = (vertices[0].min(0).values + vertices[0].max(0).values) / 2
    scale = 0.48 * _SIZE / float((vertices[0] - centre).norm(dim=1).max())
    seen = np.zeros(len(faces), dtype=bool)
    normals = face_normals(vertices, triangles)[0]
    renderer = FaceRenderer(triangles)
    for pitch in _PITCHES:
        for yaw in _YAWS:
            rotation = euler_to_matrix(torch.tensor([[pitch, yaw, 0.0]]) * (math.pi / 180))
            place = scale * (rotation[0] @ centre)
            shift = torch.stack([_SIZE / 2 - place[0], _SIZE / 2 + place[1]])[None]
            camera = WeakPerspectiveCamera(rotation, torch.tensor([scale]), shift)
            drawn = renderer.rasterizer.rasterize(
                camera.to_clip(vertices, (_SIZE, _SIZE)), renderer.triangles, (_SIZE, _SIZE)
            )
            ids = torch.unique(drawn[..., 3].long())
            ids = ids[ids > 0] - 1
            # Through the open back and neck, inner sheets show their wrong side.
            seen[ids[(normals[ids] @ rotation[0, 2]) > 0].numpy()] = True
    return _part(faces, seen)


def model_surface(model: FaceModel, name: str = "mean face") -> Surface:
    """The mean face of a model, its outside alone, with its landmarks."""
    points = model.landmark_points(model.mean[None], "ibug68")[0].numpy()
    return outer_surface(model, name, model.mean.numpy(), points)


def outer_surface(
    model: FaceModel, name: str, vertices: NDArray[np.floating], landmarks: NDArray[np.floating]
) -> Surface:
    """The outside of a mesh (V,3) of this model with its landmarks (68,3)."""
    part = outer_part(model)
    kept = vertices[part.vertices.numpy()]
    arrays = [np.asarray(a, dtype=np.float64) for a in (kept, landmarks)]
    return Surface(name, arrays[0], part.faces.numpy(), arrays[1])


def _part(faces: NDArray[np.int64], seen: NDArray[np.bool_]) -> SubMesh:
    ids = np.flatnonzero(seen)
    used, corner = np.unique(faces[ids], return_inverse=True)
    tensors = [torch.from_numpy(a) for a in (corner.reshape(-1, 3), used, ids)]
    return SubMesh(*tensors)
