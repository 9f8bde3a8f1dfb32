"""YAML that may come from anybody: plain values, of a size that people write."""

from __future__ import annotations

import io
import re
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from .errors import InputError, MissingFileError

if TYPE_CHECKING:
    from omegaconf import DictConfig
    from yaml import Node

_LARGEST = 1_000_000  # bytes of a file
_MOST = 20_000  # values, those that `*name` repeats counted again
_RESOLVER = re.compile(r"\$\{.*:", re.DOTALL)  # names of resolvers may be put together
_COMMAND_LINE = "Give it on the command line: 'KEY=${oc.env:NAME}'. Files hold plain values."


def read_config(path: Path) -> DictConfig:
    """The content of a configuration file; references to the environment are refused.

    Raises:
        MissingFileError: no such file.
        InputError: no YAML, or no keys with values, or more of them than people write, or
            `${...:...}`, which would ask the environment.
    """
    from omegaconf import OmegaConf

    if not path.is_file():
        raise MissingFileError(str(path), "The configuration file", "Check the path.")
    try:
        if path.stat().st_size > _LARGEST:
            got = f"{path.stat().st_size} bytes"
            raise InputError(str(path), f"a configuration of at most {_LARGEST} bytes", got)
        text = path.read_bytes().decode("utf-8-sig")
    except (UnicodeDecodeError, OSError) as error:
        raise InputError(str(path), "readable YAML", str(error)) from error
    content = _parsed(text, str(path))
    _refuse(OmegaConf.to_container(content, resolve=False), str(path), resolvers=True)
    return content


def read_overrides(overrides: Sequence[str]) -> DictConfig:
    """What `key=value` and `key.sub=value` of the user say; the environment may be asked.

    Raises:
        InputError: no key, or a value that is no YAML.
    """
    from omegaconf import OmegaConf
    from omegaconf.errors import OmegaConfBaseException
    from yaml import YAMLError

    for text in overrides:
        if not text.partition("=")[0] or "=" not in text:
            raise InputError("override", "key=value or key.sub=value", repr(text))
    try:
        content = OmegaConf.from_dotlist(list(overrides))
        _refuse(OmegaConf.to_container(content, resolve=False), "override", resolvers=False)
    except InputError:
        raise
    except (YAMLError, OmegaConfBaseException, ValueError, RecursionError) as error:
        raise InputError("override", "a value in YAML", first_line(error)) from error
    return content


def first_line(error: Exception) -> str:
    """What an error says, in one line of at most 200 characters; of YAML also where."""
    problem, mark = getattr(error, "problem", None), getattr(error, "problem_mark", None)
    if problem and mark is not None:
        return f"{problem} in line {mark.line + 1}"[:200]
    lines = str(error).splitlines() or [type(error).__name__]
    return lines[0][:200].rstrip(".")


def _parsed(text: str, name: str) -> DictConfig:
    from omegaconf import DictConfig, OmegaConf
    from omegaconf.errors import OmegaConfBaseException
    from yaml import SafeLoader, YAMLError, compose

    try:
        root = compose(text, SafeLoader)
        if root is not None and _size(root, {}, name) > _MOST:
            raise InputError(name, f"at most {_MOST} values", "more, by repeated references")
        content = OmegaConf.load(io.StringIO(text))
    except InputError:
        raise
    except (YAMLError, OmegaConfBaseException, ValueError, RecursionError, OSError) as error:
        raise InputError(name, "readable YAML", first_line(error)) from error
    if not isinstance(content, DictConfig):
        raise InputError(name, "`key: value` lines", "something else")
    return content


def _refuse(value: object, name: str, resolvers: bool) -> None:
    """Raise InputError for values that are left out, and for resolvers if they are refused."""
    if isinstance(value, dict):
        for key, item in value.items():
            _refuse(item, f"{name}: {key}", resolvers)
    elif isinstance(value, list):
        for item in value:
            _refuse(item, name, resolvers)
    elif value == "???":
        raise InputError(name, "a value", "???, which stands for one that is missing")
    elif resolvers and isinstance(value, str) and _RESOLVER.search(value):
        raise InputError(name, "a plain value", repr(value[:100]), _COMMAND_LINE)


def _size(node: Node, known: dict[int, int], name: str) -> int:
    """Values of a node and below it, as often as they are referred to."""
    from yaml import MappingNode, SequenceNode

    if id(node) in known:
        if known[id(node)] < 0:
            raise InputError(name, "values", "a list or mapping that holds itself")
        return known[id(node)]
    known[id(node)] = -1
    below: list[Node] = []
    if isinstance(node, SequenceNode):
        below = list(node.value)
    elif isinstance(node, MappingNode):
        below = [part for pair in node.value for part in pair]
    known[id(node)] = 1 + sum(_size(part, known, name) for part in below)
    return known[id(node)]
