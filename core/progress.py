"""Progress bars on stderr for work of more than about two seconds."""

from __future__ import annotations

import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from rich.progress import Progress

_LINE_EVERY_SECONDS = 10.0
_LINE_EVERY_SHARE = 0.05  # of the time so far: a night's work leaves a page, not a book


class Advance(Protocol):
    """Says that `steps` more are done; `note` is shown beside them until there is another one."""

    def __call__(self, steps: int = 1, note: str = "") -> None: ...  # noqa: D102


class _Screen:
    """The one live display of the process: a bar opened within a bar becomes its second line."""

    bars: Progress | None = None


@contextmanager
def progress_bar(text: str, total: int, done: int = 0) -> Iterator[Advance]:
    """Show how far some work is, as a bar on a terminal and else as a line now and then.

    Without rich the lines are used on a terminal, too: one after ten seconds and then one whenever
    a twentieth of the time so far has passed, but at least ten seconds.

    >>> with progress_bar("Adding", total=3) as advance:
    ...     for number in (1, 2, 3):
    ...         advance()

    Args:
        text: what is being done, as the user would say it.
        total: the number of steps; 0 where nobody knows.
        done: steps that were done before.
    """
    manager = _bar if sys.stderr.isatty() and _rich_is_there() else _lines
    with manager(text, total, done) as advance:
        yield advance


def progress_note(text: str) -> None:
    """Say something once on stderr, above the bar where there is one.

    Args:
        text: a line.
    """
    if _Screen.bars is not None:
        _Screen.bars.console.print(text, markup=False, highlight=False)
    else:
        print(text, file=sys.stderr, flush=True)


def _rich_is_there() -> bool:
    from importlib.util import find_spec

    return find_spec("rich") is not None


@contextmanager
def _lines(text: str, total: int, done: int) -> Iterator[Advance]:
    start = last = time.monotonic()
    before = done

    def advance(steps: int = 1, note: str = "") -> None:
        nonlocal done, last
        done += steps
        now = time.monotonic()
        if now - last >= max(_LINE_EVERY_SECONDS, _LINE_EVERY_SHARE * (now - start)):
            last = now
            parts = [f"{text}: {done}/{total}" if total else f"{text}: {done}"]
            parts += [f"{now - start:.0f} s"]
            if note and done > before and total:
                left = (now - start) * max(total - done, 0) / (done - before)
                parts += [f"{left:.0f} s left"]
            parts += [note] if note and done > before else []
            print(", ".join(parts), file=sys.stderr, flush=True)

    yield advance


@contextmanager
def _bar(text: str, total: int, done: int) -> Iterator[Advance]:
    owner = _Screen.bars is None
    bars = _Screen.bars or _new_bars()
    if owner:
        _Screen.bars = bars
        bars.start()
    task = bars.add_task(text, total=total or None, completed=done, note="")

    def advance(steps: int = 1, note: str = "") -> None:
        if note:
            bars.update(task, note=note)
        bars.advance(task, steps)

    try:
        yield advance
    finally:
        if owner:
            _Screen.bars = None
            bars.stop()
        else:
            bars.remove_task(task)


def _new_bars() -> Progress:
    from rich.console import Console
    from rich.progress import (
        BarColumn,
        MofNCompleteColumn,
        Progress,
        TextColumn,
        TimeElapsedColumn,
        TimeRemainingColumn,
    )

    columns = (
        TextColumn("{task.description}"),
        BarColumn(),
        MofNCompleteColumn(),
        TimeElapsedColumn(),
        TimeRemainingColumn(),
        TextColumn("{task.fields[note]}"),
    )
    return Progress(*columns, console=Console(stderr=True))
