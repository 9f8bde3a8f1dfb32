"""Colours for what no photograph shows: extended over the face, and over the background.

Where the face is in the picture, and how it lies to the viewer, says which colours are known.
"""

from __future__ import annotations

import numpy as np
import torch
from numpy.typing import NDArray
from scipy.ndimage import binary_fill_holes, distance_transform_edt, label
from scipy.sparse import coo_matrix, csr_matrix
from scipy.sparse.csgraph import connected_components
from scipy.spatial import cKDTree
from torch import Tensor
from torch.nn import functional

from ...geometry.camera import PerspectiveCamera
from ...geometry.face_model import FaceModel
from ...geometry.mesh import boundary_edges
from ...geometry.posed import FaceCamera
from ...render.rasterizer import Fragments

Array = NDArray[np.float32]

_BRIM = 12.0  # mm from the border of the face's surface
_SPECK = 0.02  # of the largest piece of the face in the picture; smaller ones are no face

_REACHES = (80.0, 25.0, 9.0)  # mm, coarse to fine: standard deviations of the averages
_CELL = 0.8  # of a standard deviation: between the nodes at which averages are formed
_CUT = 3.0  # standard deviations up to which a vertex counts
_LITTLE = 0.02  # of the weight that all vertices have: below it the coarser average speaks
_DARK = 0.05  # added to colours before dividing by them
_ENOUGH = 20.0  # vertices, to say anything about the light
_OFF = ("brows", "cavities", "left_eye", "lips", "mouth", "right_eye")


def outer_face(clip: Tensor, faces: Tensor, fragments: Fragments) -> Tensor:
    """Where the outer side of a face is seen, not its inner side.

    Args:
        clip: (1,V,4). faces: (F,3), counter-clockwise seen from outside.
        fragments: of the two, one image.

    Returns:
        (1,H,W) bool. Gaps that are closed all round, or two pixels narrow, count as outside.
    """
    pixels = clip[0, :, :2] / clip[0, :, 3:]
    a, b, c = (pixels[faces[:, k]] for k in range(3))
    ab, ac = b - a, c - a
    outer = ab[:, 0] * ac[:, 1] - ab[:, 1] * ac[:, 0] > 0
    drawn = fragments.covered
    seen = outer[fragments.triangle.clamp(min=0)] & drawn
    # Folds that cross show specks of the inner side: closed, where they are not at the brim.
    wide = functional.max_pool2d(seen.to(clip), 3, 1, 1)
    near = -functional.max_pool2d(-wide, 3, 1, 1) > 0
    face = _large_pieces(near & drawn)
    closed = torch.from_numpy(binary_fill_holes(face[0].numpy()))[None]
    return closed & drawn


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


class ColourExtension:
    """Extends what is known at some vertices of a face to all of them, smoothly.

    Normalised averages (Knutsson and Westin, CVPR 1993) with Gaussians on the mean face, at three
    scales: the finest that knows enough decides. Brows, eyes and lips do not speak for the skin.

    Args:
        model: the face model.
    """

    def __init__(self, model: FaceModel) -> None:
        self._albedo = model.albedo_mean.clamp(0, 1).numpy() + _DARK
        self._skin = (model.region("skin") & model.region("face")).numpy()
        for name in _OFF:
            if name in model.regions:
                self._skin &= ~model.regions[name].numpy()
        self._scales = [_Scale(model.mean.numpy(), reach) for reach in _REACHES]

    def __call__(self, values: Tensor, trust: Tensor) -> Tensor:
        """Values (V,3) of all vertices from those of some.

        Args:
            values: (V,3). trust: (V,) in [0,1], how far each is known.
        """
        weight = (trust.numpy() * self._skin)[:, None]
        known = np.concatenate([values.numpy() * weight, weight], 1)
        value = known[:, :3].sum(0) / max(float(weight.sum()), 1e-6)
        for scale in self._scales:
            value = scale(known, value)
        return torch.from_numpy(value.astype(np.float32))

    def colours(self, colours: Tensor, trust: Tensor) -> Tensor:
        """Colours (V,3) in [0,1] from those of some vertices, with the mean face's brows, lips and
        folds: what is extended is the colour relative to the mean face's."""
        albedo = torch.from_numpy(self._albedo)
        return self(colours / albedo, trust) * albedo

    def gain(self, colours: Tensor, trust: Tensor, mirror: Tensor) -> Tensor:
        """How much brighter each vertex is than its mirror image, (V,3): the light's doing.

        Measured where both are known, 1 where no two are.

        Args:
            colours, trust: as above. mirror: (V,) every vertex's mirror image.
        """
        both = trust * trust[mirror]
        if float(both.sum()) < _ENOUGH:
            return torch.ones_like(colours)
        return self((colours + _DARK) / (colours[mirror] + _DARK), both)


class _Scale:
    """Averages over vertices (V,3) mm within a reach, by way of nodes."""

    def __init__(self, places: Array, reach: float) -> None:
        _, first = np.unique(np.round(places / (_CELL * reach)), axis=0, return_index=True)
        near = cKDTree(places).sparse_distance_matrix(
            cKDTree(places[first]), _CUT * reach, output_type="coo_matrix"
        )
        weights = np.exp(-np.square(near.data) / (2 * reach**2)).astype(np.float32)
        self._out = csr_matrix((weights, (near.row, near.col)), shape=near.shape)
        self._in = self._out.T.tocsr()
        self._full = np.asarray(self._in.sum(1), np.float32).reshape(-1, 1)
        self._some = _LITTLE * np.asarray(self._out.sum(1), np.float32).reshape(-1, 1)

    def __call__(self, known: Array, coarser: Array) -> Array:
        """Of weighted values and weights (V,4); `coarser` (V,3) where little is known."""
        back = self._out @ (self._in @ known / self._full)
        return (back[:, :3] + self._some * coarser) / (back[:, 3:] + self._some)


def fill_holes(image: Tensor, known: Tensor) -> Tensor:
    """An image whose unknown pixels are smooth between known ones (push-pull: Gortler et al.,
    The Lumigraph, SIGGRAPH 1996, section 4.5.2).

    Args:
        image: (1,C,H,W). known: (1,1,H,W) in [0,1].

    Returns:
        (1,C,H,W); all 0 where nothing at all is known.
    """
    return _push_pull(image * known, known)


def _push_pull(weighted: Tensor, weight: Tensor) -> Tensor:
    height, width = weighted.shape[-2:]
    if height <= 2 and width <= 2:
        total = weight.sum((2, 3), keepdim=True).clamp(min=1e-6)
        mean = weighted.sum((2, 3), keepdim=True) / total
        return weighted + (1 - weight) * mean
    both = functional.avg_pool2d(torch.cat([weighted, weight], 1), 2, ceil_mode=True)
    mean = both[:, :-1] / both[:, -1:].clamp(min=1e-6)
    known = (4 * both[:, -1:]).clamp(max=1)
    coarse = _push_pull(mean * known, known)
    up = functional.interpolate(coarse, scale_factor=2, mode="bilinear")[..., :height, :width]
    return weighted + (1 - weight) * up
