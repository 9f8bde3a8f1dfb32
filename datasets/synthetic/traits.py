"""A person's age and sex as numbers, drawn so that they go with the shape of the head."""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import cache
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ...core.errors import InputError
from ...facemodels.trait_directions import TraitDirections, load_trait_directions

Array = NDArray[Any]
_AGES = np.array([16.0, 22.0, 30.0, 39.0, 51.0, 66.0, 85.0])
_YOUNGER = np.array([0.0, 0.14, 0.36, 0.56, 0.76, 0.91, 1.0])
"""Which share of people is younger than these ages."""

_SEX_IN_SHAPE, _AGE_IN_SHAPE = 0.9, 0.8
"""Correlation of sex and of age with what the shape of the head says of them."""

_SHARP = 1.3


@dataclass(frozen=True)
class Traits:
    """What a person's look goes by.

    Attributes:
        age: years, 16 to 85; sex: from -1, feminine, to 1, masculine.
    """

    age: float
    sex: float

    @property
    def old(self) -> float:
        """0 until 25 years, 1 at 85."""
        return min(max((self.age - 25) / 60, 0.0), 1.0)


@cache
def _directions() -> TraitDirections:
    return load_trait_directions()


def draw_traits(rng: np.random.Generator, identity: Array) -> Traits:
    """Traits that go with identity coefficients (K,) of the default model, and chance.

    Raises:
        InputError: the coefficients are not as many as the model has.
    """
    directions = _directions()
    if identity.shape != directions.sex.shape:
        expected = f"the {len(directions.sex)} coefficients of the default model"
        raise InputError("identity", expected, f"shape {identity.shape}")
    sex = _mixed(float(identity @ directions.sex), _SEX_IN_SHAPE, rng)
    age = _mixed(float(identity @ directions.age), _AGE_IN_SHAPE, rng)
    younger = 0.5 * (1 + math.erf(age / math.sqrt(2)))
    return Traits(float(np.interp(younger, _YOUNGER, _AGES)), math.tanh(_SHARP * sex))


def _mixed(score: float, share: float, rng: np.random.Generator) -> float:
    """A normal number that goes with another by the correlation `share`."""
    return share * score + math.sqrt(1 - share**2) * rng.normal()


def beard_share(traits: Traits, share: float) -> float:
    """How often somebody has a beard when `share` of all people have one: men, with few exceptions.

    Args:
        traits: the person's.
        share: of all people, 0 to 1.
    """
    return float(min(2 * share, 1) * min(max((traits.sex + 0.2) / 0.4, 0), 1))
