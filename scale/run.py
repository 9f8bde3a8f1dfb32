"""`selfie3d batch`: photographs to Parquet files and tars, killed and continued at will."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from ..core.errors import InputError
from ..core.extra import import_extra
from ..core.item_failure import LOG, FailureLog
from ..core.progress import progress_bar
from ..core.ray_session import ray_session
from ..core.whole_file import prepare_folder, prepare_state
from .fragments import Fragments
from .options import BatchOptions, BatchRun, state_of
from .plan import Group, Plan, check_settings, make_plan
from .source import open_source
from .stages import Done, work_on
from .summary import BatchSummary, summarize

_USUAL, _ALONE = BatchOptions(), BatchRun()


def run_batch(
    source: Path, out: Path, options: BatchOptions = _USUAL, run: BatchRun = _ALONE
) -> BatchSummary:
    """Find the faces of every photograph of a source; run again, it goes on where it stood.

    Args:
        source: see `open_source`.
        out: folder of the results, made if missing; on a cluster one that all machines see.
        options: what is written.
        run: how it is done.

    Raises:
        InputError: no photographs, another run at work in `out`, results in it that were made with
            other options, or a folder that cannot be written to.
        MissingFileError: a package is missing.
    """
    import_extra("ray", "scale")
    out = out.resolve()
    prepare_folder(out)
    with _alone(prepare_state(out, *state_of(out).relative_to(out).parts)):
        check_settings(out, options.settings())
        found = open_source(source, out, options.column)
        plan = make_plan(out, found.places, options.per_part)
        progress = _Progress(len(plan.inputs))
        _work(out, plan, options, run, progress)
        return summarize(out, plan.inputs, passed=found.passed, seconds=progress.seconds,
                         photographs=progress.photographs)  # fmt: skip


def _work(out: Path, plan: Plan, options: BatchOptions, run: BatchRun, progress: _Progress) -> None:
    """Do what is still to be done; parts are closed as soon as their last group is there."""
    _forget_deaths(out)
    fragments = Fragments(out, state_of(out), options.heads)
    todo = {part: _left(part, groups, fragments) for part, groups in plan.parts.items()}
    for part, groups in plan.parts.items():
        if not todo[part]:
            fragments.close(part, [group.name for group in groups])
    groups = [group for left in todo.values() for group in left]
    if not groups:
        return
    FailureLog(out / LOG).forget()
    left = {part: {group.name for group in groups} for part, groups in todo.items()}
    with ray_session(run.ray_address, run.workers) as ray:
        workers = run.workers or int(ray.cluster_resources().get("CPU", 1))
        done = work_on(ray, out, plan, groups=groups, options=options, workers=workers)
        for group in progress.shown(done, sum(group.count for group in groups)):
            part = int(group.group.partition("-")[0])
            left[part].discard(group.group)
            if not left[part]:
                fragments.close(part, [one.name for one in plan.parts[part]])


def _left(part: int, groups: Sequence[Group], fragments: Fragments) -> list[Group]:
    """The groups of a part that are still to be done."""
    if fragments.is_closed(part):
        return []
    return [group for group in groups if fragments.counts(group.name) is None]


@dataclass
class _Progress:
    """How far a run is.

    Attributes:
        total: photographs of the run and of those before it.
        photographs: done in this run.
        seconds: that it has worked.
        failed: by kind.
    """

    total: int
    photographs: int = 0
    seconds: float = 0.0
    failed: Counter[str] = field(default_factory=Counter)

    def shown(self, done: Iterator[Done], todo: int) -> Iterator[Done]:
        """The same groups, each shown as done when the next one is asked for."""
        start = time.perf_counter()
        with progress_bar("Finding faces", self.total, self.total - todo) as advance:
            for group in done:
                yield group
                self.photographs += group.photographs
                self.failed += group.failed
                self.seconds = time.perf_counter() - start
                advance(group.photographs, self._note())

    def _note(self) -> str:
        note = f"{self.photographs / max(self.seconds, 1e-9):.1f} images/s"
        if not self.failed:
            return note
        share = sum(self.failed.values()) / self.photographs
        kinds = ", ".join(f"{kind} {count}" for kind, count in self.failed.most_common(3))
        return f"{note}, {share:.1%} failed ({kinds})"


def _forget_deaths(out: Path) -> None:
    """What killed an earlier run as a whole is no photograph's fault; halves of files are none."""
    state, half = state_of(out), ".*.[0-9]*.part.*"
    for path in [*state.glob("*.read"), *state.glob("*.faces"), *state.glob(half), *out.glob(half)]:
        path.unlink(missing_ok=True)


@contextmanager
def _alone(state: Path) -> Iterator[None]:
    """Refuse to work where another run does; the system frees the lock of one that is killed.

    Raises:
        InputError: another run is at work.
    """
    import fcntl

    with open(state / "lock", "a", encoding="ascii") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError as error:
            remedy = "Wait for it, or end it."
            got = "another run at work in it"
            raise InputError(str(state), "a folder of this run alone", got, remedy) from error
        yield
