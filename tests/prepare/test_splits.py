from __future__ import annotations

import pytest
from selfie3d.prepare.photographs import keep_people_together, split_by_name


def test_the_share_held_out():
    names = [f"person {k}" for k in range(5000)]
    for share in (0.0, 0.1, 0.5):
        held = sum(split_by_name(name, share) == "val" for name in names)
        assert held / len(names) == pytest.approx(share, abs=0.02)


def test_a_group_stays_where_it_was_when_others_come():
    assert [split_by_name(name, 0.5) for name in "abcdefgh"] == [
        split_by_name(name, 0.5) for name in "abcdefgh"
    ]
    held = {name for name in map(str, range(200)) if split_by_name(name, 0.1) == "val"}
    assert held <= {name for name in map(str, range(200)) if split_by_name(name, 0.3) == "val"}


def test_nobody_is_in_two_splits():
    groups = ["a", "a", "a", "b", "b", "c"]
    splits, moved = keep_people_together(groups, ["train", "train", "val", "val", "test", "train"])
    assert splits == ["train", "train", "train", "test", "test", "train"]
    assert moved == 2
    assert keep_people_together(["a", "b"], ["val", "train"]) == (["val", "train"], 0)
