"""Panoramas' files: Radiance .hdr and OpenEXR .exr, read by OpenImageIO and checked.

OpenImageIO (Apache-2.0) is the reader of both formats that the film industry keeps; its wheels
need nothing but numpy.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ...core.errors import MissingFileError

_FORMATS = {".exr": "openexr", ".hdr": "hdr"}
_NARROWEST, _WIDEST = 32, 8192
_BLACK = 1e-9
_BELOW_ZERO = 0.1
"""So much of a picture may be below 0: resampling and DWA compression leave rings round lamps."""


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
