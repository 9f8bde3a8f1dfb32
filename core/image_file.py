"""Photographs from files and back: whatever format it is in, one becomes upright 8-bit RGB."""

from __future__ import annotations

import contextlib
import os
import struct
import threading
import warnings
import zlib
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np
from PIL import Image, UnidentifiedImageError

from .errors import InputError, MissingFileError
from .given_file import open_given
from .picture_limits import (
    check_image,
    format_of_bytes,
    openable,
    spoken,
    suffixes,
    what_is_missing,
)
from .whole_file import write_whole

SUFFIXES = (".jpg", ".jpeg", ".png", ".ppm", ".bmp", ".webp", ".tif", ".tiff")
MAX_MEGAPIXELS = 200  # at most 2.5 GB while it is read
_FORMATS = ", ".join(suffix[1:] for suffix in SUFFIXES)
_OPAQUE = (".jpg", ".jpeg", ".ppm")
_PNG_LEVEL = 3  # of zlib: a third of the time of 6, 8 % more bytes
_ORIENTATION_TAG = 0x0112
_HEAD = 64  # bytes that tell a picture's format
_STRIP = 16_000_000  # pixels converted at a time
_open_lock = threading.Lock()
# What Pillow's decoders raise on damaged files (SyntaxError: broken PNG; the rest: TIFF, WebP).
_DECODING_ERRORS = (
    OSError,
    SyntaxError,
    ValueError,
    EOFError,
    struct.error,
    IndexError,
    KeyError,
    TypeError,
    AttributeError,
    AssertionError,
    NotImplementedError,
    OverflowError,
    ZeroDivisionError,
    MemoryError,
    RuntimeError,
    zlib.error,
)


def read_image(path: str | os.PathLike[str], max_side: int | None = None) -> np.ndarray:
    """Read a photograph upright, as 8-bit RGB.

    The EXIF orientation is applied. Transparent parts are composited on white (cut-outs hide
    arbitrary colours there). Grey becomes RGB; 16-bit values are scaled to 8; floating-point
    values are taken as 0..1, or as 0..255 where the largest is above 2. CMYK is converted without
    its colour profile. Of an animation the first frame is read.

    >>> from tempfile import TemporaryDirectory
    >>> with TemporaryDirectory() as folder:
    ...     path = Path(folder, "grey.png")
    ...     write_image(path, np.full((4, 6, 3), 90, np.uint8))
    ...     read_image(path).shape, read_image(path, max_side=3).shape
    ((4, 6, 3), (2, 3, 3))

    Args:
        path: a file in one of the formats of `core/picture_limits.py`.
        max_side: downscale so that the longer side has at most this many pixels.

    Returns:
        uint8 (H,W,3), RGB, row 0 at the top.

    Raises:
        InputError: no such file, a folder or pipe, unreadable, no image, damaged, or more than
            `MAX_MEGAPIXELS` or `core/picture_limits.py` allows; the message names file and problem.
    """
    if max_side is not None and max_side < 1:
        raise InputError("max_side", "a positive number of pixels", str(max_side))
    with warnings.catch_warnings():  # odd metadata: the pixels are what matters
        warnings.simplefilter("ignore")
        array, orientation = _decode(Path(path), max_side)
    if max_side is not None:
        array = _downscale(array, max_side)
    return np.require(_turn(array, orientation), requirements=["C", "W"])


def decode_image(stream: BinaryIO, name: str = "photograph") -> np.ndarray:
    """A photograph from an open binary file, as `read_image` reads one from a path.

    Args:
        stream: seekable, at the beginning of the content.
        name: for messages.

    Raises:
        InputError: as `read_image`.
    """
    formats = [known.pillow for known in openable()]
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        with opened_image(name, stream, formats) as image:
            image.load()
            return upright_rgb8(image, name)


def upright_rgb8(image: Image.Image, name: str = "photograph") -> np.ndarray:
    """The pixels of a picture that Pillow decoded, as `read_image` returns them.

    Args:
        image: decoded by Pillow.
        name: of the file, for messages.

    Returns:
        (H,W,3) uint8, upright.

    Raises:
        InputError: pixels that are not finite, or beyond what their type is for.
    """
    pixels, orientation = _as_rgb8(image, Path(name)), _orientation(image)
    return np.require(_turn(pixels, orientation), requirements=["C", "W"])


def list_images(paths: Iterable[str | os.PathLike[str]]) -> list[Path]:
    """Files as given; folders replaced by the images in them, sorted, without subfolders.

    Raises:
        InputError: a path does not exist or a folder holds no image.
    """
    found: list[Path] = []
    for path in map(Path, paths):
        if not path.exists():
            raise _unusable(path, "nothing at this path", "Check the spelling.")
        found.extend(_images_in(path) if path.is_dir() else [path])
    return found


def write_image(path: str | os.PathLike[str], array: np.ndarray) -> None:
    """Write an image in the format of its suffix; the file is whole or not there.

    Args:
        path: target; its folder exists.
        array: uint8 (H,W), (H,W,3) or (H,W,4): grey, RGB or RGBA.

    Raises:
        InputError: another shape or type, an unknown suffix, or a folder that cannot be written.
    """
    target = Path(path)
    channels = array.shape[2:] if array.ndim in (2, 3) else (0,)
    if array.dtype != np.uint8 or channels not in ((), (3,), (4,)) or array.size == 0:
        got = f"{array.dtype} {tuple(array.shape)}"
        raise InputError("array", "uint8 (H,W), (H,W,3) or (H,W,4)", got)
    if target.suffix.lower() not in SUFFIXES:
        raise InputError(str(target), f"a name ending in one of {_FORMATS}", repr(target.suffix))
    if channels == (4,) and target.suffix.lower() in _OPAQUE:
        remedy = "Save it as PNG, or without its alpha channel."
        raise InputError(str(target), "a format that holds alpha", target.suffix, remedy)
    options: dict[str, Any] = {"quality": 95, "compress_level": _PNG_LEVEL}
    write_whole(target, lambda part: Image.fromarray(array).save(part, **options))


def _images_in(folder: Path) -> list[Path]:
    try:
        entries = sorted(folder.iterdir())
    except OSError as error:
        raise _unusable(folder, f"a folder that cannot be read ({error.strerror})", "") from error
    images = [e for e in entries if e.suffix.lower() in suffixes() and e.is_file()]
    if not images:
        raise InputError(str(folder), f"a folder with images ({spoken()})", "none in it")
    return images


def _unusable(path: str | os.PathLike[str], problem: str, remedy: str) -> InputError:
    return InputError(os.fspath(path), "a photograph", problem, remedy)


@contextlib.contextmanager
def opened_image(name: str, stream: BinaryIO, formats: Sequence[str]) -> Iterator[Image.Image]:
    """Open a picture of which nothing is decoded yet, and turn what decoding raises into one error.

    Args:
        name: of the file, for messages.
        stream: its content.
        formats: those that may be opened, as Pillow calls them.

    Raises:
        InputError: of another format, damaged, or more than may be decoded; also from within.
    """
    try:
        image = _identified(name, stream, formats)
    except _DECODING_ERRORS as error:
        if isinstance(error, InputError):
            raise
        reason = "" if isinstance(error, UnidentifiedImageError) else f" ({error})"
        problem = f"a file that is no image, or a damaged one{reason}"
        raise _unusable(name, problem, f"Formats: {spoken()}.") from error
    try:
        length = stream.seek(0, os.SEEK_END)
        whole = image.format in ("JPEG", "MPO", "PNG")
        stream.seek(0)
        content = stream.read() if whole else None
        check_image(name, image, content, length=length, megapixels=MAX_MEGAPIXELS)
        del content
        yield image
    except _DECODING_ERRORS as error:
        if isinstance(error, InputError):
            raise
        problem = f"a damaged or truncated one ({error or type(error).__name__})"
        raise _unusable(name, problem, "Get the file again from where it came from.") from error
    finally:
        image.close()


def _identified(name: str, stream: BinaryIO, formats: Sequence[str]) -> Image.Image:
    """Pillow's own bomb limit gives way to ours, which says what to do."""
    known = format_of_bytes(stream.read(_HEAD))
    missing = "" if known is None else what_is_missing(known)
    if missing:
        remedy = f"Save it as JPEG, or make it readable ({missing})."
        raise _unusable(name, "one in a format that cannot be opened here", remedy)
    with _open_lock:
        limit, Image.MAX_IMAGE_PIXELS = Image.MAX_IMAGE_PIXELS, None
        try:
            return Image.open(stream, formats=tuple(formats))
        finally:
            Image.MAX_IMAGE_PIXELS = limit


def _decode(path: Path, max_side: int | None) -> tuple[np.ndarray, int]:
    """Pixels as they are stored, uint8 (H,W,3), and their orientation."""
    formats = [known.pillow for known in openable()]
    try:
        stream = open_given(path, "a photograph")
    except MissingFileError as error:
        raise _unusable(path, "no such file", "Check the spelling.") from error
    with stream, opened_image(os.fspath(path), stream, formats) as image:
        if max_side is not None:
            image.draft(None, (max_side, max_side))  # JPEG: decode at 1/2, 1/4 or 1/8
        image.load()
        return _as_rgb8(image, path), _orientation(image)


def _as_rgb8(image: Image.Image, path: Path) -> np.ndarray:
    if image.mode == "F" or image.mode.startswith("I"):
        grey = _grey_to_8_bits(np.asarray(image), path)
        return np.repeat(grey[..., None], 3, axis=2)
    result = np.empty((image.height, image.width, 3), np.uint8)
    rows = max(1, _STRIP // image.width)  # Pillow's conversions hold several copies at a time
    for top in range(0, image.height, rows):
        bottom = min(top + rows, image.height)
        whole = bottom - top == image.height
        strip = image if whole else image.crop((0, top, image.width, bottom))
        result[top:bottom] = np.asarray(_opaque(strip).convert("RGB"))
    return result


def _opaque(image: Image.Image) -> Image.Image:
    if image.mode not in ("RGBA", "LA", "PA", "RGBa", "La") and "transparency" not in image.info:
        return image
    rgba = image.convert("RGBA")
    canvas = Image.new("RGB", image.size, "white")
    canvas.paste(rgba, mask=rgba.getchannel("A"))
    return canvas


def _grey_to_8_bits(values: np.ndarray, path: Path) -> np.ndarray:
    low, high = values.min(), values.max()
    if not (np.isfinite(low) and np.isfinite(high)):
        raise _unusable(path, "pixels that are not finite numbers", "Repair or convert it.")
    full = 65535.0
    if values.dtype.kind == "f":
        full = 1.0 if high <= 2 else 255.0  # a little above 1 is overshoot of sharpening
        low = max(low, 0)
    if low < 0 or high > max(full, 2):
        expected = f"values of 0..{full:g}"
        raise InputError(os.fspath(path), expected, f"{low:g}..{high:g}", "Convert it to 8 bits.")
    result = np.empty(values.shape, np.uint8)
    for source, target in zip(values, result, strict=True):  # by rows: no large temporaries
        target[:] = np.clip(np.rint(source.astype(np.float32) * (255.0 / full)), 0, 255)
    return result


def _orientation(image: Image.Image) -> int:
    """EXIF orientation 1..8; 1 where there is none or the EXIF block is damaged."""
    try:
        value = image.getexif().get(_ORIENTATION_TAG, 1)
    except _DECODING_ERRORS:
        return 1
    return value if isinstance(value, int) and 1 <= value <= 8 else 1


def _turn(array: np.ndarray, orientation: int) -> np.ndarray:
    """Undo the EXIF orientation (EXIF 2.3, table 4.6.4 A, tag 274)."""
    if orientation >= 5:  # stored sideways
        array = array.transpose(1, 0, 2)
    if orientation in (3, 4, 7, 8):
        array = array[::-1]
    if orientation in (2, 3, 6, 7):
        array = array[:, ::-1]
    return array


def _downscale(array: np.ndarray, max_side: int) -> np.ndarray:
    height, width = array.shape[:2]
    scale = max_side / max(height, width)
    if scale >= 1:
        return array
    size = (max(1, round(width * scale)), max(1, round(height * scale)))
    resized = Image.fromarray(array).resize(size, Image.Resampling.LANCZOS, reducing_gap=3.0)
    return np.asarray(resized)
