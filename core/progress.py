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


class Advance(Protocol):
    """Says that `steps` more are done."""

    def __call__(self, steps: int = 1) -> None: ...  # noqa: D102


class _Screen:
    """The one live display of the process: a bar opened within a bar becomes its second line."""

    bars: Progress | None = None


@contextmanager
def progress(text: str, total: int) -> Iterator[Advance]:
    """Show how far `text` is, as a bar on a terminal and else as a line every ten seconds.

    `with progress("Fitting faces", len(faces)) as advance:` and `advance()` after each step.
    Without rich the lines are used on a terminal, too.

    Args:
        text: what is being done, as the user would say it.
        total: the number of steps.
    """
    manager = _bar if sys.stderr.isatty() and _rich_is_there() else _lines
    with manager(text, total) as advance:
        yield advance


def _rich_is_there() -> bool:
    from importlib.util import find_spec

    return find_spec("rich") is not None


@contextmanager
def _lines(text: str, total: int) -> Iterator[Advance]:
    start = last = time.monotonic()
    done = 0

    def advance(steps: int = 1) -> None:
        nonlocal done, last
        done += steps
        now = time.monotonic()
        if now - last >= _LINE_EVERY_SECONDS:
            last = now
            print(f"{text}: {done}/{total}, {now - start:.0f} s", file=sys.stderr, flush=True)

    yield advance


@contextmanager
def _bar(text: str, total: int) -> Iterator[Advance]:
    owner = _Screen.bars is None
    bars = _Screen.bars or _new_bars()
    if owner:
        _Screen.bars = bars
        bars.start()
    task = bars.add_task(text, total=total)
    try:
        yield lambda steps=1: bars.advance(task, steps)
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
    )
    return Progress(*columns, console=Console(stderr=True))
