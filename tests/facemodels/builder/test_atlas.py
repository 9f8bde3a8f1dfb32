"""Texture charts, the cut up the back of the head, and the shipped atlases and mask."""

from __future__ import annotations

from importlib.resources import files

import numpy as np
import pytest
from scipy.sparse import coo_matrix
from scipy.sparse.csgraph import connected_components
from selfie3d.facemodels.builder.atlas import BOXES, MARGIN
from selfie3d.facemodels.builder.flatten import Hold, energies, relax
from selfie3d.facemodels.builder.inner import ISLANDS
from selfie3d.facemodels.builder.net import Net, Outline
from selfie3d.facemodels.builder.uv import cut_back, disk_chart, open_sheet
from selfie3d.facemodels.layout import CAP, CAVITY, EYE, FACE, MOUTH, SKIN
from selfie3d.facemodels.subdivide import catmull_clark, edge_table, rim_loops, triangles
from selfie3d.facemodels.subdivision_model import whole_head

CELLS = 24


def covered(uv, corners, size):
    """How many triangles (F,3) hold each of size x size texel centres."""
    corner = uv[corners] * size - 0.5
    low = np.ceil(corner.min(1)).astype(int)
    extent = np.maximum(np.floor(corner.max(1)).astype(int) - low + 1, 0)
    owner = np.repeat(np.arange(len(corner)), extent.prod(1))
    local = np.arange(len(owner)) - np.searchsorted(owner, owner)
    place = low[owner] + np.stack([local % extent[owner, 0], local // extent[owner, 0]], 1)
    inside = np.ones(len(owner), bool)
    for k in range(3):
        start, end = corner[owner, k], corner[owner, (k + 1) % 3]
        along, to = end - start, place - start
        inside &= along[:, 0] * to[:, 1] - along[:, 1] * to[:, 0] > 1e-9
    return np.bincount(place[inside] @ [1, size], minlength=size * size).reshape(size, size)


def areas(uv, corners):
    """Signed areas of triangles (F,3)."""
    a, b = uv[corners[:, 1]] - uv[corners[:, 0]], uv[corners[:, 2]] - uv[corners[:, 0]]
    return (a[:, 0] * b[:, 1] - a[:, 1] * b[:, 0]) / 2


def both_diagonals(quads):
    return np.concatenate([quads[:, k] for k in ((0, 1, 2), (0, 2, 3), (1, 2, 3), (1, 3, 0))])


@pytest.fixture(scope="module")
def dome():
    """A symmetric bulge with two eyes and a mouth cut out: points, quads and the mirror map."""
    side = np.linspace(-1, 1, CELLS + 1)
    x, y = np.meshgrid(side, side, indexing="ij")
    points = np.stack([90 * x, 110 * y, 90 * (1 - x * x) * (1 - 0.6 * y * y)], -1).reshape(-1, 3)
    table = np.arange((CELLS + 1) ** 2).reshape(CELLS + 1, -1)
    quads = np.stack([table[:-1, :-1], table[1:, :-1], table[1:, 1:], table[:-1, 1:]], -1)
    hole = np.zeros((CELLS, CELLS), bool)
    hole[5:9, 15:17] = hole[15:19, 15:17] = hole[9:15, 6:8] = True
    quads, mirror = quads[~hole], table[::-1].ravel()
    used = np.unique(quads)
    local = np.full(len(points), -1)
    local[used] = np.arange(len(used))
    return points[used], local[quads], local[mirror[used]]


@pytest.fixture(scope="module")
def chart(dome):
    points, quads, mirror = dome
    return disk_chart(points, quads, mirror, np.ones(len(points)), 1.2)


def test_a_chart_fills_the_square_without_overlap(dome, chart):
    quads = dome[1]
    assert np.allclose([chart.min(0), chart.max(0)], [[0, 0], [1, 1]])
    assert areas(chart, both_diagonals(quads)).min() > 0
    count = covered(chart, triangles(quads), 512)
    assert count.max() == 1
    assert 0.85 < count.mean() < 0.98


def test_a_chart_is_mirrored_and_the_right_way_up(dome, chart):
    points, _, mirror = dome
    assert np.abs(chart[mirror] * [-1, 1] + [1, 0] - chart).max() < 1e-12
    assert np.array_equal(np.sign(np.round(points[:, 0])), np.sign(np.round(chart[:, 0] - 0.5, 9)))
    assert np.corrcoef(points[:, 1], chart[:, 1])[0, 1] > 0.95


def test_openings_stay_open(dome, chart):
    """At least two texels of a map of 256 between the lips and between the lids."""
    for loop in rim_loops(dome[1])[:-1]:
        assert np.ptp(chart[loop], axis=0).min() > 3 / 256


def test_importance_is_followed(dome, chart):
    points, quads, mirror = dome
    upper = points[:, 1] > 20
    uneven = disk_chart(points, quads, mirror, np.where(upper, 1.0, 0.5), 1.2)
    own = triangles(quads[upper[quads].all(1)])
    assert areas(uneven, own).sum() > 1.4 * areas(chart, own).sum()


def test_a_chart_of_an_asymmetric_surface(dome):
    points, quads, _ = dome
    corner = (points[quads].mean(1) > [0, -200, -200]).all(1) & (points[quads, 1].mean(1) < 40)
    used, local = np.unique(quads[corner], return_inverse=True)
    uv = disk_chart(points[used], local.reshape(-1, 4), None, np.ones(len(used)))
    assert areas(uv, both_diagonals(local.reshape(-1, 4))).min() > 0


@pytest.mark.parametrize(("width", "roundness"), [(1.0, 2.0), (2.5, 2.0), (1.2, 7.0)])
def test_an_outline(width, roundness):
    outline = Outline(width, roundness)
    if roundness == 2:
        assert outline.area() == pytest.approx(np.pi * width, rel=1e-5)
    points = outline.along(np.linspace(0, 1, 400, endpoint=False))
    assert np.allclose(points[[0, 200]], [[0, -1], [0, 1]], atol=1e-6)
    assert points[100, 0] == pytest.approx(width)
    step = np.linalg.norm(points - np.roll(points, 1, 0), axis=1)
    assert step.sum() == pytest.approx(outline.length(), rel=1e-3)
    assert step.max() / step.min() < 1.05
    beyond, normal = outline.offset(points * 1.01)
    assert np.allclose(outline.offset(points)[0], 0, atol=1e-9)
    assert np.allclose(beyond, 0.01 * (points * normal).sum(1), rtol=0.05)


def test_energy_is_least_without_stretch_and_endless_with_a_flip():
    turn = np.array([[0.6, -0.8], [0.8, 0.6]])
    found = energies(np.stack([turn, 2 * turn, turn @ np.diag([1, -1]), turn * 0]))
    assert np.allclose(found[:2], [4, 8.5])
    assert np.isinf(found[2:]).all()


def test_relaxing_restores_what_was_squashed():
    """A fan that was pressed to one side comes back to the shape that is wanted of it."""
    turn = np.arange(7) * 2 * np.pi / 7
    wanted = np.concatenate([[[0.0, 0.0]], np.stack([np.cos(turn), np.sin(turn)], 1)])
    corners = np.stack([np.zeros(7, int), 1 + np.arange(7), 1 + np.roll(np.arange(7), -1)], 1)
    sides = wanted[corners[:, 1:]] - wanted[corners[:, :1]]
    net = Net(corners, sides, np.full(7, 1 / 7))
    squashed = wanted * [1, 0.05] + [0.3, 0]
    rim, free = 1 + np.arange(7), np.ones((8, 2), bool)
    place = relax(squashed, net, Hold.of(squashed, rim, Outline(1.0, 2.0), free))
    assert np.abs(np.linalg.norm(place[1:] - place[0], axis=1) - 1).max() < 0.02
    assert areas(place, corners).min() > 0


@pytest.fixture(scope="module")
def ball():
    """A ball of quads that is open below, and its mirror map."""
    signs = np.array([[x, y, z] for x in (-1, 1) for y in (-1, 1) for z in (-1, 1)], float)
    quads = np.array([[4, 6, 7, 5], [0, 1, 3, 2], [2, 3, 7, 6], [1, 5, 7, 3], [0, 2, 6, 4]])
    points = signs
    for _ in range(4):
        matrix, quads = catmull_clark(quads, len(points))
        points = matrix @ points
    key = {tuple(p): i for i, p in enumerate((np.round(points, 6) + 0.0).tolist())}
    flipped = np.round(points * [-1, 1, 1], 6) + 0.0
    return 100 * points, quads, np.array([key[tuple(p)] for p in flipped.tolist()])


def test_the_cut_opens_the_back_only(ball):
    points, quads, mirror = ball
    whole = open_sheet(quads, mirror)
    cut = cut_back(points, whole, 0.0)
    doubled = cut.source[len(whole.source) :]
    assert len(doubled) > 5 and np.abs(points[doubled, 0]).max() < 1e-6
    assert points[doubled, 2].max() < 0
    assert np.array_equal(cut.source[cut.quads], quads)
    assert np.array_equal(cut.mirror[cut.mirror], np.arange(len(cut.mirror)))
    assert np.array_equal(cut.source[cut.mirror], mirror[cut.source])
    before, after = rim_loops(whole.quads), rim_loops(cut.quads)
    assert len(before) == len(after) == 1
    assert len(after[0]) == len(before[0]) + 2 * len(doubled)
    on_left = points[cut.source[cut.quads], 0].mean(1) > 0
    assert not np.isin(cut.quads[on_left], np.arange(len(whole.source), len(cut.source))).any()


def test_the_cut_skin_has_a_chart_with_the_front_in_the_middle(ball):
    points, quads, mirror = ball
    cut = cut_back(points, open_sheet(quads, mirror), 0.0)
    own = points[cut.source]
    uv = disk_chart(own, cut.quads, cut.mirror, np.ones(len(own)))
    assert areas(uv, both_diagonals(cut.quads)).min() > 0
    assert covered(uv, triangles(cut.quads), 256).max() == 1
    front = np.linalg.norm(own - [0, 20, 100], axis=1).argmin()
    assert np.allclose(uv[front], [0.5, 0.5], atol=0.2)


def test_boxes_do_not_touch():
    boxes = np.array(list(BOXES.values()))
    low, high = boxes[:, :2], boxes[:, :2] + boxes[:, 2:]
    assert low.min() >= 0 and high.max() <= 1 + 1e-12
    for i in range(len(boxes)):
        for j in range(i):
            shared = np.minimum(high[i], high[j]) - np.maximum(low[i], low[j])
            assert shared.min() < 1e-9
    assert set(ISLANDS) < set(BOXES)
    assert (boxes[:, 2:].min(1) > 6 * MARGIN).all()


class Shipped:
    """An atlas of the shipped file: quads (F,4), their parts (F,), uv (T,2) and corners (F,4)."""

    def __init__(self, name: str) -> None:
        arrays = np.load(files("selfie3d.facemodels") / "data" / "default.npz", allow_pickle=False)
        head = whole_head(arrays)
        part = np.concatenate([np.tile(arrays["part"], 4), arrays["inner_part"]])
        self.quads, self.part = head.quads, np.full(len(head.quads), CAP)
        self.part[: len(part)] = part
        skin = head.matrix @ arrays["mean"]
        self.points = np.concatenate([skin, arrays["inner_mean"], skin[head.rim]])
        face = np.unpackbits(arrays["face_quads"], count=len(self.quads)).astype(bool)
        kept = face if name == "face" else np.ones_like(face)
        self.quads, self.part, self.face = self.quads[kept], self.part[kept], face[kept]
        self.mirror = arrays["mirror"].astype(int)
        self.uv = arrays[f"uv_{name}"].astype(float)
        self.corners = arrays[f"uv_corners_{name}"].astype(int)
        self.skin = np.isin(self.part, (FACE, SKIN))


@pytest.fixture(scope="module", params=["face", "head"])
def atlas(request):
    return Shipped(request.param)


def test_the_mask_is_one_piece_with_one_rim():
    mask = Shipped("face")
    assert set(np.unique(mask.part)) == set(range(CAP)) - {CAVITY}
    quads = mask.quads[np.isin(mask.part, (FACE, SKIN, MOUTH))]
    edges, count, _ = edge_table(quads)
    assert set(np.bincount(edges[count == 1].ravel()).tolist()) == {0, 2}  # touches itself nowhere
    loops = rim_loops(quads)
    assert len(loops) == 3 and len(loops[0]) == len(loops[1]) < len(loops[2]) / 3  # two eyes
    turned = {tuple(sorted(q)) for q in mask.mirror[quads].tolist()}
    assert turned == {tuple(sorted(q)) for q in quads.tolist()}


def test_no_texel_is_covered_twice(atlas):
    assert atlas.uv.min() >= MARGIN - 1e-6 and atlas.uv.max() <= 1 - MARGIN + 1e-6
    corners = triangles(atlas.corners)
    assert areas(atlas.uv, corners).min() > 0
    assert covered(atlas.uv, corners, 1024).max() == 1


def test_charts_keep_a_distance(atlas):
    """Every chart is in a box of its own, with a margin on all sides."""
    pairs = edge_table(atlas.corners)[0]
    graph = coo_matrix((np.ones(len(pairs)), pairs.T), shape=(len(atlas.uv),) * 2)
    label = connected_components(graph, directed=False)[1]
    box_of = np.full(len(atlas.uv), -1)
    for i, (left, bottom, width, height) in enumerate(BOXES.values()):
        to = np.minimum(atlas.uv - [left, bottom], [left + width, bottom + height] - atlas.uv)
        box_of[to.min(1) > MARGIN - 1e-5] = i
    assert box_of.min() >= 0
    found = np.unique(np.stack([label, box_of]), axis=1)
    assert np.array_equal(np.unique(found[0]), found[0])  # no chart lies in two boxes
    skin = label[atlas.corners[atlas.skin]]
    assert len(np.unique(skin)) == 1
    names = np.array(list(BOXES))[np.unique(box_of)]
    assert ("cap" in names) == (atlas.part == CAP).any()


def test_skin_is_mirrored(atlas):
    """u -> 1 - u takes the skin's and the mouth's quads to the other side's."""
    for mask in (atlas.skin, atlas.part == MOUTH):
        twin = {tuple(sorted(q)): i for i, q in enumerate(atlas.quads[mask].tolist())}
        other = [twin[tuple(sorted(q))] for q in atlas.mirror[atlas.quads[mask]].tolist()]
        middle = atlas.uv[atlas.corners[mask]].mean(1)
        assert np.abs(middle[other] * [-1, 1] + [1, 0] - middle).max() < 1e-5
        left = atlas.points[atlas.quads[mask], 0].mean(1) > 0
        assert np.array_equal(left, middle[:, 0] > 0.5)


def test_the_face_has_the_most_texels(atlas):
    corners, own = triangles(atlas.corners), np.tile(atlas.face & atlas.skin, 2)
    share = areas(atlas.uv, corners)[own].sum()
    assert share > (0.78 if (atlas.part != CAP).all() else 0.45)
    assert areas(atlas.uv, corners)[np.tile(atlas.part == EYE, 2)].sum() > 0.025


def test_the_face_is_hardly_stretched(atlas):
    """Ratio of the chart's scales along and across, by area, on the face without the ears."""
    front = atlas.face & (atlas.part == FACE)
    faces, corners = triangles(atlas.quads[front]), triangles(atlas.corners[front])
    p, t = atlas.points[faces], atlas.uv[corners]
    a, b = p[:, 1] - p[:, 0], p[:, 2] - p[:, 0]
    size = np.linalg.norm(np.cross(a, b), axis=1)
    long = np.linalg.norm(a, axis=1)
    flat = np.stack([long, 0 * long, (a * b).sum(1) / long, size / long], 1).reshape(-1, 2, 2)
    scale = np.linalg.svd(np.linalg.inv(flat) @ (t[:, 1:] - t[:, :1]), compute_uv=False)
    ratio = scale[:, 0] / scale[:, 1]
    order = np.argsort(ratio)
    within = np.cumsum(size[order]) / size.sum()
    assert (ratio[order][np.searchsorted(within, [0.5, 0.95])] < [1.45, 2.0]).all()
    density = np.sqrt(scale.prod(1)) * 1024  # texels per mm
    low, high = np.percentile(density, [5, 95])
    assert low > 2.3 and high / low < 2
