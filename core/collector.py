"""How often Python looks for objects that only refer to each other."""

from __future__ import annotations

import gc

_NEW, _YOUNG, _MIDDLE = 1_000_000, 20, 20


def collect_rarely() -> None:
    """Let this process look rarely; for processes that are the package's own, as programs are.

    Imports make a million objects, and all of them stay: looking takes a twentieth of the time of
    one photograph. What nothing refers to any more is freed at once in any case; what a photograph
    leaves behind for a search is some hundred small objects, no picture among them.
    """
    gc.set_threshold(_NEW, _YOUNG, _MIDDLE)
