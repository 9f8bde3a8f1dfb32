"""What `selfie3d transfer` writes."""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path

import numpy as np

from ...core.image_file import write_image
from ...core.whole_file import prepare_folder, write_bytes, write_json
from ...render.overlay import Picture, resize, strip
from ..output.files import describe
from ..output.names import choose_names
from .take_over import Sources, Transferred

_PANEL = 420  # pixels of a sheet's height


def write_transferred(
    out: Path, photo: str | os.PathLike[str], made: Transferred, sources: Sources
) -> list[Path]:
    """Write NAME_transfer.png, the sheet, the GLB, and NAME_transfer.json last.

    Args:
        out: folder for the results, made if missing.
        photo: path of the photograph, whose name the files get.
        made: what came of it. sources: what it was told, for the record.

    Raises:
        InputError: the folder cannot be written into.
    """
    prepare_folder(out)
    path = Path(photo)
    name = choose_names([path], {}, [])[path] + "_transfer"
    pictures = {f"{name}.png": made.picture, f"{name}_sheet.png": transfer_sheet(made)}
    for file, picture in pictures.items():
        write_image(out / file, picture)
    write_bytes(out / f"{name}.glb", made.face.glb())
    files = [*pictures, f"{name}.glb"]
    record = describe(made.face, made.picture, str(path), files)
    write_json(out / f"{name}.json", record | {"transferred": _described(sources)})
    return [out / file for file in (*files, f"{name}.json")]


def transfer_sheet(made: Transferred) -> Picture:
    """The photograph, the photographs that gave something, the result, and its head from a side."""
    taken: list[Picture] = []
    for picture in made.shown.values():
        if not any(picture is one for one in taken):
            taken.append(picture)
    panels = [made.photograph, *taken, made.picture]
    head = made.face.render((0.0, -30.0, 0.0), _PANEL)
    return strip([*(_panel(picture) for picture in panels), head])


def _panel(picture: Picture) -> Picture:
    height, width = picture.shape[:2]
    return np.ascontiguousarray(resize(picture, _PANEL, max(1, round(width * _PANEL / height))))


def _described(sources: Sources) -> dict[str, object]:
    """What was given, by what it was for; pictures and numbers without a file by their kind."""
    told: dict[str, object] = {}
    for name, given in vars(sources).items():
        if isinstance(given, Mapping):
            told[name] = dict(given)
        elif isinstance(given, str | os.PathLike):
            told[name] = os.fspath(given)
        elif given is not None:
            told[name] = type(given).__name__
    return told
