"""Packages that only some users need: imported when they are wanted, or named with the remedy."""

from __future__ import annotations

import importlib
from types import ModuleType

from .errors import MissingFileError


def extra_package(module: str, extra: str) -> ModuleType:
    """A module of a package that one of our extras installs.

    >>> extra_package("json", "onnx").dumps([1])
    '[1]'
    >>> extra_package("no_such_package", "onnx")
    Traceback (most recent call last):
    selfie3d.core.errors.MissingFileError: The package no_such_package not found at ...

    Args:
        module: its name, perhaps dotted.
        extra: of ours that brings it, such as "onnx".

    Raises:
        MissingFileError: it isn't installed; the message has pip's command.
    """
    try:
        return importlib.import_module(module)
    except ImportError:
        package = module.partition(".")[0]
        what, remedy = f"The package {package}", f'Install it: pip install "selfie3d[{extra}]".'
        raise MissingFileError("any folder of sys.path", what, remedy) from None
