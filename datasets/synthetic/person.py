"""Who is drawn: what stays the same in all pictures of one person."""

from __future__ import annotations

from dataclasses import dataclass
from enum import IntEnum
from typing import Any

import numpy as np
from numpy.typing import NDArray

from .coefficients import draw_identity
from .colours import hair_colour
from .config import SyntheticConfig
from .skin.person import Looks, PersonSkin, draw_person_skin
from .skin.tone import draw_tone
from .studio import Studio
from .style import NO_STYLE, Style, draw_style
from .traits import Traits, beard_share, draw_traits

Array = NDArray[Any]


class Part(IntEnum):
    """What of a person is drawn by chance: each has random numbers of its own."""

    BODY = 0
    SKIN = 1
    HAIR = 2
    STYLE = 3
    EYES = 4


@dataclass(frozen=True)
class Person:
    """A person; mm and linear light.

    Attributes:
        seed, number: whose person this is.
        identity, albedo: coefficients of the face model.
        traits: age and sex.
        hair: (3,) colour of hair.
        styled: whether hair or a hat is worn.
        skin: its colour, relief and what grows on it.
        style: what is worn of the assets.
    """

    seed: int
    number: int
    identity: Array
    albedo: Array
    traits: Traits
    hair: Array
    styled: bool
    skin: PersonSkin
    style: Style

    def chance(self, part: Part) -> np.random.Generator:
        """Random numbers that start alike in every picture."""
        return _chance(self.seed, self.number, part)


def _chance(seed: int, number: int, part: Part) -> np.random.Generator:
    return np.random.default_rng([seed, number, int(part)])


def draw_person(number: int, studio: Studio, config: SyntheticConfig) -> Person:
    """Person `number` of a set."""
    rng = _chance(config.seed, number, Part.BODY)
    head = studio.head
    identity = draw_identity(rng, head.model.sizes[0])
    tone = draw_tone(rng)
    albedo = studio.details.albedo(rng, tone)
    traits = draw_traits(rng, identity)
    hair = hair_colour(rng, head.tone(albedo), traits.age)
    styled = rng.random() < config.hair
    beard = rng.random() < beard_share(traits, config.beard)
    style = NO_STYLE
    if studio.wardrobe is not None and rng.random() < config.assets_share:
        style = draw_style(_chance(config.seed, number, Part.STYLE), studio.wardrobe, traits)
    brows, beard = style.brows is None, beard and style.beard is None
    looks = Looks(albedo, tone, traits, hair, brows, beard)
    skin = draw_person_skin(_chance(config.seed, number, Part.SKIN), head, studio.details, looks)
    return Person(config.seed, number, identity, albedo, traits, hair, styled, skin, style)
