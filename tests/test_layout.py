"""Reads every import of the package and enforces the layout of docs/layout.md."""

from __future__ import annotations

import ast
import importlib.util
import re
import subprocess
import sys
import tomllib
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from importlib.util import find_spec
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]
APART = {"tests", "benchmarks", "docs", "examples", "build", "dist"}

LEVELS = [
    {"core"},
    {"geometry"},
    {"facemodels", "render", "models", "losses", "detect", "datasets"},
    {"pipeline"},
    {"evaluate", "serve"},
    {"prepare", "engine", "scale"},
    {"recipes"},
    {"train"},
    {"ablate"},
    {"commands"},
    {"cli"},
    {"__init__"},
]
"""Bottom to top; a part imports from lower levels and from itself, never from its neighbours."""

PIPELINE = [
    "first_use",
    "choices",
    "photo",
    "locate",
    "network",
    "segment",
    "fit",
    "texture",
    "formats",
    "cards",
    "predicted",
    "studio",
    "face",
    "options",
    "output",
    "faces",
    "reconstructor",
    "web",
    "transfer",
    "person",
    "photo_work",
    "folder",
    "person_workers",
    "person_files",
    "video",
    "demo",
    "about",
]
"""The way from a photograph to files; each step imports from itself and from those before it."""

NEIGHBOURS_ALLOWED = {"datasets/synthetic": {"facemodels", "render"}}
GEOMETRY_MAY_IMPORT = {"torch", "numpy", "scipy", "numba", "lazy_loader"} | sys.stdlib_module_names
HEAVY = {"facenet_pytorch", "kornia", "trimesh", "typer"}
BARE_GPU_MACHINE = ("models", "render", "losses", "engine", "recipes", "datasets")


@dataclass(frozen=True)
class Import:
    """One import: `module` is dotted; relative ones start with `selfie3d.` after resolving."""

    module: str
    name: str
    relative: bool
    at_top: bool
    line: int


def source_files() -> list[Path]:
    paths = (path.relative_to(ROOT) for path in ROOT.rglob("*.py"))
    return sorted(p for p in paths if p.parts[0] not in APART and not p.parts[0].startswith("."))


@cache
def read_imports(file: Path, text: str | None = None) -> list[Import]:
    tree = ast.parse((ROOT / file).read_text() if text is None else text)
    return list(_walk(tree, file, at_top=True))


def _walk(node: ast.AST, file: Path, at_top: bool) -> Iterator[Import]:
    for child in ast.iter_child_nodes(node):
        if isinstance(child, ast.Import):
            for alias in child.names:
                yield Import(alias.name, "", False, at_top, child.lineno)
        elif isinstance(child, ast.ImportFrom):
            module = _resolve(child, file)
            for alias in child.names:
                yield Import(module, alias.name, child.level > 0, at_top, child.lineno)
        else:
            inside = isinstance(child, ast.FunctionDef | ast.AsyncFunctionDef | ast.Lambda)
            guarded = isinstance(child, ast.If) and "TYPE_CHECKING" in ast.unparse(child.test)
            yield from _walk(child, file, at_top and not inside and not guarded)


def _resolve(node: ast.ImportFrom, file: Path) -> str:
    if node.level == 0:
        return node.module or ""
    package = ["selfie3d", *file.parent.parts]
    base = package[: len(package) - node.level + 1]
    return ".".join([*base, *([node.module] if node.module else [])])


def part_of(file: Path) -> str:
    return file.parts[0].removesuffix(".py")


def imported_part(item: Import) -> str | None:
    """The part of our package that is imported, None for other packages."""
    parts = item.module.split(".")
    if parts[0] != "selfie3d":
        return None
    return parts[1] if len(parts) > 1 else item.name


def level_of(part: str) -> int:
    return next(i for i, parts in enumerate(LEVELS) if part in parts)


def neighbours_allowed(file: Path) -> set[str]:
    """By the file's own name or that of a folder above it."""
    names = [file.with_suffix(""), *file.parents]
    return set().union(*(NEIGHBOURS_ALLOWED.get(name.as_posix(), set()) for name in names))


def upward_imports(file: Path, imports: list[Import]) -> list[str]:
    part = part_of(file)
    wrong = []
    for item in imports:
        target = imported_part(item)
        allowed = neighbours_allowed(file)
        if target in (None, part, "__version__") or target in allowed:
            continue
        if target not in set().union(*LEVELS) or level_of(target) >= level_of(part):
            wrong.append(f"{file}:{item.line} imports {target}")
    return wrong


def step_of(module: str) -> int | None:
    """Which step of the pipeline `selfie3d.pipeline.STEP...` is; None outside of it."""
    parts = module.split(".")
    inside = len(parts) > 2 and parts[:2] == ["selfie3d", "pipeline"]
    return PIPELINE.index(parts[2]) if inside else None


def backward_imports(file: Path, imports: list[Import]) -> list[str]:
    own = step_of(".".join(["selfie3d", *file.with_suffix("").parts]))
    used = {item.module: step_of(item.module) for item in imports}
    return [f"{file} imports {name}" for name, step in used.items() if (step or 0) > (own or 0)]


FILES = source_files()


def test_every_part_has_a_level():
    assert {part_of(file) for file in FILES} <= set().union(*LEVELS)


def test_imports_go_down_only():
    assert [wrong for file in FILES for wrong in upward_imports(file, read_imports(file))] == []


def test_imports_inside_the_package_are_relative():
    """But for train.py, which is run as a script."""
    absolute = [
        f"{file}:{item.line}"
        for file in FILES
        for item in read_imports(file)
        if part_of(file) != "train" and not item.relative and imported_part(item) is not None
    ]
    assert absolute == []


def test_heavy_packages_are_imported_late():
    """But for typer, of which the command line is made."""
    early = [
        f"{file}:{item.line}"
        for file in FILES
        for item in read_imports(file)
        if part_of(file) not in ("cli", "commands")
        and item.at_top
        and item.module.split(".")[0] in HEAVY
    ]
    assert early == []


def test_the_pipeline_reads_downward():
    """Nothing between a photograph and its files needs what comes after it."""
    steps = [file for file in FILES if part_of(file) == "pipeline" and file.stem != "__init__"]
    assert {file.with_suffix("").parts[1] for file in steps} == set(PIPELINE)
    assert [wrong for file in steps for wrong in backward_imports(file, read_imports(file))] == []


def test_the_check_of_the_steps_itself():
    file = Path("pipeline/network/regress.py")
    for text, wrong in (
        ("from ..locate.cut import cut_tensor", 0),
        ("from .gaze import GazeFinder", 0),
        ("from ...detect.face import Face", 0),
        ("from ..texture import Texture", 1),
        ("from ..texture.build import Texture", 1),
        ("def f():\n    from ..face import ReconstructedFace", 1),
    ):
        assert len(backward_imports(file, read_imports(file, text))) == wrong, text


def test_geometry_imports_nothing_but_arrays():
    for file in (f for f in FILES if part_of(f) == "geometry"):
        others = {i.module.split(".")[0] for i in read_imports(file) if not i.relative}
        assert others <= GEOMETRY_MAY_IMPORT, file


def test_training_parts_import_on_a_bare_gpu_machine():
    """With torch, numpy, scipy and numba alone, in a fresh process; CUDA's torch brings triton."""
    without = () if find_spec("triton") else ("triton",)
    modules = [
        ".".join(["selfie3d", *file.with_suffix("").parts]).removesuffix(".__init__")
        for file in FILES
        if part_of(file) in BARE_GPU_MACHINE and not set(without) & set(file.parts)
    ]
    code = f"import sys; sys.modules.update(dict.fromkeys({sorted(HEAVY)}))\n"
    code += "".join(f"import {name}\n" for name in modules)
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr


def test_no_package_shadows_its_modules():
    """`from .icp import icp` in an `__init__.py` would hide the module behind the function."""
    for file in (f for f in FILES if f.name == "__init__.py"):
        folder = ROOT / file.parent
        modules = {path.stem for path in folder.glob("*.py")} - {"__init__"}
        modules |= {path.parent.name for path in folder.glob("*/__init__.py")}
        tree = ast.parse((ROOT / file).read_text())
        bound = {n.name for n in tree.body if isinstance(n, ast.FunctionDef | ast.ClassDef)}
        itself = ".".join(["selfie3d", *file.parent.parts])
        bound |= {i.name for i in read_imports(file) if i.at_top and i.module != itself}
        assert not bound & modules, file


def test_packages_are_listed(package_folders):
    settings = tomllib.loads((ROOT / "pyproject.toml").read_text())["tool"]["setuptools"]
    found = [".".join(["selfie3d", *folder.parts]) for folder in package_folders]
    assert sorted(settings["packages"]) == found
    assert settings["package-dir"] == {"selfie3d": "."}
    assert settings["include-package-data"] is False


def test_no_files_import_each_other():
    path = ROOT / "benchmarks" / "layout_figures.py"
    spec = importlib.util.spec_from_file_location(path.stem, path)
    figures = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(figures)
    edges = figures.edges(figures.modules(ROOT))
    assert len(edges["geometry.icp"]) > 1 and figures.in_circles(edges) == []
    assert figures.in_circles({"a": {"b"}, "b": {"c"}, "c": {"a"}, "d": {"a"}}) == ["a", "b", "c"]


def test_tests_are_no_package():
    assert list((ROOT / "tests").rglob("__init__.py")) == []
    assert not (ROOT / "conftest.py").exists()


def test_tests_lie_as_what_they_test(package_folders):
    """tests/ROOM/SUB tests ROOM/SUB."""
    folders = {path.parent.relative_to(ROOT / "tests") for path in ROOT.glob("tests/**/test_*.py")}
    assert folders <= set(package_folders)


def test_tests_that_the_documents_name_are_there():
    documents = [*ROOT.glob("*.md"), *ROOT.glob("docs/*.md")]
    named = {
        name for page in documents for name in re.findall(r"[\w/]*\btest_\w+\.py", page.read_text())
    }
    assert named
    tests = ROOT / "tests"
    assert [name for name in named if not (tests / name.removeprefix("tests/")).exists()] == []


@pytest.mark.parametrize(
    ("file", "text", "wrong"),
    [
        ("geometry/a.py", "from ..core.errors import InputError", False),
        ("geometry/a.py", "from . import sh", False),
        ("geometry/a.py", "from ..render.face import FaceRenderer", True),
        ("render/a.py", "def f():\n    from ..losses import prior", True),
        ("render/cpu/a.py", "from ...core.errors import InputError", False),
        ("render/cpu/a.py", "from ...pipeline.fit import FitConfig", True),
        ("datasets/synthetic.py", "from ..render.face import FaceRenderer", False),
        ("datasets/synthetic/hair.py", "from ...render.face import FaceRenderer", False),
        ("datasets/photographs/aflw.py", "from ...render.face import FaceRenderer", True),
        ("pipeline/a.py", "from .. import __version__", False),
        ("pipeline/a.py", "from .. import reconstruct", True),
        ("pipeline/a.py", "from .. import evaluate", True),
        ("pipeline/a.py", "from selfie3d.cli import main", True),
        ("train.py", "from selfie3d.engine.loop import run", False),
        ("core/a.py", "from ..toolbox import x", True),
    ],
)
def test_the_direction_check_itself(file, text, wrong):
    assert bool(upward_imports(Path(file), read_imports(Path(file), text))) is wrong
