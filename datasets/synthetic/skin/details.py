"""Fine detail of skin as a factor on its colour for each texel of the model's atlas."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ....geometry.segments import Segment
from ....render.cpu.jit import inline, kernel
from ..coefficients import half
from ..filters import to_srgb
from ..head import Head
from ..traits import Traits
from .hairs import BeardStyle, BrowLines, BrowStyle, brow_hairs
from .layers import PIGMENTS, Layers, paint_layers, paint_shine
from .map import SkinMap
from .marks import BareBrows, stamp_moles
from .relief import Valleys
from .strokes import draw_strokes
from .tone import blood_shown, from_lab, nearest_albedo
from .wrinkles import draw_wrinkles

Array = NDArray[Any]
SIZE = 512
"""Side of the atlas, texels: about 0.65 mm each on the face."""

_BROWS, _BEARD = int(Segment.BROWS), int(Segment.BEARD)
_PLAIN = np.uint32(0x808080)
_BLOCK = 2048
_BRIGHT = np.float32(1.99)
_LINES = np.array([0.52, 0.68, 0.73], np.float32)
"""Optical density of the deepest wrinkle: hollows are red."""

_SOFT = np.array([[1.2, 0.2], [1.7, 0.6]], np.float32)
"""How suddenly dots (first) and hairs cover skin, per share of hairs, and how much they shade what
lies between them."""

_SEEN, _BROW_REACH = 0.3, 24

_NO_LIFT = np.zeros((0, 3), np.float32)


@dataclass(frozen=True)
class SkinPainting:
    """A person's skin in the atlas of the model `default`; rows count from v = 1 downwards.

    Attributes:
        texels: (S*S,) uint32, four bytes each as below, the lowest first.
    """

    texels: NDArray[np.uint32]

    @property
    def detail(self) -> NDArray[np.uint8]:
        """Factors (S,S,3) on the colour of the skin, 128 is 1; a view of the texels."""
        return self._bytes[..., :3]

    @property
    def growth(self) -> NDArray[np.uint8]:
        """Class (S,S) of the hair that covers most of the skin round a texel (brows 2, beard 11),
        else 0; a view of the texels."""
        return self._bytes[..., 3]

    @property
    def _bytes(self) -> NDArray[np.uint8]:
        side = math.isqrt(len(self.texels))
        return self.texels.view("u1").reshape(side, side, 4)


@dataclass(frozen=True)
class Growth:
    """Hair on the skin; colours (3,) over that of the skin, linear light.

    Attributes:
        brows, beard: their shapes, or None.
        brow_ratio, beard_ratio: their colours.
        lift: (V,3) factor by which the vertices are lightened and the painting is darkened, or
            None: a factor of the painting cannot be above 2.
    """

    brows: BrowStyle | None
    beard: BeardStyle | None
    brow_ratio: Array
    beard_ratio: Array
    lift: Array | None = None


@dataclass(frozen=True)
class SkinDetails:
    """What details are mixed from, made once.

    Attributes:
        map: the texels; layers: fields on them; brows: where the brows lie.
        marks: (68,2) landmarks `ibug68` in columns and rows.
        beards: (9,V) masks of the kinds of beards at the vertices.
        shiny: (V,) share of the skin's gloss.
        bare: removes the model's own brows; valleys: folds in relief.
        plain: vertices of cheeks and forehead, where skin is measured.
        tones: mean colour (3,) there, and its change (Ka,3) by the albedo coefficients, sRGB-coded.
    """

    map: SkinMap
    layers: Layers
    brows: BrowLines
    marks: Array
    beards: Array
    shiny: Array
    bare: BareBrows
    valleys: Valleys
    plain: Array
    tones: tuple[Array, Array]

    @classmethod
    def make(cls, head: Head) -> SkinDetails:
        """Of the default head, within a second or two; always the same."""
        skin = SkinMap.of(head.model, head.masks.skin, SIZE)
        marks = head.landmarks(head.mean, "ibug68").astype(np.float64)
        places = skin.places(marks)
        lines = BrowLines.of(places)
        on_head = skin.points[skin.nearest(lines.middle.reshape(-1, 2))]
        layers = paint_layers(skin, marks)
        plain = np.flatnonzero(head.model.region("cheeks") | head.model.region("forehead"))
        basis = head.model.albedo_basis.numpy()[:, plain].astype(np.float64).mean(1)
        mean = head.model.albedo_mean.numpy()[plain].astype(np.float64).mean(0)
        return cls(
            map=skin, layers=layers, brows=lines, marks=places,
            beards=skin.at_vertices(layers.beards / np.float32(255)),
            shiny=paint_shine(head, marks), bare=BareBrows.of(head.model, on_head),
            valleys=Valleys.of(head), plain=plain, tones=(mean, basis),
        )  # fmt: skip

    def albedo(self, rng: np.random.Generator, tone: Array) -> NDArray[np.float32]:
        """Albedo coefficients (Ka,) of a face whose skin is near a `draw_tone` (3,)."""
        chance = rng.standard_normal(len(self.tones[1]))
        return half(nearest_albedo(chance, *self.tones, to_srgb(from_lab(tone))))

    def paint(
        self, rng: np.random.Generator, traits: Traits, growth: Growth, tone: Array
    ) -> SkinPainting:
        """The skin of one person.

        Args:
            rng: source of chance.
            traits: age and sex.
            growth: brows and beard.
            tone: (3,) of `draw_tone`.
        """
        lines, rows = np.zeros((SIZE, SIZE), np.float32), self.brow_rows
        brows = np.zeros((rows.stop - rows.start, SIZE), np.float32)
        draw_strokes(lines, draw_wrinkles(rng, self.marks, traits.old))
        if growth.brows is not None:
            draw_strokes(brows, brow_hairs(rng, self.brows, growth.brows), top=rows.start)
        shares = self.layers.choose(rng, traits, blood_shown(tone))
        numbers, pigments = (np.array([share[k] for share in shares]) for k in range(2))
        strengths = np.array([share.strength for share in shares], np.float32)
        beard, layers = growth.beard, self.layers
        texels = np.full(SIZE * SIZE, _PLAIN, np.uint32)
        _finish(
            self.map.where, layers.fields, numbers, pigments, strengths, PIGMENTS,
            lines.ravel(), _LINES, brows.ravel(), rows.start * SIZE,
            growth.brow_ratio.astype(np.float32),
            layers.beards[0 if beard is None else beard.kind],
            layers.hairs[0 if beard is None else int(beard.long)],
            np.float32(0 if beard is None else beard.density),
            _SOFT[0 if beard is None else int(beard.long)],
            growth.beard_ratio.astype(np.float32),
            _NO_LIFT if growth.lift is None else self.map.sample(growth.lift), texels,
        )  # fmt: skip
        painting = SkinPainting(texels)
        painting.growth[rows][_covered(brows)] = _BROWS
        stamp_moles(rng, painting.detail, self.map.where)
        return painting

    @property
    def brow_rows(self) -> slice:
        """The rows of the atlas in which brows can lie."""
        rows = self.brows.middle[..., 1]
        return slice(max(int(rows.min()) - _BROW_REACH, 0), int(rows.max()) + _BROW_REACH)


def _covered(brows: Array) -> NDArray[np.bool_]:
    """Where hairs (H,W) lie so close that one sees brows: by their mean over 5 x 5 texels."""
    out = np.empty(brows.shape, np.bool_)
    _mark_covered(brows, np.float32(25 * _SEEN), out)
    return out


@kernel
def _mark_covered(brows: Array, least: float, out: Array) -> None:
    height, width = brows.shape
    line = np.zeros(width + 4, np.float32)
    for r in range(height):
        line[:] = 0
        for row in range(max(r - 2, 0), min(r + 3, height)):
            for c in range(width):
                line[c + 2] += brows[row, c]
        for c in range(width):
            total = line[c] + line[c + 1] + line[c + 2] + line[c + 3] + line[c + 4]
            out[r, c] = total > least


@kernel
def _finish(
    where: Array, fields: Array, rows: Array, pigments: Array, strengths: Array, densities: Array,
    lines: Array, line_density: Array, brows: Array, first: int, brow_ratio: Array, beard: Array,
    hairs: Array, beard_density: float, soft: Array, beard_ratio: Array, lift: Array, texels: Array,
) -> None:  # fmt: skip
    """Mix layers (n,) by pigments, then lines, brows and beard; code as bytes of texels (S*S,).

    brows begin with the texel `first`.
    """
    total, factor = np.empty((4, _BLOCK), np.float32), np.empty((3, _BLOCK), np.float32)
    words, some = np.empty(_BLOCK, np.int32), np.empty(_BLOCK, np.uint32)
    zero, one, half, byte = np.float32(0), np.float32(1), np.float32(0.5), np.float32(1 / 255)
    for start in range(0, len(where), _BLOCK):
        count = min(_BLOCK, len(where) - start)
        total[:] = 0
        for n in range(len(rows)):
            _add(fields[rows[n], start : start + count], strengths[n], total[pigments[n]])
        for c in range(3):
            _transmit(total, densities[:, c], factor[c])
        _code(factor, words)
        listed = np.uint64(0)
        for i in range(count):
            texel = np.uint64(where[start + i])
            texels[texel] = words[i]
            some[listed] = i
            more = lines[texel] + _hair(brows, texel, first) + beard_density * beard[start + i] > 0
            listed += np.uint64(more | (len(lift) > 0))
        for n in range(listed):
            i = some[n]
            texel = np.uint64(where[start + i])
            line, brow = lines[texel], _hair(brows, texel, first)
            mask = beard_density * beard[start + i] * byte
            grain = hairs[start + i] * byte
            cover = min(max((mask - grain) * soft[0] + half * mask, zero), one)
            cover = cover if mask > 0 else zero
            shade, left = np.float32(1.35) - np.float32(0.7) * grain, one - min(mask, one) * soft[1]
            red = _over(factor[0, i] * left, line * line_density[0], cover, beard_ratio[0] * shade)
            green = _over(
                factor[1, i] * left, line * line_density[1], cover, beard_ratio[1] * shade
            )
            blue = _over(factor[2, i] * left, line * line_density[2], cover, beard_ratio[2] * shade)
            red += brow * (brow_ratio[0] - red)
            green += brow * (brow_ratio[1] - green)
            blue += brow * (brow_ratio[2] - blue)
            if len(lift) > 0:
                at = np.uint64(start + i)
                red, green, blue = red / lift[at, 0], green / lift[at, 1], blue / lift[at, 2]
            word = _coded(red) | _coded(green) << 8 | _coded(blue) << 16
            word |= _BEARD << 24 if mask > half else 0
            texels[texel] = word


@inline
def _add(field: Array, strength: float, out: Array) -> None:
    """Add strength times field (n,) of whole numbers to the first n of out."""
    for i in range(len(field)):
        out[i] += strength * np.float32(field[i])


@inline
def _transmit(total: Array, densities: Array, out: Array) -> None:
    """What is left of light: exp of minus the four pigments total (4,n), exp as a power of 16."""
    grey, melanin, blood, shade = -densities / np.float32(16)
    one, half = np.float32(1), np.float32(0.5)
    for i in range(len(out)):
        x = grey * total[0, i] + melanin * total[1, i] + (blood * total[2, i] + shade * total[3, i])
        x = one + x * (one + half * x)
        x *= x
        x *= x
        x *= x
        out[i] = x * x


@inline
def _hair(brows: Array, texel: int, first: int) -> float:
    """What is painted at a texel of an atlas of which brows are a part; 0 outside."""
    place = np.uint64(texel - np.uint64(first))
    inside = place < np.uint64(len(brows))
    return brows[place if inside else np.uint64(0)] * np.float32(inside)


@inline
def _over(value: float, depth: float, cover: float, hair: float) -> float:
    """A factor under a line of an optical depth up to 1, then under hair that covers a share."""
    one, x = np.float32(1), depth * np.float32(-1 / 16)
    x = one + x * (one + x * (np.float32(0.5) + x * np.float32(1 / 6)))  # exp, to six digits
    x *= x
    x *= x
    x *= x
    value *= x * x
    return value + cover * (hair - value)


@inline
def _coded(factor: float) -> int:
    """A factor as a byte, 128 is 1, rounded without a carry in float32."""
    level = min(factor, _BRIGHT) * np.float32(128)
    whole = np.int32(level)
    return whole + np.int32(level - np.float32(whole) >= np.float32(0.5))


@inline
def _code(factor: Array, words: Array) -> None:
    """Factors (3,n) as bytes of words (n,)."""
    for i in range(len(words)):
        red, green, blue = _coded(factor[0, i]), _coded(factor[1, i]), _coded(factor[2, i])
        words[i] = red | green << 8 | blue << 16
