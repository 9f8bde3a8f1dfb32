"""Brows are moved to where the face model has them.

MakeHuman's brows lie about 9 mm lower on its base mesh than people's, for which the landmarks
stand. A brow is moved over the skin of the mean head as a whole, keeping its own bend and slant
where they differ from a brow's usual ones by more than a straight line, and is then tied to the
skin that it lies on.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from .looks import FaceSamples
from .mean_head import MeanHead

Array = NDArray[Any]

_DROP = 1.2  # mm, of a brow's middle below the landmarks
_INNER, _OUTER = 10.0, 62.0  # mm to the sides: where brows are
_LEAST, _MOST = 0.3, 2.0  # mm over the skin
_UNIT = 100.0  # mm: that of offsets without a ruler
_INSIDE = -0.01
_FACING = 0.02
"""Cosine to the front of skin that a brow can lie on."""


def settled(points: Array, samples: FaceSamples, head: MeanHead) -> tuple[Array, Array, Array]:
    """Rows of a fitting without rulers for brows that lie at points (n,3) on the mean head.

    Args:
        points: mm in model space.
        samples: of the brows there.
        head: the mean head.

    Returns:
        ids, weights and offsets, (n,3) each, as of `mhclo.Fitting`.
    """
    shift = _shift(samples.points.reshape(-1, 3), samples.weights.ravel(), head.brows)
    height = np.clip(head.skin.height(points), _LEAST, _MOST)
    raised = points.astype(np.float64)
    raised[:, 1] += np.polyval(shift, np.abs(points[:, 0]))
    ids, corner = _under(raised, head)
    normal = head.skin.normals[head.skin.tree.query((head.base[ids] * corner[..., None]).sum(1))[1]]
    offsets = normal * (height / _UNIT)[:, None]
    return ids.astype(np.int32), corner.astype(np.float32), offsets.astype(np.float32)


def _shift(middles: Array, weights: Array, marks: Array) -> Array:
    """Slope and constant of the way up, mm by mm to the side, that brings brows to the marks."""
    order = np.argsort(marks[:, 0])
    wanted = np.interp(middles[:, 0], marks[order, 0], marks[order, 1]) - _DROP
    side = np.abs(middles[:, 0])
    there = (side > _INNER) & (side < _OUTER) & (weights > 0)
    if there.sum() < 2 or np.ptp(side[there]) < (_OUTER - _INNER) / 4:
        return np.zeros(2)
    return np.polyfit(side[there], (wanted - middles[:, 1])[there], 1, w=np.sqrt(weights[there]))


def _under(points: Array, head: MeanHead) -> tuple[Array, Array]:
    """The skin's triangles (n,3) straight behind points, the foremost, and where in them (n,3)."""
    triangles, corners, area = _front(points, head)
    before, after = np.roll(corners, 1, 1), np.roll(corners, -1, 1)
    x, y, _ = np.moveaxis(points[:, None, None] - before, -1, 0)
    part = ((after - before)[..., 0] * y - (after - before)[..., 1] * x) / area[:, None]
    depth = np.where(part.min(2) > _INSIDE, (part * corners[..., 2]).sum(2), -np.inf)
    found, each = depth.argmax(1), np.arange(len(points))
    hit = np.isfinite(depth[each, found])
    nearest = head.skin.tree.query(points)[1]
    ids = np.where(hit[:, None], triangles[found], head.skin.ids[nearest])
    return ids, np.where(hit[:, None], part[each, found], head.skin.weights[nearest])


def _front(points: Array, head: MeanHead) -> tuple[Array, Array, Array]:
    """Triangles (t,3) near points that face the front, their corners and twice their areas."""
    triangles = head.skin.triangles
    corners = head.base[triangles].astype(np.float64)
    cross = np.cross(corners[:, 1] - corners[:, 0], corners[:, 2] - corners[:, 0])
    use = cross[:, 2] > _FACING * np.linalg.norm(cross, axis=1)
    use &= (corners.min(1) < points.max(0)).all(1, where=[True, True, False])
    use &= (corners.max(1) > points.min(0)).all(1, where=[True, True, False])
    return triangles[use], corners[use], cross[use, 2]
