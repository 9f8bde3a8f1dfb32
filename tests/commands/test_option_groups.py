from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated

import pytest
import typer
from selfie3d.commands.option_groups import in_groups
from typer.testing import CliRunner


@dataclass(frozen=True)
class Place:
    name: Annotated[str, typer.Argument(metavar="NAME")]
    size: Annotated[int, typer.Option(min=1)]


@dataclass(frozen=True)
class Run:
    workers: Annotated[int, typer.Option(min=1, help="Processes.")] = 1
    resume: bool = True


@pytest.fixture
def run():
    """The command's exit status, and what it was called with."""
    app, seen = typer.Typer(), []

    @app.command("only")
    @in_groups
    def command(ctx: typer.Context, place: Place, run: Run, loud: bool = False) -> None:
        """What it does."""
        seen.append((ctx.info_name, place, run, loud))

    app.callback()(lambda: None)
    return lambda *words: (CliRunner().invoke(app, ["only", *words]), seen)


def test_groups_are_filled_field_by_field(run):
    result, seen = run("a", "--size", "3", "--workers", "2", "--no-resume", "--loud")
    assert result.exit_code == 0, result.output
    assert seen == [("only", Place("a", 3), Run(2, False), True)]


def test_defaults_are_those_of_the_group(run):
    assert run("a", "--size", "3")[1] == [("only", Place("a", 3), Run(), False)]


@pytest.mark.parametrize("words", [["a"], ["--size", "3"], ["a", "--size", "0"]])
def test_what_is_required_and_in_range_stays_so(run, words):
    result, seen = run(*words)
    assert result.exit_code == 2 and seen == []


def test_help_is_the_commands(run):
    text = run("--help")[0].output
    assert "What it does." in text and "Processes." in text and "--no-resume" in text
