"""Photographs that stand behind drawn faces, from a folder of anybody's."""

from __future__ import annotations

import warnings
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from ...core.errors import InputError, MissingFileError
from ...core.given_file import open_given
from ...core.image_file import opened_image
from ...core.picture_formats import openable, suffixes

_LARGEST = 640  # pixels of the longer side


def read_backgrounds(folder: str) -> tuple[list[NDArray[np.uint8]], list[str]]:
    """The pictures (H,W,3) of a folder in the order of their names, and what is wrong with others.

    Args:
        folder: "" for none.

    Raises:
        MissingFileError: there is no such folder.
        InputError: none of its files can be used.
    """
    if not folder:
        return [], []
    if not Path(folder).is_dir():
        raise MissingFileError(folder, "folder of backgrounds", "Check the path.")
    pictures: list[NDArray[np.uint8]] = []
    problems: list[str] = []
    for path in sorted(Path(folder).iterdir()):
        if path.suffix.lower() in suffixes():
            try:
                pictures.append(_read(path))
            except (InputError, MissingFileError) as error:
                problems.append(str(error))
    if not pictures:
        got = f"none in {folder}" + (f" ({problems[0]})" if problems else "")
        raise InputError("backgrounds", "a folder with photographs", got)
    return pictures, problems


def _read(path: Path) -> NDArray[np.uint8]:
    name, formats = str(path), [known.pillow for known in openable()]
    with warnings.catch_warnings():  # odd metadata
        warnings.simplefilter("ignore")
        with (
            open_given(path, "a photograph") as file,
            opened_image(name, file, formats) as image,
        ):
            image.thumbnail((_LARGEST, _LARGEST))
            return np.asarray(image.convert("RGB"))
