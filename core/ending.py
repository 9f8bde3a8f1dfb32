"""Being told to end: as with Ctrl-C, what is half written is removed and processes are ended."""

from __future__ import annotations

import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType

_ENDINGS = ("SIGTERM", "SIGHUP")


class TerminatedError(KeyboardInterrupt):
    """A signal asked this process to end.

    Attributes:
        number: of the signal.
    """

    def __init__(self, number: int) -> None:
        self.number = number
        super().__init__(signal.Signals(number).name)

    @property
    def status(self) -> int:
        """The exit status that shells expect."""
        return 128 + self.number


@contextmanager
def terminable() -> Iterator[None]:
    """Turn SIGTERM and SIGHUP into `TerminatedError`, where nobody handles or ignores them."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    known = [getattr(signal, name) for name in _ENDINGS if hasattr(signal, name)]
    taken = [number for number in known if signal.getsignal(number) == signal.SIG_DFL]
    for number in taken:
        signal.signal(number, _end)
    try:
        yield
    finally:
        for number in taken:
            signal.signal(number, signal.SIG_DFL)


def _end(number: int, frame: FrameType | None) -> None:
    raise TerminatedError(number)


class Asked:
    """Whether the user asked for the end.

    Attributes:
        signal: its number; 0 as long as nobody asked.
    """

    signal = 0

    def __bool__(self) -> bool:
        return self.signal != 0


@contextmanager
def ending_softly() -> Iterator[Asked]:
    """Let Ctrl-C, SIGTERM and SIGHUP only ask, so that work can be finished; asked again they end.

    >>> with ending_softly() as asked:
    ...     bool(asked)
    False
    """
    asked = Asked()
    if threading.current_thread() is not threading.main_thread():
        yield asked
        return
    names = ("SIGINT", *_ENDINGS)
    numbers = [getattr(signal, name) for name in names if hasattr(signal, name)]
    before = {number: signal.getsignal(number) for number in numbers}
    taken = {number: old for number, old in before.items() if old not in (signal.SIG_IGN, None)}

    def ask(number: int, frame: FrameType | None) -> None:
        if not asked:
            asked.signal = number
            return
        if number == signal.SIGINT:
            raise KeyboardInterrupt
        raise TerminatedError(number)

    for number in taken:
        signal.signal(number, ask)
    try:
        yield asked
    finally:
        for number, old in taken.items():
            signal.signal(number, old)
