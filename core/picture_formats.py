"""Which files are pictures, told by suffix or by content: the one list for every reader.

Pillow opens many more formats, some of which run other programs (EPS), hold no photographs or are
read by code that hardly anybody uses; they are not asked for.
"""

from __future__ import annotations

import os
import re
from dataclasses import dataclass
from functools import cache
from importlib.util import find_spec

_HEAD = 32  # bytes of a file that tell its format


@dataclass(frozen=True)
class PictureFormat:
    """One format.

    Attributes:
        pillow: what Pillow calls it.
        suffixes: in small letters, with the dot.
        beginning: regular expression of a file's first bytes.
        package: what has to be installed for it beside Pillow, as pip calls it; "" for nothing.
    """

    pillow: str
    suffixes: tuple[str, ...]
    beginning: bytes
    package: str = ""


FORMATS = (
    PictureFormat("JPEG", (".jpg", ".jpeg", ".jfif", ".jpe"), rb"\xff\xd8\xff"),
    PictureFormat("PNG", (".png",), rb"\x89PNG\r\n\x1a\n"),
    PictureFormat("PPM", (".ppm", ".pgm", ".pbm", ".pnm"), rb"P[1-6f][\s#]"),
    PictureFormat("BMP", (".bmp", ".dib"), rb"BM.{4}\0{4}"),
    PictureFormat("WEBP", (".webp",), rb"RIFF.{4}WEBP"),
    PictureFormat("TIFF", (".tif", ".tiff"), rb"II[*+]\0|MM\0[*+]"),
    PictureFormat("GIF", (".gif",), rb"GIF8[79]a"),
    PictureFormat(
        "JPEG2000",
        (".jp2", ".j2k", ".jpf", ".jpx", ".j2c", ".jpc"),
        rb"\0{3}\x0cjP  \r\n\x87\n|\xff\x4f\xff\x51",
    ),
    PictureFormat("AVIF", (".avif", ".avifs"), rb".{4}ftyp(?:.{4}){0,4}avi[fs]"),
    PictureFormat(
        "HEIF",
        (".heic", ".heif", ".hif"),
        rb".{4}ftyp(?:hei[cxms]|hev[cx]|mif1|msf1)",
        "pillow-heif",
    ),
)


@cache
def openable() -> tuple[PictureFormat, ...]:
    """The formats that can be opened here: those whose package is installed, made known to Pillow.

    `[f.pillow for f in openable()]` is what `PIL.Image.open` takes as `formats`.
    """
    return tuple(f for f in FORMATS if _is_there(f))


def suffixes() -> tuple[str, ...]:
    """Suffixes of the files that can be opened here, in small letters, with the dot."""
    return tuple(suffix for known in openable() for suffix in known.suffixes)


def spoken() -> str:
    """The suffixes for a message: "jpg, jpeg, png, ..."."""
    return ", ".join(suffix[1:] for suffix in suffixes())


def format_of(path: str | os.PathLike[str]) -> PictureFormat | None:
    """The format that a file's first bytes tell; None where it is no picture or cannot be read."""
    try:
        with open(path, "rb") as file:
            return format_of_bytes(file.read(_HEAD))
    except OSError:
        return None


def format_of_bytes(head: bytes) -> PictureFormat | None:
    """The format that a content begins with; None where it is no picture.

    Args:
        head: at least the first 32 bytes, or all there are.
    """
    for known in FORMATS:
        if re.match(known.beginning, head[:_HEAD], re.DOTALL):
            return known
    return None


def what_is_missing(known: PictureFormat) -> str:
    """Why a format cannot be opened here: "HEIF: pip install pillow-heif"; "" where it can."""
    if known in openable():
        return ""
    return f"{known.pillow}: pip install {known.package or '--upgrade pillow'}"


def _is_there(known: PictureFormat) -> bool:
    from PIL import features

    if known.package == "pillow-heif":
        return _register_heif()
    needed = {"WEBP": "webp", "AVIF": "avif", "JPEG2000": "jpg_2000", "JPEG": "jpg", "PNG": "zlib"}
    part = needed.get(known.pillow)
    return part is None or bool(features.check(part))


def _register_heif() -> bool:
    if find_spec("pillow_heif") is None:
        return False
    from pillow_heif import register_heif_opener

    register_heif_opener()
    return True
