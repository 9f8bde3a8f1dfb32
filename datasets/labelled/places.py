"""Where a photograph lies: in a file, in a tar, or behind an address that fsspec knows."""

from __future__ import annotations

import io
import os
import re
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ...core.errors import InputError
from ...core.extra import import_extra
from ...core.image_file import decode_image, read_image
from ..shards.tar_index import Member, read_member

LARGEST = 1 << 28
"""Bytes of a photograph behind an address; what is longer is not read to its end."""
_ADDRESS = re.compile(r"([a-z][a-z0-9+.-]+)://", re.IGNORECASE)


@dataclass(frozen=True)
class Place:
    """Where one photograph lies.

    >>> Place("a.jpg", "s3://bucket/a.jpg").protocol, Place("a.jpg", "/data/a.jpg").protocol
    ('s3', '')

    Attributes:
        key: what it is called in results, once in a run.
        where: a path, an address such as "s3://bucket/a.jpg", or the path of a tar.
        offset: first byte of its content in the tar; -1: `where` is the photograph itself.
        size: bytes of its content in the tar.
        checksum: CRC-32 of these, -1 where the tar does not say.
    """

    key: str
    where: str
    offset: int = -1
    size: int = 0
    checksum: int = -1

    @property
    def protocol(self) -> str:
        """Of an address; "" for a path."""
        match = _ADDRESS.match(self.where)
        return match[1].lower() if match else ""


def read_place(place: Place) -> NDArray[np.uint8]:
    """The photograph, upright 8-bit RGB (H,W,3).

    Raises:
        InputError: as `core.read_image`, or an address that cannot be read.
        MissingFileError: the tar is gone, or the package fsspec is not installed.
    """
    if place.offset >= 0:
        member = Member(place.key, place.offset, place.size, place.checksum)
        return decode_image(io.BytesIO(read_member(Path(place.where), member)), place.key)
    if not place.protocol:
        return read_image(place.where)
    return decode_image(io.BytesIO(_fetched(place.where)), place.where)


def check_protocol(place: Place) -> None:
    """Check that what its address needs is installed.

    Raises:
        InputError: fsspec does not know the protocol, or a package is missing.
        MissingFileError: the package fsspec is not installed.
    """
    fsspec = import_extra("fsspec", "scale")
    try:
        fsspec.get_filesystem_class(place.protocol)
    except (ValueError, ImportError) as error:
        remedy = "Install the package that it names, on every machine."
        expected = "an address that fsspec can open"
        raise InputError(place.where, expected, str(error), remedy) from error


def stored_path(path: str | os.PathLike[str]) -> bytes:
    """A path or address as it goes into tables: its bytes, whatever they are."""
    return os.fsencode(path)


def _fetched(address: str) -> bytes:
    fsspec: Any = import_extra("fsspec", "scale")
    expected = "a photograph that can be read"
    try:
        with fsspec.open(address, "rb") as stream:
            content: bytes = stream.read(LARGEST + 1)
    except Exception as error:  # every file system has errors of its own
        got = f"{type(error).__name__}: {error}"
        raise InputError(address, expected, got, "See that it is there.") from error
    if len(content) > LARGEST:
        raise InputError(address, f"at most {LARGEST:,} bytes", "more")
    return content
