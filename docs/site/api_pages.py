"""The pages of the API: one for each room, of what its door lists.

mkdocstrings reads the docstrings without importing anything; it is shown the packages of
pyproject.toml under a folder named selfie3d, as the root of the repository is that package.
"""

from __future__ import annotations

import ast
import tempfile
import tomllib
from pathlib import Path

from mkdocs.config.defaults import MkDocsConfig
from mkdocs.plugins import event_priority
from mkdocs.structure.files import File, Files

ROOT = Path(__file__).resolve().parents[2]
_SHOWN: list[tempfile.TemporaryDirectory[str]] = []


@event_priority(100)
def on_config(config: MkDocsConfig) -> MkDocsConfig:
    """Before mkdocstrings looks where the package is."""
    shown = tempfile.TemporaryDirectory(prefix="selfie3d-docs-")
    _SHOWN.append(shown)
    package = Path(shown.name) / "selfie3d"
    package.mkdir()
    for path in [*ROOT.glob("*.py"), *(ROOT / name for name in rooms())]:
        (package / path.name).symlink_to(path)
    config.plugins["mkdocstrings"].config["handlers"]["python"]["paths"] = [shown.name]
    return config


def on_files(files: Files, config: MkDocsConfig) -> Files:
    """Add a page for each room."""
    for name in rooms():
        if (ROOT / name / "__init__.pyi").is_file():
            files.append(File.generated(config, f"api/{name}.md", content=room_page(name)))
    return files


def on_post_build(config: MkDocsConfig) -> None:
    """Leave nothing behind."""
    while _SHOWN:
        _SHOWN.pop().cleanup()


def rooms() -> list[str]:
    """Folders at the top of the package."""
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())
    names = project["tool"]["setuptools"]["packages"]
    return [name.partition(".")[2] for name in names if name.count(".") == 1]


def room_page(room: str) -> str:
    """What the room is, and everything that others may use of it."""
    about = ast.get_docstring(ast.parse((ROOT / room / "__init__.py").read_text())) or ""
    entries = [f"::: selfie3d.{room}.{name}" for name in listed(room)]
    head = f"# selfie3d.{room}\n\n{about}\n\n    from selfie3d.{room} import ...\n"
    return "\n\n".join([head, *entries]) + "\n"


def listed(room: str) -> list[str]:
    """`module.name` of what a door lists."""
    tree = ast.parse((ROOT / room / "__init__.pyi").read_text())
    imports = [node for node in tree.body if isinstance(node, ast.ImportFrom)]
    return [f"{node.module}.{alias.name}" for node in imports for alias in node.names]
