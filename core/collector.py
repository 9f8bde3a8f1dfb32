"""How often Python looks for objects that only refer to each other."""

from __future__ import annotations

import gc

_NEW, _YOUNG, _MIDDLE = 100_000, 20, 20


def collect_rarely() -> None:
    """Let this process look rarely; for processes that are the package's own, as programs are.

    Imports make half a million objects, and all of them stay: to look through them takes 40 ms, as
    long as to draw four faces. What nothing refers to any more is freed at once in any case.
    """
    gc.set_threshold(_NEW, _YOUNG, _MIDDLE)
