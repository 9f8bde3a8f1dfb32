"""Every script and notebook of examples/ runs in an empty folder; its page shows what they make."""

from __future__ import annotations

import base64
import io
import json
import os
import re
import runpy
import sys
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

ROOT = Path(__file__).resolve().parents[1]
FOLDER = ROOT / "examples"
SCRIPTS = sorted(FOLDER.glob("*.py"))
NOTEBOOKS = sorted(FOLDER.glob("*.ipynb"))
SECONDS = 300  # for a cell, on a machine that is busy


@pytest.mark.parametrize("script", SCRIPTS, ids=lambda path: path.stem)
def test_a_script_makes_its_picture(script, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, "argv", [str(script)])
    runpy.run_path(str(script), run_name="__main__")
    (made,) = tmp_path.iterdir()
    assert made.name == f"{script.stem}.jpg"
    alike(Image.open(made), Image.open(FOLDER / "images" / made.name))


def alike(made: Image.Image, shown: Image.Image) -> None:
    """Weights that are trained anew make other faces, not other pictures."""
    assert abs(made.width - shown.width) <= 40 and abs(made.height - shown.height) <= 40
    sides = (shown.width // 16, shown.height // 16)
    pair = [np.asarray(one.convert("RGB").resize(sides), float) for one in (made, shown)]
    assert np.abs(pair[0] - pair[1]).mean() < 30
    assert pair[0].std() > 10


def cells(notebook: Path) -> list[dict]:
    return json.loads(notebook.read_text(encoding="utf-8"))["cells"]


@pytest.mark.parametrize("notebook", NOTEBOOKS, ids=lambda path: path.stem)
def test_a_notebook_runs(notebook, tmp_path, monkeypatch):
    nbformat = pytest.importorskip("nbformat", reason='needs pip install "selfie3d[dev]"')
    nbclient = pytest.importorskip("nbclient", reason='needs pip install "selfie3d[dev]"')
    pytest.importorskip("ipykernel", reason='needs pip install "selfie3d[notebook]"')
    pytest.importorskip("pandas", reason='needs pip install "selfie3d[notebook]"')
    monkeypatch.setenv("PYTHONPATH", os.pathsep.join([p for p in sys.path if p]))
    monkeypatch.setenv("IPYTHONDIR", str(tmp_path / "ipython"))
    made = tmp_path / "made"
    made.mkdir()
    content = nbformat.read(notebook, as_version=4)
    running = {"metadata": {"path": str(made)}}
    nbclient.NotebookClient(content, timeout=SECONDS, resources=running).execute()
    last = [cell for cell in content.cells if cell.cell_type == "code"][-1].outputs[-1].data
    assert shows_something(last)


def shows_something(data: dict[str, str]) -> bool:
    """A picture that is not of one colour, or HTML with one or with a page in it."""
    text = data.get("text/html", "")
    if "<iframe" in text:
        return len(text) > 1_000_000
    coded = re.search(r'base64,([^"]+)"', text)
    picture = base64.b64decode(coded[1] if coded else data["image/png"])
    return np.asarray(Image.open(io.BytesIO(picture))).std() > 10


@pytest.mark.parametrize("notebook", NOTEBOOKS, ids=lambda path: path.stem)
def test_notebooks_are_kept_without_their_output(notebook):
    code = [cell for cell in cells(notebook) if cell["cell_type"] == "code"]
    assert code and all(not c["outputs"] and c["execution_count"] is None for c in code)
    for cell in code:
        compile("".join(cell["source"]), str(notebook), "exec")


def test_the_page_of_the_examples_names_all_of_them():
    page = (FOLDER / "README.md").read_text(encoding="utf-8")
    linked = set(re.findall(r"\]\(([^)#]+)\)", page))
    named = {path.name for path in [*SCRIPTS, *NOTEBOOKS]}
    assert named <= linked and {f"images/{path.stem}.jpg" for path in SCRIPTS} <= linked
    assert all((FOLDER / name).exists() for name in linked)
    assert {path.stem for path in (FOLDER / "images").iterdir()} == {p.stem for p in SCRIPTS}
