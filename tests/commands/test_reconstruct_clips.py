"""`selfie3d reconstruct` of clips, with a pipeline that is replaced."""

from __future__ import annotations

from pathlib import Path

import pytest
import selfie3d.pipeline.video.run
from selfie3d import pipeline
from selfie3d.cli import app
from selfie3d.core.errors import NoFaceError
from selfie3d.pipeline import ClipSummary
from typer.testing import CliRunner

GOOD = ClipSummary(frames=90, seconds=3.0, took=2.0, people=2, files=[Path("out/a.csv")], cuts=1)


@pytest.fixture
def follow(monkeypatch, tmp_path):
    """Run the command on files of these names; gives the result and what the pipeline was told."""

    def run(outcome, *words):
        calls = []

        def clip(source, out, **options):
            calls.append((source, options["options"], options["clip"]))
            if isinstance(outcome, BaseException):
                raise outcome
            return outcome

        monkeypatch.setattr(selfie3d.pipeline.video.run, "reconstruct_clip", clip)
        monkeypatch.setitem(vars(pipeline), "reconstruct_clip", clip)
        monkeypatch.chdir(tmp_path)
        for name in ("a.mp4", "b.MOV", "a.jpg"):
            (tmp_path / name).write_bytes(b"not looked at")
        return CliRunner().invoke(app, ["reconstruct", *words, "--out", "out"]), calls

    return run


def test_a_clip(follow):
    result, calls = follow(GOOD, "a.mp4", "--max-faces", "2")
    assert result.exit_code == 0
    assert "2 people in 90 frames (3.0 s) of a.mp4, 1 cuts, at 45 frames/s" in result.stdout
    assert "a.csv" in result.stdout
    ((source, options, clip),) = calls
    assert source == Path("a.mp4") and options.max_faces == 2
    assert clip.smooth is not None and not clip.live_link and not clip.same_person


def test_options_of_clips(follow):
    _, calls = follow(GOOD, "b.MOV", "--no-smooth", "--live-link", "--same-person")
    clip = calls[0][2]
    assert clip.smooth is None and clip.live_link and clip.same_person


@pytest.mark.parametrize(("what", "status"), [("a.mp4", 130), ("0", 0)])
def test_ctrl_c(follow, what, status):
    """It ends a clip early; a webcam has no other end."""
    result, calls = follow(ClipSummary(frames=9, people=1, asked=2), what)
    assert result.exit_code == status and str(calls[0][0]) == what
    assert ("ended early" in result.stderr) == (status == 130)


def test_a_clip_that_fails(follow):
    result, calls = follow(NoFaceError("no face found in 9 frames of a.mp4."), "a.mp4")
    assert result.exit_code == 1 and result.stderr.count("\n") == 1
    result, calls = follow(NoFaceError("no face"), "a.mp4", "b.MOV")
    assert result.exit_code == 1 and len(calls) == 2 and "b.MOV: no face" in result.stderr
    result, calls = follow(NoFaceError("no face"), "a.mp4", "b.MOV", "--strict")
    assert result.exit_code == 1 and len(calls) == 1


def test_clips_and_photographs_are_two_commands(follow):
    result, calls = follow(GOOD, "a.mp4", "a.jpg")
    assert result.exit_code == 1 and "clips or photographs" in result.stderr and not calls


def test_nothing_at_a_path(follow):
    result, calls = follow(GOOD, "none.mp4")
    assert result.exit_code == 2 and "none.mp4" in result.stderr and not calls
