"""What is done with photographs of a folder: faces found, solved together, made and written."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager, suppress
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray

from ..core.image_file import read_image
from ..core.item_failure import Failed, FailureLog, attempt
from ..core.progress import Advance
from ..core.threads import in_order
from ..detect.face import Face
from .network.found import FoundFace
from .options import MANY, ReconstructOptions, needs_texture
from .output.files import FileOptions, face_name, write_face
from .reconstructor import Reconstructor

Job = tuple[Path, str]
"""A photograph and the name of its results."""

_TOGETHER = 4  # photographs whose faces go through the network at once
_MOST_BYTES = 4e6  # of their files

_Seen = tuple[NDArray[np.uint8], list[Face]]  # a photograph and the faces in it
_Shown = Callable[[str, int], AbstractContextManager[Advance]]


@dataclass(frozen=True)
class Run:
    """What all photographs of a run share.

    Attributes:
        options: of the reconstructor.
        out: the folder of the results.
        log: of what nobody foresaw.
        write: see `ReconstructOptions.outputs`.
    """

    options: ReconstructOptions
    out: Path
    log: FailureLog
    write: frozenset[str]


@dataclass
class Outcome:
    """What one photograph gave.

    Attributes:
        files: that were written.
        failed: numbers of the faces that failed, from 1, and why; 0 for the photograph as a whole.
    """

    files: list[Path] = field(default_factory=list)
    failed: list[tuple[int, Failed]] = field(default_factory=list)


def groups(jobs: Sequence[Job]) -> list[list[Job]]:
    """The jobs in parts of a few, in their order; alone where there are few of them.

    Which photographs are together depends on nothing but the list: the last digits of results do on
    what else goes through a network.
    """
    most = _TOGETHER if len(jobs) > MANY else 1
    parts: list[list[Job]] = []
    total = 0.0
    for job in jobs:
        size = _file_size(job[0])
        total += size
        if not parts or len(parts[-1]) >= most or total > _MOST_BYTES:
            parts.append([])
            total = size
        parts[-1].append(job)
    return parts


def _file_size(path: Path) -> int:
    """Bytes of a file; none where it is gone, which reading it will tell."""
    with suppress(OSError):
        return path.stat().st_size
    return 0


@contextmanager
def no_progress(text: str, total: int) -> Iterator[Advance]:
    """Show nothing, where a bar would be in the way of others.

    Args:
        text: before a bar. total: its steps.
    """
    yield lambda steps=1, note="": None


def work_on(
    reconstructor: Reconstructor,
    run: Run,
    jobs: Sequence[Job],
    *,
    shown: _Shown = no_progress,
    threads: int = 1,
) -> list[Outcome]:
    """What becomes of a few photographs; what goes wrong with one is its own failure.

    Args:
        reconstructor: of the run's options. run: what they share.
        jobs: photographs, all of which are in memory at once.
        shown: shows how far each is.
        threads: that share its faces, or the files where there is one face.

    Raises:
        FullError, SettingError: as `attempt`.
    """
    seen = [attempt(str(path), partial(_faces, reconstructor, path), run.log) for path, _ in jobs]
    starts = _starts(reconstructor, [one for one in seen if not isinstance(one, Failed)])
    outcomes = []
    for job, one in zip(jobs, seen, strict=True):
        if isinstance(one, Failed):
            outcomes.append(Outcome(failed=[(0, one)]))
            continue
        (picture, faces) = one
        own = [(picture, face, next(starts)) for face in faces]
        outcomes.append(_written(reconstructor, run, job, own, (shown, threads)))
    return outcomes


def _faces(reconstructor: Reconstructor, path: Path) -> _Seen:
    picture = read_image(path)
    return picture, reconstructor.detect(picture)


def _starts(reconstructor: Reconstructor, seen: Sequence[_Seen]) -> Iterator[FoundFace | None]:
    """What the network finds for all faces at once; None for each where that fails for one."""
    faces = [(picture, face) for picture, found in seen for face in found]
    starts = attempt("all faces at once", lambda: reconstructor.regress(faces))
    return iter([None] * len(faces) if isinstance(starts, Failed) else starts)


def _written(
    reconstructor: Reconstructor,
    run: Run,
    job: Job,
    faces: Sequence[tuple[NDArray[np.uint8], Face, FoundFace | None]],
    how: tuple[_Shown, int],
) -> Outcome:
    """The files of a photograph's faces; `how`: what shows the progress, and threads."""
    (path, name), (shown, threads) = job, how
    outcome = Outcome()

    def make(number: int) -> list[Path] | Failed:
        place = (face_name(name, number + 1), str(path))
        ready = partial(_face, reconstructor, run, faces[number], place, advance, files)
        return attempt(f"{path}, face {number + 1}", ready, run.log)

    many, files = (threads, 1) if len(faces) > 1 else (1, threads)
    start = partial(torch.set_num_threads, 1)
    with shown(path.name, len(faces) * reconstructor.steps) as advance:
        results = in_order(make, range(len(faces)), many, start=start)
        for number, made in enumerate(results, 1):
            if isinstance(made, Failed):
                outcome.failed.append((number if len(faces) > 1 else 0, made))
            else:
                outcome.files += made
    return outcome


def _face(
    reconstructor: Reconstructor,
    run: Run,
    seen: tuple[NDArray[np.uint8], Face, FoundFace | None],
    place: tuple[str, str],
    advance: Advance,
    threads: int,
) -> list[Path]:
    """Reconstruct one face and write it.

    Args:
        seen: the photograph, the face in it, and what the network found.
        place: name of the results, and the photograph's path for the record.
        advance: called for every step.
        threads: that share the files.
    """
    (name, photo), write = place, run.write
    picture, face, start = seen
    textured = needs_texture(write)
    result = reconstructor.reconstruct_face(picture, face, advance, start, textured=textured)
    files = FileOptions(run.options.mesh, write, threads)
    return write_face(run.out, name, result, picture, photo, files)
