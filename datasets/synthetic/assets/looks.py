"""How an asset looks on the mean head: its picture where its faces use it, and where brows lie.

Of a picture it is measured how light it is, and which way its strands run.

MakeHuman's brows lie about 9 mm lower on its base mesh than people's, for which the landmarks
stand. A brow is moved over the skin of the mean head as a whole, keeping its own bend and slant
where they differ from a brow's usual ones by more than a straight line, and is then tied to the
skin that it lies on.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.ndimage import gaussian_filter

from .mean_head import MeanHead

Array = NDArray[Any]

_LUMINANCE = np.array([0.299, 0.587, 0.114], np.float32)
_DARKEST = 0.01  # keeps black from ruling the mean
_OPAQUE = 0.5

UNKNOWN = (0.5, 0.0)
"""Log-mean luminance and spread where there is no picture."""

_SPOTS = np.array(
    [[4, 1, 1], [1, 4, 1], [1, 1, 4], [2, 2, 2], [3, 3, 0], [3, 0, 3], [0, 3, 3]], np.float32
) / np.float32(6)  # fmt: skip
"""Where faces are sampled, weights of their corners."""

_FINE, _BROAD = 1.0, 1 / 85
"""Strands are lines this fine, pixels, and run one way over this much of the picture."""

_BLOCK = 8  # pixels
_CLEAR = 0.15
"""Below this coherence, 0 to 1, the picture says nothing about a direction."""

_DROP = 1.2  # mm, of a brow's middle below the landmarks
_INNER, _OUTER = 10.0, 62.0  # mm to the sides: where brows are
_LEAST, _MOST = 0.3, 2.0  # mm over the skin
_UNIT = 100.0  # mm: that of offsets without a ruler
_INSIDE = -0.01
_FACING = 0.02
"""Cosine to the front of skin that a brow can lie on."""


@dataclass(frozen=True, eq=False)
class FaceSamples:
    """Seven points of every face of a placed asset.

    Attributes:
        points: (f,7,3) mm; texels: (f,7,4) of its picture there, 0 to 1.
        weights: (f,7) the face's area times alpha.
    """

    points: Array
    texels: Array
    weights: Array

    @classmethod
    def of(cls, texture: Array, points: Array, faces: Array, uv: Array) -> FaceSamples:
        """Of a picture (h,w,4), points (n,3), faces (f,3) and uv (f,3,2), v up."""
        row, column = _pixels(texture, uv)
        texels = texture[row, column].astype(np.float32) / 255
        corners = points[faces]
        cross = np.cross(corners[:, 1] - corners[:, 0], corners[:, 2] - corners[:, 0])
        area = np.linalg.norm(cross, axis=1)[:, None] / 2
        return cls(np.einsum("sk,fkc->fsc", _SPOTS, corners), texels, area * texels[..., 3])

    def luminance(self) -> tuple[float, float]:
        """Log-mean luminance, 0 to 1, sRGB-coded, and the spread of its logarithm.

        Over the opaque parts that faces use: a picture often holds much that no face uses.
        """
        weights = self.weights * (self.texels[..., 3] > _OPAQUE)
        if not weights.sum() > 0:
            return UNKNOWN
        logs = np.log(self.texels[..., :3] @ _LUMINANCE + _DARKEST)
        mean = float(np.average(logs, weights=weights))
        spread = float(np.sqrt(np.average((logs - mean) ** 2, weights=weights)))
        return float(np.exp(mean)), spread


def turned_along_strands(texture: Array, uv: Array) -> NDArray[np.float32]:
    """Texture coordinates (f,3,2), turned face by face so that painted strands run along v.

    They serve to find directions of strands on a surface. Where a picture shows no direction, as
    in one colour, they are `uv`.

    Args:
        texture: (h,w,4). uv: (f,3,2), v up.
    """
    tensor = _structure(texture)
    row, column = (place // _BLOCK for place in _pixels(texture, uv))
    xx, xy, yy = tensor[row, column].mean(1).T
    angle = 0.5 * np.arctan2(2 * xy, xx - yy)  # of the steepest change; strands run across it
    clear = np.hypot(xx - yy, 2 * xy) > _CLEAR * (xx + yy + 1e-12)
    height, width = texture.shape[:2]
    # Along a strand, in texture coordinates; rows go down, v goes up.
    along = np.stack([-np.sin(angle) / width, -np.cos(angle) / height], -1)
    along = np.where(clear[:, None], along, [0.0, 1.0])
    along /= np.linalg.norm(along, axis=1, keepdims=True)
    across = np.stack([along[:, 1], -along[:, 0]], -1)
    return np.einsum("fac,fkc->fka", np.stack([across, along], 1), uv).astype(np.float32)


def _pixels(texture: Array, uv: Array) -> tuple[Array, Array]:
    """Row and column (f,7) of the samples of faces; pictures repeat."""
    height, width = texture.shape[:2]
    spots = np.einsum("sk,fkc->fsc", _SPOTS, uv)
    row = np.floor((1 - spots[..., 1]) * height).astype(np.int64) % height
    return row, np.floor(spots[..., 0] * width).astype(np.int64) % width


def _structure(texture: Array) -> Array:
    """The structure tensor xx, xy, yy of a picture's gradients, averaged, one of each block."""
    visible = texture[..., 3] / np.float32(255)
    value = (np.log(texture[..., :3] @ _LUMINANCE / 255 + 0.05) + 3) * visible
    right = gaussian_filter(value, _FINE, order=(0, 1), mode="wrap", truncate=3)
    down = gaussian_filter(value, _FINE, order=(1, 0), mode="wrap", truncate=3)
    blocks = [_blocks(part) for part in (right * right, right * down, down * down)]
    sigma = max(texture.shape[:2]) * _BROAD / _BLOCK
    return np.stack([gaussian_filter(block, sigma, mode="wrap") for block in blocks], -1)


def _blocks(values: Array) -> Array:
    """Sums over blocks of an image (h,w); the last may be smaller."""
    starts = [np.arange(0, size, _BLOCK) for size in values.shape]
    return np.add.reduceat(np.add.reduceat(values, starts[0], 0), starts[1], 1)


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
    frontmost, each = depth.argmax(1), np.arange(len(points))
    hit = np.isfinite(depth[each, frontmost])
    nearest = head.skin.tree.query(points)[1]
    ids = np.where(hit[:, None], triangles[frontmost], head.skin.ids[nearest])
    return ids, np.where(hit[:, None], part[each, frontmost], head.skin.weights[nearest])


def _front(points: Array, head: MeanHead) -> tuple[Array, Array, Array]:
    """Triangles (t,3) near points that face the front, their corners and twice their areas."""
    triangles = head.skin.triangles
    corners = head.base[triangles].astype(np.float64)
    cross = np.cross(corners[:, 1] - corners[:, 0], corners[:, 2] - corners[:, 0])
    use = cross[:, 2] > _FACING * np.linalg.norm(cross, axis=1)
    use &= (corners.min(1) < points.max(0)).all(1, where=[True, True, False])
    use &= (corners.max(1) > points.min(0)).all(1, where=[True, True, False])
    return triangles[use], corners[use], cross[use, 2]
