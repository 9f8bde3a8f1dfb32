"""Each room has a door: what `__init__.pyi` lists may be used by others, all else is internal."""

from __future__ import annotations

import ast
import importlib
import inspect
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]
ROOMS = sorted(path.parent.name for path in ROOT.glob("*/__init__.pyi"))
WITHOUT_DOOR = {"commands"}
"""The command line is put together by cli.py and used by nobody else."""


def listed(room: str) -> dict[str, str]:
    """Name to the module of the room that it comes from, as the door says."""
    tree = ast.parse((ROOT / room / "__init__.pyi").read_text())
    imports = [node for node in tree.body if isinstance(node, ast.ImportFrom)]
    assert all(node.level == 1 and node.module for node in imports)
    return {alias.name: str(node.module) for node in imports for alias in node.names}


def crossing() -> list[tuple[str, str, str]]:
    """Functions and classes that files import from other rooms: file, room, name."""
    found = []
    for path in sorted(ROOT.glob("*/**/*.py")):
        file = path.relative_to(ROOT)
        if file.parts[0] not in {*ROOMS, *WITHOUT_DOOR}:
            continue
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, ast.ImportFrom) and node.level:
                package = [*file.parent.parts[: len(file.parent.parts) - node.level + 1]]
                module = [*package, *(str(node.module).split(".") if node.module else [])]
                if module and module[0] != file.parts[0] and module[0] in ROOMS:
                    found += [(str(file), ".".join(module), alias.name) for alias in node.names]
    return found


def test_every_room_has_a_door():
    packages = {path.parent.name for path in ROOT.glob("*/__init__.py")}
    assert packages - {"tests", "benchmarks"} - WITHOUT_DOOR == set(ROOMS)


@pytest.mark.parametrize("room", ROOMS)
def test_a_door_opens(room):
    package = importlib.import_module(f"selfie3d.{room}")
    names = listed(room)
    assert names and set(package.__all__) == set(names)
    for name, module in names.items():
        thing = getattr(package, name)
        assert thing is getattr(importlib.import_module(f"selfie3d.{room}.{module}"), name)
        if inspect.isfunction(thing) or inspect.isclass(thing):
            assert inspect.getdoc(thing), f"{room}.{name} has no docstring"


def test_whoever_comes_from_another_room_uses_the_door():
    doors = {room: listed(room) for room in ROOMS}
    hidden = []
    for file, module, name in crossing():
        room = module.partition(".")[0]
        is_module = (ROOT / module.replace(".", "/") / f"{name}.py").exists()
        if name.startswith("_") or not (name.isupper() or is_module or name in doors[room]):
            hidden.append(f"{file}: {module}.{name}")
    assert hidden == []


def test_a_term_by_the_shortest_way():
    from selfie3d.losses import ssim_loss

    assert ssim_loss.__module__ == "selfie3d.losses.ssim"
