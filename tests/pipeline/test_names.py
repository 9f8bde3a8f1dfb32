from __future__ import annotations

from pathlib import Path

import pytest
from selfie3d.pipeline.output.files import ENDINGS, MAP_ENDINGS
from selfie3d.pipeline.output.names import choose_names, may_be_named


def names(*paths: str, earlier=None, reserved=()) -> list[str]:
    given = [Path(p) for p in paths]
    known = {Path(p): n for p, n in (earlier or {}).items()}
    chosen = choose_names(given, known, reserved)
    return [chosen[p] for p in given]


def files(name: str) -> set[str]:
    """What one photograph with up to 12 faces may write, letter case aside."""
    faces = [name, *(f"{name}_{n}" for n in range(2, 13))]
    return {f"{face}{end}".casefold() for face in faces for end in ENDINGS + MAP_ENDINGS}


def test_the_stem_where_it_is_free():
    assert names("x/a.jpg", "x/b.c.png", "frame_1.jpg", "frame_2.jpg") == [
        *("a", "b.c", "frame_1", "frame_2")
    ]


def test_equal_stems():
    assert names("x/a.jpg", "x/a.png", "y/a.jpg", "z/a.jpg") == ["a", "a-png", "a-jpg", "a-2"]


@pytest.mark.parametrize(
    "stems",
    [
        ("a", "a_2", "a_2_overlay", "a_12", "a_overlay", "a_turntable", "A"),
        ("a_2_overlay", "a_2", "a_12", "a"),
        ("a_2", "a_2_2", "a_3", "a", "a_2_2_2"),
        ("a_overlay", "a_turntable", "a_overlay_2", "a"),
        ("a", "a_depth", "a_2_normals", "a_segmentation", "a_maps", "a_viewer"),
    ],
)
def test_no_file_of_one_is_a_file_of_another(stems):
    chosen = names(*(f"{stem}.jpg" for stem in stems))
    for i, one in enumerate(chosen):
        for other in chosen[:i]:
            assert not files(one) & files(other), (one, other)


def test_an_earlier_name_is_kept_and_others_give_way():
    assert names("x/a.jpg", "y/a.jpg", earlier={"y/a.jpg": "a"}) == ["a-jpg", "a"]
    assert names("x/a.jpg", reserved=["a", "a-jpg"]) == ["a-2"]
    assert names("x/a_2.jpg", reserved=["a"]) == ["a_2-jpg"]


def test_results_have_printable_names():
    assert names(
        "a\nv 1 2 3.jpg", "b\x1b[31m.p\tng", "c\udcff.jpg", "é ü.jpg", "a_v 1 2 3.png"
    ) == [*("a_v 1 2 3", "b_[31m", "c_", "é ü", "a_v 1 2 3-png")]
    assert may_be_named(Path("a\nb.jpg"), "a_b") and may_be_named(Path("a\nb.jpg"), "a_b-2")
    assert not may_be_named(Path("a\nb.jpg"), "a\nb")
