from __future__ import annotations

import pytest
from selfie3d.core.errors import DuplicateNameError, UnknownNameError
from selfie3d.core.registry import Registry


@pytest.fixture
def shapes():
    registry = Registry("shape")

    @registry.register("circle")
    class Circle:
        def __init__(self, radius=1):
            self.radius = radius

    registry.register("box")(lambda: "a box")
    return registry


def test_names_are_sorted(shapes):
    assert shapes.names() == ["box", "circle"]
    assert "box" in shapes and "cone" not in shapes


def test_create_passes_arguments(shapes):
    assert shapes.create("circle", radius=3).radius == 3
    assert shapes.create("box") == "a box"


def test_unknown_name_lists_known_and_nearest(shapes):
    with pytest.raises(UnknownNameError) as caught:
        shapes.get("circel")
    for text in ("shape", "'circel'", "Did you mean 'circle'?", "Known: box, circle"):
        assert text in str(caught.value)


def test_duplicate_is_refused_and_the_first_stays(shapes):
    with pytest.raises(DuplicateNameError, match="'box'"):
        shapes.register("box")(lambda: "another")
    assert shapes.create("box") == "a box"
