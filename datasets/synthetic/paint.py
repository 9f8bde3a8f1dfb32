"""What surfaces, sheets and cards look like, and painting them on a canvas one after the other."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from .canvas import Canvas
from .draw import Layer, rows_of
from .paint_kernels import CELLS, paint_card_pixels, paint_sheet_pixels
from .solid_kernels import paint_solid_pixels
from .surface import LINEAR, TextureTable

Array = NDArray[Any]


@dataclass(frozen=True)
class Solids:
    """What opaque surfaces look like: the head's n vertices first, its h faces first.

    Attributes:
        light: (n,3) linear light of the vertices; kinds: (n,) uint8 their classes.
        head_uv: (h,3,2) float32 texture coordinates of the corners of the head's faces, v down.
        texels: (S*S,) uint32, see `SkinPainting`: factors on the head's light, 128 is 1, and the
            class of the hair that is painted there, or 0.
        texture: (f-h,) int32 numbers of the textures of the other faces; uv: (f-h,3,2), v down.
    """

    light: Array
    kinds: Array
    head_uv: Array
    texels: Array
    texture: Array
    uv: Array


@dataclass(frozen=True)
class Cards:
    """Flat pieces with an opacity, hair above all; n vertices, f faces.

    Attributes:
        points: (n,3) mm, camera space; faces: (f,3) int32; uv: (f,3,2), v down.
        texture: (f,) int32; kinds: (f,) uint8.
        level: (f,) one over the texture's mean grey; power: (f,) exponent of grey over its mean.
        diffuse: (n,3) colour times light, for grey that is the mean; shine: (n,3) highlights.
    """

    points: Array
    faces: Array
    uv: Array
    texture: Array
    level: Array
    power: Array
    kinds: Array
    diffuse: Array
    shine: Array


def paint_solids(canvas: Canvas, layer: Layer, solids: Solids, textures: TextureTable) -> None:
    """Paint what `layer` shows of opaque surfaces on an empty canvas."""
    s, side = solids, math.isqrt(len(solids.texels))
    paint_solid_pixels(
        layer.ids, layer.screen, layer.faces, layer.source, s.light, s.kinds, s.head_uv, s.texels,
        side, s.texture, s.uv, textures.buffer, textures.places, LINEAR,
        canvas.light, canvas.cover, canvas.kind,
    )  # fmt: skip
    np.copyto(canvas.depth, layer.depth)


def paint_sheet(
    rng: np.random.Generator, canvas: Canvas, layer: Layer, *, values: Array, kinds: Array
) -> None:
    """Paint the nearest sheets over what is on the canvas.

    Args:
        rng: source of the strands.
        canvas: changed in place.
        layer: the sheets.
        values: (n,8) of their vertices: linear light, then `Surface.sheet`.
        kinds: (n,) uint8 their classes.
    """
    table = rng.uniform(-1, 1, CELLS).astype(np.float32)
    strands = rng.uniform(90, 420)
    height, waves = (1.0, 4, 10)[rng.integers(3)] * rng.uniform(0.5, 1.5), rng.uniform(4, 40)
    paint_sheet_pixels(
        layer.ids, layer.depth, layer.screen, layer.faces, values, kinds, table,
        np.float32(strands), np.float32(height), np.float32(waves),
        canvas.light, canvas.cover, canvas.kind, canvas.depth,
    )  # fmt: skip


def paint_cards(
    rng: np.random.Generator, canvas: Canvas, screen: Array, *, cards: Cards, textures: TextureTable
) -> None:
    """Paint cards over what is on the canvas, the farthest first.

    Args:
        rng: source of the strands of cards without a texture.
        canvas: changed in place.
        screen: (n,4) of `project`, for the cards' points.
        cards: in any order.
        textures: where their textures lie.
    """
    depth = screen[:, 2][cards.faces].sum(1)
    order = np.argsort(-depth)
    faces = np.ascontiguousarray(cards.faces[order])
    spans, planes = rows_of(screen, faces, len(canvas.cover))
    table = rng.uniform(-1, 1, CELLS).astype(np.float32)
    paint_card_pixels(
        spans, planes, screen, faces, np.ascontiguousarray(cards.uv[order]), cards.texture[order],
        cards.level[order], cards.power[order], cards.kinds[order], cards.diffuse, cards.shine,
        textures.buffer, textures.places, table, np.float32(rng.uniform(150, 500)),
        canvas.light, canvas.cover, canvas.kind, canvas.depth,
    )  # fmt: skip
