"""What a person wears of a folder of assets: hair, brows, lashes, hats, clothes, teeth."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.spatial import cKDTree

from ...facemodels.drawing_vertices import load_drawing_vertices
from .assets.asset import Asset
from .assets.library import AssetLibrary, mean_base
from .assets.placing import base_vertices
from .chance import running_shares
from .head import Head
from .shapes import Spot
from .surface import LINEAR, NONE, TextureTable
from .traits import Traits

Array = NDArray[Any]

_SELDOM = {"bob01": 0.3, "bob02": 0.3, "short03": 0.5}
"""Hair that hides an eye more often than people's does."""

_UNPICTURED = 0.5
"""How readily hair is taken whose strands are painted by rule for want of a picture."""

_LONG = ("long", "bob", "braid", "ponytail", "tail", "curl")
"""Parts of the names of hair that is worn by women mostly."""

_HAT, _CLOTHES, _TEETH, _BROWS, _LASHES = 0.07, 0.75, 0.5, 0.85, 0.9
_NEAR, _SOFT, _BROW = 9.0, 6.0, 25.0  # mm: hair has its roots where it lies on the skull
_OWN_HAIR = 0.72
"""How often hair is that of an asset; else it is drawn by rule."""


@dataclass(frozen=True, eq=False)
class Piece:
    """An asset in a wardrobe.

    Attributes:
        asset: what it is.
        texture: its number in the table, NONE without a picture.
        uv: (f,3,2) texture coordinates of the corners, v down.
        tone: (3,) mean colour of its picture, linear light; 1 without a picture.
        roots: the skin of the head under it, for hair.
    """

    asset: Asset
    texture: int
    uv: Array
    tone: Array
    roots: Spot


@dataclass(frozen=True, eq=False)
class Style:
    """What is worn; None: nothing, or what is drawn by rule."""

    hair: Piece | None = None
    brows: Piece | None = None
    lashes: Piece | None = None
    beard: Piece | None = None
    hat: Piece | None = None
    clothes: Piece | None = None
    teeth: Piece | None = None

    @property
    def anything(self) -> bool:
        """Whether something is worn at all."""
        return any(piece is not None for piece in vars(self).values())


NO_STYLE = Style()


class Wardrobe:
    """All that can be worn, its pictures in one table.

    Args:
        library: the assets that were read.
        head: the default head.

    Attributes:
        drawing: the vertices that assets hang on.
        textures: the assets' pictures.
    """

    def __init__(self, library: AssetLibrary, head: Head) -> None:
        self.drawing = load_drawing_vertices()
        self.textures = TextureTable()
        base = mean_base()
        kinds = ("hair", "eyebrows", "eyelashes", "beards", "hats", "clothes", "teeth")
        assets = {kind: library.of(kind) for kind in kinds}
        pictures = [a.texture for k in kinds for a in assets[k] if a.texture is not None]
        numbers = iter(self.textures.add(pictures))
        self._pieces = {
            kind: [
                Piece(asset, NONE if asset.texture is None else next(numbers), _corners(asset),
                      _tone(asset), _roots(asset, head, base))
                for asset in assets[kind]
            ]
            for kind in kinds
        }  # fmt: skip

    def of(self, kind: str) -> Sequence[Piece]:
        """The pieces of a kind of the library."""
        return self._pieces[kind]

    def base(self, level0: Array, identity: Array, expression: Array) -> Array:
        """The base mesh of one head, which `Asset.place` asks for.

        Args:
            level0: (V0,3) the head before subdivision, mm.
            identity, expression: its coefficients.
        """
        return base_vertices(self.drawing, level0, self.drawing.positions(identity, expression))


def _corners(asset: Asset) -> Array:
    if asset.texture is None:
        return asset.uv  # of strands by rule
    return np.ascontiguousarray(np.stack([asset.uv[..., 0], 1 - asset.uv[..., 1]], -1))


def _tone(asset: Asset) -> Array:
    if asset.texture is None:
        return np.ones(3, np.float32)
    solid = asset.texture[asset.texture[..., 3] > 128]
    return LINEAR[solid[:, :3]].mean(0) if len(solid) else np.ones(3, np.float32)


def _roots(asset: Asset, head: Head, base: Array) -> Spot:
    """The scalp under hair, softer towards its border."""
    if asset.kind != "hair":
        return Spot.of(np.zeros(1))
    upper = head.scalp.upper
    far = cKDTree(asset.place(base)).query(head.mean[upper])[0]
    weight = np.clip((_NEAR + _SOFT - far) / _SOFT, 0, 1) * (head.mean[upper, 1] > _BROW)
    return Spot(upper, weight.astype(np.float32))


def draw_style(rng: np.random.Generator, wardrobe: Wardrobe, traits: Traits) -> Style:
    """What somebody wears, by sex where clothes and hair go by it."""

    def some(kind: str, share: float) -> Piece | None:
        chosen, place = rng.random() < share, rng.random()
        pieces = wardrobe.of(kind)
        if not (chosen and pieces):
            return None
        shares = running_shares([_weight(piece.asset, traits) for piece in pieces])
        return pieces[min(int(np.searchsorted(shares, place)), len(pieces) - 1)]

    return Style(
        hair=some("hair", _OWN_HAIR), brows=some("eyebrows", _BROWS),
        lashes=some("eyelashes", _LASHES), beard=some("beards", 0.15 * (traits.sex > 0)),
        hat=some("hats", _HAT), clothes=some("clothes", _CLOTHES), teeth=some("teeth", _TEETH),
    )  # fmt: skip


def _weight(asset: Asset, traits: Traits) -> float:
    """How readily somebody wears it."""
    weight = _SELDOM.get(asset.name, 1.0)
    if asset.kind == "hair" and asset.texture is None:
        weight *= _UNPICTURED
    feminine = (1 - traits.sex) / 2
    if asset.kind == "hair" and any(part in asset.name for part in _LONG):
        return weight * (0.08 + feminine)
    if asset.sex is None:
        return weight
    return weight * max(feminine if asset.sex == "female" else 1 - feminine, 0.03)
