"""The faces of one person's photographs, found by several processes."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import torch

from ..core.item_failure import Failed, FailureLog, attempt
from ..core.worker_pool import Died, WorkerPool, sendable
from ..detect.face import Face
from .folder import deadly
from .options import ReconstructOptions
from .person import largest_face
from .reconstructor import Reconstructor


def faces_elsewhere(
    paths: Sequence[Path], options: ReconstructOptions, log: FailureLog, workers: int
) -> list[Face | Failed]:
    """The largest face of each photograph, or why there is none.

    Photographs by strangers may end a process that reads them: that is their own failure then.

    Args:
        paths: photographs, each once. options: of the reconstructor whose detector looks.
        log: for tracebacks of what nobody foresaw. workers: processes, 1 or more.
    """
    pool = WorkerPool(_face_of, _start_worker, (options, log), str)
    found = dict(pool.work(paths, min(workers, len(paths))))
    faces = (found[path] for path in paths)
    return [deadly(face) if isinstance(face, Died) else face for face in faces]


_mine: list[tuple[Reconstructor, FailureLog]] = []  # of a worker process


def _start_worker(options: ReconstructOptions, log: FailureLog) -> None:
    torch.set_num_threads(1)
    _mine.append((Reconstructor(options), log))


def _face_of(path: Path) -> Face | Failed:
    reconstructor, log = _mine[0]
    found = attempt(str(path), lambda: largest_face(reconstructor, path), log)
    return Failed(sendable(found.error), found.message) if isinstance(found, Failed) else found
