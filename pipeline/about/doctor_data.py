"""Which data sets lie in a folder, for `selfie3d doctor --data`."""

from __future__ import annotations

from pathlib import Path

from ...core.errors import InputError, MissingFileError
from ...datasets.photographs.registry import DATASETS
from .doctor import Check

_GROUP = "Data sets"
FOLDERS: dict[str, tuple[str, ...]] = {
    "aflw": ("aflw", "AFLW"),
    "aflw-lfpa": ("aflw-lfpa", "aflw_lfpa", "AFLW-LFPA"),
    "aflw2000": ("aflw2000", "AFLW2000", "AFLW2000-3D"),
    "celeba": ("celeba", "CelebA"),
    "300w-lp": ("300w-lp", "300W_LP", "300W-LP"),
    "ffhq": ("ffhq", "FFHQ", "ffhq-dataset"),
    "lfw": ("lfw", "LFW", "lfw-deepfunneled"),
    "micc": ("micc", "florence", "MICC", "MICC_Florence"),
    "now": ("now", "NoW", "NoW_Evaluation"),
}
"""Names below ROOT under which a data set is looked for, beside ROOT itself."""


def examine_data(root: Path) -> list[Check]:
    """Open every data set that lies in a folder or in one below it; reads lists, no pictures.

    Args:
        root: of one data set, or a folder of several, named as in `FOLDERS`.

    Raises:
        InputError: no such folder.
    """
    if not root.is_dir():
        raise InputError("--data", "a folder", f"{root}, which is none")
    return [_check(name, root) for name in FOLDERS]


def _check(name: str, root: Path) -> Check:
    """What was found first, or what the last folder that is there lacks."""
    remedy = ""
    for folder in (root, *(root / own for own in FOLDERS[name])):
        if not folder.is_dir():
            continue
        try:
            summary = DATASETS.create(name, str(folder)).summary
        except MissingFileError as error:
            remedy = str(error)
        except InputError as error:
            return Check(_GROUP, name, "", remedy=f"damaged: {error}")
        else:
            return Check(_GROUP, name, f"{summary.removeprefix(f'{name}: ')} ({folder})")
    return Check(_GROUP, name, "", remedy=remedy)
