"""Panoramas as light: photographs of all directions, prepared for drawing faces in them.

A panorama is equirectangular: its middle column looks along -z, columns to the right turn towards
+x, its top row looks along +y. A turn by an angle moves what is at column c of w to column
c + angle / (2 pi) w.

The files are Radiance .hdr and OpenEXR .exr. OpenImageIO (Apache-2.0) reads them, the reader of
both formats that the film industry keeps; its wheels need nothing but numpy.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ...core.errors import InputError, MissingFileError
from .filters import blur, resize
from .harmonics import irradiance_harmonics, take_out_lamp

Array = NDArray[Any]

_FORMATS = {".exr": "openexr", ".hdr": "hdr"}
_NARROWEST, _WIDEST = 32, 8192
_BLACK = 1e-9
_BELOW_ZERO = 0.1
"""So much of a picture may be below 0: resampling and DWA compression leave rings round lamps."""

_WIDE = 512
_ANALYSED = 128
_MIRRORED = 64
_DAZZLING = 20.0
_CHEST = 0.5


class _UnusableError(Exception):
    """Why a file is no panorama."""


def read_pictures(
    folder: str | Path, problems: list[str]
) -> Iterator[tuple[str, NDArray[np.float32]]]:
    """Names and pictures (h,2h,3), linear light, of a folder's panoramas in the names' order.

    Values below 0 are left where they are few: averages with their neighbours cancel them.

    Args:
        folder: holds them.
        problems: one sentence for each file that cannot be used is added.

    Raises:
        MissingFileError: there is no such folder, or OpenImageIO is not installed.
    """
    if not Path(folder).is_dir():
        raise MissingFileError(str(folder), "folder of panoramas (hdri)", "Check the path.")
    library = _library(Path(folder))
    for path in sorted(Path(folder).iterdir()):
        if path.suffix.lower() not in _FORMATS or not path.is_file():
            continue
        try:
            yield path.name, _checked(_decoded(library, path))
        except _UnusableError as reason:
            problems.append(f"{path.name}: {reason}")
        except UnicodeDecodeError:  # of a name in the header, or of the library's own message
            problems.append(f"{path.name}: is damaged (text in it that is no UTF-8)")


def _library(folder: Path) -> Any:  # noqa: ANN401
    try:
        import OpenImageIO
    except ImportError:
        raise MissingFileError(
            str(folder),
            "The library OpenImageIO, which reads the panoramas,",
            "Install it: pip install 'selfie3d[assets]' (or openimageio).",
        ) from None
    return OpenImageIO


def _decoded(library: Any, path: Path) -> NDArray[np.float32]:  # noqa: ANN401
    """The first three channels (h,w,3) of a file whose header is that of a panorama."""
    file = library.ImageInput.open(str(path))
    if file is None:
        raise _UnusableError(f"cannot be read ({_first_line(library.geterror())})")
    try:
        _check_header(file.format_name(), file.spec(), _FORMATS[path.suffix.lower()])
        picture = file.read_image(0, 0, 0, 3, library.FLOAT)
        if picture is None:
            raise _UnusableError(f"is damaged ({_first_line(file.geterror())})")
    finally:
        file.close()
    return np.asarray(picture, np.float32)


def _first_line(text: str) -> str:
    return text.strip().splitlines()[0] if text.strip() else "no reason given"


def _check_header(found: str, spec: Any, kind: str) -> None:  # noqa: ANN401
    """Refuse a file by what its header says, before anything is decoded."""
    if found != kind:
        raise _UnusableError(f"is a file of the format {found}, not {kind}")
    width, height = spec.width, spec.height
    if width < _NARROWEST or height < 1:
        raise _UnusableError(f"is {width} x {height} pixels, too small")
    if width > _WIDEST:
        raise _UnusableError(f"is {width} x {height} pixels; make it {_WIDEST} wide at most")
    if abs(width - 2 * height) > width // 100:
        raise _UnusableError(f"is {width} x {height} pixels, not twice as wide as high")
    if (spec.full_width, spec.full_height) != (width, height) or spec.depth > 1 or spec.deep:
        raise _UnusableError("holds a part of a picture, or several layers of depth")
    last = [name.rsplit(".", 1)[-1].upper() for name in spec.channelnames[:3]]
    if last != ["R", "G", "B"]:
        raise _UnusableError(f"has the channels {', '.join(spec.channelnames)}, not R, G and B")


def _checked(picture: NDArray[np.float32]) -> NDArray[np.float32]:
    """The picture, if it can be light."""
    if not np.isfinite(picture).all():
        raise _UnusableError("has values that are not finite numbers")
    negative = float((picture < 0).mean())
    if negative > _BELOW_ZERO:
        raise _UnusableError(f"has negative light in {100 * negative:.0f} % of its values")
    if picture.max() < _BLACK:
        raise _UnusableError("is black all over")
    return picture


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
    panoramas = tuple(
        Panorama.of(name, picture) for name, picture in read_pictures(folder, problems)
    )
    if not panoramas:
        raise InputError(
            "hdri", "a folder with equirectangular panoramas (.hdr, .exr)",
            f"{folder} with none that can be used" + "".join(f"; {p}" for p in problems),
            "CC0 panoramas are at polyhaven.com/hdris.",
        )  # fmt: skip
    return Panoramas(panoramas, problems)


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
