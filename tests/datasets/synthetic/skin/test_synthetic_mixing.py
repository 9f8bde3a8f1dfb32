"""The mixing of skin against the formulas it stands for, written out for single texels."""

from __future__ import annotations

import numpy as np
import pytest
from selfie3d.datasets.synthetic.skin.map import _runs
from selfie3d.datasets.synthetic.skin.mixing import mix_skin
from selfie3d.geometry.segments import Segment

SIDE, BROWS = 40, slice(10 * 40, 18 * 40)
PIGMENTS = np.array([[1, 1, 1], [0.7, 1, 1.1], [0, 1, 0.8], [0.7, 1, 0.9]], np.float32)
LINE, BROW, BEARD = (np.array(c, np.float32) for c in ([0.5, 0.7, 0.7], [0.2, 0.1, 0.1], [0.3] * 3))
SOFT = np.array([1.7, 0.6], np.float32)


def _mixed(skin, density):
    """Factors (n,3) and whether a beard covers most, by numpy and in the order of the texels."""
    where, fields, strengths, lines, brows, beard, hairs, lift = skin
    total = np.zeros((len(where), 4))
    for row, strength in enumerate(strengths):
        total[:, row % 4] += strength * fields[row]
    mask, grain = density * beard / 255, hairs / 255
    cover = np.clip((mask - grain) * SOFT[0] + mask / 2, 0, 1) * (mask > 0)
    value = np.exp(-total @ PIGMENTS) * (1 - np.minimum(mask, 1) * SOFT[1])[:, None]
    value *= np.exp(-lines[where][:, None] * LINE)
    value += cover[:, None] * (BEARD * (1.35 - 0.7 * grain)[:, None] - value)
    on_brows = np.zeros(SIDE * SIDE)
    on_brows[BROWS] = brows
    value += on_brows[where][:, None] * (BROW - value)
    return value / (lift if len(lift) else 1), mask > 0.5


def _skin(lifted):
    rng = np.random.default_rng(3)
    where = np.flatnonzero(rng.random(SIDE * SIDE) < 0.8).astype(np.int32)
    count = len(where)
    fields = rng.integers(-30, 30, (6, count)).astype(np.int8)
    lines = rng.random(SIDE * SIDE) * (rng.random(SIDE * SIDE) < 0.3)
    brows = rng.random(BROWS.stop - BROWS.start) * (rng.random(BROWS.stop - BROWS.start) < 0.3)
    beard, hairs = (rng.integers(0, 256, count).astype(np.uint8) for _ in range(2))
    beard[: count // 2] = 0
    lift = rng.uniform(1, 2, (count, 3)) if lifted else np.zeros((0, 3))
    strengths = rng.uniform(0, 0.01, 6)
    floats = [a.astype(np.float32) for a in (strengths, lines, brows, lift)]
    return where, fields, *floats[:3], beard, hairs, floats[3]


@pytest.mark.parametrize(("density", "lifted"), [(0.0, False), (0.9, False), (0.9, True)])
def test_skin_is_mixed_as_the_formulas_say(density, lifted):
    skin = _skin(lifted)
    where, fields, strengths, lines, brows, beard, hairs, lift = skin
    texels, numbers = np.full(SIDE * SIDE, 0x808080, np.uint32), np.arange(6)
    mix_skin(
        _runs(where, SIDE), fields, numbers, numbers % 4, strengths, PIGMENTS, lines, LINE, brows,
        BROWS.start, BROW, beard, hairs, np.float32(density), SOFT, BEARD, lift, texels,
    )  # fmt: skip
    painted = texels.view("u1").reshape(-1, 4)
    value, bearded = _mixed(skin, density)
    assert np.abs(painted[where, :3] - 128 * np.minimum(value, 1.99)).max() < 0.6
    np.testing.assert_array_equal(painted[where, 3], np.where(bearded, int(Segment.BEARD), 0))
    assert (texels[np.setdiff1d(np.arange(SIDE * SIDE), where)] == 0x808080).all()


def test_runs_hold_every_texel_once_and_end_with_rows():
    where = np.array([0, 1, 3, 4, 5, 8, 9, 11])
    runs = _runs(where, 5)
    np.testing.assert_array_equal(runs, [[0, 0, 2], [2, 3, 2], [4, 5, 1], [5, 8, 2], [7, 11, 1]])
