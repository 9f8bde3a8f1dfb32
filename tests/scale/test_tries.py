"""Who ends two processes is left alone; who was merely near is not."""

from __future__ import annotations

import multiprocessing
import os
from pathlib import Path

import pytest
from selfie3d.core.item_failure import FailureLog
from selfie3d.datasets.labelled.places import Place
from selfie3d.scale import decode
from selfie3d.scale.decode import read_group, tries_of
from selfie3d.scale.tries import Tries


def test_two_deaths_at_the_same_place(tmp_path):
    tries = Tries(tmp_path / "notes")
    for worked_on, deadly in (([3, 4], set()), ([3, 4], set()), ([3, 5], {4}), ([], {4})):
        assert tries.begin() == deadly
        for item in worked_on:
            tries.at(item)
    tries.end()
    assert tries.begin() == set()


def test_deaths_before_the_first_photograph_are_nobodys(tmp_path):
    for _ in range(4):
        assert Tries(tmp_path / "notes").begin() == set()


def test_damaged_notes_are_no_notes(tmp_path):
    (tmp_path / "notes").write_bytes(b"start\n\xff\n7\n")
    assert Tries(tmp_path / "notes").begin() == set()
    (tmp_path / "other").write_text("start\n7\nodd\nstart\n7\n")
    assert Tries(tmp_path / "other").begin() == {7}


def _deadly(place: Place) -> object:
    if place.key == "deadly":
        os._exit(9)
    raise ValueError("odd")


def _read(state: Path) -> None:
    decode.read_place = _deadly
    places = [Place(name, name) for name in ("a", "deadly", "b")]
    found = read_group(places, tries_of(state, "g", "read"), FailureLog())
    (state / "kinds").write_text(" ".join(one.kind for one in found))


@pytest.mark.parametrize("starts", [3])
def test_a_photograph_that_ends_processes_is_recorded(tmp_path, starts):
    codes = []
    for _ in range(starts):
        process = multiprocessing.get_context("fork").Process(target=_read, args=(tmp_path,))
        process.start()
        process.join()
        codes.append(process.exitcode)
    assert codes == [9, 9, 0]
    assert (tmp_path / "kinds").read_text() == "ValueError killed ValueError"
