"""The first reconstruction on a machine: two processes compile its kernels instead of one.

Numba compiles one kernel at a time in a process. So what a reconstruction calls last, from the
texture on, is compiled by a second process as soon as the first one has to compile anything; the
first finds it in the cache on disk when it gets there. Where it comes too early, or the second
process fails, it compiles by itself.
"""

from __future__ import annotations

import atexit
import os
import subprocess
import sys
from collections.abc import Iterator
from importlib import import_module
from pathlib import Path

_LIST = Path(__file__).parent / "data" / "later_kernels.txt"
_PACKAGE = __name__.partition(".")[0]


def share_compiling() -> None:
    """Let a second process help once this one compiles, where there is a processor for it."""
    if _processors() > 1:
        from ..core import when_compiling

        when_compiling(_start)


def compile_later() -> None:
    """Compile what a reconstruction calls last, or load it from the cache."""
    from numba.core.sigutils import normalize_signature

    for kernel, types in later_kernels():
        module, _, name = kernel.rpartition(".")
        # The cache knows what is compiled by what it was given: types, as calls do, no text.
        arguments = normalize_signature(types)[0]
        getattr(import_module(f"{_PACKAGE}.{module}"), name).compile(arguments)


def later_kernels() -> Iterator[tuple[str, str]]:
    """Names of kernels within the package, and the types of their arguments in brackets."""
    for line in _LIST.read_text(encoding="ascii").splitlines():
        if not line.startswith("#"):
            name, bracket, types = line.partition("(")
            yield name, bracket + types


def _processors() -> int:
    """Those that this process may use."""
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


def _start() -> None:
    """The second process, which ends with this one; where there can be none, there is none."""
    code = f"from {__name__} import compile_later; compile_later()"
    nothing = subprocess.DEVNULL
    try:
        process = subprocess.Popen(
            [sys.executable, "-P", "-c", code], stdin=nothing, stdout=nothing, stderr=nothing
        )
    except OSError:
        return
    atexit.register(process.kill)
