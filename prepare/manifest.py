"""What was made of which photographs: manifest.json, samples.tsv, rejects.json.

Two people with the same manifest.json train on the same data: it holds the hash of every shard and
of samples.tsv, which lists every photograph with the hash of its file. Nothing in it depends on
the machine, the folders or the time.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

from ..core.whole_file import write_json, write_text
from .estimators import SOURCES
from .options import PrepareOptions
from .parts import Sample
from .photographs import Collection
from .work import Reject

_VERSION = 1
_BLOCK = 1 << 20


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
        "version": _VERSION,
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
        own = [fact for fact in facts if fact.split == split]
        samples = [sample for fact in own for sample in fact.samples]
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
                for fact in own
                if fact.file is not None
            ],
        }
    return result


def file_sha256(path: Path) -> str:
    """Of a file's content."""
    digest = hashlib.sha256()
    with path.open("rb") as file:
        while block := file.read(_BLOCK):
            digest.update(block)
    return digest.hexdigest()
