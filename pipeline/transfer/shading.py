"""Light on a face's vertices, and how much brighter another light makes them."""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn import functional

from ...geometry.mesh import vertex_normals
from ...geometry.sh import shade
from ..face import ReconstructedFace
from ..texture.look import as_seen

_DARKEST = 0.4  # of the mean shading: a photograph's darker shadows are not divided out whole
_LEAST = 0.02  # shading of an unlit place
_MOST = 6.0  # times brighter, at most: what is black in a photograph stays dark


def shading_of(face: ReconstructedFace, *, fitted: bool = True) -> Tensor:
    """The shading (V,3) of a face's vertices, where the camera sees them.

    Args:
        face: with its expression, pose and light.
        fitted: the light is a photograph's: where the camera does not see the face it is kept
            within what it sees, as in textures.
    """
    body = face.camera.to_camera(face.vertices[None])
    normals = vertex_normals(body, face.model.faces)
    shading = shade(normals, face.coefficients.light.to(normals))[0]
    if not fitted:
        return shading
    return as_seen(shading, (normals * -functional.normalize(body, dim=-1)).sum(-1)[0])


def brightening(old: Tensor, new: Tensor) -> Tensor:
    """What colours seen under one light are multiplied with to be seen under another (V,3).

    Args:
        old: (V,3) shading of what was seen. new: (V,3) shading that is wanted.
    """
    level = old.mean().clamp(min=_LEAST)
    return (new.clamp(min=_LEAST) / torch.maximum(old, _DARKEST * level)).clamp(max=_MOST)
