"""How every numba kernel of the package is compiled, cached and announced."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numba
from numba.core import event

from .progress import progress_note

_PACKAGE = __name__.partition(".")[0]
_TEXT = "selfie3d: compiling kernels for this machine, once (10 to 20 s for a reconstruction) ..."
_HELPER: dict[str, Any] = {"no_cpython_wrapper": True}
"""Python never calls a helper: leaving its wrapper out saves a tenth of the compiling."""

_OPTIONS: dict[str, Any] = {"nogil": True, "error_model": "numpy", "no_cfunc_wrapper": True}
"""Division by zero gives inf or NaN, as everywhere in numpy, instead of a branch that raises. The
wrapper that is left out serves functions that are handed to others, and takes time to compile."""


def kernel(function: Callable[..., Any]) -> Callable[..., Any]:
    """Compile `function` at its first call, without the interpreter lock, cached on disk.

    The cache lies beside the source, else in the user's cache folder, or in NUMBA_CACHE_DIR;
    where none of them can be written, every process compiles anew. Fast-math stays off: the
    rasterizer's watertight edge functions rest on exact IEEE arithmetic.

    >>> import numpy as np
    >>> @kernel
    ... def total(values):
    ...     found = 0.0
    ...     for value in values:
    ...         found += value
    ...     return found
    >>> total(np.array([1.0, 2.5]))
    3.5

    Args:
        function: of arrays and numbers; it is compiled for the types of its arguments, each time
            these are new.
    """
    try:
        return numba.njit(cache=True, **_OPTIONS)(function)
    except RuntimeError:  # numba found no folder it can write to
        return numba.njit(**_OPTIONS)(function)


def inline(function: Callable[..., Any]) -> Callable[..., Any]:
    """Compile a small helper of the kernels in the same file.

    Only kernels of the same file may call it: numba's cache looks at the age of that file only.

    >>> half = inline(lambda value: 0.5 * value)
    >>> kernel(lambda value: half(value) + 1.0)(3.0)
    2.5

    Args:
        function: of numbers or arrays.
    """
    return numba.njit(**_OPTIONS, **_HELPER)(function)


class _Notice(event.Listener):
    """Says once per process that a kernel is compiled; loading from the cache is no such event."""

    def __init__(self) -> None:
        self.said = False
        self.calls: list[Callable[[], object]] = []

    def on_start(self, event: event.Event) -> None:
        function = getattr(event.data.get("dispatcher"), "py_func", None)
        module = str(getattr(function, "__module__", ""))
        if self.said or module.partition(".")[0] != _PACKAGE:
            return
        self.said = True
        progress_note(_TEXT)
        for call in self.calls:
            call()

    def on_end(self, event: event.Event) -> None:
        """Nothing to say."""


_NOTICE = _Notice()
event.register("numba:compile", _NOTICE)


def has_compiled() -> bool:
    """Whether this process had to compile a kernel so far, as on a first use."""
    return _NOTICE.said


def when_compiling(call: Callable[[], object]) -> None:
    """Call something when the first kernel of the process has to be compiled, if one has to.

    Args:
        call: once, in whichever thread compiles, which waits for it.
    """
    _NOTICE.calls.append(call)
