"""Colours, relief and traits of drawn people."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from selfie3d.core.errors import InputError
from selfie3d.datasets.synthetic.coefficients import draw_identity
from selfie3d.datasets.synthetic.colours import beard_colour, brow_colour, hair_colour
from selfie3d.datasets.synthetic.skin.make_up import draw_make_up
from selfie3d.datasets.synthetic.skin.relief import Relief, draw_relief, rough_normals
from selfie3d.datasets.synthetic.skin.tone import draw_tone, from_lab, to_lab
from selfie3d.datasets.synthetic.traits import Traits, beard_share, draw_traits
from selfie3d.facemodels.trait_directions import load_trait_directions

# Colours ------------------------------------------------------------------------------------


@pytest.mark.parametrize("tone", [(72, 8, 14), (60, 11, 18), (45, 11, 17), (28, 8, 9)])
def test_skin_has_the_colour_that_was_drawn(tone, person, details, surface):
    drawn = surface(replace(person(7, tone=tone), make_up=draw_nothing()))
    found = to_lab(drawn.albedo[details.plain].mean(0))
    assert np.abs(found - tone).max() < 1.5


def draw_nothing():
    """Make-up of somebody who wears none."""
    none = draw_make_up(np.random.default_rng(0), Traits(40, 1.0), np.array([60.0, 11, 18]))
    return replace(none, lips=(none.lips[0], 0.0), lids=(none.lids[0], 0.0), blush=0.0)


def test_tones_are_those_of_people():
    tones = np.stack([draw_tone(np.random.default_rng(k)) for k in range(3000)])
    low, high = np.percentile(tones, [1, 99], axis=0)
    assert low[0] < 30 and high[0] > 70
    assert low[1] > 4.5 and high[1] < 15 and low[2] > 5 and high[2] < 25
    dark, middle = tones[tones[:, 0] < 35], tones[np.abs(tones[:, 0] - 52) < 6]
    assert dark[:, 1].mean() < middle[:, 1].mean() - 1
    assert dark[:, 2].mean() < middle[:, 2].mean() - 4
    assert (np.degrees(np.arctan2(tones[:, 2], tones[:, 1])) > 46).all()  # none is pink


def test_lab_is_cielab():
    """White, and the sRGB primaries' published values (D65)."""
    np.testing.assert_allclose(to_lab(np.ones(3)), [100, 0, 0], atol=0.1)
    np.testing.assert_allclose(to_lab(np.array([1.0, 0, 0])), [53.24, 80.09, 67.20], atol=0.1)
    np.testing.assert_allclose(to_lab(np.array([0, 0, 1.0])), [32.30, 79.19, -107.86], atol=0.1)
    colours = np.random.default_rng(0).uniform(0.01, 1, (50, 3))
    np.testing.assert_allclose(from_lab(to_lab(colours)), colours, atol=1e-6)


def test_albedo_coefficients_stay_those_of_people(details):
    rng = np.random.default_rng(3)
    drawn = np.stack([details.albedo(rng, draw_tone(rng)) for _ in range(400)])
    assert drawn.shape[1] == 38 and (drawn == drawn.astype(np.float16)).all()
    assert drawn.std(0).min() > 0.7 and drawn.std(0).max() < 1.5
    assert np.abs(drawn).max() < 6


def test_hair_turns_grey_with_age_and_brows_are_darker_than_fair_hair():
    def mean(age):
        return np.mean([hair_colour(np.random.default_rng(k), 0.6, age) for k in range(300)])

    assert mean(78) > 1.7 * mean(25)
    rng, fair = np.random.default_rng(0), np.array([0.35, 0.25, 0.14])
    brows = np.mean([brow_colour(rng, fair, 30) for _ in range(50)], 0)
    beards = np.mean([beard_colour(rng, fair, 30) for _ in range(50)], 0)
    assert brows.mean() < 0.6 * fair.mean() and beards.mean() < 0.8 * fair.mean()


def test_make_up_is_womens_mostly():
    def worn(sex):
        drawn = [draw_make_up(np.random.default_rng(k), Traits(30, sex), np.array([60, 11, 18.0]))
                 for k in range(300)]  # fmt: skip
        return np.mean([one.lips[1] > 0 for one in drawn])

    assert worn(-0.95) > 0.3 > 0.08 > worn(0.95)


# Relief and traits --------------------------------------------------------------------------


def test_relief_tilts_skin_and_nothing_else(head, details):
    flat = Relief((0, 0.0), (10, 0.0), 0.0, 0.0, 0.0)
    turn = np.eye(3, dtype=np.float32)
    smooth = rough_normals(head, details.valleys, flat, points=head.mean, rotation=turn)
    folded = rough_normals(
        head, details.valleys, replace(flat, folds=0.5), points=head.mean, rotation=turn
    )
    np.testing.assert_allclose(np.linalg.norm(folded[head.faces[:, 0]], axis=1), 1, atol=1e-4)
    moved = np.linalg.norm(folded - smooth, axis=1)
    marks = head.landmarks(head.mean, "ibug68")
    near = np.linalg.norm(head.mean - (marks[35] + marks[54]) / 2, axis=1) < 16
    assert moved[near].max() > 0.25
    assert moved[head.masks.skin < 0.5].max() < 1e-6 and np.median(moved) < 1e-3
    assert moved[head.mean[:, 1] > 20].max() < 0.02
    rng = np.random.default_rng(0)
    old, young = (
        [draw_relief(rng, Traits(age, 0.0)).folds for _ in range(100)] for age in (80, 20)
    )
    assert np.mean(old) > 2 * np.mean(young)


def test_traits_go_with_the_shape():
    directions, rng = load_trait_directions(), np.random.default_rng(0)
    people = [draw_identity(rng, len(directions.sex)) for _ in range(1500)]
    traits = [draw_traits(rng, identity) for identity in people]
    sexes, ages = (np.array([getattr(t, name) for t in traits]) for name in ("sex", "age"))
    assert np.corrcoef(np.stack(people) @ directions.sex, sexes)[0, 1] > 0.75
    assert np.corrcoef(np.stack(people) @ directions.age, ages)[0, 1] > 0.6
    assert ages.min() >= 16 and ages.max() <= 85 and 0.4 < (sexes > 0).mean() < 0.6
    assert 30 < np.median(ages) < 45 and (ages > 65).mean() > 0.05
    with pytest.raises(InputError, match="identity"):
        draw_traits(rng, np.zeros(3))


def test_beards_are_mens():
    assert beard_share(Traits(30, -0.5), 0.22) == 0
    assert beard_share(Traits(30, 0.9), 0.22) == pytest.approx(0.44)
    assert beard_share(Traits(30, 0.9), 1.0) == 1
