"""The pages of the server: plain HTML without scripts, and nothing from elsewhere."""

from __future__ import annotations

from collections.abc import Mapping
from functools import cache
from importlib.resources import files
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from jinja2 import Template


def upload_page() -> str:
    """The page with the form to upload a photograph."""
    return _template("upload.html").render()


def api_page(schema: Mapping[str, Any]) -> str:
    """What the API offers, from its OpenAPI schema.

    Args:
        schema: as /openapi.json has it.
    """
    calls = [
        (method.upper(), path, call)
        for path, methods in schema["paths"].items()
        for method, call in methods.items()
    ]
    return _template("api.html").render(title=schema["info"]["title"], calls=calls)


@cache
def _template(name: str) -> Template:
    from jinja2 import Environment, StrictUndefined

    text = files(__package__).joinpath("data", name).read_text("utf-8")
    return Environment(autoescape=True, undefined=StrictUndefined).from_string(text)
