"""The drawings of the conventions are those that the code draws today."""

from __future__ import annotations

import importlib.util
import re
import sys
from pathlib import Path
from types import ModuleType

import pytest

ROOT = Path(__file__).resolve().parents[1]
SITE = ROOT / "docs" / "site"
_RENDERED = re.compile(r"data:image/jpeg;base64,[^\"]+")
_NUMBER = re.compile(r"-?\d+(?:\.\d+)?")


@pytest.fixture(scope="module")
def drawings() -> ModuleType:
    """docs/site/drawings.py, which imports its neighbour svg.py."""
    path = SITE / "drawings.py"
    spec = importlib.util.spec_from_file_location("docs_drawings", path)
    assert spec and spec.loader
    module = importlib.util.module_from_spec(spec)
    with pytest.MonkeyPatch.context() as patch:
        patch.syspath_prepend(SITE)
        spec.loader.exec_module(module)
    sys.modules.pop("svg", None)
    return module


def parted(text: str) -> tuple[str, list[float]]:
    """What a drawing says without its rendered heads and numbers, and the numbers."""
    plain = _RENDERED.sub("", text)
    return _NUMBER.sub("#", plain), [float(n) for n in _NUMBER.findall(plain)]


@pytest.mark.parametrize("name", ["axes", "angles", "pixels", "uv", "landmarks"])
def test_a_drawing_is_as_the_code_draws_it(name: str, drawings: ModuleType) -> None:
    """Words to the letter, places to a pixel."""
    words, numbers = parted((ROOT / "docs" / "images" / f"{name}.svg").read_text())
    words_now, numbers_now = parted(drawings.DRAWINGS[name]())
    assert words_now == words, "run python docs/site/drawings.py"
    assert numbers_now == pytest.approx(numbers, abs=1)


def test_every_drawing_is_tested(drawings: ModuleType) -> None:
    assert set(drawings.DRAWINGS) == {"axes", "angles", "pixels", "uv", "landmarks"}


def test_positive_angles_turn_as_the_captions_say(drawings: ModuleType) -> None:
    """Independent of the drawing: where a point before the nose and one on the crown go."""
    nose, crown = (0, 0, 100), (0, 100, 0)
    straight = drawings.Head((0, 0, 0)).at(nose, crown)
    assert drawings.Head((30, 0, 0)).at(nose)[0][1] < straight[0][1]  # up
    assert drawings.Head((0, 30, 0)).at(nose)[0][0] < straight[0][0]  # to the image's left
    assert drawings.Head((0, 0, 30)).at(crown)[0][0] > straight[1][0]  # clockwise
