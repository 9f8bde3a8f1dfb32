"""Who is who from frame to frame, with detectors and networks that know the answer."""

from __future__ import annotations

from itertools import permutations
from types import SimpleNamespace

import numpy as np
import pytest
import torch
from selfie3d.detect.face import Face
from selfie3d.pipeline.video import tracker as module
from selfie3d.pipeline.video.cuts import CutFinder
from selfie3d.pipeline.video.followed import SeenPerson, upright_frame
from selfie3d.pipeline.video.tracker import FaceTracker, TrackOptions, matched

SCENES = [np.full((120, 160, 3), level, np.uint8) for level in (40, 200)]


def overlap(a, b):
    """Of the pixels of two boxes of whole numbers."""
    cells = [{(x, y) for x in range(p, r) for y in range(q, s)} for p, q, r, s in (a, b)]
    return len(cells[0] & cells[1]) / len(cells[0] | cells[1])


def test_pairs_overlap_most_together():
    random = np.random.default_rng(0)
    for _ in range(20):
        corners = random.integers(0, 12, (2, 3, 2))
        sets = [[(x, y, x + 8, y + 8) for x, y in part.tolist()] for part in corners]
        pairs = matched(*sets, least=0.0)
        table = np.array([[overlap(a, b) for b in sets[1]] for a in sets[0]])
        best = max(sum(table[k, p[k]] for k in range(3)) for p in permutations(range(3)))
        assert sum(table[k, other] for k, other in pairs.items()) == pytest.approx(best)
        assert all(table[k, other] >= 0.3 for k, other in matched(*sets, least=0.3).items())
    assert matched([], sets[1], 0.3) == {}


def test_the_frame_of_a_leaning_head_is_upright():
    box = torch.tensor([[-40.0, -50], [40, -50], [40, 50], [-40, 50]])
    turn = torch.tensor([[0.9553, -0.2955], [0.2955, 0.9553]])  # 0.3 radians clockwise
    frame = upright_frame(box @ turn.T + torch.tensor([200.0, 100]), 0.3, 112)
    seen = frame.to_crop(box.double() @ turn.T.double() + torch.tensor([200.0, 100]).double())
    half = 56 / 2**0.5
    expected = box / 50 * half + 56
    assert seen.numpy() == pytest.approx(expected.numpy(), abs=0.02)


class World:
    """Faces as boxes by name; whoever is followed is seen where the nearest box is."""

    def __init__(self, monkeypatch):
        self.faces, self.looks = {}, 0
        monkeypatch.setattr(module, "look_at", self.look_at)

    def detect(self, picture, doubtful=False):
        self.looks += 1
        return [Face(box, 0.9, _five(box)) for box in self.faces.values()]

    glance = detect

    def look_at(self, regressor, picture, followed):
        return [self._seen(one) for one in followed]

    def _seen(self, one):
        boxes = [box for box in self.faces.values() if abs(box[0] - one.box[0]) < 15]
        if not boxes:
            return None
        one.box = min(boxes, key=lambda box: abs(box[0] - one.box[0]))
        return SeenPerson(one.person, None, one.running, one.box, 0.02)


def _five(box):
    x0, y0, x1, y1 = box
    shares = np.array([[0.3, 0.35], [0.7, 0.35], [0.5, 0.6], [0.35, 0.8], [0.65, 0.8]])
    return shares * [x1 - x0, y1 - y0] + [x0, y0]


@pytest.fixture
def world(monkeypatch):
    return World(monkeypatch)


def start(world, **options):
    return FaceTracker(SimpleNamespace(size=112), world, TrackOptions(**options))


def people(tracker, time, picture=SCENES[0]):
    return {one.person: one.box[0] for one in tracker(picture, time)}


def test_two_people_keep_their_numbers(world):
    tracker = start(world)
    for k in range(40):
        world.faces = {"a": (10 + k, 20, 40 + k, 60), "b": (110 - k, 20, 140 - k, 60)}
        if k < 30:
            found = people(tracker, k / 30)
            first = found[1] if k else min(found.values())
            assert len(found) == 2 and (first == 10 + k or k == 0)
    assert world.looks <= 3  # followed, not looked for


def test_somebody_who_comes_later_and_one_who_comes_back(world):
    tracker = start(world)
    world.faces = {"a": (10, 20, 40, 60)}
    assert people(tracker, 0.0) == {1: 10}
    world.faces["b"] = (100, 20, 130, 60)
    assert people(tracker, 0.1) == {1: 10} and people(tracker, 0.6) == {1: 10, 2: 100}
    del world.faces["b"]
    assert people(tracker, 0.7) == {1: 10}
    world.faces["b"] = (104, 20, 134, 60)
    assert people(tracker, 1.0) == {1: 10, 2: 104}
    del world.faces["b"]
    people(tracker, 1.1)
    world.faces["b"] = (104, 20, 134, 60)
    assert people(tracker, 9.0) == {1: 10, 3: 104}, "after long it may be anybody"


def test_a_cut_begins_anew_unless_it_is_one_person(world):
    world.faces = {"a": (10, 20, 40, 60)}
    anybody, one = start(world), start(world, one_person=True)
    for tracker, number in ((anybody, 2), (one, 1)):
        assert people(tracker, 0.0) == {1: 10}
        assert people(tracker, 0.1, SCENES[1]) == {number: 10} and tracker.cuts == 1


def test_as_many_faces_as_wanted(world):
    world.faces = {"a": (10, 20, 60, 90), "b": (100, 20, 130, 60)}
    assert people(start(world, max_faces=1), 0.0) == {1: 10}


def test_cuts_are_seen_and_motion_is_not():
    """A picture that pans, darkens a little and has noise, and then another one."""
    random = np.random.default_rng(0)
    one = np.kron(random.integers(0, 256, (12, 20, 3)), np.ones((40, 40, 1)))
    other = np.kron(random.integers(0, 120, (12, 20, 3)), np.ones((40, 40, 1)))
    find, found = CutFinder(), []
    for k in range(40):
        scene = one if k < 20 else other
        frame = scene[:, 6 * k : 6 * k + 480] * (1 - 0.005 * k)
        frame = frame + random.normal(0, 6, frame.shape)
        found.append(find(frame.clip(0, 255).astype(np.uint8)))
    assert [k for k, cut in enumerate(found) if cut] == [20]


def test_small_pictures_have_cuts_too():
    find = CutFinder()
    found = [find(np.full((2, 3, 3), level, np.uint8)) for level in (0, 0, 250, 250)]
    assert found == [False, False, True, False]
