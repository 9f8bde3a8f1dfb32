"""A person's skin: what is the same in all pictures of one person."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..colours import beard_colour, brow_colour
from ..filters import to_linear
from ..head import Head
from ..traits import Traits
from .details import Growth, SkinDetails, SkinPainting
from .hairs import BeardStyle, draw_beard_style, draw_brow_style
from .make_up import MakeUp, draw_make_up
from .relief import Relief, draw_relief
from .tone import from_lab

Array = NDArray[Any]
_BRIGHTEST = 1.8
"""Painted hair may be this much lighter than the skin; beyond it the skin under it is lightened."""


@dataclass(frozen=True)
class PersonSkin:
    """Skin of one person on the default head.

    Attributes:
        albedo: (V,3) of the model by its coefficients, sRGB-coded; coded: the same without brows.
        tint: (3,) factor from there to the skin's colour, linear light.
        lift: (V,3) factor on it where light hair is painted on dark skin; or None.
        shiny: (V,) share of the skin's gloss: more on nose and forehead, none under a beard.
        hair: (3,) colour of the head's hair.
        painting: details in the atlas; relief: roughness of the surface; make_up: what is worn.
    """

    albedo: Array
    coded: Array
    tint: Array
    lift: Array | None
    shiny: Array
    hair: Array
    painting: SkinPainting
    relief: Relief
    make_up: MakeUp


@dataclass(frozen=True)
class Looks:
    """What is settled of a person before the skin is drawn.

    Attributes:
        albedo: (Ka,) coefficients, of `SkinDetails.albedo`.
        tone: (3,) of `draw_tone`.
        traits: age and sex.
        hair: (3,) colour of the head's hair, linear light.
        brows: whether to paint brows (else the skin there is bare).
        beard: whether to paint one.
    """

    albedo: Array
    tone: Array
    traits: Traits
    hair: Array
    brows: bool = True
    beard: bool = False


def draw_person_skin(
    rng: np.random.Generator, head: Head, details: SkinDetails, looks: Looks
) -> PersonSkin:
    """The skin of a person.

    Args:
        rng: source of chance.
        head: the default head; details: what is painted with.
        looks: the person's.
    """
    tone, traits, hair, beard = looks.tone, looks.traits, looks.hair, looks.beard
    whole = head.albedo(looks.albedo)
    coded = details.bare.fill(whole)
    skin = from_lab(tone)
    tint = skin / np.maximum(to_linear(coded[details.plain]).mean(0), 1e-3)
    relief = draw_relief(rng, traits)
    make_up = draw_make_up(rng, replace(traits, sex=1.0) if beard else traits, tone)
    styles = draw_brow_style(rng, traits.age, traits.sex), draw_beard_style(rng)
    colours = brow_colour(rng, hair, traits.age), beard_colour(rng, hair, traits.age)
    grown = styles[1] if beard else None
    shiny = details.shiny
    if grown is not None:
        shiny = shiny * (1 - details.beards[grown.kind] * np.float32(min(grown.density, 1)))
    lift = _lift(details, grown, colours[1] / skin)
    growth = Growth(
        styles[0] if looks.brows else None, grown, colours[0] / skin, colours[1] / skin, lift
    )
    painting = details.paint(rng, traits, growth, tone)
    return PersonSkin(
        whole, coded, tint.astype(np.float32), lift, shiny, hair, painting, relief, make_up
    )  # fmt: skip


def _lift(details: SkinDetails, beard: BeardStyle | None, ratio: Array) -> Array | None:
    """Factors (V,3) that lighten the skin under a beard that is much lighter."""
    over = np.maximum(ratio / _BRIGHTEST, 1) - 1
    if beard is None or over.max() <= 0:
        return None
    return (1 + details.beards[beard.kind][:, None] * over).astype(np.float32)
