"""The viewer: one page that needs nothing else, with all that is to be turned in it.

The page's policy lets nothing but our own scripts run and nothing be fetched, whatever stands in
names and files.
"""

from __future__ import annotations

import base64
import gzip
import hashlib
import json
from collections.abc import Sequence
from functools import cache
from importlib.resources import files
from typing import TYPE_CHECKING

from ...geometry.segments import SEGMENTS
from .pictures import TINTS
from .viewed_head import ViewedHead
from .viewed_model import ViewedModel, viewed_model

if TYPE_CHECKING:
    from jinja2 import Template

_PACKAGE = __package__.rpartition(".")[0]  # the pipeline
_SCRIPTS = (
    "codec.js", "glb.js", "surface.js", "motion.js", "head.js", "compare.js", "stage.js",
    "hands.js", "panel.js", "player.js", "controls.js", "start.js",
)  # fmt: skip
"""Ours, in the order in which they build on each other."""
_STAGE = ("glb.js", "surface.js", "motion.js", "head.js", "stage.js", "hands.js", "panel.js")
"""Of these what shows heads, without what reads them out of the page."""


def viewer_page(title: str, heads: Sequence[ViewedHead]) -> str:
    """A page (HTML) to turn heads in, side by side, that works from a file.

    Args:
        title: of the page.
        heads: in the order in which they are shown.
    """
    style, scripts = _asset("viewer.css"), [_asset("three.min.js"), _script()]
    models, blobs = _Models(), _Blobs()
    entries = [_entry(head, models, blobs) for head in heads]
    known = [model.entry | {"blob": blobs.add(model.content)} for model in models.known]
    data = {
        "heads": entries,
        "models": known,
        "segments": list(SEGMENTS),
        "tints": TINTS.astype(int).tolist(),
    }
    return _template().render(
        title=_text(title),
        policy=_policy(style, scripts),
        style=style,
        scripts=scripts,
        data=_json_for_html(data),
        blobs=blobs.coded,
    )


def stage_files() -> dict[str, str]:
    """What shows heads in another page of ours, as its files by name: a script and a style."""
    ours = "\n".join(['"use strict";', *map(_asset, _STAGE)])
    return {"viewer.js": f"{_asset('three.min.js')}\n{ours}", "viewer.css": _asset("viewer.css")}


class _Models:
    """The face models of the heads, each once."""

    def __init__(self) -> None:
        self._names: list[tuple[str, int, int]] = []
        self.known: list[ViewedModel] = []

    def number(self, head: ViewedHead) -> int | None:
        """Which of them is a head's."""
        if head.model is None:
            return None
        key = (head.model.name, head.model.version, len(head.model.mean))
        if key not in self._names:
            self._names.append(key)
            self.known.append(viewed_model(head.model))
        return self._names.index(key)


class _Blobs:
    """What the page holds beside its texts: gzip in base64."""

    def __init__(self) -> None:
        self.coded: list[str] = []

    def add(self, content: bytes) -> int:
        """Keep a content; gives its number."""
        packed = gzip.compress(content, 6, mtime=0)
        self.coded.append(base64.b64encode(packed).decode("ascii"))
        return len(self.coded) - 1


def _entry(head: ViewedHead, models: _Models, blobs: _Blobs) -> dict[str, object]:
    photo = None
    if head.photo is not None:
        photo = f"data:image/jpeg;base64,{base64.b64encode(head.photo).decode('ascii')}"
    return {
        "name": _text(head.name),
        "blob": blobs.add(head.glb),
        "model": models.number(head),
        "scale": head.scale,
        "facts": [[_text(part) for part in fact] for fact in head.facts],
        "photo": photo,
        "camera": head.camera,
    }


def _text(text: str) -> str:
    """Text that can be written as UTF-8, whatever a file's name was."""
    return text.encode("utf-8", "replace").decode("utf-8")


def _json_for_html(data: object) -> str:
    """JSON that a script element can hold: nothing in it ends the element or begins a comment."""
    text = json.dumps(data, allow_nan=False, separators=(",", ":"))
    for character in "<>&":
        text = text.replace(character, f"\\u{ord(character):04x}")
    return text


def _policy(style: str, scripts: Sequence[str]) -> str:
    """Content-Security-Policy: these texts and pictures in the page, and nothing else."""
    allowed = " ".join(_digest(script) for script in scripts)
    return (
        f"default-src 'none'; script-src {allowed}; style-src {_digest(style)}; "
        "img-src data: blob:; base-uri 'none'; form-action 'none'"
    )


def _digest(text: str) -> str:
    digest = base64.b64encode(hashlib.sha256(text.encode()).digest()).decode("ascii")
    return f"'sha256-{digest}'"


@cache
def _script() -> str:
    return "\n".join(['"use strict";', *map(_asset, _SCRIPTS)])


@cache
def _asset(name: str) -> str:
    """A text of the page's as browsers read it: line ends are \\n."""
    path = files(_PACKAGE).joinpath("data", "viewer", name)
    return path.read_bytes().decode("utf-8").replace("\r\n", "\n")


@cache
def _template() -> Template:
    from jinja2 import Environment, PackageLoader, StrictUndefined

    loader = PackageLoader(_PACKAGE, "data/viewer")
    page = Environment(loader=loader, autoescape=True, undefined=StrictUndefined)
    return page.get_template("viewer.html")
