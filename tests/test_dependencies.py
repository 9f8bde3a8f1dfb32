"""Every package that users have to install is used by what they install."""

from __future__ import annotations

import ast
import re
import tomllib
from functools import cache
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
MODULES = {"pillow": "PIL", "facenet-pytorch": "facenet_pytorch", "lazy-loader": "lazy_loader"}
NEEDED_BY_OTHERS = {"torchvision"}  # facenet-pytorch imports it; see core/facenet_import.py
NAMES = [re.split(r"[<>=!~ ;\[]", text)[0] for text in PROJECT["dependencies"]]


@cache
def imported() -> set[str]:
    """Top-level packages that shipped modules import, inside functions, too."""
    found: set[str] = set()
    apart = {"tests", "benchmarks", "docs", "examples", "build", "dist"}
    for path in ROOT.rglob("*.py"):
        parts = path.relative_to(ROOT).parts
        if parts[0] in apart or parts[0].startswith("."):
            continue
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, ast.Import):
                found |= {alias.name.partition(".")[0] for alias in node.names}
            elif isinstance(node, ast.ImportFrom) and not node.level:
                found.add(str(node.module).partition(".")[0])
    return found


@pytest.mark.parametrize("name", [name for name in NAMES if name not in NEEDED_BY_OTHERS])
def test_it_is_imported(name):
    assert MODULES.get(name, name) in imported()
