"""Places without faces, and the photographs that stand behind drawn faces.

A place is a view of a panorama, a painted one, or a surface of skin or with a pattern; photographs
come from a folder of anybody's.
"""

from __future__ import annotations

import math
import warnings
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ...core.errors import InputError, MissingFileError
from ...core.given_file import open_given
from ...core.image_file import opened_image
from ...core.picture_limits import openable, suffixes
from . import filters
from .background import draw_background
from .chance import one_of, pick, running_shares
from .colours import BRIGHTEST, code
from .panorama import Panorama, Panoramas
from .panorama_view import look_around

Array = NDArray[Any]

_LARGEST = 640  # pixels of the longer side

_SHARES = running_shares((0.55, 0.3, 0.15))


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


class Places:
    """Pictures of places by number, made when they are asked for and kept.

    Args:
        panoramas: where views are taken; None: painted places alone.
        size: side of the pictures, pixels. count: how many there are.
        seed: the same one gives the same places.
    """

    def __init__(self, panoramas: Panoramas | None, size: int, count: int, seed: int) -> None:
        self._panoramas, self._size, self._seed = panoramas, size, seed
        self._kept: list[NDArray[np.uint8] | None] = [None] * count

    def __len__(self) -> int:
        return len(self._kept)

    def __getitem__(self, number: int) -> NDArray[np.uint8]:
        """Place `number`, (size,size,3)."""
        kept = self._kept[number]
        if kept is None:
            rng = np.random.default_rng([self._seed, number])
            kept = self._kept[number] = draw_place(rng, self._size, self._panoramas)
        return kept


def draw_place(
    rng: np.random.Generator, size: int, panoramas: Panoramas | None
) -> NDArray[np.uint8]:
    """A picture (size,size,3) without a face.

    Args:
        rng: chance.
        size: side, pixels.
        panoramas: of which views are taken; None paints all places.
    """
    kind = pick(rng, _SHARES)
    if kind == 0 and panoramas is not None:
        picture = _view(rng, size, panoramas.draw(rng))
    elif kind < 2:
        picture = draw_background(rng, size)
    else:
        picture = _surface(rng, size)
    return (np.clip(picture, 0, 1) * 255 + 0.5).astype(np.uint8)


def skin_tone(rng: np.random.Generator) -> NDArray[np.float64]:
    """A colour (3,) that skin may have in photographs, sRGB-coded."""
    dark, light = np.array([0.25, 0.15, 0.11]), np.array([0.95, 0.78, 0.7])
    tone = dark + rng.uniform(0, 1) * (light - dark)
    return np.clip(tone * np.exp(rng.normal(0, 0.12) + rng.normal(0, 0.05, 3)), 0, 1)


def _view(rng: np.random.Generator, size: int, panorama: Panorama) -> Array:
    """A look in any direction, at any exposure."""
    angle = math.radians(rng.uniform(25, 100))
    yaw, pitch, roll = rng.uniform(-math.pi, math.pi), rng.normal(0, 0.35), rng.normal(0, 0.1)
    gain = np.exp(rng.normal(-0.3, 0.6) + rng.normal(0, 0.1, 3))
    seen = look_around(panorama, (yaw, pitch, roll), angle, gain=gain, size=size)
    coded = code(np.minimum(seen, np.float32(BRIGHTEST)))
    if rng.random() < 0.5:  # its pixels are coarse: something fine over them
        noise = filters.smooth_noise(rng, size, int(rng.integers(40, 160)), 3)
        coded = coded * (1 + np.float32(rng.uniform(0.02, 0.2)) * noise)
    return coded


def _surface(rng: np.random.Generator, size: int) -> Array:
    """Skin, wood, cloth: one colour with shading and relief, folds, rings or a grid of things."""
    tone = skin_tone(rng) if rng.random() < 0.7 else rng.uniform(0, 1, 3)
    picture = np.broadcast_to(tone.astype(np.float32), (size, size, 3)).copy()
    for cells in (2, 5, 12, 40):
        if rng.random() < 0.6:
            shade = filters.smooth_noise(rng, size, cells)
            picture *= np.exp(np.float32(rng.uniform(0.05, 0.35)) * shade)
    x, y = (np.mgrid[:size, :size] / size - rng.uniform(0.2, 0.8, 2)[:, None, None])[::-1]
    wave = one_of(rng, (np.hypot(x, y), x + rng.normal(0, 0.5) * y, np.sin(9 * x) * np.sin(9 * y)))
    if rng.random() < 0.6:
        depth, pitch = rng.uniform(0.05, 0.5), rng.uniform(3, 60)
        picture *= (1 + depth * np.sin(pitch * wave + rng.uniform(0, 6))).astype(np.float32)[
            ..., None
        ]
    return picture
