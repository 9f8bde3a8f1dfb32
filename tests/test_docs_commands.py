"""Every `selfie3d ...` of README and docs is one that the command line understands.

Lines of blocks are parsed as they stand, brackets and alternatives of a synopsis taken at their
word; words in running text, which may be parts of a command, by its name and its options. Settings
of `train` and `evaluate` are read by what reads them. Nothing long is run.
"""

from __future__ import annotations

import re
import shlex
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
import typer
from selfie3d.cli import app
from selfie3d.core.config import load_config, peek_config
from selfie3d.evaluate import PROTOCOLS
from selfie3d.recipes.registry import DEFAULT_RECIPE, find_recipe
from selfie3d.train import find_config
from typer.testing import CliRunner

ROOT = Path(__file__).resolve().parents[1]
PAGES = [ROOT / "README.md", *sorted((ROOT / "docs").rglob("*.md"))]
_START = re.compile(r"(?:[A-Z_]+=\S+ )?selfie3d (?=[a-z])")


@dataclass(frozen=True)
class Said:
    """A command of a page: in a block, or in running text."""

    page: str
    text: str

    def __str__(self) -> str:
        return f"{self.page}: {self.text[:60]}"


def block_lines() -> list[Said]:
    found = []
    for page in PAGES:
        fenced = False
        joined = re.sub(r"\\\n\s*", " ", page.read_text())
        for line in joined.splitlines():
            fenced ^= line.startswith("```")
            start = _START.match(line.strip())
            if start and (fenced or line.startswith("    ")):
                found.append(Said(page.name, re.split(r"\s{3,}", line.strip()[start.end() :])[0]))
    return found


def inline_words() -> list[Said]:
    spans = [(p.name, m) for p in PAGES for m in re.findall(r"`selfie3d ([^`]+)`", p.read_text())]
    return [Said(page, " ".join(text.split())) for page, text in spans]


def variants(text: str) -> list[list[str]]:
    """The words of a command, once for each alternative of `a|b`."""
    words = [bare(word) for word in shlex.split(text, comments=True)]
    words = [word for word in words if word]
    most = max(word.count("|") + 1 for word in words)
    return [[chosen(word, number) for word in words] for number in range(most)]


def bare(word: str) -> str:
    """Without the brackets and dots of a synopsis."""
    if word.startswith("["):
        word = word[1:]
    if "[" not in word:
        word = word.removesuffix("]")
    return word.removesuffix("...")


def chosen(word: str, number: int) -> str:
    """One alternative of a word; numbers stand for N and S."""
    head, equals, tail = word.rpartition("=")
    alternatives = tail.split("|") if "{" not in word else [tail]
    value = alternatives[min(number, len(alternatives) - 1)]
    return head + equals + ("1" if value in ("N", "S") else value)


def command_of(words: list[str]) -> tuple[Any, list[str]]:
    """The command that is named, and the words after its name."""
    command: Any = typer.main.get_command(app)
    while hasattr(command, "commands") and words and not words[0].startswith("-"):
        assert words[0] in command.commands, f"no command {words[0]!r}"
        command, words = command.commands[words[0]], words[1:]
    return command, words


def make_paths(words: list[str]) -> None:
    """Whatever may be a path is there: some arguments must exist."""
    for word in (w for w in words if not w.startswith("-") and "=" not in w):
        path = Path(word)
        path.parent.mkdir(parents=True, exist_ok=True)
        if path.suffix and not path.exists():
            path.write_bytes(b"")
        path.mkdir(exist_ok=True) if not path.suffix else None


def check_settings(command: str, values: dict[str, Any]) -> None:
    """Read settings `key=value` as the command would."""
    settings = [s for s in values.get("overrides") or [] if not s.startswith("key=")]
    if command == "train" and values["config"] != "CONFIG":
        file = find_config(values["config"])
        recipe = find_recipe(peek_config("recipe", DEFAULT_RECIPE, file, settings))
        load_config(recipe.config, file, settings)
    elif command == "evaluate" and values["protocol"] != "PROTOCOL":
        PROTOCOLS.create(values["protocol"], settings)


def test_there_are_commands():
    assert len(block_lines()) > 30 and len(inline_words()) > 20


@pytest.mark.parametrize("said", block_lines(), ids=str)
def test_lines_of_blocks_are_understood(said, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    for words in variants(said.text):
        command, rest = command_of(words)
        make_paths(rest)
        context = command.make_context(command.name, rest)
        check_settings(command.name, context.params)


@pytest.mark.parametrize("said", inline_words(), ids=str)
def test_words_in_text_name_commands_and_options(said):
    for words in variants(said.text):
        command, rest = command_of(words)
        known = {
            name for p in getattr(command, "params", ()) for name in (*p.opts, *p.secondary_opts)
        }
        assert {word for word in rest if word.startswith("--")} <= known


@pytest.mark.parametrize("what", ["protocols", "recipes", "losses", "data-sets", "rasterizers"])
def test_lists_are_printed(what):
    result = CliRunner().invoke(app, ["list", what])
    assert result.exit_code == 0 and len(result.stdout.splitlines()) > 1, result.output


def test_what_no_command_line_understands_fails():
    command, rest = command_of(["reconstruct", "--no-such-option"])
    with pytest.raises(Exception, match="no-such-option"):
        command.make_context("reconstruct", rest)
    with pytest.raises(AssertionError, match="no command 'reconstrut'"):
        command_of(["reconstrut"])
