"""Fine detail of skin as a factor on its colour for each texel of the model's atlas."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ....core.jit import kernel
from ....geometry.segments import Segment
from ..coefficients import half
from ..filters import to_srgb
from ..head import Head
from ..traits import Traits
from .hairs import BeardStyle, BrowLines, BrowStyle, brow_hairs
from .layers import PIGMENTS, Layers, paint_layers, paint_shine
from .map import SkinMap
from .marks import BareBrows, stamp_moles
from .mixing import mix_skin
from .relief import Valleys
from .strokes import draw_strokes
from .tone import blood_shown, from_lab, nearest_albedo
from .wrinkles import draw_wrinkles

Array = NDArray[Any]
SIZE = 512
"""Side of the atlas, texels: about 0.65 mm each on the face."""

_BROWS = int(Segment.BROWS)
_PLAIN = np.uint32(0x808080)
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
        mix_skin(
            self.map.runs, layers.fields, numbers, pigments, strengths, PIGMENTS,
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
        painting.growth[rows][covered(brows)] = _BROWS
        stamp_moles(rng, painting.detail, self.map.where)
        return painting

    @property
    def brow_rows(self) -> slice:
        """The rows of the atlas in which brows can lie."""
        rows = self.brows.middle[..., 1]
        return slice(max(int(rows.min()) - _BROW_REACH, 0), int(rows.max()) + _BROW_REACH)


def covered(brows: Array) -> NDArray[np.bool_]:
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
