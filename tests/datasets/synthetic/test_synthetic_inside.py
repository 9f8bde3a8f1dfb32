"""Expressions that are drawn, and what they show of eyes and mouths."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from selfie3d.datasets.synthetic.coefficients import draw_expression, draw_identity
from selfie3d.datasets.synthetic.config import SyntheticConfig
from selfie3d.datasets.synthetic.head import load_head
from selfie3d.datasets.synthetic.person import draw_person
from selfie3d.datasets.synthetic.scene import draw_scene
from selfie3d.datasets.synthetic.skin.details import SkinDetails
from selfie3d.datasets.synthetic.skin.shading import PaintedFace, paint_mouth
from selfie3d.datasets.synthetic.studio import Studio
from selfie3d.datasets.synthetic.surface import TextureTable

PLAIN = SyntheticConfig(size=192, hair=0, glasses=0, shadow=0, beard=0, turns=0)


@pytest.fixture(scope="module")
def head():
    return load_head()


@pytest.fixture(scope="module")
def expressions(head):
    rng = np.random.default_rng(3)
    return np.stack([draw_expression(rng, head.model.expression_names) for _ in range(2000)])


@pytest.fixture(scope="module")
def unit(head):
    """The place of a named expression."""
    return {name: k for k, name in enumerate(head.model.expression_names)}


def test_identities_are_a_little_wider_than_people(head):
    rng = np.random.default_rng(4)
    values = np.stack([draw_identity(rng, head.model.sizes[0]) for _ in range(1000)])
    spread = values.std(0)
    assert values.shape[1] == 120 and spread.min() > 1.0 and spread.max() < 1.2


def test_both_eyes_look_the_same_way(expressions, unit):
    side = {name: expressions[:, unit[f"eyeLook{name}"]] for name in
            ("InLeft", "InRight", "OutLeft", "OutRight", "UpLeft", "DownLeft")}  # fmt: skip
    left, right = side["OutLeft"] - side["InLeft"], side["InRight"] - side["OutRight"]
    assert np.corrcoef(left, right)[0, 1] > 0.98
    assert 8 < 25 * left.std() < 14 and abs(left.mean()) < 0.05
    assert (side["UpLeft"] * side["DownLeft"] == 0).all()


def test_mouths_are_closed_often_and_tongues_out_rarely(expressions, unit):
    assert 0.4 < (expressions[:, unit["jawOpen"]] < 0.05).mean() < 0.8
    assert 0.1 < (expressions[:, unit["jawOpen"]] > 0.25).mean() < 0.4
    assert 0 < (expressions[:, unit["tongueOut"]] > 0).mean() < 0.04
    assert (expressions[:, unit["mouthClose"]] <= expressions[:, unit["jawOpen"]]).all()


def test_teeth_are_lit_by_the_lips_and_the_throat_is_dark(head, unit):
    expression = np.zeros(len(unit), np.float32)
    expression[unit["jawOpen"]] = 0.7
    points = head.vertices(np.zeros(120, np.float32), expression)
    albedo, gloss = np.zeros_like(points), np.zeros(len(points), np.float32)
    coded = head.albedo(np.zeros(head.model.sizes[2], np.float32))
    face = PaintedFace(points, head.landmarks(points, "ibug68"), coded, albedo, gloss)
    paint_mouth(np.random.default_rng(0), head, face)
    teeth = head.masks.teeth[np.argsort(points[head.masks.teeth, 2])]
    front, back = albedo[teeth[-200:]].mean(), albedo[teeth[:200]].mean()
    throat = head.masks.mouth[points[head.masks.mouth, 2] < -50]
    assert front > 0.1 and back < 0.6 * front and albedo[throat].max() < 0.02
    outside = np.setdiff1d(np.arange(len(points)), head.masks.mouth)
    assert not albedo[outside].any()


@pytest.fixture(scope="module")
def studio(head):
    """Without anything but the head."""
    return Studio(head, SkinDetails.make(head), None, None, TextureTable(), ())


def test_closed_lids_hide_the_eyes(studio, unit):
    """Hardly anything but skin shows between closed lids, whoever it is."""
    rng = np.random.default_rng(5)
    shown = []
    for blink in (0, 1):
        share = []
        for n in range(12):
            expression = np.zeros(len(unit), np.float32)
            expression[[unit["eyeBlinkLeft"], unit["eyeBlinkRight"]]] = blink
            identity = draw_identity(np.random.default_rng(n), 120)
            share.append(_eye_pixels(rng, studio, identity, expression))
        shown.append(np.array(share))
    assert (shown[0] > 120).all() and shown[1].max() < 10


def _eye_pixels(rng, studio, identity, expression):
    """Pixels of a drawing that show an eye instead of skin, within the lids' landmarks."""
    person = replace(draw_person(0, studio, PLAIN), identity=identity,
                     albedo=np.zeros(studio.head.model.sizes[2], np.float32))  # fmt: skip
    scene = draw_scene(rng, studio, person, config=PLAIN, expression=expression)
    count = 0
    for lids in (slice(36, 42), slice(42, 48)):
        x, y = scene.landmarks["ibug68"][lids, :2].T
        low, high = (int(min(x)), int(min(y)) - 2), (int(max(x)) + 1, int(max(y)) + 3)
        window = scene.drawing.skin[low[1] : high[1], low[0] : high[0]]
        count += float((1 - window).sum())
    return count
