"""Which way up a photograph is looked at, and how closely."""

from __future__ import annotations

import numpy as np
import pytest
from selfie3d.detect.face import Face
from selfie3d.detect.turned import find_any_way_up

POINTS = np.array([[4.0, 4], [8, 4], [6, 6], [4, 8], [8, 8]])
PHOTO = np.zeros((20, 30, 3), np.uint8)
PHOTO[0, 0] = 255  # tells how far it is turned


def face(score: float) -> Face:
    return Face((2.0, 2.0, 10.0, 10.0), score, POINTS)


class Search:
    """Finds a face of a score for each way the photograph lies, and notes what it was asked."""

    def __init__(self, *scores: float) -> None:
        self.scores, self.asked = scores, []

    def __call__(self, image: np.ndarray, how: str) -> list[Face]:
        turn = next(k for k in range(4) if np.rot90(image, -k)[0, 0, 0] == 255)
        self.asked.append((turn, how))
        return [face(self.scores[turn])] if self.scores[turn] else []


def found(search: Search, glance: str | None) -> list[Face]:
    quick = None if glance is None else (lambda best: glance)
    return find_any_way_up(PHOTO, search, ["up"], sideways="side", sure=0.98, glance=quick)


def test_a_sure_face_ends_the_search() -> None:
    search = Search(0.99, 1.0, 1.0, 1.0)
    assert found(search, "glance")[0].score == 0.99
    assert search.asked == [(0, "up")]


def test_a_doubtful_face_is_looked_for_by_glances() -> None:
    search = Search(0.9, 0, 0.8, 0)
    assert found(search, "glance")[0].score == 0.9
    assert sorted(search.asked) == [(0, "up"), (1, "glance"), (2, "glance"), (3, "glance")]


@pytest.mark.parametrize("glance", [None, "glance"])
def test_a_better_turned_face_is_searched_for_in_full(glance) -> None:
    search = Search(0.9, 0, 0, 0.95)
    assert found(search, glance)[0].score == 0.95
    assert (3, "side") in search.asked
    assert glance is None or (1, "side") not in search.asked


def test_where_nothing_stands_upright_all_ways_are_searched_in_full() -> None:
    search = Search(0, 0.9, 0, 0)
    assert found(search, "glance")[0].score == 0.9
    assert {how for _, how in search.asked} == {"up", "side"}
