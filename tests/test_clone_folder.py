"""pytest works in a clone of any name, and imports the package once."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

ONCE = """
import sys
from pathlib import Path

import selfie3d
from selfie3d.core.registry import Registry

ROOT = Path(__file__).resolve().parents[{depth}]


def imported_as(file):
    modules = list(sys.modules.items())
    return [n for n, m in modules if getattr(m, "__file__", None) and Path(m.__file__) == file]


def test_once():
    assert Registry("x").names() == []
    assert imported_as(ROOT / "__init__.py") == ["selfie3d"]
    assert imported_as(ROOT / "core" / "registry.py") == ["selfie3d.core.registry"]
    assert imported_as(ROOT / "core" / "__init__.py") == ["selfie3d.core"]
"""

# What an editable installation of the clone does: maps the name to the folder.
EDITABLE = """
import sys
from importlib.util import spec_from_file_location


class Finder:
    @staticmethod
    def find_spec(name, path=None, target=None):
        if name == "selfie3d":
            places = [{clone!r}]
            return spec_from_file_location(
                name, {clone!r} + "/__init__.py", submodule_search_locations=places
            )


sys.meta_path.insert(0, Finder)
"""


@pytest.mark.parametrize(
    "name", ["selfie3d-main", pytest.param("selfie3d", marks=pytest.mark.slow)]
)
def test_suite_runs_in_a_clone(name, copy_tree, tmp_path):
    clone = tmp_path.resolve() / name
    copy_tree(clone)
    conftest = (clone / "tests" / "conftest.py").read_text()
    shutil.rmtree(clone / "tests")
    (clone / "tests" / "core").mkdir(parents=True)
    (clone / "tests" / "conftest.py").write_text(conftest)
    (clone / "tests" / "test_quick.py").write_text(ONCE.format(depth=1))
    (clone / "tests" / "core" / "test_quick.py").write_text(ONCE.format(depth=2))
    site = tmp_path / "site"
    site.mkdir()
    (site / "sitecustomize.py").write_text(EDITABLE.format(clone=str(clone)))
    done = subprocess.run(
        [Path(sys.executable).parent / "pytest"],
        cwd=clone,
        env=os.environ | {"PYTHONPATH": str(site), "OMP_NUM_THREADS": "1"},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    assert "2 passed" in done.stdout
