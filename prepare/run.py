"""`selfie3d prepare`: a data set to shards or side files, interrupted and resumed at will."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from ..core.errors import InputError
from ..core.item_failure import LOG, FailureLog
from ..core.progress import progress_bar
from ..core.whole_file import prepare_folder, prepare_state
from ..datasets.shards.tar import write_tar_shard
from .estimators import find_fan
from .options import PrepareOptions
from .parts import Job, Note, Part, Parts, make_jobs
from .photographs import Collection
from .sheets import write_sheets
from .state import STATE, ShardFacts, claim, forget, own_weights, write_manifest
from .work import Reject
from .workers import PreparePool, default_options, open_kind


@dataclass(frozen=True)
class Prepared:
    """What a run left.

    Attributes:
        counts: samples by split. shards: written. rejects: photographs that were left out.
        files: others. log: tracebacks of errors that nobody foresaw, if there were any.
        passed: lines that say what was passed over in a folder.
    """

    counts: dict[str, int]
    shards: list[Path]
    rejects: list[Reject]
    files: list[Path]
    log: Path | None = None
    passed: Sequence[str] = ()


@dataclass(frozen=True)
class PrepareRun:
    """How a run is done; its results do not depend on it.

    Attributes:
        workers: processes.
        weights_dir: where FAN's weights lie.
        resume: False begins anew.
        ray_address: see `core.ray_session`; the processes are Ray's. "" does without.
    """

    workers: int = 1
    weights_dir: Path | None = None
    resume: bool = True
    ray_address: str = ""


_ALONE = PrepareRun()


def prepare(
    kind: str,
    root: Path,
    out: Path,
    options: PrepareOptions | None = None,
    run: PrepareRun = _ALONE,
) -> Prepared:
    """Prepare a data set; run again with the same arguments it goes on where it stood.

    Args:
        kind: "celeba", "300w-lp", "aflw", "ffhq", "lfw", "micc", "now", "folder" or "turned".
        root: its folder, as it was distributed; for "turned" one of prepared shards.
        out: folder for the results, made if missing.
        options: what is prepared and how.
        run: how it is done.

    Raises:
        UnknownNameError, MissingFileError: no such data set; files of it or weights are missing.
        InputError: `out` holds something else, or not one photograph could be prepared.
    """
    options = options or default_options(kind)
    if run.workers < 1:
        raise InputError("workers", "1 or more", str(run.workers))
    collection = open_kind(kind, root, options)
    if options.write == "files":
        _check_places(collection)
    fan = find_fan(options.landmarks, run.weights_dir)
    prepare_folder(out)
    if not run.resume:
        forget(out)
    claim(out, collection, options, fan)
    jobs = make_jobs(collection.photographs, options.per_shard)
    folder = prepare_state(out, *STATE, "parts")
    parts = Parts(folder, out if options.write == "files" else None)
    log = FailureLog(out / LOG)
    log.forget()
    pool = PreparePool(kind, root, options, fan, parts, run.workers, log, run.ray_address)
    notes = _work(collection, jobs, parts, pool, out, options)
    facts = [_facts(out, job, notes) for job in jobs]
    if not any(fact.samples for fact in facts):
        reasons = sorted({reject.reason for fact in facts for reject in fact.rejects})
        raise InputError(str(root), "photographs with faces", "; ".join(reasons[:3]))
    used = "FAN" if fan else f"our own network ({own_weights()})"
    files = write_manifest(out, collection, options, facts=facts, landmarks=used)
    rejects = [reject for fact in facts for reject in fact.rejects]
    files += write_sheets(out, collection, options, root=root, rejects=rejects)
    counts = {name: 0 for name in dict.fromkeys(fact.split for fact in facts)}
    for fact in facts:
        counts[fact.split] += len(fact.samples)
    shards = [fact.file for fact in facts if fact.file is not None]
    return Prepared(counts, shards, rejects, files, log.written, collection.passed)


def _check_places(collection: Collection) -> None:
    """Refuse photographs whose side files would lie at the same place, or at an odd one.

    Raises:
        InputError: two photographs with the same name but for the suffix, or an odd name.
    """
    for photograph in collection.photographs:
        if Path(photograph.name).name != photograph.file.stem:
            raise InputError(
                str(photograph.file),
                "plain names, unlike but for the suffix, for side files",
                repr(photograph.file.name),
                "Rename it, or write shards.",
            )


def _work(
    collection: Collection,
    jobs: Sequence[Job],
    parts: Parts,
    pool: PreparePool,
    out: Path,
    options: PrepareOptions,
) -> dict[str, Note]:
    """The notes of all parts by name; every shard is written when its last part is there."""
    notes: dict[str, Note] = {}
    todo: list[Part] = []
    job_of = {part.name: job for job in jobs for part in job.parts}
    for job in jobs:
        closed = parts.is_closed(job, _shard(out, job))
        for part in job.parts:
            note = parts.note(part)
            if note is not None and (closed or parts.has_samples(part, note)):
                notes[part.name] = note
            else:
                todo.append(part)
    todo += _emptied(jobs, todo, notes, parts)
    total = sum(len(job.photographs) for job in jobs)
    done = total - sum(len(part.photographs) for part in todo)
    with progress_bar("Preparing", total, done) as advance:
        if options.write == "shards":
            for job in jobs:
                _finish(out, job, parts, notes)
        for part, note in pool.make(collection, todo) if todo else ():
            notes[part.name] = note
            advance(len(part.photographs))
            if options.write == "shards":
                _finish(out, job_of[part.name], parts, notes)
    return notes


def _emptied(
    jobs: Sequence[Job], todo: Sequence[Part], notes: dict[str, Note], parts: Parts
) -> list[Part]:
    """Parts whose samples stand in a shard that has to be written again, without their notes."""
    lost = {part.name for part in todo}
    emptied = []
    for job in jobs:
        if any(part.name in lost for part in job.parts):
            kept = [part for part in job.parts if part.name not in lost]
            emptied += [part for part in kept if not parts.has_samples(part, notes[part.name])]
    for part in emptied:
        del notes[part.name]
    return emptied


def _shard(out: Path, job: Job) -> Path:
    return out / f"{job.name}.tar"


def _finish(out: Path, job: Job, parts: Parts, notes: dict[str, Note]) -> None:
    """Put the parts of a shard together if all are there and it is not closed."""
    members = job.parts
    if not all(part.name in notes for part in members):
        return
    shard = _shard(out, job)
    if parts.is_closed(job, shard):
        parts.sweep(job)
        return
    kept = [part for part in members if notes[part.name].samples]
    if kept:
        entries = (e for part in kept for e in parts.entries(part, notes[part.name]))
        write_tar_shard(shard, entries)
    else:
        shard.unlink(missing_ok=True)
    parts.close(job, shard)


def _facts(out: Path, job: Job, notes: dict[str, Note]) -> ShardFacts:
    own_notes = [notes[part.name] for part in job.parts]
    samples = [sample for note in own_notes for sample in note.samples]
    rejects = [reject for note in own_notes for reject in note.rejects]
    path = _shard(out, job)
    file = path if samples and path.is_file() else None
    return ShardFacts(job.photographs[0].split, file, samples, rejects)
