"""What drawing needs of an asset, worked out once on the mean head.

Clothes that are cut below the shoulders are let down, so that no ragged edge shows; hair that comes
without a picture gets coordinates along and across its strands.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy import sparse
from scipy.sparse.csgraph import dijkstra

from ....core.errors import InputError
from .asset import Asset, find_carries
from .curls import find_cards, frizz, frizzy_uv
from .formats import Fitting, Material
from .kinds import CARDS
from .lifting import find_lift
from .looks import UNKNOWN, FaceSamples, settled, turned_along_strands
from .mean_head import MeanHead
from .placing import place, scales

Array = NDArray[Any]

DROP = 250.0
"""The hem hangs this far below the cut, mm."""

_WIDER = 0.15
"""By this share of the drop it stands out from the body's middle."""

_AXIS = (0.0, -80.0)  # x and z of the line that azimuth turns about, mm in model space
_LENGTH = 25.0  # mm along a strand per unit of v
_LONGEST = 60.0
_SAME = 2  # decimals of a mm: vertices at one place are one
_LEAST = 1e-6
_STEEP = 0.2
"""Mean sine of the edges that rise from a tip."""

Rows = tuple[Array, Array, Array, Array, Array]

_ENOUGH = 8  # faces of clothes near the head, for them to be worth drawing


@dataclass(frozen=True, eq=False)
class Hem:
    """What is added to clothes below a cut.

    Attributes:
        sources: (h,) the vertices that hem vertices hang below; shifts: (h,3) mm, by how much.
        faces: (g,3) of vertices, those of the hem counted after the `count` others; uv: (g,3,2).
    """

    sources: NDArray[np.int64]
    shifts: NDArray[np.float32]
    faces: NDArray[np.int64]
    uv: NDArray[np.float32]


def let_down(points: Array, faces: Array, kept: Array, uv: Array) -> Hem:
    """A curtain below every edge between a face that is kept and one that is not.

    Args:
        points: (n,3) mm; those of faces that are not kept do not matter.
        faces: (f,3); kept: (f,) bool; uv: (f,3,2).
    """
    starts, ends = faces.ravel(), np.roll(faces, -1, 1).ravel()
    side = np.minimum(starts, ends).astype(np.int64) * len(points) + np.maximum(starts, ends)
    there = kept.repeat(3)
    cut = there & np.isin(side, side[~there])
    one, other = starts[cut], ends[cut]
    sources, inverse = np.unique(np.concatenate([one, other]), return_inverse=True)
    below = len(points) + inverse.reshape(2, -1)
    first, last = uv.reshape(-1, 2)[cut], np.roll(uv, -1, 1).reshape(-1, 2)[cut]
    return Hem(
        sources=sources,
        shifts=_shifts(points[sources]),
        faces=np.concatenate([
            np.stack([other, one, below[0]], 1), np.stack([other, below[0], below[1]], 1)
        ]),
        uv=np.concatenate([np.stack([last, first, first], 1), np.stack([last, first, last], 1)]),
    )  # fmt: skip


def _shifts(points: Array) -> NDArray[np.float32]:
    """Down, and outwards from the middle of the body."""
    if not len(points):
        return np.zeros((0, 3), np.float32)
    out = points - (points.min(0) + points.max(0)) / 2
    out[:, 1] = 0
    out /= np.maximum(np.linalg.norm(out, axis=1, keepdims=True), 1)
    return (DROP * (_WIDER * out - [0, 1, 0])).astype(np.float32)


def strand_coordinates(
    points: Array, faces: Array, every_side: bool = False
) -> NDArray[np.float32]:
    """Coordinates (f,3,2) per corner: u the azimuth round the head, v the way from the tips.

    u is in turns, 0 in front, growing to the subject's left, and continuous over each face. v is
    the way along the hair to the nearest edge at which it ends, in 25 mm, at most 2.4; hair that
    ends nowhere has 1.2. Hair ends where it has nothing below: not at a parting, and not where
    two strips lie side by side.

    Args:
        points: (n,3) the hair on the mean head, mm in model space. faces: (f,3).
        every_side: hair ends at every edge that only one face has.
    """
    around = np.arctan2(points[:, 0] - _AXIS[0], points[:, 2] - _AXIS[1]) / (2 * np.pi)
    along = np.minimum(_from_ends(points, faces, every_side), _LONGEST) / _LENGTH
    uv = np.stack([around, along], 1)[faces]
    split = np.ptp(uv[..., 0], 1) > 0.5  # a face across the seam
    uv[split, :, 0] %= 1
    return uv.astype(np.float32)


def _from_ends(points: Array, faces: Array, every_side: bool) -> Array:
    """The way (n,) along edges to the nearest end, mm."""
    _, places = np.unique(np.round(points, _SAME), axis=0, return_inverse=True)
    places = places.ravel()
    count = int(places.max()) + 1
    position = np.empty((count, 3))
    position[places] = points
    corners = places[faces]
    sides = np.sort(np.stack([corners, np.roll(corners, -1, 1)], -1).reshape(-1, 2), 1)
    edges, uses = np.unique(sides, axis=0, return_counts=True)
    rim = np.unique(edges[uses == 1])
    ends = rim if every_side else _tips(position, edges, rim)
    if not len(ends):
        return np.full(len(points), _LONGEST / 2)
    lengths = np.linalg.norm(position[edges[:, 0]] - position[edges[:, 1]], axis=1) + _LEAST
    graph = sparse.coo_matrix((lengths, edges.T), shape=(count, count)).tocsr()
    far = dijkstra(graph, directed=False, indices=ends, min_only=True, limit=_LONGEST)
    return far[places]


def _tips(position: Array, edges: Array, rim: Array) -> Array:
    """Those of the vertices `rim` whose neighbours lie above them."""
    rise, count = np.zeros(len(position)), np.zeros(len(position))
    for one, other in ((0, 1), (1, 0)):
        step = position[edges[:, other]] - position[edges[:, one]]
        steep = step[:, 1] / (np.linalg.norm(step, axis=1) + _LEAST)
        np.add.at(rise, edges[:, one], steep)
        np.add.at(count, edges[:, one], 1)
    return rim[rise[rim] > _STEEP * count[rim]]


@dataclass(frozen=True, eq=False)
class Parts:
    """What the files of an asset say; see `Asset`. faces: (f,3) on the rows of the fitting."""

    name: str
    kind: str
    sex: str | None
    fitting: Fitting
    faces: NDArray[np.int32]
    uv: NDArray[np.float32]
    material: Material
    texture: NDArray[np.uint8] | None
    opaque: bool


def finish_asset(parts: Parts, head: MeanHead, path: Path) -> Asset:
    """The asset of these parts; path: its file, for errors.

    Of clothes only what hangs on vertices that the head has is kept, and let down from there; of
    everything only vertices that faces use.

    Raises:
        InputError: it hangs on vertices that the head does not have.
    """
    hung, faces, uv = _worn(parts, head, path)
    texture = parts.texture
    points = np.empty((len(hung[0]), 3), np.float32)
    place(head.base, *hung, points)
    if parts.kind == "hair" and texture is None:
        texture, uv = _drawn_by_rule(points, faces, uv)
    samples = None if texture is None else FaceSamples.of(texture, points, faces, uv)
    if parts.kind == "eyebrows" and samples is not None:
        ids, weights, offsets = settled(points, samples, head)
        hung = (ids, weights, offsets, np.zeros((3, 2), np.int32), np.zeros(3, np.float32))
    luminance, contrast = UNKNOWN if samples is None else samples.luminance()
    grain = uv
    if texture is not None and parts.kind in CARDS:
        grain = turned_along_strands(texture, uv)
    return Asset(
        parts.name, parts.kind, parts.sex, *hung, faces=faces, uv=uv, texture=texture,
        grain=grain, luminance=luminance, contrast=contrast, material=parts.material,
        opaque=parts.opaque,
        lift=find_lift(head.skin, points, faces, hung[0]) if parts.kind == "hair" else None,
        carries=find_carries(points, hung[0], head.base) if parts.kind == "teeth" else (),
    )  # fmt: skip


def _drawn_by_rule(points: Array, faces: Array, uv: Array) -> tuple[Array | None, Array]:
    """Picture and uv of hair that has no picture: frizzy, or strands without any."""
    cards = find_cards(faces, len(points))
    if cards.any():
        return frizz(), frizzy_uv(uv, cards, strand_coordinates(points, faces, every_side=True))
    return None, strand_coordinates(points, faces)


def _worn(parts: Parts, head: MeanHead, path: Path) -> tuple[Rows, Array, Array]:
    """Rows of the vertices, faces (f,3) and uv (f,3,2) of what the head can carry."""
    fitting = parts.fitting
    there = np.logical_and.reduce(np.isfinite(head.base), axis=1)
    kept = _kept_faces(parts, there, path)
    rows: tuple[Array, ...] = (fitting.ids, fitting.weights, fitting.offsets)
    faces, uv = parts.faces[kept], parts.uv[kept]
    if not kept.all():
        points = np.empty((len(fitting.ids), 3), np.float32)
        place(head.base, *rows, fitting.rulers, fitting.lengths, points)
        hem = let_down(points, parts.faces, kept, parts.uv)
        units = hem.shifts / scales(head.base, fitting.rulers, fitting.lengths)
        more = (rows[0][hem.sources], rows[1][hem.sources], rows[2][hem.sources] + units)
        rows = tuple(np.concatenate(pair) for pair in zip(rows, more, strict=True))
        faces, uv = np.concatenate([faces, hem.faces]), np.concatenate([uv, hem.uv])
    used, inverse = np.unique(faces, return_inverse=True)
    ids, weights, offsets = (np.ascontiguousarray(row[used]) for row in rows)
    hung = (ids, weights, offsets.astype(np.float32), fitting.rulers, fitting.lengths)
    faces = np.ascontiguousarray(inverse.reshape(-1, 3), np.int32)
    return hung, faces, np.ascontiguousarray(uv, np.float32)


def _kept_faces(parts: Parts, there: Array, path: Path) -> Array:
    """Which faces (f,) bool hang on vertices that are `there` (19158,)."""
    ids, rulers = parts.fitting.ids, parts.fitting.rulers[parts.fitting.lengths > 0]
    if not there[rulers].all():
        absent = int(rulers[~there[rulers]][0])
        raise InputError(str(path), "a scale by vertices of the head", f"vertex {absent}")
    hung = np.logical_and.reduce(there[ids], axis=1)
    kept: Array = np.logical_and.reduce(hung[parts.faces], axis=1)
    if (parts.kind == "clothes" and kept.sum() >= _ENOUGH) or kept.all():
        return kept
    missing = np.unique(ids[~there[ids]])
    lost = f"{len(missing)} of the rest of the body ({missing[0]} is the first)"
    raise InputError(str(path), "vertices of the head, the neck and the shoulders", lost)
