"""Assets on one head: hair, brows and lashes as cards, hats and clothes as surfaces.

Hair answers light by two highlights along its strands (Kajiya, Kay 1989; Marschner 2003).
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ...core.jit import kernel
from ...geometry.segments import Segment
from .assets.placing import strand_directions
from .light import Light, shade
from .paint import Cards
from .pose import View
from .style import Piece, Style
from .surface import Surface, facing_normals, sum_normals

Array = NDArray[Any]

_AMBIENT = 0.85
"""Share of the sky that reaches hair among hair."""

_NO_LAMPS = np.zeros((0, 3), np.float32)

_FORWARD_MM = 1.2
"""Brows and lashes are drawn this much nearer, or the skin that they lie in would hide them."""

_SCALP_MM = 0.5
_LASH = np.array([0.012, 0.01, 0.009])
_ROOM = 1.05
_CONTRAST, _TAMED = 1.3, 0.45
"""Exponent of a picture's grey over its mean, and what it times the picture's contrast exceeds
nowhere: lit strands must not burn out."""

_TUCKED_MM = 4.0
"""Hair that is this much above a hat's brim is under the hat."""


@kernel
def _shade(
    colour: Array, normals: Array, strands: Array, seen: Array, lamps: Array, colours: Array,
    diffuse: Array, shine: Array,
) -> None:  # fmt: skip
    """Add the lamps; the highlights lie a little off, for the scales of hair are tilted."""
    zero, one = np.float32(0), np.float32(1)
    for v in range(len(normals)):
        for n in range(len(lamps)):
            nl = tl = th = size = zero
            for k in range(3):
                half = lamps[n, k] + np.float32(k == 2)
                size += half * half
                th += strands[v, k] * half
                tl += strands[v, k] * lamps[n, k]
                nl += normals[v, k] * lamps[n, k]
            th /= np.sqrt(size)
            open_sky = seen[v] if n == 0 else one
            side = np.sqrt(max(one - tl * tl, zero))
            side *= min(max(nl * np.float32(0.75) + np.float32(0.35), zero), one) * open_sky
            first = max(one - (th + np.float32(0.08)) ** 2, zero) ** 30 * np.float32(0.03)
            second = max(one - (th - np.float32(0.12)) ** 2, zero) ** 8 * np.float32(0.3)
            bright = min(max(nl + np.float32(0.3), zero), one) * open_sky
            for k in range(3):
                diffuse[v, k] += colours[n, k] * colour[k] * side
                shine[v, k] += colours[n, k] * bright * (first + second * colour[k])


def shade_hair(
    light: Light, colour: NDArray, normals: Array, *, strands: Array, seen: Array
) -> tuple[Array, Array]:
    """Diffuse light and highlights (n,3) of hair, linear, before exposure.

    Args:
        light: in camera space.
        colour: (3,) linear.
        normals: (n,3) turned to the camera; strands: (n,3) unit vectors along them.
        seen: (n,) 0 in the first lamp's shadow.
    """
    tone = np.asarray(colour, np.float32)
    count, around = len(normals), replace(light, lamps=_NO_LAMPS, colours=_NO_LAMPS)
    flat, ones = np.zeros(count, np.float32), np.ones(count, np.float32)
    tones = np.ascontiguousarray(np.broadcast_to(tone, (count, 3)))
    diffuse = shade(
        around, tones, normals, gloss=flat, occlusion=ones * np.float32(_AMBIENT), open_sky=ones
    )
    shine = np.zeros_like(diffuse)
    _shade(tone, normals, strands, seen, light.lamps, light.colours, diffuse, shine)
    return diffuse, shine


@dataclass(frozen=True, eq=False)
class Growth:
    """Hair of one kind on one head, before light.

    Attributes:
        piece: what it is.
        points: (n,3) mm, camera space; faces: (f,) numbers of the asset's faces that are drawn.
        colour: (3,) linear; kind: class of a segmentation map.
    """

    piece: Piece
    points: Array
    faces: Array
    colour: Array
    kind: Segment

    @property
    def triangles(self) -> Array:
        """The faces (f,3) that are drawn."""
        triangles: Array = self.piece.asset.faces[self.faces]
        return triangles

    def cards(self, light: Light, seen: Array) -> Cards:
        """In a light; seen: (n,) 0 in the first lamp's shadow."""
        asset, count = self.piece.asset, len(self.faces)
        normals = np.empty_like(self.points)
        sum_normals(self.points, asset.faces, normals)
        facing_normals(normals, normals)
        strands = strand_directions(self.points, asset.faces, asset.grain)
        diffuse, shine = shade_hair(light, self.colour, normals, strands=strands, seen=seen)
        return Cards(
            points=self.points, faces=self.triangles, uv=self.piece.uv[self.faces],
            texture=np.full(count, self.piece.texture, np.int32),
            level=np.full(count, 1 / max(asset.luminance, 0.05), np.float32),
            power=np.full(count, min(_CONTRAST, _TAMED / max(asset.contrast, 0.05)), np.float32),
            kinds=np.full(count, int(self.kind), np.uint8), diffuse=diffuse, shine=shine,
        )  # fmt: skip


def grow(style: Style, base: Array, view: View, *, hair: Array, styled: bool) -> list[Growth]:
    """Brows, lashes, beard and hair, in the order in which they are painted.

    Args:
        style: what is worn.
        base: see `Wardrobe.base`.
        view: the camera.
        hair: (3,) the colour of hair, linear.
        styled: whether there is hair on the head.
    """
    kinds = (
        (style.brows, Segment.BROWS, hair * 0.7, _FORWARD_MM),
        (style.lashes, Segment.BROWS, _LASH, _FORWARD_MM),
        (style.beard, Segment.BEARD, hair, _SCALP_MM),
        (style.hair if styled else None, Segment.HAIR, hair, _SCALP_MM),
    )
    hat = None if style.hat is None or not styled else place_hat(style.hat, base)
    out = []
    for piece, kind, colour, forward in kinds:
        if piece is None:
            continue
        upright = piece.asset.place(base)
        faces = np.arange(len(piece.asset.faces))
        if kind is Segment.HAIR and hat is not None:
            faces = faces[~under_hat(upright, piece.asset.faces, hat)]
        points = view.to_camera(upright)
        points *= 1 - np.float32(forward) / -points[:, 2:]
        out.append(Growth(piece, points, faces, colour, kind))
    return out


def put_on(piece: Piece, points: Array, colour: Array, kind: Segment) -> Surface:
    """A hat or clothes as a surface; points (n,3), colour (3,) times its texture."""
    surface = Surface.plain(points, piece.asset.faces, colour, 0.05, kind=kind)
    return surface.textured(piece.texture, piece.uv)


def place_hat(piece: Piece, base: Array) -> Array:
    """A hat's points (n,3), mm in model space, a little wider than it is: heads differ."""
    points = piece.asset.place(base)
    middle = points.mean(0)
    return (middle + (points - middle) * _ROOM).astype(np.float32)


def under_hat(points: Array, faces: Array, hat: Array) -> NDArray[np.bool_]:
    """Which faces (f,) of hair (n,3) lie above the brim of a hat (m,3), so that it hides them.

    The brim: of the hat's points in each direction round its middle, the farthest.
    """
    away = hat[:, [0, 2]] - hat[:, [0, 2]].mean(0)
    far = np.hypot(*away.T)
    brim = hat[far > np.quantile(far, 0.7)]
    plane = np.linalg.lstsq(np.c_[brim[:, [0, 2]], np.ones(len(brim))], brim[:, 1], rcond=None)[0]
    above = points[:, 1] > points[:, [0, 2]] @ plane[:2] + plane[2] + _TUCKED_MM
    return above[faces].any(1)
