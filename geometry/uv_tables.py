"""The tables behind `uv.UVMapper`: which triangle covers a texel (compiled), and which texels are
read at a point (vectorised over points).
"""

from __future__ import annotations

import numpy as np

from ..core.errors import InputError
from ..core.jit import kernel

_EDGE = 1e-9  # barycentric slack: a texel centre on a shared edge belongs to both triangles
_ROUNDING = 1e-6  # texels by which a triangle's box is wider
_BORDER_TEXELS = 9  # nearest texels of the chart that a border point's weights are fitted on
_LARGER = "Make the map larger: --size of the texture, or the side of the UV map."


def scan_convert(
    uv: np.ndarray, uv_faces: np.ndarray, size: tuple[int, int]
) -> tuple[np.ndarray, np.ndarray]:
    """Which triangle covers the centre of each texel, and where in it.

    A centre on a shared edge belongs to both triangles; of triangles that cover the same one, the
    lowest id counts. A triangle without area covers nothing.

    Args:
        uv: (T, 2) float64, v up.
        uv_faces: (F, 3) indices of UV points.
        size: (H, W).

    Returns:
        Triangle ids (H, W) int64, -1 where none, and barycentric coordinates (H, W, 3) float32.
    """
    height, width = size
    # In units of texels, with the centre of texel (row 0, column 0) at (0, 0) and y down.
    xy = np.stack((uv[:, 0] * width - 0.5, (1 - uv[:, 1]) * height - 0.5), 1)
    triangle = np.full((height, width), -1, np.int64)
    barycentric = np.zeros((height, width, 3), np.float32)
    _fill(xy, np.ascontiguousarray(uv_faces, np.int64), triangle, barycentric)
    return triangle, barycentric


@kernel
def _fill(
    xy: np.ndarray, corners: np.ndarray, triangle: np.ndarray, barycentric: np.ndarray
) -> None:
    """Write every triangle's texels, unless a lower one has them.

    Args:
        xy: (T, 2) float64 in texels. corners: (F, 3) int64 indices of `xy`.
        triangle: (H, W), -1 on entry. barycentric: (H, W, 3).
    """
    height, width = triangle.shape
    for f in range(len(corners)):
        a, b, c = xy[corners[f, 0]], xy[corners[f, 1]], xy[corners[f, 2]]
        bx, by, cx, cy = b[0] - a[0], b[1] - a[1], c[0] - a[0], c[1] - a[1]
        area = bx * cy - by * cx
        low_x = max(int(np.ceil(min(a[0], b[0], c[0]) - _ROUNDING)), 0)
        low_y = max(int(np.ceil(min(a[1], b[1], c[1]) - _ROUNDING)), 0)
        high_x = min(int(np.floor(max(a[0], b[0], c[0]) + _ROUNDING)), width - 1)
        high_y = min(int(np.floor(max(a[1], b[1], c[1]) + _ROUNDING)), height - 1)
        for row in range(low_y, high_y + 1):
            py = row - a[1]
            for column in range(low_x, high_x + 1):
                px = column - a[0]
                second, third = (px * cy - py * cx) / area, (bx * py - by * px) / area
                first = 1 - second - third
                inside = first >= -_EDGE and second >= -_EDGE and third >= -_EDGE
                if inside and triangle[row, column] < 0:
                    triangle[row, column] = f
                    barycentric[row, column, 0] = first
                    barycentric[row, column, 1] = second
                    barycentric[row, column, 2] = third


def triangle_charts(uv_faces: np.ndarray, count: int) -> np.ndarray:
    """The chart (connected part) of each triangle of a UV layout.

    >>> triangle_charts(np.array([[0, 1, 2], [3, 4, 5], [2, 1, 6]]), 7).tolist()
    [0, 1, 0]

    Args:
        uv_faces: (F, 3) indices of UV points.
        count: how many UV points there are.

    Returns:
        (F,) numbers of charts.
    """
    part = np.arange(count)
    _join(np.ascontiguousarray(uv_faces, np.int64), part)
    return np.asarray(np.unique(part, return_inverse=True)[1][uv_faces[:, 0]])


@kernel
def _join(corners: np.ndarray, part: np.ndarray) -> None:
    """Give all points that triangles (F, 3) connect the number of the lowest of them.

    Args:
        corners: int64. part: (T,) int64, the numbers 0 to T - 1 on entry.
    """
    for f in range(len(corners)):
        for k in range(1, 3):
            a, b = corners[f, k - 1], corners[f, k]
            while part[a] != a:  # up to the lowest, halving the way for those that come after
                part[a] = part[part[a]]
                a = part[a]
            while part[b] != b:
                part[b] = part[part[b]]
                b = part[b]
            part[max(a, b)] = min(a, b)
    for n in range(len(part)):
        part[n] = part[part[n]]


def check_charts(corners: np.ndarray, charts: np.ndarray, triangle: np.ndarray) -> None:
    """Raise InputError where a chart with some area covers no texel: nothing of it is in a map.

    Args:
        corners: (F, 3, 2) of the triangles, UV.
        charts: (F,) their charts.
        triangle: (H, W) the triangle of each texel, -1 where none.
    """
    first, second = corners[:, 1] - corners[:, 0], corners[:, 2] - corners[:, 0]
    wide = first[:, 0] * second[:, 1] != first[:, 1] * second[:, 0]
    texels = np.bincount(charts[triangle[triangle >= 0]], minlength=int(charts.max()) + 1)
    if not texels[charts[wide]].all():
        raise InputError("uv", "charts that cover a texel at this size", "a smaller one", _LARGER)


def reading_places(
    uv: np.ndarray, uv_faces: np.ndarray, faces: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """Where each vertex is read in a UV map.

    On a seam a vertex has several UV points: it is read at the one whose narrowest triangle is
    widest. (Slivers fit between texel centres and cannot be read well.)

    Args:
        uv: (T, 2).
        uv_faces: (F, 3) indices of `uv`.
        faces: (F, 3) the same triangles, as indices of vertices.

    Returns:
        (P,) every vertex that a triangle uses, ascending, and (P,) its UV point.
    """
    corners = uv[uv_faces]
    sides = corners - np.roll(corners, 1, axis=1)
    area = np.abs(sides[:, 0, 0] * sides[:, 1, 1] - sides[:, 0, 1] * sides[:, 1, 0])
    longest = np.sqrt(np.square(sides).sum(2).max(1))
    width = area / np.maximum(longest, np.finfo(float).tiny)
    narrowest = np.full(len(uv), np.inf)
    np.minimum.at(narrowest, uv_faces.reshape(-1), np.repeat(width, 3))
    vertex, place = faces.reshape(-1), uv_faces.reshape(-1)
    order = np.lexsort((place, -narrowest[place], vertex))
    used, first = np.unique(vertex[order], return_index=True)
    return used, place[order][first]


def lookup_table(
    points: np.ndarray, charts: np.ndarray, chart_map: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """Texels and weights that read a map at UV points.

    Args:
        points: (P, 2) UV coordinates.
        charts: (P,) the chart of each point.
        chart_map: (H, W) the chart of each texel, -1 outside all.

    Returns:
        texels (P, K), flat indices of the map, and weights (P, K).

    Raises:
        InputError: a chart has no texel.
    """
    height, width = chart_map.shape
    xy = np.stack((points[:, 0] * width - 0.5, (1 - points[:, 1]) * height - 0.5), 1)
    texels = np.zeros((len(points), _BORDER_TEXELS), dtype=np.int64)
    weights = np.zeros((len(points), _BORDER_TEXELS))
    corner = np.floor(xy).astype(np.int64)
    column = corner[:, :1] + np.array([0, 1, 0, 1])
    row = corner[:, 1:] + np.array([0, 0, 1, 1])
    valid = (column >= 0) & (column < width) & (row >= 0) & (row < height)
    row, column = row.clip(0, height - 1), column.clip(0, width - 1)
    fraction = np.stack((1 - (xy - corner), xy - corner), -1)  # (P, xy, near/far)
    bilinear = fraction[:, 0][:, [0, 1, 0, 1]] * fraction[:, 1][:, [0, 0, 1, 1]]
    same_chart = valid & (chart_map[row, column] == charts[:, None])
    whole = (same_chart | (bilinear == 0)).all(1)
    texels[whole, :4] = (row * width + column)[whole]
    weights[whole, :4] = bilinear[whole]
    for chart in np.unique(charts[~whole]):
        here = np.flatnonzero(~whole & (charts == chart))
        texels[here], weights[here] = _border_lookup(xy[here], chart_map == chart)
    # A texel without weight may hold NaN, which times 0 is NaN: name the heaviest one instead.
    heaviest = np.take_along_axis(texels, weights.argmax(1)[:, None], 1)
    return np.where(weights == 0, heaviest, texels), weights


def _border_lookup(xy: np.ndarray, chart: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Nearest texels of one chart and weights that reproduce linear functions (least squares
    fitted on them, near ones counting more).
    """
    from scipy.spatial import cKDTree

    members = np.argwhere(chart)
    if not len(members):
        raise InputError("uv", "charts that cover a texel at this size", "a smaller one", _LARGER)
    count = min(_BORDER_TEXELS, len(members))
    distance, nearest = cKDTree(members[:, ::-1]).query(xy, k=count)
    distance, nearest = distance.reshape(len(xy), count), nearest.reshape(len(xy), count)
    offset = members[nearest][..., ::-1] - xy[:, None]
    A = np.concatenate((np.ones((*offset.shape[:2], 1)), offset), -1)
    importance = np.exp(-np.square(distance / np.maximum(distance[:, -1:], 1e-12)))
    # Value at offset 0 of the weighted fit: first row of (A^T W A)^+ A^T W. pinv also serves
    # texels in one row or one point, where the slope across stays 0.
    normal = np.einsum("pki,pk,pkj->pij", A, importance, A)
    first = np.linalg.pinv(normal, rcond=1e-6, hermitian=True)[:, 0]
    weights = np.einsum("pi,pki,pk->pk", first, A, importance)
    weights /= weights.sum(1, keepdims=True)
    texels = np.zeros((len(xy), _BORDER_TEXELS), dtype=np.int64)
    padded = np.zeros((len(xy), _BORDER_TEXELS))
    texels[:, :count] = members[nearest, 0] * chart.shape[1] + members[nearest, 1]
    padded[:, :count] = weights
    return texels, padded
