"""The state of a prepared folder: the settings that it belongs to, and what was made of what.

A folder is claimed by its settings, so that none mixes two. What was made lies in manifest.json,
samples.tsv and rejects.json. Two people with the same manifest.json train on the same data: it
holds the hash of every shard and of samples.tsv, which lists every photograph with the hash of its
file. Nothing in it depends on the machine, the folders or the time.
"""

from __future__ import annotations

import hashlib
import json
import re
import shutil
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

from ..core.errors import InputError
from ..core.whole_file import prepare_state, write_json, write_text
from ..models.weights_found import find_weights
from .estimators import SOURCES
from .options import PrepareOptions
from .parts import Sample
from .photographs import Collection
from .work import Reject

VERSION = 2
"""To be raised whenever the same photographs give other results."""

STATE = (".selfie3d", "prepare")
"""Folder of the settings and of the parts, below the results."""


_SHARD = re.compile(r"(?:train|val|test)-\d{5}\.tar|\.(?:train|val|test)-\d{5}\.tar\.index")

_MANIFEST_VERSION = 1
_HASHED_AT_ONCE = 1 << 20


def own_weights() -> str:
    """Our network's file and the beginning of its hash."""
    path = find_weights("default")
    return f"{path.name}, sha256 {hashlib.sha256(path.read_bytes()).hexdigest()[:16]}"


def claim(out: Path, collection: Collection, options: PrepareOptions, fan: dict[str, Path]) -> None:
    """Note the settings in a folder.

    Args:
        out: the folder of the results.
        collection: the photographs: another list of them is another setting.
        options: how they are prepared.
        fan: FAN's files.

    Raises:
        InputError: the folder holds results of other settings.
    """
    listing = hashlib.sha256()
    for photograph in collection.photographs:
        line = f"{photograph.name}\t{photograph.split}\n"
        listing.update(line.encode("utf-8", "surrogateescape"))
    sizes = {key: path.stat().st_size for key, path in sorted(fan.items())}
    settings: dict[str, object] = {
        "version": VERSION,
        "data set": collection.kind,
        "options": asdict(options),
        "landmarks": sizes or own_weights(),
        "photographs": listing.hexdigest(),
    }
    path = prepare_state(out, *STATE) / "settings.json"
    if path.is_file():
        before = _read(path)
        changed = [key for key in settings if before.get(key) != settings[key]]
        if changed:
            raise InputError(
                str(out),
                f"results of the same {', '.join(changed)} as before",
                "others",
                "Choose another folder, or begin anew with --no-resume.",
            )
    write_json(path, settings)


def _read(path: Path) -> dict[str, object]:
    try:
        content = json.loads(path.read_text())
    except (OSError, ValueError, RecursionError):
        return {}
    return content if isinstance(content, dict) else {}


def forget(out: Path) -> None:
    """Remove the state of an earlier run and its shards, and nothing else."""
    shutil.rmtree(prepare_state(out, *STATE), ignore_errors=True)
    for path in out.iterdir():
        if _SHARD.fullmatch(path.name) and not path.is_dir():
            path.unlink()


@dataclass(frozen=True)
class ShardFacts:
    """A shard of a split; `file` is None where side files were written, or nothing."""

    split: str
    file: Path | None
    samples: Sequence[Sample]
    rejects: Sequence[Reject]


def write_manifest(
    out: Path,
    collection: Collection,
    options: PrepareOptions,
    *,
    facts: Sequence[ShardFacts],
    landmarks: str,
) -> list[Path]:
    """Write the three files.

    Args:
        out: an existing folder.
        collection, options: what was prepared, and how.
        facts: of every shard.
        landmarks: who found them, in words.
    """
    lines = ["split\tshard\tname\tsha256\trecord_sha256"]
    for fact in facts:
        shard = "-" if fact.file is None else fact.file.name
        lines += [f"{fact.split}\t{shard}\t{s.name}\t{s.source}\t{s.record}" for s in fact.samples]
    listing = out / "samples.tsv"
    write_text(listing, "\n".join(lines) + "\n")
    rejects = [asdict(reject) for fact in facts for reject in fact.rejects]
    write_json(out / "rejects.json", {"count": len(rejects), "rejects": rejects})
    content: dict[str, object] = {
        "version": _MANIFEST_VERSION,
        "data_set": collection.kind,
        "options": asdict(options),
        "landmarks": landmarks,
        "sources": {str(int(number)): who for number, who in SOURCES.items()},
        "splitting": collection.splitting,
        "splits": _splits(collection, facts),
        "samples": {"file": listing.name, "sha256": file_sha256(listing)},
        "rejected": len(rejects),
    }
    write_json(out / "manifest.json", content)
    return [out / "manifest.json", listing, out / "rejects.json"]


def _splits(collection: Collection, facts: Sequence[ShardFacts]) -> dict[str, object]:
    group = {photograph.name: photograph.group for photograph in collection.photographs}
    result: dict[str, object] = {}
    for split in dict.fromkeys(fact.split for fact in facts):
        facts_of_split = [fact for fact in facts if fact.split == split]
        samples = [sample for fact in facts_of_split for sample in fact.samples]
        result[split] = {
            "samples": len(samples),
            "groups": len({group[sample.name] for sample in samples}),
            "without_mask": sum(not sample.masked for sample in samples),
            "shards": [
                {
                    "file": fact.file.name,
                    "samples": len(fact.samples),
                    "sha256": file_sha256(fact.file),
                }
                for fact in facts_of_split
                if fact.file is not None
            ],
        }
    return result


def file_sha256(path: Path) -> str:
    """Of a file's content."""
    digest = hashlib.sha256()
    with path.open("rb") as file:
        while block := file.read(_HASHED_AT_ONCE):
            digest.update(block)
    return digest.hexdigest()
