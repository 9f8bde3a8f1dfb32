"""Whether a folder holds the results of these settings, so that no folder mixes two."""

from __future__ import annotations

import hashlib
import json
import re
import shutil
from dataclasses import asdict
from pathlib import Path

from ..core.errors import InputError
from ..core.whole_file import prepare_state, write_json
from ..models.weights import find_weights
from .options import PrepareOptions
from .photographs import Collection

VERSION = 1
"""To be raised whenever the same photographs give other results."""

STATE = (".selfie3d", "prepare")
"""Folder of the settings and of the parts, below the results."""


_SHARD = re.compile(r"(?:train|val|test)-\d{5}\.tar|\.(?:train|val|test)-\d{5}\.tar\.index")


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
