from __future__ import annotations

import io
import sys
from itertools import pairwise

import pytest
from selfie3d.core import progress as module
from selfie3d.core.progress import progress_bar


class Terminal(io.StringIO):
    def isatty(self):
        return True


@pytest.fixture
def clock(monkeypatch):
    now = [100.0]
    monkeypatch.setattr(module.time, "monotonic", lambda: now[0])
    return now


def run(clock, steps, seconds_each):
    with progress_bar("Fitting faces", steps) as advance:
        for _ in range(steps):
            clock[0] += seconds_each
            advance()


def test_short_work_prints_nothing_off_a_terminal(clock, capsys):
    run(clock, 4, 2.0)
    assert capsys.readouterr() == ("", "")


def test_long_work_prints_a_line_every_ten_seconds(clock, capsys):
    run(clock, 25, 1.0)
    out, err = capsys.readouterr()
    assert out == ""
    assert err == "Fitting faces: 10/25, 10 s\nFitting faces: 20/25, 20 s\n"


def test_bar_on_a_terminal_goes_to_stderr_only(monkeypatch, capsys):
    screen = Terminal()
    monkeypatch.setattr(sys, "stderr", screen)
    with progress_bar("Fitting faces", 3) as outer:
        with progress_bar("Iterations", 2) as inner:
            inner(2)
        outer(steps=3)
    text = screen.getvalue()
    assert "Fitting faces" in text and "3/3" in text
    assert capsys.readouterr().out == ""
    assert module._Screen.bars is None


def test_bar_is_taken_down_after_an_error(monkeypatch):
    monkeypatch.setattr(sys, "stderr", Terminal())
    with pytest.raises(ValueError, match="inside"), progress_bar("Work", 2):
        raise ValueError("inside")
    assert module._Screen.bars is None


def test_works_on_a_terminal_without_rich(monkeypatch, clock):
    screen = Terminal()
    monkeypatch.setattr(sys, "stderr", screen)
    monkeypatch.setattr(module, "_rich_is_there", lambda: False)
    run(clock, 2, 10.0)
    assert screen.getvalue().splitlines()[-1] == "Fitting faces: 2/2, 20 s"


def test_notes_and_time_left_on_lines(clock, capsys):
    """Of a run that went on at 40 of 100."""
    with progress_bar("Training", 100, done=40) as advance:
        for _ in range(20):
            clock[0] += 1.0
            advance(1, "8 images/s")
    lines = capsys.readouterr().err.splitlines()
    assert lines[0] == "Training: 50/100, 10 s, 50 s left, 8 images/s"
    assert lines[1] == "Training: 60/100, 20 s, 40 s left, 8 images/s"


def test_lines_become_rarer(clock, capsys):
    run(clock, 36_000, 1.0)
    moments = [int(line.split()[-2]) for line in capsys.readouterr().err.splitlines()]
    assert moments[:3] == [10, 20, 30]
    assert max(b - a for a, b in pairwise(moments)) <= 1800
    assert len(moments) < 150


def test_bar_shows_the_note(monkeypatch):
    screen = Terminal()
    monkeypatch.setattr(sys, "stderr", screen)
    with progress_bar("Training", 10, done=4) as advance:
        advance(1, "812 images/s")
        advance()
    assert "812 images/s" in screen.getvalue()
    assert "6/10" in screen.getvalue()
