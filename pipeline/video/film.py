"""A film that is written frame by frame, whole even if the work is interrupted."""

from __future__ import annotations

import os
from contextlib import suppress
from fractions import Fraction
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from ...core.whole_file import unwritable
from .clip import import_av

_TICKS = 90_000  # a second, in which times are written
_CODECS = {"libx264": {"preset": "veryfast", "crf": "20"}, "mpeg4": {"qscale": "3"}}
"""In the order in which they are tried."""


class FilmWriter:
    """Writes an MP4 without sound; the file appears when it is closed.

    Args:
        path: of the film; its folder exists.
        rate: frames a second, about.
        size: (width, height); odd ones lose their last row or column.
    """

    def __init__(self, path: Path, rate: float, size: tuple[int, int]) -> None:
        av = import_av()
        self._path, self._partial = path, path.with_name(f".{path.stem}.part{path.suffix}")
        self._width, self._height = (max(side - side % 2, 2) for side in size)
        name = next(name for name in _CODECS if name in av.codecs_available)
        try:
            self._container = av.open(f"file:{self._partial}", "w", format="mp4")
        except OSError as error:
            raise unwritable(path, error) from error
        fraction = Fraction(rate).limit_denominator(1001)
        self._stream = self._container.add_stream(name, fraction, options=_CODECS[name])
        self._stream.width, self._stream.height = self._width, self._height
        self._stream.pix_fmt = "yuv420p"
        self._stream.codec_context.time_base = Fraction(1, _TICKS)
        self._last = -1

    def add(self, picture: NDArray[np.uint8], time: float) -> None:
        """Write a frame.

        Args:
            picture: (H,W,3) uint8, not smaller than the film.
            time: seconds, later than the last one.

        Raises:
            InputError: it cannot be written.
        """
        av = import_av()
        part = np.ascontiguousarray(picture[: self._height, : self._width])
        frame = av.VideoFrame.from_ndarray(part, format="rgb24")
        self._last = max(round(time * _TICKS), self._last + 1)
        frame.pts, frame.time_base = self._last, Fraction(1, _TICKS)
        self._write(frame)

    def close(self) -> None:
        """Finish the file.

        Raises:
            InputError: it cannot be written.
        """
        self._write(None)
        self._container.close()
        os.replace(self._partial, self._path)

    def discard(self) -> None:
        """Leave no file."""
        with suppress(OSError):
            self._container.close()
        with suppress(OSError):
            self._partial.unlink(missing_ok=True)

    def _write(self, frame: object) -> None:
        try:
            self._container.mux(self._stream.encode(frame))
        except OSError as error:
            raise unwritable(self._path, error) from error
