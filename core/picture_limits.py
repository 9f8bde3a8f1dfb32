"""Which files are pictures, and what a picture may demand before a pixel of it is decoded.

The formats, told by suffix or by content, are the one list for every reader. Pillow opens many
more, some of which run other programs (EPS), hold no photographs or are read by code that hardly
anybody uses; they are not asked for.

A few bytes can declare any size. Sides and pixels are limited; a file that is too short for what it
declares is refused before memory is taken for it, and so is a progressive JPEG of so many scans
that it would be decoded for minutes.
"""

from __future__ import annotations

import os
import re
import struct
from dataclasses import dataclass
from functools import cache
from importlib.util import find_spec

from PIL import Image

from .errors import InputError

_FORMAT_HEAD = 32  # bytes of a file that tell its format
MAX_SIDE = 65_535  # pixels: the most that JPEG can hold
MAX_SCANS = 64  # of a progressive JPEG; cameras write 10 or so
_SCANNED_MEGAPIXELS = 4_000  # scans times megapixels
# Decoders of these formats keep one or two copies beside the picture, JPEG 2000 of 32 bits a value.
_FEWER = {"JPEG2000": 60, "WEBP": 100, "AVIF": 100, "HEIF": 100, "GIF": 100}
_PIXELS_PER_BYTE = {"JPEG": 512, "MPO": 512}  # a bit for each 8 x 8 block
_PER_BYTE = 1_032  # what a byte can become at most in deflate, the compression of PNG
_CHANNELS = {0: 1, 2: 3, 3: 1, 4: 2, 6: 4}  # of PNG's kinds of colour
_TILE = 1 << 20  # pixels that a tile of a TIFF may have whatever the picture's size
_MARKER = re.compile(rb"\xff+([^\x00\xff\xd0-\xd7])")
_REMEDY = "Downscale it first; a side of 4,000 pixels is plenty."
_AGAIN = "Get the file again from where it came from."
_PNG_HEAD = 33  # bytes of a PNG up to the end of its size


@dataclass(frozen=True)
class PictureFormat:
    """A format of pictures.

    Attributes:
        pillow: Pillow's name for it.
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

    >>> "JPEG" in [format.pillow for format in openable()]
    True
    """
    return tuple(f for f in FORMATS if _is_there(f))


def suffixes() -> tuple[str, ...]:
    """Suffixes of the files that can be opened here, in small letters, with the dot.

    >>> ".png" in suffixes()
    True
    """
    return tuple(suffix for known in openable() for suffix in known.suffixes)


def spoken() -> str:
    """The suffixes for a message: "jpg, jpeg, png, ..."."""
    return ", ".join(suffix[1:] for suffix in suffixes())


def format_of(path: str | os.PathLike[str]) -> PictureFormat | None:
    """The format that a file's first bytes tell; None where it is no picture or cannot be read."""
    try:
        with open(path, "rb") as file:
            return format_of_bytes(file.read(_FORMAT_HEAD))
    except OSError:
        return None


def format_of_bytes(head: bytes) -> PictureFormat | None:
    """The format that a content begins with; None where it is no picture.

    Args:
        head: at least the first 32 bytes, or all there are.
    """
    for known in FORMATS:
        if re.match(known.beginning, head[:_FORMAT_HEAD], re.DOTALL):
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


def check_image(
    name: str, image: Image.Image, content: bytes | None, *, length: int, megapixels: float
) -> None:
    """Check an opened picture, of which nothing is decoded yet.

    Args:
        name: of the file, for messages.
        image: as Pillow opened it.
        content: the file of a JPEG or PNG; None for others.
        length: of the file, bytes.
        megapixels: the most it may have; less for formats that take more memory.

    Raises:
        InputError: too many pixels, too long a side, more scans than any camera writes, or fewer
            bytes than such a picture takes.
    """
    _check_size(name, image, megapixels)
    if content is not None and image.format in ("JPEG", "MPO"):
        _check_scans(name, image, content)
    if image.size[0] * image.size[1] > most_pixels(image, content, length):
        got = f"a damaged or truncated one ({length:,} bytes for {_size(image)} pixels)"
        raise InputError(name, "a photograph", got, _AGAIN)


def most_pixels(image: Image.Image, content: bytes | None, length: int) -> int:
    """How many pixels a file can hold; a bound, not an estimate.

    Args:
        image: as Pillow opened it.
        content: the file of a PNG; None for others.
        length: of the file, bytes.
    """
    if image.format in _PIXELS_PER_BYTE:
        return _PIXELS_PER_BYTE[image.format] * length
    if image.format == "PNG" and content is not None:
        depth, kind = content[24:26] if len(content) >= _PNG_HEAD else (8, 0)
        bits = max(1, depth * _CHANNELS.get(kind, 1))
        return _PER_BYTE * 8 * length // bits
    tiles = getattr(image, "tile", ())
    if image.format in ("PPM", "BMP", "TIFF") and tiles and tiles[0][0] in ("raw", "ppm_plain"):
        return 8 * length
    return MAX_SIDE**2


def count_scans(content: bytes) -> int:
    """The scans of the first picture in a JPEG."""
    at, scans = 2, 0
    while True:
        marker = _MARKER.search(content, at)
        if marker is None or marker[1] == b"\xd9":
            return scans
        at = marker.end()
        if marker[1] == b"\x01" or at + 2 > len(content):
            continue
        scans += int(marker[1] == b"\xda")
        at += int(struct.unpack_from(">H", content, at)[0])


def _check_size(name: str, image: Image.Image, megapixels: float) -> None:
    width, height = image.size
    most = min(megapixels, _FEWER.get(image.format or "", megapixels))
    if max(width, height) > MAX_SIDE:
        expected = f"a photograph with sides of at most {MAX_SIDE:,} pixels"
        raise InputError(name, expected, f"{_size(image)} pixels", _REMEDY)
    if width * height > most * 1_000_000:
        expected = f"a photograph of at most {most:g} megapixels"
        got = f"{_size(image)} pixels ({width * height / 1e6:.0f} megapixels)"
        raise InputError(name, expected, got, _REMEDY)
    tags = getattr(image, "tag_v2", {})
    tile = (_whole(tags.get(322, 0)), _whole(tags.get(323, 0)))
    if tile[0] * tile[1] > 4 * width * height + _TILE:
        got = f"tiles of {tile[0]} x {tile[1]} pixels in one of {_size(image)}"
        raise InputError(name, "a photograph", got, "Save it as JPEG or PNG.")


def _whole(value: object) -> int:
    return value if isinstance(value, int) else 0


def _check_scans(name: str, image: Image.Image, content: bytes) -> None:
    scans = count_scans(content)
    megapixels = image.size[0] * image.size[1] / 1e6
    if scans > MAX_SCANS or scans * megapixels > _SCANNED_MEGAPIXELS:
        most = min(MAX_SCANS, int(_SCANNED_MEGAPIXELS / megapixels))
        expected = f"a JPEG of at most {most} scans"
        raise InputError(name, expected, f"{scans} scans", "Save it anew with any program.")


def _size(image: Image.Image) -> str:
    return f"{image.size[0]} x {image.size[1]}"
