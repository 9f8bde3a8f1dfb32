"""Random skins, compressed into modes in sRGB: blocks of their own for skin, lips, hair and eyes.

What differs between people independently gets modes of its own, whose support is the block's
alone, so that the colour of lips or brows does not stand for that of the skin. Ambient occlusion
per vertex comes from shadow maps of many directions.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace

import numba as nb
import numpy as np
from numpy.typing import NDArray

from ..layout import EYE, FACE
from .carried import MM_PER_DM
from .hm08 import Array, Index
from .inner_colours import EyeColours
from .masks import sigmoid
from .shape_space import symmetric_pca
from .skins import Canvas, Person, paint
from .surface import Surface

_DIRECTIONS, _RESOLUTION, _BIAS = 96, 420, 0.02

SEED = 0
_OPEN = 0.85  # ambient occlusion of a convex surface, after the share that normals tilt away
_BEHIND = -45.0  # mm, z
_OFF_FACE = 0.45  # importance of what is not in the facial mask
# Tones have a gamma distribution of shape _TAIL with a long dark tail: the colours of skin lie on a
# curve in sRGB, and a line through these people comes near to the dark ones too.
_TAIL, _DARKEST = 4.0, 3.3
_STILL = 2e-3  # sRGB; what a block moves less belongs to no block


def ambient_occlusion(points: Array, normals: Array, faces: Index) -> Array:
    """Cosine-weighted share (V,) of the sphere of directions from which each vertex is seen.

    Args:
        points: (V,3) dm.
        normals: (V,3) unit.
        faces: (F,3).
    """
    seen, total = np.zeros(len(points)), np.zeros(len(points))
    for direction in _fibonacci_sphere(_DIRECTIONS):
        cosine = np.clip(normals @ direction, 0, None)
        seen += cosine * _visible(points, faces, direction)
        total += cosine
    return seen / np.maximum(total, 1e-9)


def _fibonacci_sphere(count: int) -> Array:
    i = np.arange(count) + 0.5
    polar, turn = np.arccos(1 - 2 * i / count), np.pi * (1 + 5**0.5) * i
    return np.stack(
        [np.cos(turn) * np.sin(polar), np.sin(turn) * np.sin(polar), np.cos(polar)], axis=1
    )


def _visible(points: Array, faces: Index, direction: Array) -> Array:
    up = np.array([0.0, 1, 0]) if abs(direction[1]) < 0.9 else np.array([1.0, 0, 0])
    right = np.cross(up, direction)
    right /= np.linalg.norm(right)
    frame = np.stack([right, np.cross(direction, right), direction])
    screen = points @ frame.T
    low = screen[:, :2].min(0)
    scale = (_RESOLUTION - 4) / (screen[:, :2].max(0) - low).max()
    screen[:, :2] = (screen[:, :2] - low) * scale + 2
    depth = nearest_depth(np.ascontiguousarray(screen), faces, _RESOLUTION)
    column, row = screen[:, 0].astype(int), screen[:, 1].astype(int)
    return screen[:, 2] > depth[row, column] - _BIAS


@nb.njit(cache=True)
def nearest_depth(points: Array, faces: Index, size: int) -> Array:
    """Largest z per pixel (size,size) of triangles whose x, y are in pixels, -1e9 where none is.

    The renderer's rasterizer finds the same (tests) but wants torch and clip space; it is imported
    neither here nor by any other part of the builder.
    """
    depth = np.full((size, size), -1e9)
    for k in range(faces.shape[0]):
        x0, y0, z0 = points[faces[k, 0]]
        x1, y1, z1 = points[faces[k, 1]]
        x2, y2, z2 = points[faces[k, 2]]
        area = (x1 - x0) * (y2 - y0) - (x2 - x0) * (y1 - y0)
        if area == 0:
            continue
        for y in range(max(int(min(y0, y1, y2)), 0), min(int(max(y0, y1, y2)) + 2, size)):
            for x in range(max(int(min(x0, x1, x2)), 0), min(int(max(x0, x1, x2)) + 2, size)):
                px, py = x + 0.5, y + 0.5
                w1 = ((px - x0) * (y2 - y0) - (x2 - x0) * (py - y0)) / area
                w2 = ((x1 - x0) * (py - y0) - (px - x0) * (y1 - y0)) / area
                if w1 >= 0 and w2 >= 0 and w1 + w2 <= 1:
                    z = (1 - w1 - w2) * z0 + w1 * z1 + w2 * z2
                    depth[y, x] = max(depth[y, x], z)
    return depth


@dataclass(frozen=True)
class Albedo:
    """mean (V,3), basis (K,V,3) sRGB per standard deviation; explained (K,); occlusion (V,);
    blocks (K,) the names of the blocks that the modes come from."""

    mean: Array
    basis: NDArray[np.float32]
    explained: Array
    occlusion: Array
    blocks: tuple[str, ...]


@dataclass(frozen=True)
class _Block:
    """How many random people and modes, and what differs between them."""

    name: str
    people: int
    modes: int
    draw: Callable[[Canvas, np.random.Generator], Person]


def build_albedo(surface: Surface) -> Albedo:
    """Random people of each block on the mean head -> PCA of their sRGB colours.

    In linear light the modes leave the gamut and whiten the brows; in sRGB they do not.
    """
    sky = ambient_occlusion(surface.points / MM_PER_DM, surface.normals(), surface.faces)
    sky = np.clip((sky + sky[surface.mirror]) / 2 / _OPEN, 0, 1)
    canvas = Canvas.of(surface, sky)
    mean = paint(canvas, Person()).astype(np.float64)
    weight = _weights(surface)
    parts = [_block_modes(canvas, block, mean, weight) for block in _BLOCKS]
    mean = mean + sum(part[0] for part in parts)
    mean = (mean + mean[surface.mirror]) / 2
    basis = np.concatenate([part[1] for part in parts])
    variance = ((basis * weight[:, None]) ** 2).sum((1, 2), dtype=np.float64)
    order = np.argsort(-variance, kind="stable")
    names = np.repeat([b.name for b in _BLOCKS], [len(part[1]) for part in parts])
    explained = np.cumsum(variance[order]) / sum(part[2] for part in parts)
    occlusion = np.where(canvas.inner.inside, canvas.inner.light, sky)
    return Albedo(
        np.clip(mean, 0, 1), basis[order], explained, occlusion, tuple(names[order].tolist())
    )


def _weights(surface: Surface) -> Array:
    """Importance (V,) of the vertices: root of the area they stand for, most in the face."""
    faces, points = surface.faces, surface.points
    edges = points[faces[:, 1]] - points[faces[:, 0]], points[faces[:, 2]] - points[faces[:, 0]]
    double = np.linalg.norm(np.cross(*edges), axis=1)
    area = np.bincount(faces.ravel(), np.repeat(double, 3), len(points))
    weight = np.sqrt(area / area.mean())
    weight *= np.where(np.isin(surface.tag, (FACE, EYE)), 1.0, _OFF_FACE)
    return np.minimum(weight, weight[surface.mirror])


def _block_modes(
    canvas: Canvas, block: _Block, base: Array, weight: Array
) -> tuple[Array, NDArray[np.float32], float]:
    """A block's shift of the mean (V,3), its modes (K,V,3) and its total variance."""
    rng = np.random.default_rng([SEED, *block.name.encode()])
    people = [paint(canvas, block.draw(canvas, rng)) - base for _ in range(block.people)]
    rows, mirror = _support(people, canvas.surface.mirror)
    samples = np.stack([one[rows] for one in people]).astype(np.float32)
    mean, modes, explained = symmetric_pca(samples, mirror, weight[rows], block.modes, _swap)
    variance = ((modes * weight[rows, None]) ** 2).sum(dtype=np.float64)
    shift, basis = np.zeros(base.shape), np.zeros((block.modes, *base.shape), np.float32)
    shift[rows], basis[:, rows] = mean, modes
    return shift, basis, float(variance / explained[-1])


def _support(people: list[Array], mirror: Index) -> tuple[Index, Index]:
    """The vertices (S,) that people differ in, and the mirror map (S,) among these."""
    moved = np.zeros(len(mirror))
    for one in people:
        moved = np.maximum(moved, np.abs(one).max(1))
    rows = np.flatnonzero(np.maximum(moved, moved[mirror]) > _STILL)
    place = np.full(len(mirror), -1)
    place[rows] = np.arange(len(rows))
    return rows, place[mirror[rows]]


def _swap(colours: NDArray, mirror: Index) -> NDArray:
    return colours[..., mirror, :]


def _tones(canvas: Canvas, rng: np.random.Generator) -> Person:
    return replace(
        Person(),
        tone=min(0.2 + float(rng.gamma(_TAIL) - _TAIL) / _TAIL**0.5, _DARKEST),
        blood=float(np.clip(rng.normal(0.5, 0.10), 0.05, 1)),
        yellow=float(rng.normal(0, 0.07)),
    )


def _melanin(canvas: Canvas, rng: np.random.Generator) -> Person:
    points = canvas.surface.points
    patches = 0.21 * _noise(points, rng, 38, True) + 0.10 * _noise(points, rng, 38, False)
    patches += 0.08 * _noise(points, rng, 16, True)
    return replace(Person(), melanin_patches=_level(canvas, patches))


def _blood(canvas: Canvas, rng: np.random.Generator) -> Person:
    points = canvas.surface.points
    patches = 0.35 * _noise(points, rng, 30, True) + 0.16 * _noise(points, rng, 26, False)
    more = np.clip(rng.normal([0.26, 0.24, 0.24], [0.2, 0.2, 0.2]), 0, None)
    return replace(
        Person(),
        blood_patches=_level(canvas, patches),
        cheeks=float(more[0]),
        nose=float(more[1]),
        ears=float(more[2]),
    )


def _lips(canvas: Canvas, rng: np.random.Generator) -> Person:
    return replace(
        Person(),
        lip_blood=float(np.clip(rng.normal(1.65, 0.33), 0.2, None)),
        lip_melanin=float(rng.normal(0.05, 0.16)),
        lower_lip=float(rng.normal(0, 0.5)),
    )


def _brows(canvas: Canvas, rng: np.random.Generator) -> Person:
    return replace(
        Person(),
        brow_cover=float(np.clip(rng.normal(0.82, 0.17), 0.1, 0.98)),
        brow_hair=float(np.clip(rng.normal(0, 0.9), -2.4, 1.4)),
        brow_width=float(np.clip(rng.normal(3.9, 0.7), 2, 6)),
        brow_lift=float(rng.normal(0, 1.0)),
    )


def _lids(canvas: Canvas, rng: np.random.Generator) -> Person:
    return replace(
        Person(),
        sockets=float(rng.normal(0.22, 0.25)),
        lids=float(rng.normal(0.10, 0.28)),
        lashes=float(np.clip(rng.normal(0.65, 0.25), 0, 1)),
    )


def _beards(canvas: Canvas, rng: np.random.Generator) -> Person:
    return replace(
        Person(),
        beard=float(np.clip(rng.normal(0.10, 0.10), 0, 1)),
        beard_shape=float(rng.normal(0, 0.5)),
    )


def _scalps(canvas: Canvas, rng: np.random.Generator) -> Person:
    return replace(
        Person(),
        scalp=float(np.clip(rng.normal(0.24, 0.12), 0, 1)),
        scalp_hair=float(np.clip(rng.normal(0, 0.8), -2, 2)),
        hairline=float(rng.normal(0, 6)),
    )


def _irises(canvas: Canvas, rng: np.random.Generator) -> Person:
    eyes = EyeColours(float(2.7 * rng.beta(1.4, 1.4)), float(rng.beta(1.6, 2.0)))
    return replace(Person(), eyes=eyes)


def _scleras(canvas: Canvas, rng: np.random.Generator) -> Person:
    return replace(Person(), eyes=EyeColours(sclera=float(rng.normal())))


def _level(canvas: Canvas, patches: Array) -> Array:
    """Patches (V,), weak behind the face, without their mean over it, which is the tone's."""
    behind = sigmoid((_BEHIND - canvas.surface.points[:, 2]) / 12)
    return (1 - 0.5 * behind) * (patches - patches[canvas.surface.tag == FACE].mean())


def _noise(points: Array, rng: np.random.Generator, length: float, symmetric: bool) -> Array:
    """A smooth random field (V,) of unit variance by random Fourier features; length in mm."""
    place = np.abs(points[:, :1]) if symmetric else points[:, :1]
    place = np.concatenate([place, points[:, 1:]], 1)
    phase = place @ (rng.normal(size=(3, 24)) / length) + rng.uniform(0, 2 * np.pi, 24)
    return np.cos(phase) @ rng.normal(size=24) * np.sqrt(2 / 24)


_BLOCKS = (
    _Block("tone", 240, 3, _tones),
    _Block("melanin", 240, 10, _melanin),
    _Block("blood", 240, 9, _blood),
    _Block("lips", 120, 3, _lips),
    _Block("brows", 160, 3, _brows),
    _Block("lids", 120, 3, _lids),
    _Block("beard", 120, 2, _beards),
    _Block("scalp", 120, 2, _scalps),
    _Block("iris", 120, 2, _irises),
    _Block("sclera", 60, 1, _scleras),
)
