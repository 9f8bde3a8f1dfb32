"""The compiled loops over texels against the same in numpy and scipy, whole maps at a time."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.ndimage import map_coordinates, uniform_filter
from selfie3d.pipeline.segment.evidence import BEARD, EYE, GLASSES, HAIR, MOUTH, SKIN, TEETH
from selfie3d.pipeline.segment.guided import box
from selfie3d.pipeline.texture import hair, skin
from selfie3d.pipeline.texture.compose import contrast, divided, finish, lay
from selfie3d.pipeline.texture.fill import retreat, shrunk
from selfie3d.pipeline.texture.hair_kernels import cover, hear, mix, sure_of
from selfie3d.pipeline.texture.kernels import sample_texels
from selfie3d.pipeline.texture.levels import enlarge, halve, lower, pull, touch
from selfie3d.pipeline.texture.skin import smoothstep
from selfie3d.pipeline.texture.skin_kernels import doubt, weigh

SIZE, CELL = 64, 4
COUNT = SIZE * SIZE


@pytest.fixture
def dice():
    return np.random.default_rng(5)


def some(dice, *shape: int) -> np.ndarray:
    """Numbers in [0,1], many of them 0 or 1."""
    return np.clip(dice.random(shape, np.float32) * 1.6 - 0.3, 0, 1)


def bilinear(image: np.ndarray, y: np.ndarray, x: np.ndarray) -> np.ndarray:
    """Values (N,C) of an image (H,W,C) at pixel coordinates."""
    channels = np.moveaxis(image.astype(float), -1, 0)
    places = [y - 0.5, x - 0.5]
    return np.stack([map_coordinates(c, places, order=1, mode="nearest") for c in channels], -1)


def grown(small: np.ndarray, cell: int, size: int) -> np.ndarray:
    """Means (h,w,C) over cells as a whole map (size,size,C)."""
    y, x = np.mgrid[:size, :size] + 0.5
    return bilinear(small, y.ravel() / cell, x.ravel() / cell).reshape(size, size, -1)


class Sampled:
    """Random texels of a random mesh over a photograph of 30 x 20 pixels, some beyond it."""

    def __init__(self, dice) -> None:
        self.table = dice.random((50, 10), np.float32)
        self.table[:, 0] = dice.uniform(-4, 24, 50)
        self.table[:, 1] = dice.uniform(-4, 34, 50)
        self.table[:, 2:4] = dice.uniform(-0.5, 1, (50, 2))
        self.texels = dice.permutation(2 * COUNT)[:COUNT]
        self.corners = dice.integers(0, 50, (COUNT, 3)).astype(np.int32)
        self.weights = dice.dirichlet([1, 1, 1], COUNT).astype(np.float32)
        self.photo = dice.random((30, 20, 4), np.float32)
        self.photo[..., 3] = 1
        self.photo[:5, :, 3] = 0
        self.maps = dice.random((9, 7, 7), np.float32)
        self.to_maps = np.array([[0.4, 0.02, -1.0], [-0.01, 0.35, 0.5]])
        self.near = dice.uniform(-1, 1, (16, 16)).astype(np.float32)
        self.to_near = np.array([0.5, 2.0, 1.0])
        count = 2 * COUNT
        self.sampled, self.fitted = np.zeros((2, count, 3), np.float32)
        self.trust, self.shown = np.zeros(count, np.float32), np.zeros((count, 7), np.float32)
        sample_texels(
            self.texels, self.corners, self.weights, self.table, self.photo, self.maps,
            self.to_maps, self.near, self.to_near, 0.2, self.sampled, self.fitted, self.trust,
            self.shown,
        )  # fmt: skip


def test_texels_sample_what_is_nearest_and_faces_the_camera(dice):
    own = Sampled(dice)
    values = (own.weights[..., None] * own.table[own.corners]).sum(1)
    x, y, depth, facing = values[:, :4].T
    reached = (x >= 0) & (y >= 0) & (x <= 20) & (y <= 30)
    colour = bilinear(own.photo, y, x)
    row, column = (np.clip(np.floor(v), 0, 15).astype(int) for v in (y * 0.5 + 1, x * 0.5 + 2))
    visible = reached & (facing > 0) & (own.near[row, column] >= depth - 0.2)
    visible &= colour[:, 3] >= 0.99
    u, v = own.to_maps @ np.stack([x, y, np.ones_like(x)])
    told = visible & (u >= 0) & (v >= 0) & (u < 7) & (v < 9)
    assert 200 < told.sum() < visible.sum() < reached.sum()
    t = own.texels
    np.testing.assert_allclose(own.fitted[t], values[:, 4:7] * values[:, 7:], atol=1e-6)
    np.testing.assert_allclose(own.sampled[t], colour[:, :3] * visible[:, None], atol=1e-5)
    np.testing.assert_allclose(own.shown[t], bilinear(own.maps, v, u) * told[:, None], atol=1e-5)
    np.testing.assert_allclose(own.trust[t], facing * told, atol=1e-6)
    rest = np.setdiff1d(np.arange(2 * COUNT), t)
    assert not own.fitted[rest].any() and not own.trust[rest].any()


@pytest.mark.parametrize("glasses", [0.0, 1.0])
@pytest.mark.parametrize("segmented", [False, True])
def test_skin_is_weighed_as_by_whole_maps(dice, segmented, glasses):
    shown, facing = some(dice, COUNT, 7), some(dice, COUNT)
    features, brows, own = some(dice, COUNT), some(dice, COUNT), dice.random(COUNT) < 0.8
    known, pasted = np.empty((2, COUNT), np.float32)
    weigh(shown, facing, own, features, brows, skin._LIMITS, segmented, glasses, known, pasted)
    bare, inside = shown[:, SKIN] + shown[:, BEARD], shown[:, TEETH] + shown[:, MOUTH]
    if segmented:
        bare = bare * (1 - smoothstep(inside + shown[:, EYE], *skin._HINT))
    front = smoothstep(facing, *skin._FRONT) * smoothstep(bare, *skin._SURE)
    np.testing.assert_allclose(known, np.where(own, front, 1), atol=1e-5)
    lenses = glasses * shown[:, GLASSES]
    rest = smoothstep(facing, *skin._FACING) * smoothstep(bare + lenses, *skin._SURE)
    face = shown[:, SKIN] + shown[:, BEARD] + shown[:, EYE] + inside + brows * shown[:, HAIR]
    clear = 1 - smoothstep(inside, *skin._INSIDE)
    clear = clear * (1 - smoothstep(shown[:, EYE], *skin._EYEBALL))
    seen = smoothstep(facing, *skin._FEATURES) * smoothstep(face + lenses, *skin._SHOWN) * clear
    rest = np.maximum(rest, features * seen) if segmented else rest
    np.testing.assert_allclose(pasted, np.where(own, rest, 1), atol=1e-5)


def test_odd_differences_are_doubted(dice):
    sampled, fitted = dice.random((2, COUNT, 3), np.float32)
    known, usual = some(dice, COUNT), np.array([0.1, -0.1, 0.0], np.float32)
    away = np.square(sampled - fitted - usual).sum(1)
    wanted = known * np.square(0.25**2 / (away + 0.25**2))
    doubt(sampled, fitted, usual, 0.25, known)
    np.testing.assert_allclose(known, wanted, atol=1e-6)


@pytest.mark.parametrize("mirror", [True, False])
def test_skin_is_composed_as_by_whole_maps(dice, mirror):
    sampled, fitted = dice.random((2, COUNT, 3), np.float32)
    small = dice.random((SIZE // CELL, SIZE // CELL, 3), np.float32)
    fine = dice.random((SIZE // 2, SIZE // 2, 3), np.float32)
    coarse, near = (grown(m, SIZE // len(m), SIZE).reshape(-1, 3) for m in (small, fine))
    known, pasted, seam = (some(dice, COUNT) for _ in range(3))
    own, twin = dice.random(COUNT) < 0.8, dice.permutation(COUNT)
    image = np.ones((COUNT, 3), np.float32)
    tables = (twin, seam) if mirror else (twin[:0], seam[:0])
    maps = fine, 2, small, CELL, SIZE
    finish(sampled, fitted, *maps, known, pasted, own, *tables, image)
    filled = near
    if mirror:
        grain = (sampled - fitted - coarse) * known[:, None]
        filled = near + seam[:, None] / 2 * (coarse[twin] - near) + grain[twin]
    wanted = fitted + filled + pasted[:, None] * (sampled - fitted - filled)
    np.testing.assert_allclose(image, wanted * own[:, None], atol=1e-5)


def test_hair_is_heard_and_mixed_as_by_whole_maps(dice):
    shown, facing, scalp = some(dice, COUNT, 7), some(dice, COUNT), some(dice, COUNT)
    own, twin = dice.random(COUNT) < 0.8, dice.permutation(COUNT)
    chance, heard, carried = np.empty((3, COUNT), np.float32)
    looked, hairy = hear(shown, facing, own, scalp, hair._LIMITS, chance, heard, carried)
    told = shown[:, HAIR] + shown[:, SKIN] + shown[:, BEARD]
    known = smoothstep(told, *hair._KNOWN) * smoothstep(facing, *hair._FACING) * own
    seen = shown[:, HAIR] * (own & (facing > 0))
    np.testing.assert_allclose(heard, known, atol=1e-5)
    np.testing.assert_allclose(chance, seen, atol=1e-6)
    np.testing.assert_allclose(carried, known * smoothstep(seen, *hair._BORDER), atol=1e-5)
    assert looked == pytest.approx((known * (scalp > 0.5)).sum(), rel=1e-4)
    assert hairy == pytest.approx((known * seen * (scalp > 0.5)).sum(), rel=1e-4)
    mixed, weight = np.empty((2, COUNT), np.float32)
    mix(chance, heard, scalp, twin, 0.7, 0.01, own, mixed, weight)
    usual = 0.7 * (scalp + known[twin] * (seen[twin] - scalp))
    wanted = (seen * known + 0.01 * usual) / (known + 0.01)
    np.testing.assert_allclose(mixed, wanted * own, atol=1e-4)
    np.testing.assert_allclose(weight, np.minimum(known + 0.01, 1) * own, atol=1e-5)


def test_hair_covers_and_is_laid_as_by_whole_maps(dice):
    chance, heard, hairy, carried, weight = (some(dice, COUNT) for _ in range(5))
    sampled, image = dice.random((2, COUNT, 3), np.float32)
    small = dice.random((SIZE // CELL, SIZE // CELL, 3), np.float32)
    colour = grown(small, CELL, SIZE).reshape(-1, 3)
    own, strands = dice.random(COUNT) < 0.8, dice.normal(size=COUNT).astype(np.float32)
    covered, sure = np.empty((2, COUNT), np.float32)
    most = cover(chance, heard, hairy, own, 3.0, hair._LIMITS, covered)
    steep = 0.5 + (chance - 0.5) * (1 + 2 * (1 - heard))
    np.testing.assert_allclose(covered, smoothstep(steep, *hair._BORDER) * own * hairy, atol=1e-5)
    assert most == covered.max()
    total, largest = sure_of(carried, chance, hair._LIMITS, sure)
    np.testing.assert_allclose(sure, carried * smoothstep(chance, *hair._SURE), atol=1e-5)
    assert total == pytest.approx(sure.sum(), rel=1e-4) and largest == sure.max()
    level, ragged = contrast(sampled, small, CELL, SIZE, sure)
    assert level == pytest.approx((colour.mean(1) * sure).sum(), rel=1e-4)
    fine = (sampled - colour).mean(1)
    assert ragged == pytest.approx((fine * fine * sure).sum(), rel=1e-4)
    tones = colour * (1 + 0.1 * strands[:, None])
    layer = tones + carried[:, None] * (sampled - tones)
    wanted = image + covered[:, None] * (layer - image)
    bolder = weight + covered * (carried - weight)
    lay(sampled, small, CELL, SIZE, strands, 0.1, covered, carried, image, weight)
    np.testing.assert_allclose(image, wanted, atol=1e-5)
    np.testing.assert_allclose(weight, bolder, atol=1e-6)


@pytest.mark.parametrize("cell", [1, 2, 8])
def test_maps_are_shrunk_and_weights_lowered_to_them(dice, cell):
    size = 8 * cell + cell // 2  # the last cells are not full
    image = dice.random((size, size, 2), np.float32)
    filled = np.pad(image, [(0, -size % cell)] * 2 + [(0, 0)], "edge")
    count = len(filled) // cell
    small = shrunk(image, cell)
    means = filled.reshape(count, cell, count, cell, 2).mean((1, 3))
    np.testing.assert_allclose(small, means, atol=1e-6)
    weight = dice.random((size, size), np.float32)
    wanted = np.minimum(weight, grown(small[..., :1], cell, size)[..., 0])
    lower(weight, small[..., 0].copy(), cell)
    np.testing.assert_allclose(weight, wanted, atol=1e-5)


@pytest.mark.parametrize("reach", [0, 3, 40])
def test_boxes_are_scipys(dice, reach):
    image = dice.random((30, 21, 2), np.float32)
    wanted = uniform_filter(image.astype(float), 2 * reach + 1, axes=(0, 1), mode="nearest")
    np.testing.assert_allclose(box(image, reach), wanted, atol=1e-5)


@pytest.mark.parametrize("cell", [1, 2, CELL])
def test_maps_are_enlarged_by_bilinear_values(dice, cell):
    small = dice.random((-(-SIZE // cell), -(-SIZE // cell), 3), np.float32)
    image = np.empty((SIZE, SIZE, 3), np.float32)
    enlarge(small, cell, image)
    np.testing.assert_allclose(image, grown(small, cell, SIZE), atol=1e-5)


def test_cells_that_are_touched(dice):
    own = dice.random((37, 37)) < 0.02
    touched = np.empty((10, 10), bool)
    touch(own, 4, touched)
    wanted = np.pad(own, (0, 3)).reshape(10, 4, 10, 4).any((1, 3))
    np.testing.assert_array_equal(touched, wanted)


def test_levels_of_a_pyramid(dice):
    values, weight = dice.random((9, 9, 2), np.float32), some(dice, 9, 9)
    mean, known = halve(values, weight)
    filled = np.pad(values * weight[..., None], [(0, 1), (0, 1), (0, 0)])
    total = np.pad(weight, (0, 1)).reshape(5, 2, 5, 2).sum((1, 3))
    sums = filled.reshape(5, 2, 5, 2, 2).sum((1, 3))
    np.testing.assert_allclose(known, np.minimum(total, 1), atol=1e-6)
    np.testing.assert_allclose(mean, sums / np.maximum(total, 1e-9)[..., None], atol=1e-5)
    share = weight[..., None]
    wanted = values * share + grown(mean, 2, 9) * (1 - share)
    pull(values, weight, mean)
    np.testing.assert_allclose(values, wanted, atol=1e-5)


@pytest.mark.parametrize("size", [96, 700])
def test_weights_retreat_from_their_border(size):
    """0 at the border, as before well inside, never more than before."""
    weight = np.zeros((size, size), np.float32)
    edge, radius = size // 4, size / 20
    weight[edge:-edge, edge:-edge] = 0.8
    before = weight.copy()
    retreat(weight, radius)
    middle = size // 2
    assert (weight <= before).all() and weight[edge, middle] < 0.2 * 0.8
    inner = slice(int(edge + 4 * radius), int(-edge - 4 * radius))
    np.testing.assert_allclose(weight[inner, inner], 0.8, atol=1e-5)
    assert (np.diff(weight[edge : edge + int(4 * radius), middle]) >= -1e-5).all()


def test_planes_of_an_image(dice):
    image = dice.normal(0.5, 0.5, (7, 9, 3)).astype(np.float32)
    planes = np.empty((3, 7, 9), np.float32)
    divided(image, planes)
    np.testing.assert_array_equal(planes, np.clip(image, 0, 1).transpose(2, 0, 1))
