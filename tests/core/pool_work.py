"""Work for test_worker_pool.py, in a module of its own because other processes import it."""

from __future__ import annotations

import os
import signal
import time
from pathlib import Path

_FOLDER: list[Path] = []


def start(folder: Path, fails: str = "") -> None:
    _FOLDER.append(folder)
    if fails == "raise":
        raise KeyError("no start")
    if fails == "die":
        os._exit(3)


def work(item: str) -> str:
    """Named after what it does; "once" things leave a mark, so that they are done once."""
    mark = _FOLDER[0] / item
    if item.startswith("die") or (item.startswith("once") and not mark.exists()):
        mark.touch()
        os.kill(os.getpid(), signal.SIGKILL)
    if item.startswith("exit"):
        os._exit(7)
    if item.startswith("raise"):
        raise EOFError(item)
    if item.startswith("sleep"):
        mark.write_text(str(os.getpid()))
        time.sleep(600)
    return item.upper()
