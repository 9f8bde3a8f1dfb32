"""What the doors list is documented: arguments by name, and examples that run."""

from __future__ import annotations

import ast
import doctest
import importlib
import inspect
import re
from collections import Counter
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]
ROOMS = sorted(path.parent.name for path in ROOT.glob("*/__init__.pyi"))
EXAMPLES = 160
"""Functions and classes with an example, at least."""
MOST_USED = 60
"""Functions and classes that most files import: each has an example."""


def listed(room: str) -> dict[str, object]:
    tree = ast.parse((ROOT / room / "__init__.pyi").read_text())
    names = [a.name for node in tree.body if isinstance(node, ast.ImportFrom) for a in node.names]
    package = importlib.import_module(f"selfie3d.{room}")
    return {name: getattr(package, name) for name in names}


def examples(thing: object, name: str) -> list[doctest.DocTest]:
    if not (inspect.isfunction(thing) or inspect.isclass(thing)):
        return []
    module = inspect.getmodule(thing)
    found = doctest.DocTestFinder().find(thing, name, globs=dict(vars(module)))
    return [test for test in found if test.examples]


@pytest.mark.parametrize("room", ROOMS)
def test_arguments_are_documented(room):
    """Each by its name, of functions with two or more."""
    without = []
    for name, thing in listed(room).items():
        if inspect.isfunction(thing) and len(inspect.signature(thing).parameters) >= 2:
            said = (inspect.getdoc(thing) or "").partition("Args:")[2].partition("Returns:")[0]
            names = inspect.signature(thing).parameters
            missing = [p for p in names if not re.search(rf"\b{p}\b.*:", said)]
            without += [f"{name}: {missing}"] if missing else []
    assert without == []


@pytest.mark.parametrize("room", ROOMS)
def test_examples_run(room):
    failures = []
    for name, thing in listed(room).items():
        for test in examples(thing, name):
            runner = doctest.DocTestRunner(optionflags=doctest.ELLIPSIS)
            if runner.run(test).failed:
                failures.append(test.name)
    assert failures == []


def test_enough_examples():
    things = [(thing, name) for room in ROOMS for name, thing in listed(room).items()]
    assert sum(bool(examples(*pair)) for pair in things) >= EXAMPLES


def test_what_is_used_most_has_an_example():
    """Functions and classes of the doors, by the files of the package that import their name."""
    files = [p for room in ROOMS for p in (ROOT / room).rglob("*.py")]
    imported = Counter(name for path in files for name in imported_names(path))
    things = {name: thing for room in ROOMS for name, thing in listed(room).items()}
    ours = [name for name, thing in things.items() if is_documented(thing)]
    most = sorted(ours, key=lambda name: -imported[name])[:MOST_USED]
    assert [name for name in most if not examples(things[name], name)] == []


def imported_names(path: Path) -> set[str]:
    """What a file imports from the package, anywhere in it."""
    nodes = ast.walk(ast.parse(path.read_text()))
    froms = (node for node in nodes if isinstance(node, ast.ImportFrom) and node.level)
    return {alias.name for node in froms for alias in node.names}


def is_documented(thing: object) -> bool:
    """A function or a class, but no error: those are raised, not used."""
    if inspect.isclass(thing):
        return not issubclass(thing, Exception)
    return inspect.isfunction(thing)
