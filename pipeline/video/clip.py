"""Clips and webcams, frame by frame (PyAV, which `pip install "selfie3d[video]"` brings)."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from ...core.errors import InputError, MissingFileError, SettingError

if TYPE_CHECKING:
    import av

SUFFIXES = (".mp4", ".m4v", ".mov", ".mkv", ".webm", ".avi", ".mpg", ".mpeg", ".ts", ".wmv", ".3gp")
"""Of files that are taken for clips, in small letters."""

INSTALL = 'pip install "selfie3d[video]"'
_USUAL_RATE = 30.0
_RATES = (1.0, 1000.0)  # frames a second that are believed
_LARGEST_SIDE = 8192
_LEAST_STEP = 1e-3  # seconds between frames whose times say less
_CLOSED = {
    "protocol_whitelist": "file",
    "format_whitelist": "mov,mp4,matroska,webm,avi,mpeg,mpegts,asf,mpegvideo",
}
"""Options of FFmpeg: no playlists, which would lead it to other files and addresses."""
_WEBCAMS = {"linux": "v4l2", "darwin": "avfoundation", "win32": "vfwcap"}


@dataclass(frozen=True)
class Source:
    """What is filmed: a file or the webcam of a number.

    >>> Source.of("0").name, Source.of("films/anna.mp4").name
    ('webcam0', 'anna')

    Attributes:
        path: of the file; None of a webcam.
        webcam: its number; None of a file.
    """

    path: Path | None = None
    webcam: int | None = None

    @classmethod
    def of(cls, text: str | Path | int) -> Source:
        """What a path means, or the number of a webcam."""
        if is_webcam(text):
            return cls(webcam=int(str(text)))
        return cls(path=Path(str(text)))

    @property
    def name(self) -> str:
        """Of what is made of it."""
        return f"webcam{self.webcam}" if self.path is None else self.path.stem

    def __str__(self) -> str:
        return f"webcam {self.webcam}" if self.path is None else str(self.path)


def is_webcam(text: str | Path | int) -> bool:
    """Whether this is the number of a webcam: up to two digits, and no file of that name."""
    word = str(text)
    return word.isascii() and word.isdigit() and len(word) <= 2 and not Path(word).exists()


def is_clip(text: str | Path | int) -> bool:
    """Whether this is a clip by its suffix, or the number of a webcam.

    >>> is_clip("anna.MP4"), is_clip("anna.jpg"), is_clip("0")
    (True, False, True)
    """
    return is_webcam(text) or Path(str(text)).suffix.lower() in SUFFIXES


@dataclass(frozen=True)
class Frame:
    """One frame.

    Attributes:
        picture: (H,W,3) uint8 RGB, upright.
        time: seconds from the first one.
    """

    picture: NDArray[np.uint8]
    time: float


class Clip:
    """An open clip.

    Args:
        container: PyAV's, with moving pictures.
        name: for messages.

    Attributes:
        rate: frames a second, on average.
        count: of the frames, as the file says; 0 where it does not.
        size: (width, height) of every frame, pixels.

    Raises:
        InputError: not even the first frame can be read.
    """

    def __init__(self, container: Any, name: str) -> None:  # noqa: ANN401
        self._name, self._stream = name, container.streams.video[0]
        self._stream.thread_type = "AUTO"
        rate = float(self._stream.average_rate or 0)
        self.rate = rate if _RATES[0] <= rate <= _RATES[1] else _USUAL_RATE
        length = (container.duration or 0) * 1e-6
        self.count = self._stream.frames or max(int(length * self.rate), 0)
        self._frames = container.decode(self._stream)
        self._first = self._next(first=True)
        _check_size(name, self._first.width, self._first.height)
        height, width = _upright(self._first, self._first).shape[:2]
        self.size = width, height

    def __iter__(self) -> Iterator[Frame]:
        """The frames; a damaged clip ends where it cannot be read further."""
        frame, number, last = self._first, 0, -_LEAST_STEP
        begin = frame.time or 0.0
        while frame is not None:
            known = frame.time is not None
            time = float(frame.time) - begin if known else number / self.rate
            last = max(time, last + _LEAST_STEP)
            yield Frame(_upright(frame, self._first), last)
            frame, number = self._next(), number + 1

    def _next(self, first: bool = False) -> Any:  # noqa: ANN401  (a frame of PyAV's)
        """The next frame; None after the last one that can be read."""
        import av

        try:
            return next(self._frames)
        except (StopIteration, av.FFmpegError) as error:
            if first:
                raise _unreadable(self._name, str(error) or "no frame") from error
            return None


@contextmanager
def open_clip(source: Source) -> Iterator[Clip]:
    """Open a clip or a webcam.

    Raises:
        SettingError: PyAV is not installed.
        MissingFileError: there is no such file.
        InputError: it cannot be read, or no picture moves in it.
    """
    av = import_av()
    if source.path is not None and not source.path.is_file():
        raise MissingFileError(str(source.path), "A clip", "Check the spelling.")
    try:
        container = _opened(source)
    except (av.FFmpegError, OSError) as error:
        remedy = "Is it connected, and may this program use it?" if source.path is None else ""
        raise _unreadable(str(source), str(error), remedy) from error
    with container:
        if not container.streams.video:
            raise _unreadable(str(source), "a file without moving pictures")
        yield Clip(container, str(source))


def import_av() -> Any:  # noqa: ANN401  (a module)
    """PyAV.

    Raises:
        SettingError: it is not installed.
    """
    try:
        import av
    except ImportError as error:
        got = f"none ({error})"
        raise SettingError("clips", "PyAV to read them", got, f"Install it: {INSTALL}") from error
    return av


def _opened(source: Source) -> Any:  # noqa: ANN401  (a container of PyAV's)
    """A file of a format that holds its pictures itself, or a webcam."""
    import av

    if source.path is not None:
        return av.open(f"file:{source.path}", options=_CLOSED)
    number = str(source.webcam)
    place = f"/dev/video{number}" if sys.platform.startswith("linux") else number
    return av.open(place, format=_WEBCAMS.get(sys.platform, "v4l2"))


def _upright(frame: av.VideoFrame, first: av.VideoFrame) -> NDArray[np.uint8]:
    """A frame in the size of the first one, as the camera was held.

    Phones film in one way and say how frames are to be turned.
    """
    values = frame.to_ndarray(format="rgb24", width=first.width, height=first.height)
    picture = np.asarray(values, np.uint8)
    turns = round(getattr(frame, "rotation", 0) / 90) % 4
    return np.ascontiguousarray(np.rot90(picture, turns)) if turns else picture


def _check_size(name: str, width: int, height: int) -> None:
    if max(width, height) > _LARGEST_SIDE:
        expected, got = f"sides of at most {_LARGEST_SIDE} pixels", f"{width} x {height}"
        raise InputError(name, expected, got, "Make it smaller: 1,000 pixels are plenty.")


def _unreadable(name: str, got: str, remedy: str = "") -> InputError:
    return InputError(name, "a clip that can be read", got, remedy)
