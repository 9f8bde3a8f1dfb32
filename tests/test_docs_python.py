"""Every block of Python in README and docs runs, a page's blocks as one program.

They run in an empty folder with the photographs that pages name. What a page leaves to the reader
stands in `GIVEN`.
"""

from __future__ import annotations

import re
import shutil
import sys
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType

import pytest
from selfie3d.core.registry import Registry

ROOT = Path(__file__).resolve().parents[1]
_BLOCK = re.compile(r"^```python\n(.*?)^```$", re.MULTILINE | re.DOTALL)
PHOTOGRAPHS = ("photo.jpg", "other.jpg", "me.jpg", "a.jpg", "b.jpg")
SLOW = {
    "README.md": "makes three heads and a transfer",
    "docs/export.md": "exports and compiles the network",
    "docs/own/face-model.md": "fits a photograph",
    "docs/transfer.md": "makes two heads",
}
"""Pages whose blocks take longer than a test may."""
GIVEN = {
    "docs/batch.md": (
        "import pytest\n"
        "pytest.importorskip('pyarrow', reason='what batch writes: selfie3d[scale]')\n"
        "import os, pyarrow.parquet\n"
        "table = {'key': ['a', 'b'], 'landmarks': [[0.0] * 204] * 2, 'score': [0.5, 1.0]}\n"
        "os.mkdir('results')\n"
        "pyarrow.parquet.write_table(pyarrow.table(table), 'results/faces-00000.parquet')\n"
    ),
    "docs/train-your-own.md": (
        "import selfie3d\n"
        "from PIL import Image\n"
        "import numpy as np\n"
        "picture = np.asarray(Image.open('photo.jpg'))\n"
        "face = selfie3d.reconstruct(picture, selfie3d.ReconstructOptions(texture_size=64))[0]\n"
    ),
}
"""What stands before a page's first block."""


def pages() -> list[Path]:
    found = [ROOT / "README.md", *sorted((ROOT / "docs").rglob("*.md"))]
    return [page for page in found if _BLOCK.search(page.read_text())]


def named(page: Path) -> str:
    return page.relative_to(ROOT).as_posix()


def params() -> list[object]:
    slow = pytest.mark.slow
    return [
        pytest.param(page, id=named(page), marks=slow if named(page) in SLOW else ())
        for page in pages()
    ]


@pytest.fixture
def program(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[ModuleType]:
    """An empty module in an empty folder; what it registers is forgotten afterwards."""
    for name in PHOTOGRAPHS:
        shutil.copy(ROOT / "pipeline" / "data" / "astronaut.jpg", tmp_path / name)
    monkeypatch.chdir(tmp_path)
    module = ModuleType("docs_page")
    monkeypatch.setitem(sys.modules, "docs_page", module)
    kept = {id(known): dict(known._factories) for known in registries()}
    yield module
    for known in registries():
        known._factories = kept.get(id(known), known._factories)


def registries() -> list[Registry[object]]:
    from selfie3d.datasets import DATASETS
    from selfie3d.evaluate import PROTOCOLS
    from selfie3d.losses import LOSSES
    from selfie3d.models import NETWORKS
    from selfie3d.recipes import RECIPES, recipe_names

    recipe_names()  # registers all of them
    return [DATASETS, PROTOCOLS, LOSSES, NETWORKS, RECIPES]


@pytest.mark.usefixtures("one_thread")
@pytest.mark.parametrize("page", params())
def test_the_blocks_of_a_page_run(page: Path, program: ModuleType) -> None:
    exec(GIVEN.get(named(page), ""), vars(program))
    text = page.read_text()
    for block in _BLOCK.finditer(text):
        line = text.count("\n", 0, block.start()) + 1
        code = compile("\n" * line + block[1], str(page), "exec")  # errors name the page's line
        exec(code, vars(program))


def test_no_block_is_left_out() -> None:
    """Python stands between fences named `python`, at the beginning of a line, and not indented."""
    for page in [ROOT / "README.md", *(ROOT / "docs").rglob("*.md")]:
        fences = re.findall(r"^\s*```+ *(py\S*|Python.*)$", page.read_text(), re.MULTILINE)
        assert not re.search(r"^ {4}(import|from) \w", _BLOCK.sub("", page.read_text()), re.M), page
        assert set(fences) <= {"python"}, page
        assert len(fences) == len(_BLOCK.findall(page.read_text())), page


def test_what_is_said_of_pages_is_of_pages() -> None:
    assert {*SLOW, *GIVEN} <= {named(page) for page in pages()}
