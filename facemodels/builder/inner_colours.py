"""Colours from pigments, in linear light: skin and hair, and what lies behind lids and lips.

The latter are eyes, teeth, gums, tongue and the mouth's lining, with how dark it is in there.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.spatial import cKDTree

from ..layout import CAVITY, LOWER_GUMS, LOWER_TEETH, MOUTH, TONGUE, UPPER_GUMS, UPPER_TEETH
from .hm08 import Array
from .openings import opening
from .surface import Surface

# Natural logarithms of linear R, G, B per unit of each pigment. They are fitted (to 0.2 of CIELAB)
# to L*, a*, b* of skin from (80, 8, 13) over (61, 12.5, 18) and (45, 13, 17) to (24, 8, 9):
# colour is strongest in the middle of the range. The first melanin of a skin stains
# it, _STAIN at most; more of it only darkens.
_BARE = np.array([0.785, 0.657, 0.509])
_MELANIN = np.array([0.657, 0.604, 0.539])
_STAIN = np.array([0.439, 0.924, 1.273])
_STAINED = 0.452  # melanin at which the stain has come to 1 - 1/e
_BLOOD = np.array([0.08, 0.36, 0.26])
_YELLOW = np.array([0.0, 0.02, 0.30])
# The lightest and the darkest hair, and what lies between by its own melanin, 0 to about 4.
_FAIR_HAIR = np.array([0.42, 0.28, 0.165])
_HAIR_MELANIN = np.array([0.92, 1.05, 1.00])

TEETH, GUMS = (UPPER_TEETH, LOWER_TEETH), (UPPER_GUMS, LOWER_GUMS)
INSIDE_MOUTH = (MOUTH, *TEETH, *GUMS, TONGUE)
# sRGB.
_IVORY, _NECK_OF_TOOTH = np.array([0.82, 0.775, 0.68]), np.array([0.73, 0.65, 0.52])
_GUM, _LINING = np.array([0.72, 0.45, 0.43]), np.array([0.58, 0.28, 0.27])
_TONGUE, _TONGUE_TOP = np.array([0.68, 0.38, 0.37]), np.array([0.74, 0.50, 0.47])
_LID_LINING = np.array([0.70, 0.42, 0.38])
_SCLERA, _VEINS = np.array([0.81, 0.785, 0.75]), np.array([0.80, 0.60, 0.55])
_STROMA, _AMBER = np.array([0.39, 0.50, 0.60]), np.array([0.55, 0.38, 0.20])
_LIT_DEPTH, _LINING_LENGTH, _DARK_LENGTH = 1.5, 8.0, 11.0  # mm behind the opening of the lips
_WINDOW = 0.6  # of the lips' half width
_DARKEST = 0.012
_WARM_SHADE = np.array([0.95, 1.05, 1.09])  # shade in there is lit by red walls
_SEED = 7


def skin_colour(melanin: Array, blood: Array, yellow: Array | float = 0.0) -> Array:
    """Linear reflectance (V,3) of skin.

    Args:
        melanin: (V,), from 0, the lightest, over 0.4 to 3, the darkest.
        blood: (V,), 0.5 on the average.
        yellow: (V,) or one number, 0 on the average.
    """
    melanin = np.maximum(melanin, 0)
    stain = 1 - np.exp(-melanin / _STAINED)
    density = melanin[:, None] * _MELANIN + stain[:, None] * _STAIN
    density = density + np.maximum(blood, 0)[:, None] * _BLOOD
    density += (np.zeros(len(melanin)) + yellow)[:, None] * _YELLOW
    return _BARE * np.exp(-density)


def hair_colour(melanin: float) -> Array:
    """Linear reflectance (3,) of hair: 0 is fair, 2 brown, 4 black."""
    return _FAIR_HAIR * np.exp(-melanin * _HAIR_MELANIN)


def blend(colour: Array, over: Array, share: Array) -> Array:
    """Colours (V,3) with `over` (3,) or (V,3) on top in the shares (V,)."""
    cover = np.clip(share, 0, 1)[:, None]
    return colour * (1 - cover) + over * cover


def to_srgb(linear: Array) -> Array:
    """sRGB transfer curve (IEC 61966-2-1) of linear values."""
    curve = 1.055 * np.clip(linear, 1e-6, None) ** (1 / 2.4) - 0.055
    return np.where(linear <= 0.0031308, 12.92 * linear, curve)


def to_linear(coded: Array) -> Array:
    """Linear values of sRGB-coded ones."""
    curve = ((np.maximum(coded, 0) + 0.055) / 1.055) ** 2.4
    return np.where(coded <= 0.04045, coded / 12.92, curve)


@dataclass(frozen=True)
class EyeColours:
    """What differs between people's eyes.

    melanin: of the iris, 0 blue to 3 dark brown; amber: of the iris, 0 to 1; sclera: yellow
    (positive) or bluish white, about N(0,1).
    """

    melanin: float = 1.35
    amber: float = 0.45
    sclera: float = 0.0


@dataclass(frozen=True)
class InnerMasks:
    """Masks (V,) in 0..1 of what lies behind lids and lips.

    inside: all vertices of the mouth; light: how much of the light gets there, 1 outside;
    pupil, limbus, fibres, sclera, veins, shade: of the eyeballs; neck_of_tooth, tongue_top.
    """

    inside: NDArray[np.bool_]
    light: Array
    pupil: Array
    iris: Array
    limbus: Array
    fibres: Array
    veins: Array
    shade: Array
    neck_of_tooth: Array
    tongue_top: Array


def paint_inner_masks(surface: Surface) -> InnerMasks:
    """The masks on the mean head."""
    pupil, iris, limbus, fibres = _iris_rings(surface)
    veins, shade = _sclera_shades(surface)
    return InnerMasks(
        inside=np.isin(surface.tag, INSIDE_MOUTH),
        light=_light_in_mouth(surface),
        pupil=pupil,
        iris=iris,
        limbus=limbus,
        fibres=fibres,
        veins=veins,
        shade=shade,
        neck_of_tooth=_necks_of_teeth(surface),
        tongue_top=_tongue_top(surface),
    )


def eye_colour(masks: InnerMasks, eyes: EyeColours, tone: float) -> Array:
    """Linear colours (V,3) of the eyeballs; elsewhere meaningless.

    Args:
        tone: of the skin; irises are the darker, the darker it is.
    """
    tint = 1 + 0.026 * eyes.sclera * np.array([0.2, -0.1, -1.0])
    white = blend(_flat(_SCLERA * tint, len(masks.iris)), to_linear(_VEINS), masks.veins)
    stroma = to_linear(_STROMA) * (1 - eyes.amber) + to_linear(_AMBER) * eyes.amber
    stroma = stroma * np.exp(-max(eyes.melanin + 0.6 * tone, 0) * np.array([0.75, 1.0, 1.45]))
    iris = stroma * np.exp(0.16 * masks.fibres - 1.1 * masks.limbus)[:, None]
    colour = blend(white, iris, masks.iris)
    return blend(colour, np.full(3, 0.004), masks.pupil) * masks.shade[:, None]


def mouth_colour(surface: Surface, masks: InnerMasks, lips: Array) -> Array:
    """Linear colours (V,3) of all that lies in the mouth; elsewhere meaningless.

    Args:
        lips: (3,) the linear colour of the lips, which the lining takes near them.
    """
    count, tag = len(surface.tag), surface.tag
    colour = blend(_flat(_LINING, count), lips, masks.light**1.5)
    colour[np.isin(tag, GUMS)] = to_linear(_GUM)
    tongue = blend(_flat(_TONGUE, count), to_linear(_TONGUE_TOP), masks.tongue_top)
    colour[tag == TONGUE] = tongue[tag == TONGUE]
    ivory = blend(_flat(_IVORY, count), to_linear(_NECK_OF_TOOTH), masks.neck_of_tooth)
    colour[np.isin(tag, TEETH)] = ivory[np.isin(tag, TEETH)]
    return colour * masks.light[:, None] ** _WARM_SHADE


def lid_lining() -> Array:
    """Linear colour (3,) of the pockets behind the lids."""
    return to_linear(_LID_LINING)


def _flat(coded: Array, count: int) -> Array:
    """One sRGB-coded colour (3,) in linear light for `count` vertices."""
    return np.tile(to_linear(coded), (count, 1))


def _light_in_mouth(surface: Surface) -> Array:
    """Share (V,) of the light that comes through open lips, by the distance behind them.

    The lining is lit all round the lips, what lies within through their middle only.
    """
    lips = surface.points[opening(surface, MOUTH)]
    middle = lips[np.abs(lips[:, 0]) < _WINDOW * np.abs(lips[:, 0]).max()]
    light = np.ones(len(surface.points))
    for rows, source, length in (
        (surface.tag == MOUTH, lips, _LINING_LENGTH),
        (np.isin(surface.tag, INSIDE_MOUTH[1:]), middle, _DARK_LENGTH),
    ):
        distance, _ = cKDTree(source).query(surface.points[rows])
        depth = np.clip(distance - _LIT_DEPTH, 0, None)
        light[rows] = _DARKEST + (1 - _DARKEST) * np.exp(-depth / length)
    return light


def _iris_rings(surface: Surface) -> tuple[Array, Array, Array, Array]:
    """Shares of pupil, iris and limbus, and the fibres' light and dark, each (V,)."""
    masks = surface.masks
    edge = masks["pupil"] * masks["iris"]  # of the pupil
    limbus = masks["iris"] * masks["sclera"]
    iris = np.maximum(masks["iris"], masks["pupil"])
    rng = np.random.default_rng(_SEED)
    fibres = rng.normal(size=len(iris)) * (masks["iris"] - 0.6 * limbus)
    fibres = np.where(surface.points[:, 0] > 0, fibres, fibres[surface.mirror])
    return masks["pupil"] * (1 - 0.12 * edge), iris * (1 - 0.30 * limbus), limbus, fibres


def _sclera_shades(surface: Surface) -> tuple[Array, Array]:
    """Redness towards the canthi (V,) and the lids' shade on the eyeballs (V,), 1 in the open."""
    veins, shade = np.zeros(len(surface.points)), np.ones(len(surface.points))
    lids = surface.points[opening(surface, CAVITY)]
    for side, sign in (("left", 1.0), ("right", -1.0)):
        ball, own = surface.eye(side), lids[lids[:, 0] * sign > 0]
        points = surface.points[ball]
        ends = own[:, 0].min(), own[:, 0].max()
        inner, outer = ends if sign > 0 else ends[::-1]
        middle = (inner + outer) / 2
        across = (points[:, 0] - middle) / (outer - middle)  # -1 inner canthus, 1 outer
        veins[ball] = 0.75 * np.clip((-across - 0.25) / 0.7, 0, 1) ** 1.5
        veins[ball] += 0.45 * np.clip((across - 0.45) / 0.6, 0, 1) ** 1.5
        upper = own[own[:, 1] > np.interp(own[:, 0], sorted(ends), [0, 0])]
        gap, _ = cKDTree(upper).query(points)
        either, _ = cKDTree(own).query(points)
        hidden = np.abs(across) > 1.15
        shade[ball] = 1 - 0.42 * np.exp(-((gap / 3.0) ** 2)) - 0.12 * np.exp(-((either / 1.6) ** 2))
        shade[ball] *= np.where(hidden | (points[:, 2] < 0), 0.5, 1.0)
    return np.clip(veins, 0, 1), shade


def _necks_of_teeth(surface: Surface) -> Array:
    """How near (V,) a tooth's vertices are to the gums."""
    near = np.zeros(len(surface.points))
    for teeth, gums in zip(TEETH, GUMS, strict=True):
        rows = surface.tag == teeth
        distance, _ = cKDTree(surface.points[surface.tag == gums]).query(surface.points[rows])
        near[rows] = np.exp(-((distance / 2.2) ** 2))
    return near


def _tongue_top(surface: Surface) -> Array:
    normals = surface.normals()
    return np.clip(normals[:, 1], 0, 1) * (surface.tag == TONGUE)
