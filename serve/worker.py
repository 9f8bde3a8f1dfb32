"""A process that answers uploads, and is ended where one takes too long."""

from __future__ import annotations

import multiprocessing
import signal
from contextlib import suppress
from dataclasses import dataclass
from multiprocessing.connection import Connection

from ..core.errors import InputError, NoFaceError, Selfie3dError
from ..pipeline.options import ReconstructOptions

_START = 900.0  # seconds: kernels may have to be compiled, on a busy machine
_GRACE = 2.0  # seconds for a process to end by itself
_READY, _DONE, _REFUSED, _FAILED = "ready", "done", "refused", "failed"


class TooLongError(Selfie3dError):
    """The work took longer than it may; its process has been ended."""


class BrokenError(Selfie3dError):
    """The process ended, or the work failed in a way that is no fault of the upload's."""


@dataclass(frozen=True)
class Question:
    """An upload and what is wanted of it, as `answers.answer` takes it."""

    kind: str
    content: bytes
    number: int = 1


class Worker:
    """A process that answers one question at a time.

    Args:
        options: of the reconstruction.
        megapixels: the most of a photograph.
        seconds: the most for an answer.
    """

    def __init__(self, options: ReconstructOptions, megapixels: float, seconds: float) -> None:
        self._settings, self._seconds = (options, megapixels), seconds

    def start(self) -> None:
        """Begin, and wait until it can answer.

        Raises:
            BrokenError: it can't, such as for want of memory.
            InputError: weights or a face model that can't be used.
        """
        context = multiprocessing.get_context("spawn")
        self._pipe, theirs = context.Pipe()
        process = context.Process(target=_attend, args=(theirs, *self._settings), daemon=True)
        self._process = process
        process.start()
        theirs.close()
        how, value = self._received(_START)
        if how != _READY:
            self.stop()
            raise value if isinstance(value, Selfie3dError) else BrokenError(str(value))

    def ask(self, question: Question) -> bytes:
        """The answer to a question.

        Raises:
            NoFaceError, InputError: the photograph's fault.
            TooLongError, BrokenError: the process has ended; call `start` again.
        """
        try:
            self._pipe.send(question)
        except OSError as error:
            raise BrokenError("the process that works has ended") from error
        how, value = self._received(self._seconds)
        if how == _DONE:
            return bytes(value)  # type: ignore[call-overload]
        raise value if isinstance(value, Selfie3dError) else BrokenError(str(value))

    @property
    def works(self) -> bool:
        """Whether the process is there."""
        return self._process.is_alive()

    def stop(self) -> None:
        """End the process, whatever it does."""
        with suppress(OSError):
            self._pipe.close()
        self._process.join(_GRACE if not self._process.is_alive() else 0.0)
        if self._process.is_alive():
            self._process.kill()
            self._process.join(_GRACE)

    def _received(self, seconds: float) -> tuple[str, object]:
        try:
            if self._pipe.poll(seconds):
                how, value = self._pipe.recv()
                return str(how), value
        except (EOFError, OSError) as error:
            self.stop()
            raise BrokenError("the process that works has ended") from error
        self.stop()
        raise TooLongError(f"the work took longer than {seconds:g} seconds")


def _attend(pipe: Connection, options: ReconstructOptions, megapixels: float) -> None:
    """Answer what comes, until the other end is closed."""
    from ..pipeline.demo import PHOTO
    from ..pipeline.reconstructor import Reconstructor
    from .answers import VIEWER, answer

    signal.signal(signal.SIGINT, signal.SIG_IGN)  # the server's process ends this one
    try:
        maker = Reconstructor(options)
        answer(maker, VIEWER, PHOTO.read_bytes(), 1, megapixels)  # what starts late starts now
        pipe.send((_READY, None))
    except Exception as error:  # noqa: BLE001  (whatever it is, the server says it)
        pipe.send((_FAILED, error if isinstance(error, Selfie3dError) else repr(error)))
        return
    with suppress(EOFError, OSError):
        while True:
            question: Question = pipe.recv()
            try:
                made = answer(maker, question.kind, question.content, question.number, megapixels)
                pipe.send((_DONE, made))
            except (NoFaceError, InputError) as error:
                pipe.send((_REFUSED, error))
            except Exception as error:  # noqa: BLE001  (one upload's failure ends nothing)
                pipe.send((_FAILED, type(error).__name__))
