"""Where the members of an uncompressed tar lie, so that any of them is read without the others.

Nothing is ever unpacked. Members that are no plain files, and names that lead out of the archive,
are refused, because names end up in reports and results.
"""

from __future__ import annotations

import contextlib
import json
import os
import tarfile
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

from ..core.errors import InputError, MissingFileError

_VERSION = 1
_REMEDY = "Get or write the archive again."


@dataclass(frozen=True)
class Member:
    """A file in a tar: its name, the first byte of its content in the tar, and its length."""

    name: str
    offset: int
    size: int


def tar_members(path: Path) -> list[Member]:
    """The files of a tar in the order in which they lie there.

    Reading the headers takes about 30 microseconds each. The list is kept beside the archive as
    .NAME.index, where that can be written, and used again while the archive stays as it is.

    Raises:
        MissingFileError: no such file.
        InputError: no tar, one that is compressed or cut off, or a member that is refused.
    """
    if not path.is_file():
        raise MissingFileError(str(path), "A shard (an uncompressed .tar)", "Check the path.")
    stamp = [_VERSION, path.stat().st_size, path.stat().st_mtime_ns]
    index = path.with_name(f".{path.name}.index")
    kept = _read_index(index, stamp)
    if kept is not None:
        return kept
    members = _scan(path)
    _write_index(index, stamp, members)
    return members


def read_member(path: Path, member: Member) -> bytes:
    """The content of a member.

    Raises:
        MissingFileError: the archive is gone.
        InputError: it is shorter than it was.
    """
    try:
        with path.open("rb") as file:
            file.seek(member.offset)
            data = file.read(member.size)
    except FileNotFoundError as error:
        raise MissingFileError(str(path), "A shard", "It was there before.") from error
    except OSError as error:
        raise InputError(f"{path}: {member.name}", "a member", str(error), _REMEDY) from error
    if len(data) != member.size:
        got = f"{len(data)} of {member.size} bytes"
        raise InputError(f"{path}: {member.name}", "a whole member", got, _REMEDY)
    return data


def _scan(path: Path) -> list[Member]:
    members: list[Member] = []
    seen: set[str] = set()
    try:
        with tarfile.open(path, "r:") as archive:
            for info in archive:
                if info.isdir():
                    continue
                _check(path, info, seen)
                members.append(Member(info.name, info.offset_data, info.size))
                seen.add(info.name)
    except (tarfile.TarError, EOFError, OSError) as error:
        last = f" after {members[-1].name}" if members else ""
        raise InputError(
            str(path), "a whole, uncompressed tar", f"{error}{last}", _REMEDY
        ) from error
    end = members[-1].offset + members[-1].size if members else 0
    if end > path.stat().st_size:
        got = f"one that ends within {members[-1].name}"
        raise InputError(str(path), "a whole tar", got, _REMEDY)
    return members


def _check(path: Path, info: tarfile.TarInfo, seen: set[str]) -> None:
    if not _is_plain(info.name):
        raise InputError(str(path), "names below the archive", repr(info.name))
    if not info.isreg() or info.issparse():
        raise InputError(str(path), "plain files only", f"a link or device, {info.name}")
    if info.name in seen:
        raise InputError(str(path), "every name once", f"{info.name} twice", _REMEDY)


def _is_plain(name: str) -> bool:
    path = PurePosixPath(name)
    return not (path.is_absolute() or ".." in path.parts or "\\" in name) and name.isprintable()


def _read_index(index: Path, stamp: list[int]) -> list[Member] | None:
    """None where there is no index, or one of another state of the archive."""
    try:
        content = json.loads(index.read_text())
        if content["stamp"] != stamp:
            return None
        members = [Member(str(name), int(at), int(size)) for name, at, size in content["members"]]
    except (OSError, ValueError, KeyError, TypeError):
        return None
    for member in members:
        if not (0 <= member.offset <= member.offset + member.size <= stamp[1]):
            return None
        if not _is_plain(member.name):
            return None
    return members


def _write_index(index: Path, stamp: list[int], members: list[Member]) -> None:
    rows = [[member.name, member.offset, member.size] for member in members]
    part = index.with_name(f"{index.name}.{os.getpid()}")
    try:
        part.write_text(json.dumps({"stamp": stamp, "members": rows}))
        os.replace(part, index)
    except OSError:  # a folder that is not ours: the headers are read again next time
        with contextlib.suppress(OSError):
            part.unlink(missing_ok=True)
