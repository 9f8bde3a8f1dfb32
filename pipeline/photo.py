"""What Python users may give as a photograph: a path, an address, an array, a picture, a file."""

from __future__ import annotations

import io
import os
from typing import BinaryIO

import numpy as np
from numpy.typing import NDArray
from PIL import Image
from torch import Tensor

from ..core.address_file import is_address, read_address
from ..core.errors import InputError, MissingFileError
from ..core.image_file import decode_image, read_image, upright_rgb8
from ..detect.face import check_photograph

Photo = str | os.PathLike[str] | NDArray[np.uint8] | Image.Image | bytes | BinaryIO
_EXPECTED = "one photograph: path, address, RGB uint8 (H,W,3), PIL image, bytes or open binary file"


def as_picture(photo: Photo) -> NDArray[np.uint8]:
    """The photograph as RGB (H,W,3) uint8, upright.

    Args:
        photo: a path; an address (http, https, file); an array; a picture of Pillow's; the content
            of a file; a file that is open in binary mode, read from where it stands.

    Raises:
        InputError: anything else, or what cannot be read; the message says how to convert it.
    """
    if isinstance(photo, Tensor):
        remedy = "Of (3,H,W) in [0,1]: (255 * image).byte().permute(1, 2, 0).numpy()."
        raise InputError("photo", _EXPECTED, f"a tensor {tuple(photo.shape)}", remedy)
    if isinstance(photo, np.ndarray):
        check_photograph(photo)
        return np.require(photo, requirements=["C", "W"])
    if isinstance(photo, Image.Image):
        return _of_pillow(photo)
    if isinstance(photo, bytes | bytearray | memoryview):
        return decode_image(io.BytesIO(bytes(photo)), "photo (bytes)")
    if isinstance(photo, str | os.PathLike):
        return _of_path(photo)
    if hasattr(photo, "read"):
        return _of_file(photo)
    remedy = "Call it for each of them." if isinstance(photo, list | tuple) else ""
    raise InputError("photo", _EXPECTED, type(photo).__name__, remedy)


def _of_pillow(photo: Image.Image) -> NDArray[np.uint8]:
    try:
        photo.load()
    except (OSError, SyntaxError, ValueError) as error:
        raise InputError("photo", "a whole PIL image", str(error)) from error
    if not (photo.width and photo.height):
        raise InputError("photo", "a PIL image with pixels", f"{photo.width} x {photo.height}")
    return upright_rgb8(photo, "photo (PIL image)")


def _of_path(photo: str | os.PathLike[str]) -> NDArray[np.uint8]:
    text = os.fspath(photo)
    if isinstance(text, bytes):
        return read_image(os.fsdecode(text))
    if isinstance(photo, str) and is_address(text):
        return _of_address(text)
    return read_image(text)


def _of_address(address: str) -> NDArray[np.uint8]:
    try:
        content = read_address(address, "a photograph")
    except MissingFileError as error:
        raise InputError(error.path, "a photograph", "no such file", error.remedy) from error
    return decode_image(io.BytesIO(content), "photo (address)")


def _of_file(photo: BinaryIO) -> NDArray[np.uint8]:
    content = photo.read()
    if not isinstance(content, bytes):
        remedy = 'Open it in binary mode: open(path, "rb").'
        raise InputError("photo", _EXPECTED, "a file that is open as text", remedy)
    return decode_image(io.BytesIO(content), str(getattr(photo, "name", "photo (file)")))
