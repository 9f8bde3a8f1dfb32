"""Where the members of an uncompressed tar lie, so that any of them is read without the others.

Nothing is ever unpacked. Members that are no plain files, sparse files, and names that lead out of
the archive are refused; names end up in reports and results.
"""

from __future__ import annotations

import json
import stat
import tarfile
import zlib
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import Self

from ...core.errors import InputError, MissingFileError
from ...core.given_file import check_given
from ...core.whole_file import write_whole

_VERSION = 2
_CHECKSUM = "SELFIE3D.crc32"  # in a member's header; other readers pass it over
_REMEDY = "Get or write the archive again."
_BLOCK = 512
_FILES = (tarfile.REGTYPE, tarfile.AREGTYPE, tarfile.DIRTYPE)
_NOTES = (tarfile.XHDTYPE, tarfile.XGLTYPE, tarfile.GNUTYPE_LONGNAME)
_NOTE = 1 << 16  # bytes of a note on the next member: its long name, its times
_LARGEST_INDEX = 1 << 30
_DAMAGED = (
    tarfile.TarError,
    EOFError,
    OSError,
    ValueError,
    KeyError,
    IndexError,
    TypeError,
    OverflowError,
    MemoryError,
    RecursionError,
)
"""What `tarfile` raises on damaged archives."""


@dataclass(frozen=True)
class Member:
    """A file in a tar: its name, the first byte of its content in the tar, its length, and the
    CRC-32 of its content; -1 where the tar does not say.
    """

    name: str
    offset: int
    size: int
    checksum: int = -1


def tar_members(path: Path) -> list[Member]:
    """The files of a tar in the order in which they lie there.

    Reading the headers takes about 30 microseconds each. The list is kept beside the archive as
    .NAME.index, where that can be written, and used again while the archive stays as it is.

    Raises:
        MissingFileError: no such file.
        InputError: no tar, one that is compressed or cut off, or a member that is refused.
    """
    if not path.exists():
        raise MissingFileError(str(path), "A shard (an uncompressed .tar)", "Check the path.")
    check_given(path, "a whole, uncompressed tar")
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

    Args:
        path: of the archive.
        member: one of its `tar_members`.

    Raises:
        MissingFileError: the archive is gone.
        InputError: it is shorter than it was, or has other bytes than were written.
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
    if member.checksum not in (-1, zlib.crc32(data)):
        got = "others (by its checksum)"
        raise InputError(f"{path}: {member.name}", "the bytes that were written", got, _REMEDY)
    return data


def checksum_note(content: bytes) -> dict[str, str]:
    """What a member's header says of its content, for `tarfile.TarInfo.pax_headers`."""
    return {_CHECKSUM: f"{zlib.crc32(content):08x}"}


class _Careful(tarfile.TarInfo):
    """Refuses what is no plain file, and notes of any length, before more is read of them."""

    @classmethod
    def fromtarfile(cls, archive: tarfile.TarFile) -> Self:
        """The next member, or the note on it and then the member; see `tarfile`."""
        stream = archive.fileobj
        if stream is None:
            raise EOFError("a closed archive")
        start = stream.tell()
        block = stream.read(_BLOCK)
        if len(block) < _BLOCK:  # a whole archive ends with blocks of zeros
            raise tarfile.ReadError("it is cut off")
        kind, length = _header(block, archive)
        note = stream.read(_NOTE + 1)[:length] if kind in _NOTES else b""
        if len(note) > _NOTE or length < 0:
            raise tarfile.ReadError(f"a note or file of {length:,} bytes")
        if b"GNU.sparse" in note:
            raise tarfile.ReadError("a sparse file")
        if kind not in (*_FILES, *_NOTES):
            raise tarfile.ReadError(f"a link or device, not plain files (kind {kind!r})")
        stream.seek(start)
        return super().fromtarfile(archive)


def _header(block: bytes, archive: tarfile.TarFile) -> tuple[bytes, int]:
    """The kind and length in a member's header; a plain file's where `tarfile` will refuse it."""
    try:
        info = tarfile.TarInfo.frombuf(block, archive.encoding or "utf-8", "surrogateescape")
    except tarfile.TarError:
        return tarfile.REGTYPE, 0
    return info.type, info.size


def _scan(path: Path) -> list[Member]:
    members: list[Member] = []
    seen: set[str] = set()
    length = path.stat().st_size
    try:
        with tarfile.open(path, "r:", tarinfo=_Careful) as archive:
            for info in archive:
                if info.isdir():
                    continue
                _check(path, info, seen, length)
                members.append(Member(info.name, info.offset_data, info.size, _checksum(info)))
                seen.add(info.name)
    except _DAMAGED as error:
        if isinstance(error, InputError):
            raise
        last = f" after {members[-1].name}" if members else ""
        got = f"{error or type(error).__name__}{last}"
        raise InputError(
            str(path), "a whole, uncompressed tar of plain files", got, _REMEDY
        ) from error
    return members


def _checksum(info: tarfile.TarInfo) -> int:
    text = info.pax_headers.get(_CHECKSUM)
    if text is None:
        return -1
    value = int(text, 16)
    if len(text) != 8 or value < 0:
        raise ValueError(f"the checksum {text[:20]!r}")
    return value


def _check(path: Path, info: tarfile.TarInfo, seen: set[str], length: int) -> None:
    if not _is_plain(info.name):
        raise InputError(str(path), "names below the archive", repr(info.name))
    if not info.isreg() or info.issparse():
        raise InputError(str(path), "plain files only", f"a link or device, {info.name}")
    if info.name in seen:
        raise InputError(str(path), "every name once", f"{info.name} twice", _REMEDY)
    if not 0 <= info.offset_data <= info.offset_data + info.size <= length:
        raise InputError(str(path), "a whole tar", f"one that ends within {info.name}", _REMEDY)


def _is_plain(name: str) -> bool:
    path = PurePosixPath(name)
    leads_out = path.is_absolute() or ".." in path.parts or "\\" in name
    return bool(path.parts) and not leads_out and name.isprintable()


def _read_index(index: Path, stamp: list[int]) -> list[Member] | None:
    """None where there is no index, or one of another state of the archive."""
    try:
        if not stat.S_ISREG(index.lstat().st_mode) or index.stat().st_size > _LARGEST_INDEX:
            return None
        content = json.loads(index.read_text(encoding="utf-8"))
        if content["stamp"] != stamp:
            return None
        rows = content["members"]
        members = [
            Member(str(name), int(at), int(size), int(sum_)) for name, at, size, sum_ in rows
        ]
    except _DAMAGED:
        return None
    for member in members:
        if not (0 <= member.offset <= member.offset + member.size <= stamp[1]):
            return None
        if not _is_plain(member.name):
            return None
    return members


def _write_index(index: Path, stamp: list[int], members: list[Member]) -> None:
    rows = [[m.name, m.offset, m.size, m.checksum] for m in members]
    text = json.dumps({"stamp": stamp, "members": rows})
    with suppress(InputError):  # a folder that is not ours: the headers are read again next time
        write_whole(index, lambda part: part.write_text(text), shared=True)
