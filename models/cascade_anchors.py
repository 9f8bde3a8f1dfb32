"""Anchors on a face model, and the patches of a photograph around their images.

Zhu et al., Face Alignment in Full Pose Range: A 3D Total Solution, TPAMI 2019 (pose adaptive
convolution): points spread evenly over the face are projected by the current parameters, the
photograph is read around each, and the patches, laid out in the anchors' order, make an image in
which every place belongs to one part of the face whatever its pose. The paper unrolls the face
from a cylinder and takes 64 x 64 anchors; here they are as many as the network asks for.

Ours: the cylinder's axis (vertical, behind the face's skin), anchors beside the unrolled face's
convex outline moved to its nearest vertex, patches upright and 1 pixel apart, and self-occluded
anchors read as the others are.
"""

from __future__ import annotations

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from ..core.errors import InputError
from ..geometry.checks import check_shape
from ..geometry.face_model import FaceModel
from ..geometry.landmarks import LandmarkSet

_SKIN, _FOLDED = "face", "ears"


def face_anchors(model: FaceModel, side: int) -> LandmarkSet:
    """side x side points of the mean face's skin, row by row from the forehead down.

    Columns go from the image's left to its right in a frontal view. The skin is unrolled to
    (azimuth, height), scaled to mm at its mean radius; anchors lie at the middles of equal cells.

    Args:
        model: its region "face" without "ears", where it has these.
        side: anchors in a row and in a column.

    Raises:
        InputError: side below 1, or a model without surface.
    """
    from scipy.spatial import Delaunay, cKDTree

    if side < 1:
        raise InputError("side", "1 or more", str(side))
    skin = model.region(_SKIN)
    if _FOLDED in model.regions:
        skin = skin & ~model.region(_FOLDED)
    numbers = torch.nonzero(skin)[:, 0].cpu().numpy()
    if not len(model.faces) or len(numbers) < 4:
        raise InputError("face model", "one with a surface, for anchors on it", repr(model.name))
    plane = unrolled(model.mean[skin].double().cpu().numpy())
    places = _grid(plane, side)
    mesh = Delaunay(plane)
    found = mesh.find_simplex(places)
    ids, weights = numbers[mesh.simplices[found]], _barycentric(mesh.transform[found], places)
    outside = found < 0
    ids[outside] = numbers[cKDTree(plane).query(places[outside])[1]][:, None]
    weights[outside] = (1, 0, 0)
    count = len(places)
    return LandmarkSet(
        "anchors",
        torch.from_numpy(ids.astype(np.int64)),
        torch.from_numpy(weights.astype(np.float32)),
        torch.zeros(count, 3),
        torch.ones(count, dtype=torch.bool),
    )


def unrolled(points: NDArray[np.float64]) -> NDArray[np.float64]:
    """Points (V,3) on a cylinder round a vertical axis behind them, unrolled: (V,2) mm, x right.

    The axis goes through the middle of their x and their rearmost z, so that every point lies
    within 90 degrees of the front.
    """
    x = points[:, 0] - (points[:, 0].min() + points[:, 0].max()) / 2
    z = points[:, 2] - points[:, 2].min()
    radius = float(np.hypot(x, z).mean())
    return np.stack([radius * np.arctan2(x, z), points[:, 1]], 1)


def anchor_patches(images: Tensor, places: Tensor, patch: int = 3) -> Tensor:
    """The photograph around the anchors' images, as one image.

    Args:
        images: (B,C,S,S). places: (B,N,2) pixels, N = n x n, in the anchors' order.
        patch: pixels of a patch's side.

    Returns:
        (B,C,patch n,patch n): patch (r,c) at rows patch r.., columns patch c.., its middle at
        anchor n r + c; read bilinearly, 0 outside the photograph.

    Raises:
        InputError: a number of anchors that is no square.
    """
    check_shape("images", images, ("B", "C", "S", "S"))
    check_shape("places", places, (len(images), "N", 2))
    side = round(places.shape[1] ** 0.5)
    if side * side != places.shape[1]:
        raise InputError("places", "a square number of anchors", str(places.shape[1]))
    middle = (patch - 1) / 2
    step = torch.arange(patch, dtype=places.dtype, device=places.device) - middle
    down, right = torch.meshgrid(step, step, indexing="ij")
    grid = places.unflatten(1, (side, 1, side, 1)) + torch.stack([right, down], -1)[:, None]
    pixels = grid.flatten(3, 4).flatten(1, 2)
    size = images.shape[-1]
    return torch.nn.functional.grid_sample(
        images, (2 * pixels / size - 1).to(images), align_corners=False, padding_mode="zeros"
    )


def _grid(plane: NDArray[np.float64], side: int) -> NDArray[np.float64]:
    """(side^2,2) middles of equal cells of the points' box, the highest row first."""
    low, high = plane.min(0), plane.max(0)
    share = (np.arange(side) + 0.5) / side
    x = low[0] + share * (high[0] - low[0])
    y = high[1] - share * (high[1] - low[1])
    return np.stack(np.meshgrid(x, y), -1).reshape(-1, 2)


def _barycentric(
    transform: NDArray[np.float64], places: NDArray[np.float64]
) -> NDArray[np.float64]:
    """Weights (N,3) of places (N,2) in triangles, by scipy's `Delaunay.transform` (N,3,2)."""
    first = np.einsum("nij,nj->ni", transform[:, :2], places - transform[:, 2])
    return np.concatenate([first, 1 - first.sum(1, keepdims=True)], 1)
