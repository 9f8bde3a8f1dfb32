"""Shows the examples of docstrings as code: whatever stands from `>>>` to the next empty line."""

from __future__ import annotations

import re

import griffe

_EXAMPLE = re.compile(r"^(?P<indent> *)>>> .*?(?=\n[ ]*\n|\Z)", re.MULTILINE | re.DOTALL)


class Doctests(griffe.Extension):
    """Fences the examples of every docstring."""

    def on_object(self, *, obj: griffe.Object, **kwargs: object) -> None:
        """Change what was read of one object."""
        if obj.docstring:
            obj.docstring.value = fenced(obj.docstring.value)


def fenced(text: str) -> str:
    """A docstring with its examples between fences."""

    def fence(match: re.Match[str]) -> str:
        indent = match["indent"]
        return f"\n{indent}```pycon\n{match[0]}\n{indent}```"

    return _EXAMPLE.sub(fence, text)
