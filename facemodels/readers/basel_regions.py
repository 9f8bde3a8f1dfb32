"""Parts of Basel's surface, found by its landmarks and its triangles, as its files name none.

SADRNet weighs eyes, nose and mouth 12, cheeks, chin and forehead 3 and the neck 0 by a picture over
its UV map. Here a part is what lies about its landmarks from the front and hangs together with them
along the surface, so that nothing behind, such as ears or the inside of a mouth, is taken.
"""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import torch
from numpy.typing import NDArray

from ...geometry.face_model import FaceModel
from ...geometry.face_regions import REFLECTANCE

Mask = NDArray[np.bool_]
Array = NDArray[np.float64]
PARTS = ("eyelids", "brows", "nose", "lips", "neck")
_FAMILY = "basel-2009"
_LID = 4.0  # mm round the eye's outline
_LIPS = 1.08  # of their outline about its middle
_BROW = 4.5  # mm from the brow's line
_ROOT, _WING = 7.5, 6.0  # mm: half the nose's width at its root; beyond the nostrils' points
_UNDER = 1.0  # mm below the columella
_CHIN = 3.0  # mm below the chin's point the neck begins


def with_basel_regions(model: FaceModel) -> FaceModel:
    """The model, if it is a Basel model of 2009 with the parts that it lacks; else as it is.

    Deep3D's mask, which files of earlier versions call `skin`, gets the name `reflectance`.
    """
    if not model.name.startswith(_FAMILY):
        return model
    if "skin" in model.regions and REFLECTANCE not in model.regions:
        model.regions[REFLECTANCE] = model.regions.pop("skin")
    marks = model.landmarks.get("ibug68")
    if len(model.faces) and marks is not None and bool(marks.valid.all()) and len(marks) == 68:
        for name, mask in parts_of(model).items():
            model.regions.setdefault(name, torch.from_numpy(mask).to(model.mean.device))
    return model


def parts_of(model: FaceModel) -> Mapping[str, Mask]:
    """Masks (V,) of `PARTS`, of a face that looks along +z with all 68 points."""
    points = model.mean.double().cpu().numpy()
    marks = model.landmark_points(model.mean[None], "ibug68")[0].double().cpu().numpy()
    plane = points[:, :2]
    eyes = _eye(plane, marks[36:42]) | _eye(plane, marks[42:48])
    brows = np.minimum(_distance(plane, marks[17:22]), _distance(plane, marks[22:27])) < _BROW
    parts = {
        "eyelids": (eyes, range(36, 48)),
        "brows": (brows & ~eyes, range(17, 27)),
        "nose": (_nose(points, marks), range(27, 36)),
        "lips": (_inside(plane, _grown(marks[48:60], _LIPS)), range(48, 60)),
    }
    edges = _edges(model)
    masks = {n: _joined(m, edges, points, marks[list(k)]) for n, (m, k) in parts.items()}
    return masks | {"neck": _neck(points, marks)}


def _nose(points: Array, marks: Array) -> Mask:
    """From the bridge down to the columella, widening towards the wings."""
    x, y, _ = points.T
    middle = marks[27:31, 0].mean()
    top, bottom = marks[27, 1], marks[33, 1] - _UNDER
    down = np.clip((top - y) / (top - bottom), 0, 1)
    wing = np.abs(marks[[31, 35], 0] - middle).max() + _WING
    width = _ROOT + max(wing - _ROOT, 0.0) * down
    return (y < top) & (y > bottom) & (np.abs(x - middle) < width)


def _eye(points: Array, outline: Array) -> Mask:
    """An eye and its lids."""
    closed = np.concatenate([outline, outline[:1]])
    return _inside(points, outline[:, :2]) | (_distance(points, closed) < _LID)


def _neck(points: Array, marks: Array) -> Mask:
    """Below the chin, and below and behind the jaw's line."""
    _, y, z = points.T
    jaw = marks[[*range(3, 8), *range(9, 14)]]
    lowest = np.interp(z, *_rising(jaw[:, 2], jaw[:, 1]))
    return (y < marks[8, 1] - _CHIN) | ((y < lowest - _CHIN) & (z < jaw[:, 2].max()))


def _rising(depth: Array, height: Array) -> tuple[Array, Array]:
    order = np.argsort(depth)
    return depth[order], np.minimum.accumulate(height[order])


def _grown(outline: Array, factor: float) -> Array:
    """An outline (N,2) made larger about its middle."""
    middle = outline[:, :2].mean(0)
    return middle + factor * (outline[:, :2] - middle)


def _inside(points: Array, polygon: Array) -> Mask:
    """Points (V,2) inside a polygon (N,2), by the edges that a ray to the right crosses."""
    x, y = points.T
    inside = np.zeros(len(points), bool)
    for (x0, y0), (x1, y1) in zip(polygon, np.roll(polygon, -1, 0), strict=True):
        if y0 != y1:
            crosses = (y0 > y) != (y1 > y)
            inside ^= crosses & (x < x0 + (y - y0) * (x1 - x0) / (y1 - y0))
    return inside


def _distance(points: Array, line: Array) -> Array:
    """Distances (V,) of points (V,2) from a line of segments (N,3), seen from the front."""
    best = np.full(len(points), np.inf)
    for start, end in zip(line[:-1, :2], line[1:, :2], strict=True):
        along = end - start
        share = np.clip((points - start) @ along / max(along @ along, 1e-12), 0, 1)
        best = np.minimum(best, np.linalg.norm(points - start - share[:, None] * along, axis=1))
    return best


def _edges(model: FaceModel) -> NDArray[np.int64]:
    """Pairs (E,2) of neighbouring vertices."""
    faces = model.faces.cpu().numpy()
    return np.concatenate([faces[:, [0, 1]], faces[:, [1, 2]], faces[:, [2, 0]]])


def _joined(mask: Mask, edges: NDArray[np.int64], points: Array, seeds: Array) -> Mask:
    """What of a mask hangs together with the vertices next to some points (N,3)."""
    from scipy.sparse import coo_matrix
    from scipy.sparse.csgraph import connected_components

    kept = edges[mask[edges].all(1)]
    count = len(mask)
    graph = coo_matrix((np.ones(len(kept)), (kept[:, 0], kept[:, 1])), shape=(count, count))
    part = connected_components(graph, directed=False)[1]
    inside = np.flatnonzero(mask)
    if not len(inside):
        return mask
    apart = np.linalg.norm(points[inside, None] - seeds[None], axis=2)
    return mask & np.isin(part, part[inside[apart.argmin(0)]])
