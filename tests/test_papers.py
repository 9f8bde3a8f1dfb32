"""docs/papers.md: as many elements as each paper has, and every reference opens."""

from __future__ import annotations

import importlib
import re
from pathlib import Path

import pytest
from omegaconf import OmegaConf

ROOT = Path(__file__).resolve().parents[1]
PAGE = (ROOT / "docs" / "papers.md").read_text()
ELEMENTS = {
    "CSANet": 30,
    "SADRNet": 33,
    "Mobile-FaceRNet": 39,
    "MLANet": 32,
    "R3FA (MobDenseNet)": 19,
}
REFERENCE = re.compile(r"`([\w/]+\.(?:py|yaml)):([\w.]+)`")


def rows(paper):
    """Cells of a paper's table."""
    _, _, rest = PAGE.partition(f"### {paper}: {ELEMENTS[paper]} elements\n")
    table = rest.split("\n###")[0].split("\n## ")[0]
    lines = [line for line in table.splitlines() if re.match(r"\| \d+ \|", line)]
    return [[cell.strip() for cell in line.strip("|").split("|")] for line in lines]


@pytest.mark.parametrize("paper", ELEMENTS)
def test_every_element_has_a_row(paper):
    found = rows(paper)
    assert [row[0] for row in found] == [str(k) for k in range(1, ELEMENTS[paper] + 1)]
    for number, element, source, where, reading in found:
        assert element and source and REFERENCE.search(where), number
        assert re.match(r"(faithful\b|ours: )", reading), (number, reading)


@pytest.mark.parametrize("paper", ELEMENTS)
def test_the_equations_are_all_there(paper):
    """Counted to the last one that the paper prints."""
    last = {"CSANet": 10, "SADRNet": 26, "Mobile-FaceRNet": 21, "MLANet": 16}.get(paper, 6)
    named = " ".join(row[2] for row in rows(paper))
    parts = re.findall(r"eqs? ([\d, ]+\d|\d+)", named)
    assert {int(n) for part in parts for n in re.findall(r"\d+", part)} == set(range(1, last + 1))


@pytest.mark.parametrize("reference", sorted(set(REFERENCE.findall(PAGE))), ids=":".join)
def test_a_reference_opens(reference):
    file, name = reference
    assert (ROOT / file).is_file()
    if file.endswith(".yaml"):
        assert OmegaConf.select(OmegaConf.load(ROOT / file), name) is not None
        return
    module = importlib.import_module("selfie3d." + file.removesuffix(".py").replace("/", "."))
    thing = getattr(module, name)
    home = getattr(thing, "__module__", module.__name__)
    assert home == module.__name__ or not hasattr(thing, "__name__"), f"{name} is of {home}"
