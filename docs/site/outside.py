"""Pages of the site that lie elsewhere in the repository, and links to and from them.

A link that works between the files of the repository works between the pages of the site; one that
leads to a file without a page keeps its words alone.
"""

from __future__ import annotations

import posixpath
import re
from pathlib import Path

from mkdocs.config.defaults import MkDocsConfig
from mkdocs.structure.files import File, Files
from mkdocs.structure.pages import Page

ROOT = Path(__file__).resolve().parents[2]
_SHOWN = sorted((ROOT / "examples" / "images").glob("*.jpg"))
OUTSIDE = {
    "README.md": "index.md",
    "CHANGELOG.md": "changelog.md",
    "CONTRIBUTING.md": "contributing.md",
    "SECURITY.md": "security.md",
    "examples/README.md": "examples.md",
    "geometry/conventions.md": "conventions-lines.md",
    "weights/default.md": "cards/default.md",
    "weights/detector.md": "cards/detector.md",
    "facemodels/data/MIT-ICT-FaceKit.txt": "cards/MIT-ICT-FaceKit.txt",
    **{f"examples/images/{p.name}": f"images/examples/{p.name}" for p in _SHOWN},
}
"""Files of the repository and where they are on the site."""
_HOME = {site: file for file, site in OUTSIDE.items()}
_LINK = re.compile(r"(?<!!)\[([^][]+)\]\(([^)\s#:]+)(#[^)\s]*)?\)")
_PICTURE = re.compile(r"(!\[[^][]*\]\()([^)\s#:]+)(\))")
_FENCE = re.compile(r"(^```.*?^```|`[^`\n]+`)", re.MULTILINE | re.DOTALL)


def on_files(files: Files, config: MkDocsConfig) -> Files:
    """Add what lies outside of docs/."""
    for file, site in OUTSIDE.items():
        files.append(File.generated(config, site, content=(ROOT / file).read_bytes()))
    return files


def on_page_markdown(markdown: str, page: Page, config: MkDocsConfig, files: Files) -> str:
    """Lead the links of a page to pages of the site."""
    site = page.file.src_uri
    file = _HOME.get(site, f"docs/{site}")
    parts = _FENCE.split(markdown)
    parts[::2] = [_led(part, file, site, files) for part in parts[::2]]
    return "".join(parts)


def _led(text: str, file: str, site: str, files: Files) -> str:
    def link(match: re.Match[str]) -> str:
        target = _on_site(match[2], file, files)
        if target is None:
            return match[1]
        return f"[{match[1]}]({_relative(target, site)}{match[3] or ''})"

    def picture(match: re.Match[str]) -> str:
        target = _on_site(match[2], file, files)
        return match[0] if target is None else match[1] + _relative(target, site) + match[3]

    return _PICTURE.sub(picture, _LINK.sub(link, text))


def _on_site(target: str, file: str, files: Files) -> str | None:
    """Where a link of a file leads on the site, None for what is in the repository alone."""
    path = posixpath.normpath(posixpath.join(posixpath.dirname(file), target))
    site = OUTSIDE.get(path, path.removeprefix("docs/"))
    if files.get_file_from_path(site) is not None:
        return site
    return None if (ROOT / path).exists() else site  # MkDocs names what is nowhere


def _relative(target: str, site: str) -> str:
    return posixpath.relpath(target, posixpath.dirname(site) or ".")
