"""Packages that not everybody installs: imported when they are needed, named with the command."""

from __future__ import annotations

import importlib
from types import ModuleType

from .errors import MissingFileError


def import_extra(module: str, extra: str) -> ModuleType:
    """A module of a package that one of our extras installs.

    >>> import_extra("json", "scale").dumps([1])
    '[1]'

    Args:
        module: its name.
        extra: of pyproject.toml.

    Raises:
        MissingFileError: the package is not installed; the message says how to install it.
    """
    try:
        return importlib.import_module(module)
    except ModuleNotFoundError as error:
        what = f"The package {module.partition('.')[0]}"
        remedy = f'Install it: pip install "selfie3d[{extra}]".'
        raise MissingFileError("any folder of sys.path", what, remedy) from error
