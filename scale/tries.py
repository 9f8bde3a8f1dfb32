"""What a process worked on when it died: one short line each, written before the work begins.

Ray starts a process that was killed again and gives it the same group. Its notes then say at which
photograph it died, and a photograph that ended two processes is left alone.
"""

from __future__ import annotations

from collections import Counter
from contextlib import suppress
from pathlib import Path

TRIES = 2
"""Processes that a photograph may end before it is left alone."""
KILLED = "killed"
"""The kind of failure of a photograph that ended the processes that worked on it."""
_START = "start"


class Tries:
    """The notes of one group at one stage.

    Args:
        path: of the notes; its folder exists.
    """

    def __init__(self, path: Path) -> None:
        self._path = path

    def begin(self) -> set[int]:
        """Note that a process begins; the photographs that others died at too often."""
        lines = self._lines()
        self._add(_START)
        deaths = Counter(last for last in _lasts(lines) if last != _START)
        return {int(name) for name, count in deaths.items() if count >= TRIES}

    def at(self, item: int) -> None:
        """Note what is worked on from now on.

        Args:
            item: number of the photograph in its group, -1 for all of them.
        """
        self._add(str(item))

    def end(self) -> None:
        """Forget everything: the work is done."""
        with suppress(OSError):
            self._path.unlink(missing_ok=True)

    def _lines(self) -> list[str]:
        try:
            text = self._path.read_text(encoding="ascii")
        except (OSError, ValueError):
            return []
        return [line for line in text.split("\n") if line == _START or line.lstrip("-").isdigit()]

    def _add(self, line: str) -> None:
        with suppress(OSError), open(self._path, "a", encoding="ascii") as file:
            file.write(f"{line}\n")


def _lasts(lines: list[str]) -> list[str]:
    """The last line of every process that began; all of them have died since."""
    lasts: list[str] = []
    for line in lines:
        if line == _START:
            lasts.append(line)
        elif lasts:
            lasts[-1] = line
    return lasts
