"""The head, its skin and people drawn on it, once for a file."""

from __future__ import annotations

import numpy as np
import pytest
from selfie3d.datasets.synthetic.head import load_head
from selfie3d.datasets.synthetic.skin.details import SkinDetails
from selfie3d.datasets.synthetic.skin.person import Looks, draw_person_skin
from selfie3d.datasets.synthetic.skin.shading import skin_surface
from selfie3d.datasets.synthetic.traits import Traits

BLACK = np.array([0.02, 0.015, 0.012])


@pytest.fixture(scope="module")
def head():
    return load_head()


@pytest.fixture(scope="module")
def details(head):
    return SkinDetails.make(head)


@pytest.fixture(scope="module")
def person(head, details):
    """Draws a person's skin."""

    def draw(seed=0, *, tone=(62, 11, 18), traits=(30, 0.9), hair=BLACK, brows=True, beard=False):
        rng = np.random.default_rng(seed)
        tone = np.array(tone, float)
        albedo = details.albedo(rng, tone)
        looks = Looks(albedo, tone, Traits(*traits), hair, brows, beard)
        return draw_person_skin(rng, head, details, looks)

    return draw


@pytest.fixture(scope="module")
def surface(head):
    marks = head.landmarks(head.mean, "ibug68")

    def make(skin):
        return skin_surface(
            np.random.default_rng(0), head, head.mean, skin=skin, roots=None, marks=marks
        )

    return make
