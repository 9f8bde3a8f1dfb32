"""`selfie3d view`."""

from __future__ import annotations

from types import SimpleNamespace

import pytest
import typer
from selfie3d.commands import view
from typer.testing import CliRunner


@pytest.fixture
def command(monkeypatch, tmp_path):
    """Runs the command; says what was asked for and which page was opened."""
    asked, opened = [], []
    made = SimpleNamespace(page=tmp_path / "p q.html", shown=["a", "b"], left_out=["c"])

    def view_folder(folder, names, *, out):
        asked.append((folder, tuple(names), out))
        return made

    monkeypatch.setattr("selfie3d.pipeline.output.viewed_folder.view_folder", view_folder)
    monkeypatch.setattr("webbrowser.open", lambda address: bool(opened.append(address)) or True)
    app = typer.Typer()
    view.register(app)
    run = lambda *words: CliRunner().invoke(app, list(map(str, words)))  # noqa: E731
    return run, asked, opened


def test_opens_the_page_and_says_where_it_is(command, tmp_path):
    run, asked, opened = command
    done = run(tmp_path)
    assert done.exit_code == 0 and "2 heads: " in done.output and "1 more" in done.output
    assert asked == [(tmp_path, (), None)]
    assert opened == [(tmp_path / "p q.html").resolve().as_uri()]


def test_opens_nothing_where_it_shall_not(command, tmp_path):
    run, asked, opened = command
    done = run(tmp_path, "a", "b", "--no-open", "--out", tmp_path / "x.html")
    assert done.exit_code == 0 and opened == []
    assert asked == [(tmp_path, ("a", "b"), tmp_path / "x.html")]


def test_says_where_no_browser_is(command, tmp_path, monkeypatch):
    monkeypatch.setattr("webbrowser.open", lambda address: False)
    done = command[0](tmp_path)
    assert done.exit_code == 0 and "by hand" in done.output
