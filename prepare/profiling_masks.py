"""Where a face is in a picture, and how it lies to the viewer."""

from __future__ import annotations

import numpy as np
import torch
from scipy.ndimage import binary_fill_holes, distance_transform_edt, label
from scipy.sparse import coo_matrix
from scipy.sparse.csgraph import connected_components
from scipy.spatial import cKDTree
from torch import Tensor
from torch.nn import functional

from ..geometry.camera import PerspectiveCamera
from ..geometry.face_model import FaceModel
from ..geometry.mesh import boundary_edges
from ..geometry.posed import FaceCamera

_BRIM = 12.0  # mm from the border of the face's surface
_SPECK = 0.02  # of the largest piece of the face in the picture; smaller ones are no face


def outer_face(clip: Tensor, faces: Tensor, fragments: Tensor) -> Tensor:
    """Where the outer side of a face is seen, not its inner side.

    Args:
        clip: (1,V,4). faces: (F,3), counter-clockwise seen from outside.
        fragments: (1,H,W,4) of the two.

    Returns:
        (1,H,W) bool. Gaps that are closed all round, or two pixels narrow, count as outside.
    """
    pixels = clip[0, :, :2] / clip[0, :, 3:]
    a, b, c = (pixels[faces[:, k]] for k in range(3))
    ab, ac = b - a, c - a
    outer = ab[:, 0] * ac[:, 1] - ab[:, 1] * ac[:, 0] > 0
    number = fragments[..., 3].long()
    seen = outer[(number - 1).clamp(min=0)] & (number > 0)
    # Folds that cross show specks of the inner side: closed, where they are not at the brim.
    wide = functional.max_pool2d(seen.to(clip), 3, 1, 1)
    near = -functional.max_pool2d(-wide, 3, 1, 1) > 0
    face = _large_pieces(near & (number > 0))
    closed = torch.from_numpy(binary_fill_holes(face[0].numpy()))[None]
    return closed & (number > 0)


def distance_to_edge(mask: Tensor, inner: Tensor) -> Tensor:
    """Pixels (H,W) to where the face hides what is behind it; at its brim it does not."""
    beside = functional.max_pool2d(inner.float()[None, None], 3, 1, 1)[0, 0] > 0
    edge = beside & ~mask
    if not bool(edge.any()):
        return torch.full(mask.shape, torch.inf)
    small = functional.max_pool2d(edge.float()[None, None], 2, ceil_mode=True)[0, 0] == 0
    distance = torch.from_numpy(2 * distance_transform_edt(small.numpy())).float()
    each = functional.interpolate(distance[None, None], scale_factor=2, mode="bilinear")[0, 0]
    return each[: mask.shape[0], : mask.shape[1]]


def _large_pieces(mask: Tensor) -> Tensor:
    """A mask (1,H,W) bool without pieces far smaller than its largest, such as the far ear seen
    through the skull that the model does not have."""
    pieces, count = label(mask[0].numpy(), np.ones((3, 3)))
    if count < 2:
        return mask
    area = np.bincount(pieces.ravel())
    area[0] = 0
    return torch.from_numpy((area >= _SPECK * area.max())[pieces])[None]


def brim_of(model: FaceModel) -> Tensor:
    """1 at vertices (V,) near the outer border of the face's surface, 0 elsewhere."""
    pairs = boundary_edges(model.faces).numpy()
    count = len(model.mean)
    if not len(pairs):
        return torch.zeros(count)
    graph = coo_matrix((np.ones(len(pairs)), pairs.T), (count, count))
    _, loop = connected_components(graph, directed=False)
    longest = np.bincount(loop[pairs[:, 0]]).argmax()
    rim = model.mean.numpy()[np.unique(pairs[loop[pairs[:, 0]] == longest])]
    distance, _ = cKDTree(rim).query(model.mean.numpy())
    return torch.from_numpy((distance < _BRIM).astype(np.float32))


def cosine_to_viewer(points: Tensor, normals: Tensor, camera: FaceCamera) -> Tensor:
    """Of the angle between normals and the way to the viewer, (1,V), camera space."""
    if isinstance(camera, PerspectiveCamera):
        return -(normals * functional.normalize(points, dim=-1)).sum(-1)
    return normals[..., 2]


def ramp(x: Tensor, low: float, high: float) -> Tensor:
    """0 up to `low`, 1 from `high` on, smooth between them."""
    t = ((x - low) / (high - low)).clamp(0, 1)
    return t * t * (3 - 2 * t)
