"""Panoramas as light: photographs of all directions, prepared for drawing faces in them.

A panorama is equirectangular: its middle column looks along -z, columns to the right turn towards
+x, its top row looks along +y. A turn by an angle moves what is at column c of w to column
c + angle / (2 pi) w.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ...core.errors import InputError
from .filters import blur, resize
from .harmonics import irradiance_harmonics
from .panorama_files import read_pictures
from .panorama_lamp import take_out_lamp

Array = NDArray[Any]

_WIDE = 512
_ANALYSED = 128
_MIRRORED = 64
_DAZZLING = 20.0
_CHEST = 0.5


@dataclass(frozen=True)
class Panorama:
    """One panorama in linear light, with an exposure at which its mean over all directions is 1.

    Attributes:
        name: its file's name.
        picture: (h,w,3) float32, w = 2h, at most 512 wide.
        mirrored: (h,w,3), 64 wide, without the lamp: what rounded wet things mirror.
        ambient: (9,3) harmonics of `geometry.sh` that light a white surface as all of it does but
            the lamp.
        lamp: (3,) unit direction towards its brightest lamp.
        colour: (3,) the light of that lamp on a white surface that faces it.
    """

    name: str
    picture: Array
    mirrored: Array
    ambient: Array
    lamp: Array
    colour: Array

    @classmethod
    def of(cls, name: str, picture: Array) -> Panorama:
        """Prepare a picture (h,2h,3) of linear light that is finite and not black."""
        small = _shrunk(picture, _WIDE)
        analysed = np.maximum(_shrunk(small, _ANALYSED), 0)
        mean = float((analysed.mean((1, 2)) * _belts(len(analysed))).sum())
        lamp, colour, rest = take_out_lamp(analysed / np.float32(mean))
        return cls(
            name=name,
            picture=_calmed(_filled(small / np.float32(mean)), colour),
            mirrored=_shrunk(rest, _MIRRORED),
            ambient=irradiance_harmonics(_shaded_below(rest)).astype(np.float32),
            lamp=lamp.astype(np.float32),
            colour=colour.astype(np.float32),
        )


@dataclass(frozen=True)
class Panoramas:
    """The panoramas of a folder in the order of their names.

    Attributes:
        all: those that can be used, one at least.
        problems: one sentence for each file that cannot, with its name.
    """

    all: tuple[Panorama, ...]
    problems: list[str]

    def __len__(self) -> int:
        return len(self.all)

    def __iter__(self) -> Iterator[Panorama]:
        return iter(self.all)

    def draw(self, rng: np.random.Generator) -> Panorama:
        """One of them by chance."""
        return self.all[int(rng.integers(len(self.all)))]


def read_panoramas(folder: str | Path) -> Panoramas:
    """Read every panorama (.hdr, .exr) of a folder.

    Args:
        folder: holds equirectangular panoramas, twice as wide as high; subfolders and files of
            other kinds are left alone.

    Raises:
        InputError: none of them can be used.
        MissingFileError: there is no such folder, or OpenImageIO, which reads them, is missing.
    """
    problems: list[str] = []
    found = tuple(Panorama.of(name, picture) for name, picture in read_pictures(folder, problems))
    if not found:
        raise InputError(
            "hdri", "a folder with equirectangular panoramas (.hdr, .exr)",
            f"{folder} with none that can be used" + "".join(f"; {p}" for p in problems),
            "CC0 panoramas are at polyhaven.com/hdris.",
        )  # fmt: skip
    return Panoramas(found, problems)


def _belts(height: int) -> NDArray[np.float64]:
    """Share (h,) of the sphere that each row of a panorama covers."""
    borders = np.cos(np.arange(height + 1) / height * np.pi)
    return (borders[:-1] - borders[1:]) / 2


def _shrunk(picture: Array, width: int) -> NDArray[np.float32]:
    """The picture at most this wide, averaged."""
    if picture.shape[1] <= width:
        return picture.astype(np.float32)
    return resize(picture, width // 2, width, "area")


def _shaded_below(picture: Array) -> NDArray[np.float32]:
    """The panorama as a face sees it over its own chest, which hides half of the ground."""
    down = np.maximum(-np.cos((np.arange(len(picture)) + 0.5) / len(picture) * np.pi), 0)
    return (picture * (1 - _CHEST * down)[:, None, None]).astype(np.float32)


def _filled(picture: Array) -> NDArray[np.float32]:
    """The picture without the dark rings, below 0, that files leave round lamps."""
    around = blur(np.maximum(picture, 0), 1.0)
    return np.where((picture < 0).any(2, keepdims=True), around, picture)


def _calmed(picture: Array, colour: Array) -> NDArray[np.float32]:
    """The picture with the lamp's colour (3,) where it is far brighter than a camera can show.

    There compressed files have colours that never were.
    """
    level = picture.mean(2, keepdims=True)
    tint = colour / colour.mean() if colour.any() else np.ones(3)
    kept = np.minimum(_DAZZLING / np.maximum(level, _DAZZLING), 1)
    return (kept * picture + (1 - kept) * level * tint).astype(np.float32)
