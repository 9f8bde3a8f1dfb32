"""What drawing needs of an asset, worked out once on the mean head."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ....core.errors import InputError
from .asset import Asset
from .brows import settled
from .carrying import find_carries
from .curls import find_cards, frizz, frizzy_uv
from .hem import let_down
from .kinds import CARDS
from .lifting import find_lift
from .looks import UNKNOWN, FaceSamples, turned_along_strands
from .mean_head import MeanHead
from .mhclo import Fitting
from .mhmat import Material
from .placing import place, scales
from .strands import strand_coordinates

Array = NDArray[Any]
Rows = tuple[Array, Array, Array, Array, Array]

_ENOUGH = 8  # faces of clothes near the head, for them to be worth drawing


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


def finish(parts: Parts, head: MeanHead, path: Path) -> Asset:
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
    found = f"{len(missing)} of the rest of the body ({missing[0]} is the first)"
    raise InputError(str(path), "vertices of the head, the neck and the shoulders", found)
