"""The tables behind `uv.UVMapper`, in NumPy: which triangle covers a texel, and which texels are
read at a point. Everything is vectorised over triangles, texels and points.
"""

from __future__ import annotations

import numpy as np
from scipy.sparse import coo_matrix
from scipy.sparse.csgraph import connected_components
from scipy.spatial import cKDTree

from ..core.errors import InputError

_CHUNK = 2_000_000  # candidate texels at a time: bounds the memory at about 200 MB
_EDGE = 1e-9  # barycentric slack: a texel centre on a shared edge belongs to both triangles
_BORDER_TEXELS = 9  # nearest texels of the chart that a border point's weights are fitted on
_LARGER = "Make the map larger: --size of the texture, or the side of the UV map."


def _boxes(corners: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Lowest texel index and number of texel centres in each triangle's box; (F, 2) each."""
    low = np.ceil(corners.min(1) - 1e-6).astype(np.int64)
    high = np.floor(corners.max(1) + 1e-6).astype(np.int64)
    return low, np.maximum(high - low + 1, 0)


def _chunks(counts: np.ndarray) -> list[np.ndarray]:
    """Triangle ids in runs of at most `_CHUNK` candidates (or of one triangle)."""
    group = (np.cumsum(counts) - 1) // _CHUNK
    return np.split(np.arange(len(counts)), np.flatnonzero(np.diff(group)) + 1)


def _barycentric(corners: np.ndarray, points: np.ndarray) -> np.ndarray:
    """Barycentric coordinates (N, 3) of points (N, 2) in triangles (N, 3, 2); NaN without area."""
    a, b, c = corners[:, 0], corners[:, 1], corners[:, 2]
    ab, ac, ap = b - a, c - a, points - a
    area = ab[:, 0] * ac[:, 1] - ab[:, 1] * ac[:, 0]
    with np.errstate(divide="ignore", invalid="ignore"):
        second = (ap[:, 0] * ac[:, 1] - ap[:, 1] * ac[:, 0]) / area
        third = (ab[:, 0] * ap[:, 1] - ab[:, 1] * ap[:, 0]) / area
        return np.stack((1 - second - third, second, third), 1)


def scan_convert(
    uv: np.ndarray, uv_faces: np.ndarray, size: tuple[int, int]
) -> tuple[np.ndarray, np.ndarray]:
    """Triangle id (H, W), -1 where none, and barycentric coordinates (H, W, 3) of texel centres."""
    height, width = size
    # In units of texels, with the centre of texel (row 0, column 0) at (0, 0) and y down.
    xy = np.stack((uv[:, 0] * width - 0.5, (1 - uv[:, 1]) * height - 0.5), 1)
    corners = xy[uv_faces]
    low, extent = _boxes(corners)
    triangle = np.full(height * width, -1, dtype=np.int64)
    barycentric = np.zeros((height * width, 3))
    # Last chunk first and, in a chunk, the highest id first: the lowest id is written last.
    for ids in reversed(_chunks(extent.prod(1))):
        owner, x, y = _candidates(ids[::-1], low, extent)
        weights = _barycentric(corners[owner], np.stack((x, y), 1))
        inside = (weights >= -_EDGE).all(1) & (x >= 0) & (x < width) & (y >= 0) & (y < height)
        texel = y[inside] * width + x[inside]
        triangle[texel], barycentric[texel] = owner[inside], weights[inside]
    return triangle.reshape(height, width), barycentric.reshape(height, width, 3)


def _candidates(
    ids: np.ndarray, low: np.ndarray, extent: np.ndarray
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Every (triangle, x, y) with the texel centre in the triangle's box."""
    counts = extent[ids].prod(1)
    owner = np.repeat(ids, counts)
    start = np.repeat(np.cumsum(counts) - counts, counts)
    local = np.arange(len(owner)) - start
    columns = extent[owner, 0]
    return owner, low[owner, 0] + local % columns, low[owner, 1] + local // columns


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
    rows = uv_faces[:, [0, 1]].reshape(-1)
    columns = uv_faces[:, [1, 2]].reshape(-1)
    graph = coo_matrix((np.ones(len(rows), dtype=np.int8), (rows, columns)), shape=(count, count))
    return connected_components(graph, directed=False)[1][uv_faces[:, 0]]


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
