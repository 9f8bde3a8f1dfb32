"""index.json of a folder of shards: what was drawn, how many faces, and a checksum of all that.

Folders of earlier versions have no checksum and are read as they are.
"""

from __future__ import annotations

import json
import zlib
from collections.abc import Mapping
from dataclasses import asdict
from pathlib import Path
from typing import Any

from ...core.errors import InputError, MissingFileError
from ...core.text_files import read_json
from ...core.whole_file import write_json
from ...geometry.face_model import SHIPPED_MODELS, SHIPPED_VERSION
from .config import SyntheticConfig
from .head import FACE_MODEL

VERSION = 4
"""To be raised whenever the same seed gives other faces, so that no folder mixes two sets."""

_NAME = "index.json"
_CHECKSUM = "checksum"
_AGAIN = "Get the index again."
_KEYS = (
    ("version", int, "the version, such as 4"),
    ("face_model", str, "the name of a face model"),
    ("config", dict, "what was drawn"),
    ("faces_per_shard", int, "how many faces a shard holds"),
    ("count", int, "how many faces there are"),
)
_KNOWN = (*(key for key, _, _ in _KEYS), "face_model_version", _CHECKSUM)


def write_index(folder: Path, config: SyntheticConfig, faces_per_shard: int, count: int) -> None:
    """Write the index of a folder, or bring the one that is there up to date.

    Args:
        folder: of the shards.
        config: what is drawn.
        faces_per_shard: how many faces a shard holds.
        count: how many faces there are to be; the index keeps a larger number from before.

    Raises:
        InputError: the folder holds another set or faces of another version of the face model, its
            index is damaged, or cannot be written.
    """
    index = {
        "version": VERSION,
        "face_model": FACE_MODEL,
        "face_model_version": SHIPPED_VERSION,
        "config": asdict(config),
        "faces_per_shard": faces_per_shard,
        "count": count,
    }
    if (folder / _NAME).is_file():
        before = read_index(folder)
        before["config"] = asdict(SyntheticConfig()) | dict(before["config"])
        check_model(folder, before)
        for key in ("version", "config", "faces_per_shard"):
            if before[key] != index[key]:
                raise InputError(
                    str(folder),
                    f"shards of the same {key} as before",
                    f"{index[key]} after {before[key]}",
                    "Choose another folder.",
                )
        index["count"] = max(count, int(before["count"]))
    write_json(folder / _NAME, index | {_CHECKSUM: index_checksum(index)})


def index_checksum(index: Mapping[str, Any]) -> str:
    """CRC-32 of an index without its checksum, eight hex digits; spaces and order do not count."""
    plain = {key: value for key, value in index.items() if key != _CHECKSUM}
    text = json.dumps(plain, sort_keys=True, separators=(",", ":"))
    return f"{zlib.crc32(text.encode()):08x}"


def read_index(folder: Path) -> dict[str, Any]:
    """The index of a folder, compared with its checksum.

    Raises:
        MissingFileError: no index.json.
        InputError: damaged, or another content than was written.
    """
    path, expected = folder / _NAME, "the index of synthetic faces"
    if not path.is_file():
        raise MissingFileError(str(path), "index of synthetic faces", "Run selfie3d synth first.")
    index = read_json(path, expected, remedy="Run selfie3d synth again into another folder.")
    for key, kind, example in _KEYS:
        value = index.get(key)
        if type(value) is not kind or value in (0, -1):
            raise InputError(f"{path}: {key}", example, repr(value)[:80], _AGAIN)
    unknown = sorted(set(index) - set(_KNOWN))
    if unknown:
        got = f"{unknown[0][:40]!r} as well"
        raise InputError(str(path), f"no other keys than {', '.join(_KNOWN)}", got, _AGAIN)
    if _CHECKSUM in index and index[_CHECKSUM] != index_checksum(index):
        remedy = f"{_AGAIN} Where it was changed on purpose, remove its line {_CHECKSUM!r}."
        raise InputError(str(path), "the content that was written", "another one", remedy)
    return index


def check_model(folder: Path, index: Mapping[str, Any]) -> None:
    """Refuse faces whose coefficients belong to another version of the shipped face model.

    Raises:
        InputError: they do.
    """
    name, version = index.get("face_model"), index.get("face_model_version", 1)
    if name in (*SHIPPED_MODELS, "default-head") and version != SHIPPED_VERSION:
        raise InputError(
            str(folder),
            f"faces of version {SHIPPED_VERSION} of the face model {FACE_MODEL}",
            f"faces drawn for version {version} of it ({name})",
            "Draw them anew into another folder: selfie3d synth.",
        )
