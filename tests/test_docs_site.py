"""The documentation as a site: it builds without a warning, and every link in it leads somewhere.

Links of README and docs are followed without MkDocs, too, which not everybody has.
"""

from __future__ import annotations

import ast
import re
import subprocess
import sys
from functools import cache
from importlib.util import find_spec
from pathlib import Path

import pytest
import yaml

ROOT = Path(__file__).resolve().parents[1]
PAGES = [
    ROOT / "README.md",
    ROOT / "CONTRIBUTING.md",
    ROOT / "SECURITY.md",
    ROOT / "examples" / "README.md",
    ROOT / "geometry" / "conventions.md",
    *sorted((ROOT / "weights").glob("*.md")),
    *sorted((ROOT / "docs").rglob("*.md")),
]
NEEDED = ("mkdocs", "material", "mkdocstrings", "mkdocstrings_handlers")
MISSING = [name for name in NEEDED if find_spec(name) is None]
without_mkdocs = pytest.mark.skipif(
    bool(MISSING), reason=f"no {', '.join(MISSING)}: pip install 'selfie3d[docs]'"
)
_CODE = re.compile(r"^```.*?^```|`[^`\n]+`", re.MULTILINE | re.DOTALL)
_LINK = re.compile(r"\]\(([^)\s]+)\)")
_LOADED = re.compile(r"<(?:script|img|iframe|source)[^>]*\ssrc=\"(?:https?:)?//[^\"]+\"")
_STYLE = re.compile(r"<link[^>]*rel=\"(?:stylesheet|preconnect|preload)\"[^>]*//[^>]*>")


def links(page: Path) -> list[str]:
    return _LINK.findall(_CODE.sub("", page.read_text()))


@cache
def anchors(page: Path) -> set[str]:
    """Of the headings, as GitHub and MkDocs make them."""
    text = re.sub(r"^```.*?^```", "", page.read_text(), flags=re.MULTILINE | re.DOTALL)
    titles = re.findall(r"^#+ (.+)$", text, re.MULTILINE)
    plain = (re.sub(r"[^\w\- ]", "", title.lower().replace("`", "")) for title in titles)
    return {re.sub(r"[\- ]+", "-", title.strip()) for title in plain}


def broken(page: Path) -> list[str]:
    """Links that lead to no file, or to no heading of one. API pages are made by the site."""
    found = []
    for link in links(page):
        path, _, anchor = link.partition("#")
        if re.match(r"[a-z]+:", link):
            continue
        target = (page.parent / path).resolve() if path else page
        if (ROOT / "docs" / "api") in (target.parent, page.parent):
            continue
        if not target.exists() or (anchor and anchor not in anchors(target)):
            found.append(link)
    return found


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.relative_to(ROOT).as_posix())
def test_every_link_leads_somewhere(page: Path) -> None:
    assert broken(page) == []


def test_links_that_lead_nowhere_are_found(tmp_path: Path) -> None:
    page = tmp_path / "page.md"
    text = "[a](#some-title-3-parts) [b](#other) [c](no.md) `[d](e)`"
    page.write_text(f"# Some title: 3 parts\n{text}")
    assert broken(page) == ["#other", "no.md"]


def leaves(nav: object) -> list[str]:
    if isinstance(nav, str):
        return [nav]
    parts = nav.values() if isinstance(nav, dict) else nav
    return [leaf for part in parts for leaf in leaves(part)]


def settings() -> dict[str, object]:
    return yaml.safe_load((ROOT / "mkdocs.yml").read_text())


def test_every_page_is_in_the_menu() -> None:
    docs = ROOT / "docs"
    rooms = [path.parent.name for path in ROOT.glob("*/__init__.pyi")]
    pages = {p.relative_to(docs).as_posix() for p in docs.rglob("*.md")}
    made = {f"api/{room}.md" for room in rooms} | {
        "index.md",
        "changelog.md",
        "contributing.md",
        "conventions-lines.md",
        "examples.md",
        "security.md",
        "cards/default.md",
        "cards/detector.md",
    }
    assert sorted(leaves(settings()["nav"])) == sorted(pages | made)


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder that `mkdocs build --strict` makes, which fails at a warning."""
    out = tmp_path_factory.mktemp("site")
    command = [sys.executable, "-m", "mkdocs", "build", "--strict", "--site-dir", str(out)]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True)
    assert done.returncode == 0, done.stdout + done.stderr
    return out


@pytest.mark.slow
@without_mkdocs
def test_the_site_has_every_page(site: Path) -> None:
    for page in leaves(settings()["nav"]):
        assert (site / page).with_suffix(".html").is_file(), page


@pytest.mark.slow
@without_mkdocs
def test_nothing_is_loaded_from_elsewhere(site: Path) -> None:
    for page in site.rglob("*.html"):
        text = page.read_text()
        assert _LOADED.findall(text) + _STYLE.findall(text) == [], page.name
    for style in site.rglob("*.css"):
        assert not re.search(r"url\(['\"]?(?:https?:)?//", style.read_text()), style.name


@pytest.mark.slow
@without_mkdocs
@pytest.mark.parametrize("room", ["geometry", "losses", "pipeline"])
def test_what_a_door_lists_is_on_its_page(room: str, site: Path) -> None:
    """By name, with its docstring; examples are code."""
    text = (site / "api" / f"{room}.html").read_text()
    tree = ast.parse((ROOT / room / "__init__.pyi").read_text())
    for node in (n for n in tree.body if isinstance(n, ast.ImportFrom)):
        for alias in node.names:
            assert f'id="selfie3d.{room}.{node.module}.{alias.name}"' in text, alias.name
    assert not re.search(r"<blockquote>\s*<blockquote>|<p>(?:&gt;){3}", text)
