"""Work that survives an interruption: small parts, each noted when it is whole.

A split's photographs are cut into shards by their place in the list, before anything is known of
them, and shards into parts of 32. A part is finished when its note is there; what lies beside it
without a note is made again. So the result does not depend on when a run was stopped, nor on how
many processes worked on it.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Protocol

from ..core.given_file import read_given_text
from ..core.whole_file import write_json
from ..datasets.photographs.record import format_record, parse_record
from ..datasets.shards.tar import ShardEntry, write_tar_shard
from ..datasets.shards.tar_index import read_member, tar_members
from .photographs import Photograph
from .work import Reject, write_side_files

PER_PART = 32


@dataclass(frozen=True)
class Job:
    """One shard: its name without suffix and its photographs."""

    name: str
    photographs: Sequence[Photograph]

    @property
    def parts(self) -> list[Part]:
        """In order."""
        rows = range(0, len(self.photographs), PER_PART)
        cut = (self.photographs[start : start + PER_PART] for start in rows)
        return [Part(f"{self.name}.{number:04d}", part) for number, part in enumerate(cut)]


@dataclass(frozen=True)
class Part:
    """A few photographs of one shard."""

    name: str
    photographs: Sequence[Photograph]

    @property
    def state(self) -> str:
        """Changes when one of the files is written anew."""
        digest = hashlib.sha256()
        for photograph in self.photographs:
            try:
                status = photograph.file.stat()
                text = f"{photograph.name}:{status.st_size}:{status.st_mtime_ns}\n"
            except OSError:
                text = f"{photograph.name}:\n"
            digest.update(text.encode("utf-8", "surrogateescape"))
        return digest.hexdigest()


def make_jobs(photographs: Sequence[Photograph], per_shard: int) -> list[Job]:
    """The shards of every split."""
    jobs = []
    for split in dict.fromkeys(photograph.split for photograph in photographs):
        members = [photograph for photograph in photographs if photograph.split == split]
        for number, start in enumerate(range(0, len(members), per_shard)):
            jobs.append(Job(f"{split}-{number:05d}", members[start : start + per_shard]))
    return jobs


@dataclass(frozen=True)
class Sample:
    """A prepared photograph: its name, the sha256 of its file and of its record."""

    name: str
    source: str
    record: str
    masked: bool


@dataclass(frozen=True)
class Note:
    """What became of a part."""

    state: str
    samples: Sequence[Sample]
    rejects: Sequence[Reject]


class Work(Protocol):
    """What prepares photographs; see `work.Workshop`."""

    def entries(self, photographs: Sequence[Photograph]) -> tuple[list[ShardEntry], list[Reject]]:
        """What goes into shards, in order, and what does not."""
        ...

    def content(self, photograph: Photograph) -> bytes:
        """The file that a photograph was read from."""
        ...


class Parts:
    """The folder of the parts.

    Args:
        folder: of the parts, which exists.
        out: where side files go; None where shards are written.
    """

    def __init__(self, folder: Path, out: Path | None) -> None:
        self._folder, self._out = folder, out

    def note(self, part: Part) -> Note | None:
        """Of a finished part of photographs as they are now; else None."""
        try:
            content = json.loads(read_given_text(self._note_path(part), "a note"))
            note = Note(
                content["state"],
                [Sample(**sample) for sample in content["samples"]],
                [Reject(**reject) for reject in content["rejects"]],
            )
        except (OSError, ValueError, KeyError, TypeError, RecursionError):  # ours among them
            return None
        if note.state != part.state or not _is_of(part, note):
            return None
        return note if self._is_whole(part, note) else None

    def make(self, part: Part, workshop: Work, without: Mapping[str, str] | None = None) -> Note:
        """Prepare a part and note it.

        Args:
            part: what is prepared.
            workshop: prepares it.
            without: names of photographs that are rejected unseen, with the reason.
        """
        state, without = part.state, without or {}
        entries, rejects = workshop.entries([p for p in part.photographs if p.name not in without])
        left = [p for p in part.photographs if p.name in without]
        rejects = [*rejects, *(Reject(p.name, p.split, without[p.name]) for p in left)]
        if self._out is None:
            write_tar_shard(self._tar(part), entries)
        else:
            write_side_files(self._out, entries)
        sources = {photograph.name: photograph for photograph in part.photographs}
        samples = [
            Sample(
                entry.name,
                _sha256(workshop.content(sources[entry.name])),
                _sha256(format_record(entry.record).encode() + (entry.skin or b"")),
                entry.skin is not None,
            )
            for entry in entries
        ]
        content: dict[str, Any] = {
            "state": state,
            "samples": [asdict(sample) for sample in samples],
            "rejects": [asdict(reject) for reject in rejects],
        }
        write_json(self._note_path(part), content)
        return Note(state, samples, rejects)

    def entries(self, part: Part, note: Note) -> list[ShardEntry]:
        """The samples of a finished part."""
        path = self._tar(part)
        files = {member.name: read_member(path, member) for member in tar_members(path)}
        entries = []
        for sample in note.samples:
            suffix = next(s for s in (".jpg", ".png") if sample.name + s in files)
            record = parse_record(files[f"{sample.name}.json"], sample.name)
            skin = files.get(f"{sample.name}.skin.png")
            entries.append(
                ShardEntry(sample.name, files[sample.name + suffix], suffix, record, skin)
            )
        return entries

    def has_samples(self, part: Part, note: Note) -> bool:
        """Whether the samples of a part are here, if it has any, or where side files go."""
        return self._out is not None or not note.samples or self._tar(part).is_file()

    def close(self, job: Job, shard: Path) -> None:
        """Note that a shard holds its parts as they are, and drop their samples."""
        content: dict[str, Any] = {part.name: part.state for part in job.parts}
        write_json(self._shard_path(job), content | {"bytes": _bytes(shard)})
        self.sweep(job)

    def sweep(self, job: Job) -> None:
        """Drop the samples of a closed shard's parts; their notes stay."""
        for part in job.parts:
            tar = self._tar(part)
            tar.unlink(missing_ok=True)
            tar.with_name(f".{tar.name}.index").unlink(missing_ok=True)

    def is_closed(self, job: Job, shard: Path) -> bool:
        """Whether the shard is whole and holds its photographs as they are now."""
        try:
            content = json.loads(read_given_text(self._shard_path(job), "a note"))
        except (OSError, ValueError, RecursionError):  # ours among them
            return False
        expected: dict[str, Any] = {part.name: part.state for part in job.parts}
        return bool(content == expected | {"bytes": _bytes(shard)})

    def _is_whole(self, part: Part, note: Note) -> bool:
        if self._out is None:
            return True  # where the samples are is another question
        return all((self._out / f"{sample.name}.json").is_file() for sample in note.samples)

    def _tar(self, part: Part) -> Path:
        return self._folder / f"{part.name}.tar"

    def _shard_path(self, job: Job) -> Path:
        return self._folder / f"{job.name}.shard"

    def _note_path(self, part: Part) -> Path:
        return self._folder / f"{part.name}.json"


def _is_of(part: Part, note: Note) -> bool:
    """Whether a note, which may come from anybody, is of every photograph of a part once."""
    texts = [(s.name, s.source, s.record) for s in note.samples]
    texts += [(r.name, r.split, r.reason) for r in note.rejects]
    if not all(isinstance(text, str) for row in texts for text in row):
        return False
    names = sorted(row[0] for row in texts)
    return names == sorted(photograph.name for photograph in part.photographs)


def _bytes(path: Path) -> int:
    """Of a file; 0 where there is none: a shard all of whose photographs were rejected."""
    return path.stat().st_size if path.is_file() else 0


def _sha256(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()
