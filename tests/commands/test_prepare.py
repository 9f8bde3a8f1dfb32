from __future__ import annotations

from pathlib import Path
from typing import get_args

import pytest
import selfie3d.cli
import selfie3d.prepare.run
import typer
from selfie3d.commands.prepare import register
from selfie3d.core.errors import InputError
from selfie3d.prepare.options import LandmarkSource, Output, PrepareOptions, SkinSource
from selfie3d.prepare.run import Prepared
from selfie3d.prepare.work import Reject
from typer.testing import CliRunner


@pytest.fixture
def command(monkeypatch):
    """Run the command on a replaced `prepare`; returns the result and the calls."""
    calls = []

    def stand_in(*arguments, **options):
        calls.append((arguments, options))
        rejects = [Reject("a", "train", "no face found")]
        return Prepared({"train": 9, "val": 1}, [Path("x.tar")], rejects, [Path("manifest.json")])

    monkeypatch.setattr(selfie3d.prepare.run, "prepare", stand_in)
    app = typer.Typer()
    app.callback()(lambda: None)
    register(app)

    def run(*words):
        return CliRunner().invoke(app, ["prepare", *words]), calls

    return run


def test_what_it_says(command):
    result, calls = command(
        "celeba", "--data", "in", "--out", "out", "--workers", "3", "--skin", "none"
    )
    assert result.exit_code == 0, result.output
    assert "9 train, 1 val; 1 left out" in result.stdout and "x.tar" in result.stdout
    kind, data, out, options, run = calls[0][0]
    assert (kind, data, out) == ("celeba", Path("in"), Path("out"))
    assert options.skin == "none" and options.write == "shards" and options.per_shard == 1000
    assert run.workers == 3 and run.resume is True


def test_choices_are_those_of_the_options(command):
    for option, known in (("write", Output), ("landmarks", LandmarkSource), ("skin", SkinSource)):
        for value in get_args(known):
            words = ["celeba", "--data", "in", "--out", "out", f"--{option}", value]
            result, calls = command(*words)
            assert result.exit_code == 0 and getattr(calls[-1][0][3], option) == value
            assert type(getattr(calls[-1][0][3], option)) is str  # as it goes into the manifest
        words[-1] = "wrong"
        assert command(*words)[0].exit_code == 2
        with pytest.raises(InputError, match=option):
            PrepareOptions(**{option: "wrong"})


def test_data_and_out_are_needed(command):
    for words in (
        ["celeba", "--out", "x"],
        ["celeba", "--data", "x"],
        ["--data", "x", "--out", "y"],
    ):
        result, calls = command(*words)
        assert result.exit_code == 2 and not calls


@pytest.mark.parametrize(
    ("data_set", "options", "named"),
    [
        ("turned", ["--landmarks", "fan"], "--landmarks"),
        ("turned", ["--skin", "none", "--size", "256"], "--skin, --size"),
        ("turned", ["--held-out", "0.2"], "--held-out"),
        ("turned", ["--weights-dir", "x"], "--weights-dir"),
        ("folder", ["--turns", "30"], "--turns"),
        ("celeba", ["--pitch", "3", "--bins", "0,90"], "--bins, --pitch"),
    ],
)
def test_options_that_would_do_nothing_are_refused(tmp_path, data_set, options, named):
    command = ["prepare", data_set, "--data", str(tmp_path), "--out", str(tmp_path / "out")]
    result = CliRunner().invoke(selfie3d.cli.app, [*command, *options])
    assert result.exit_code == 1 and named in result.stderr, result.output
    assert not (tmp_path / "out").exists()
