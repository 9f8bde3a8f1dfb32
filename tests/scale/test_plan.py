"""Groups and parts stay what they are, whatever is added later."""

from __future__ import annotations

import os

import pytest
from selfie3d.core.errors import InputError
from selfie3d.datasets.labelled.inputs import place_of
from selfie3d.datasets.labelled.places import Place
from selfie3d.scale.plan import GROUP, check_settings, make_plan

pytest.importorskip("pyarrow", reason='needs pip install "selfie3d[scale]"')


def places(*numbers: int) -> list[Place]:
    odd = os.fsdecode(b"\xff")
    return [Place(f"{n}.jpg", f"/d/{n}{odd}.jpg", n, 2 * n, 3 * n) for n in numbers]


def test_every_photograph_is_in_one_group(tmp_path):
    plan = make_plan(tmp_path, places(*range(101)), 40)
    rows = [g.first + k for part in plan.parts.values() for g in part for k in range(g.count)]
    assert rows == list(range(101))
    sizes = [sum(group.count for group in part) for part in plan.parts.values()]
    assert sizes == [40, 40, 21] and max(g.count for p in plan.parts.values() for g in p) == GROUP
    assert [place_of(plan.inputs, n) for n in (0, 100)] == [places(0)[0], places(100)[0]]


def test_what_comes_later_makes_parts_of_its_own(tmp_path):
    before = make_plan(tmp_path, places(5, 7, 9), 2)
    after = make_plan(tmp_path, places(1, 5, 6, 7), 2)  # 9 is gone from the source
    assert list(before.parts) == [0, 1] and list(after.parts) == [0, 1, 2]
    assert all(after.parts[part] == before.parts[part] for part in before.parts)
    assert after.inputs.column("key").to_pylist() == [f"{n}.jpg" for n in (5, 7, 9, 1, 6)]
    assert make_plan(tmp_path, places(6), 2) == after


def test_other_settings_are_refused(tmp_path):
    check_settings(tmp_path, {"size": 3, "mesh": "head"})
    check_settings(tmp_path, {"size": 3, "mesh": "head"})
    with pytest.raises(InputError, match=r"mesh 'head' as before, got 'face'"):
        check_settings(tmp_path, {"size": 3, "mesh": "face"})


def test_damaged_inputs_are_named(tmp_path):
    make_plan(tmp_path, places(1), 2)
    path = tmp_path / "inputs-00000.parquet"
    path.write_bytes(path.read_bytes()[:-9])
    with pytest.raises(InputError, match="inputs-00000"):
        make_plan(tmp_path, places(1), 2)
