"""Many photographs: one bad one never stops the rest, and a rerun continues."""

from __future__ import annotations

import os
from collections.abc import Generator, Sequence
from contextlib import closing
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path

import torch

from ..core.errors import InputError, Selfie3dError
from ..core.item_failure import LOG, Failed, FailureLog
from ..core.jit import has_compiled
from ..core.picture_folders import FoundPictures, find_pictures
from ..core.progress import progress_bar
from ..core.threads import in_order
from ..core.whole_file import prepare_folder
from ..core.worker_pool import Died, WorkerPool, sendable
from .options import ReconstructOptions, needs_texture
from .output.journal import STATE, Journal, noted_files
from .photo_work import Job, Outcome, Run, groups, no_progress, work_on
from .reconstructor import Reconstructor

_MOST_THREADS = 8
"""So many photographs, or groups of them, at a time, each with some 100 MB of its own."""


@dataclass
class Summary:
    """What became of every photograph.

    Attributes:
        faces: number of faces written in this run.
        succeeded: photographs that gave at least one face in this run, and no failure.
        skipped: photographs whose faces an earlier run had finished.
        failed: photographs that gave none, or one of whose faces failed, with the reason.
        files: every file written in this run.
        found: what was passed over in folders.
        log: tracebacks of what nobody foresaw; None where there are none.
    """

    faces: int = 0
    succeeded: list[Path] = field(default_factory=list)
    skipped: list[Path] = field(default_factory=list)
    failed: list[tuple[Path, str]] = field(default_factory=list)
    files: list[Path] = field(default_factory=list)
    found: FoundPictures = field(default_factory=FoundPictures)
    log: Path | None = None


def reconstruct_paths(
    photos: Sequence[Path],
    out: Path,
    *,
    options: ReconstructOptions | None = None,
    strict: bool = False,
    resume: bool = True,
    workers: int = 0,
) -> Summary:
    """Reconstruct every face of every photograph into files under `out`.

    Whatever goes wrong with a photograph or one of its faces is its own failure; tracebacks of
    errors that nobody foresaw are in `out`/selfie3d_errors.log.

    Args:
        photos: photographs, and folders that are searched with those below them; `out` and the
            results in it are left out.
        out: made if it is not there. Finished photographs are noted in `out`/.selfie3d.
        options: see `ReconstructOptions`.
        strict: raise at the first photograph that fails, instead of noting it.
        resume: skip photographs that an earlier run with the same options finished.
        workers: processes that do the work; one that is killed is named and its photograph done
            again, and a photograph that ends two of them is a failure like any other. 0: threads
            of this process do it, which ends where it is killed. The results are the same but for
            last digits (1e-5 of a coefficient's unit): threads give faces of several photographs to
            the network at once where there are more than `pipeline.options.MANY`.

    Raises:
        InputError: a path does not exist, `out` cannot be written to, the weights or the face
            model cannot be used at all, or workers below 0.
        Exception: with `strict`, what went wrong with the first bad photograph.
    """
    if workers < 0:
        raise InputError("workers", "0 or more processes", str(workers))
    options = options or ReconstructOptions()
    found = find_pictures(photos, Results(out))
    paths, summary = found.pictures, Summary(found=found)
    prepare_folder(out)
    journal, log = Journal(out, options, forget=not resume), FailureLog(out / LOG)
    names = journal.names(paths)
    todo = [p for p in paths if not journal.finished(p)]
    summary.skipped = [p for p in paths if p not in set(todo)]
    if not todo:
        return summary
    log.forget()
    jobs = [(path, names[path]) for path in todo]
    run = Run(options, out, log, options.outputs(len(paths)))
    done = _elsewhere(jobs, run, workers) if workers else _here(jobs, run, alone=strict)
    with progress_bar("Reconstructing", len(todo)) as advance, closing(done):
        for (path, name), outcome in done:
            _note(summary, journal, path, name, outcome, strict)
            advance()
    summary.log = log.written
    return summary


def _here(
    jobs: Sequence[Job], run: Run, *, alone: bool
) -> Generator[tuple[Job, Outcome], None, None]:
    """One photograph after the other, or unless `alone` several at a time in threads; in order.

    Reading, networks, textures and writing leave the interpreter to others most of the time. Only
    a few photographs are under way at any time, so that memory stays bounded.
    """
    reconstructor = Reconstructor(run.options)
    fast = reconstructor.steps == 1
    threads = min(os.cpu_count() or 1, _MOST_THREADS) if fast else 1
    if threads > 1 and needs_texture(run.write) and not has_compiled():
        reconstructor.prepare_textures()
    # The first before the others: what it loads and compiles serves them all.
    before, together = (jobs, []) if alone or not fast else (jobs[:1], jobs[1:])
    usual = torch.get_num_threads()
    # One in all cases, lest a photograph's last digits depend on how many there are.
    torch.set_num_threads(1 if fast else usual)
    try:
        for job in before:
            shown = no_progress if together else progress_bar
            yield job, work_on(reconstructor, run, [job], shown=shown, threads=threads)[0]
        parts, start = groups(together), partial(torch.set_num_threads, 1)
        work = partial(work_on, reconstructor, run)
        for part, outcomes in zip(parts, in_order(work, parts, threads, start=start), strict=True):
            yield from zip(part, outcomes, strict=True)
    finally:
        torch.set_num_threads(usual)


def _elsewhere(
    jobs: Sequence[Job], run: Run, workers: int
) -> Generator[tuple[Job, Outcome], None, None]:
    """The same by several processes, in any order."""
    pool = WorkerPool(_one_of, _start_worker, (run,), lambda job: str(job[0]))
    for job, outcome in pool.work(jobs, min(workers, len(jobs))):
        if isinstance(outcome, Died):
            outcome = Outcome(failed=[(0, deadly(outcome))])
        yield job, outcome


def deadly(died: Died) -> Failed:
    """The failure of a photograph that ended every process that worked on it."""
    text = f"it ended the processes that worked on it ({died.how}, twice)"
    return Failed(Selfie3dError(text), text)


_mine: list[tuple[Reconstructor, Run]] = []  # of a worker process


def _start_worker(run: Run) -> None:
    torch.set_num_threads(1)
    _mine.append((Reconstructor(run.options), run))


def _one_of(job: Job) -> Outcome:
    outcome = work_on(*_mine[0], [job])[0]
    outcome.failed = [(n, Failed(sendable(f.error), f.message)) for n, f in outcome.failed]
    return outcome


class Results:
    """Tells results in searched folders: `out` itself, and what is noted where it lies."""

    def __init__(self, out: Path) -> None:
        self._out = out.resolve()
        self._noted: dict[Path, set[str]] = {}

    def __call__(self, path: Path) -> bool:
        """Whether this path in a searched folder is a result."""
        folder = path.parent
        if folder not in self._noted:
            self._noted[folder] = noted_files(folder / STATE)
        return path.name in self._noted[folder] or path.resolve() == self._out


def _note(
    summary: Summary, journal: Journal, path: Path, name: str, outcome: Outcome, strict: bool
) -> None:
    """Add what became of a photograph to the notes and to the summary."""
    if outcome.failed and strict:
        raise outcome.failed[0][1].error
    if outcome.files:
        journal.note(path, name, outcome.files, whole=not outcome.failed)
    summary.files += outcome.files
    summary.faces += sum(f.suffix == ".json" for f in outcome.files)
    if not outcome.failed:
        summary.succeeded.append(path)
    for number, failed in outcome.failed:
        which = f"face {number}: " if number else ""
        summary.failed.append((path, f"{which}{failed.message}"))
