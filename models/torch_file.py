"""PyTorch's files, whose declared sizes are checked before torch takes memory for them.

Two layouts are read: an archive of data.pkl and one record per storage (since 1.6), and pickles
followed by the storages' bytes (before). The third, a tar, is refused: torch unpacked it to disk.
Tensors and plain values are read (`weights_only`), whatever else a file names is refused by torch.
"""

from __future__ import annotations

import os
import pickle
import struct
import zipfile
import zlib
from pathlib import Path
from typing import Any

import torch

from ..core.array_pickle import DAMAGED_PICKLE
from ..core.errors import InputError
from ..core.given_file import open_given
from ..core.pickle_machine import PickleMachine, StandIn

_LEGACY = b"\x80\x02\x8a\nl\xfc\x9cF\xf9 j\xa8P\x19."  # the pickled magic number
_SIZES = {
    "UntypedStorage": 1,
    "BoolStorage": 1,
    "ByteStorage": 1,
    "CharStorage": 1,
    "ShortStorage": 2,
    "HalfStorage": 2,
    "BFloat16Storage": 2,
    "IntStorage": 4,
    "FloatStorage": 4,
    "LongStorage": 8,
    "DoubleStorage": 8,
    "ComplexFloatStorage": 8,
    "ComplexDoubleStorage": 16,
}
"""Bytes of an item by the name of the storage's class."""
_LARGEST_PICKLE = 1 << 26  # bytes
_DAMAGED = (
    *DAMAGED_PICKLE,
    pickle.UnpicklingError,
    RuntimeError,
    NotImplementedError,
    AssertionError,
    zipfile.BadZipFile,
    zlib.error,
    struct.error,
)
"""What reading damaged files raises, here and in torch."""


def load_torch(path: str | Path, expected: str, own: bool = False) -> Any:  # noqa: ANN401
    """What `torch.save` wrote: tensors on the CPU and plain values, and nothing else.

    Args:
        path: of the file.
        expected: what it should be, for messages.
        own: whether this package wrote it, so that its records' checksums must be right; others
            may have been written without (`torch.serialization.set_crc32_options`), and torch does
            not look at them.

    Raises:
        MissingFileError: no such file.
        InputError: a file of another kind, a damaged one, or one that names anything else; nothing
            of it was run.
    """
    try:
        with open_given(path, expected) as stream:
            head = stream.read(len(_LEGACY))
            size = os.fstat(stream.fileno()).st_size
            stream.seek(0)
            if head.startswith(b"PK"):
                _check_archive(zipfile.ZipFile(stream), size, own)
            elif head == _LEGACY:
                _check_legacy(stream.read(), size)
            else:
                raise ValueError("it does not begin as one")
            stream.seek(0)
            return torch.load(stream, map_location="cpu", weights_only=True)
    except _DAMAGED as error:
        if isinstance(error, InputError):
            raise
        reason = str(error).splitlines()[0] if str(error) else type(error).__name__
        raise InputError(str(path), expected, f"another or a damaged file ({reason})") from error


class _Named(dict[Any, Any]):
    """Stands for whatever is made of a name: takes items and a state, and keeps nothing else."""

    def set_state(self, state: object) -> None:
        """Nothing here depends on it."""


class _Storages:
    """The names of a pickle, and the bytes of the storages that it speaks of."""

    def __init__(self) -> None:
        self.sizes: dict[str, int] = {}

    def find(self, module: str, name: str) -> StandIn:
        """Anything: torch itself refuses what it does not know."""
        known = module in ("torch", "torch.storage") and name in _SIZES
        return _Kind(name) if known else StandIn(lambda *_: _Named())

    def outside(self, pid: object) -> object:
        """Note a storage: ("storage", kind, key, place, items, ...)."""
        if not isinstance(pid, tuple) or len(pid) < 5 or pid[0] != "storage":
            raise ValueError("an outside object that is no storage")
        _, kind, key, _, count = pid[:5]
        if not isinstance(kind, _Kind) or not isinstance(key, str) or type(count) is not int:
            raise ValueError("a storage of an unknown kind")
        if count < 0 or self.sizes.setdefault(key, count * kind.size) != count * kind.size:
            raise ValueError(f"the storage {key} of {count:,} items")
        return _Named()


class _Kind(StandIn):
    """A class of storages, and the bytes of an item."""

    def __init__(self, name: str) -> None:
        super().__init__(lambda *_: _Named())
        self.size = _SIZES[name]


def _check_archive(archive: zipfile.ZipFile, size: int, own: bool) -> None:
    """Every storage that data.pkl speaks of is a plain record of its length, undamaged if `own`."""
    members = {member.filename: member for member in archive.infolist()}
    pickles = [name for name in members if name.endswith("/data.pkl")]
    if len(pickles) != 1:
        raise ValueError("no data.pkl")
    for member in members.values():
        if member.compress_type != zipfile.ZIP_STORED or member.flag_bits & 1:
            raise ValueError(f"the record {member.filename} is packed")
        if member.file_size != member.compress_size or member.file_size > size:
            raise ValueError(f"the record {member.filename} has {member.file_size:,} bytes")
    if members[pickles[0]].file_size > _LARGEST_PICKLE:
        raise ValueError(f"a data.pkl of {members[pickles[0]].file_size:,} bytes")
    storages = _Storages()
    PickleMachine(archive.read(pickles[0]), storages.find, storages.outside).load()
    for key, declared in storages.sizes.items():
        record = members.get(pickles[0].removesuffix(".pkl") + f"/{key}")
        if record is None or record.file_size != declared:
            held = "no" if record is None else f"{record.file_size:,}"
            raise ValueError(f"{held} bytes for the storage {key} of {declared:,}")
    changed = archive.testzip() if own else None
    if changed is not None:
        raise ValueError(f"other bytes than were written in the record {changed}")


def _check_legacy(content: bytes, size: int) -> None:
    """The storages, all together, are not larger than what follows the pickles."""
    storages = _Storages()
    machine = PickleMachine(content, storages.find, storages.outside)
    for _ in range(5):
        machine.load()
    if sum(storages.sizes.values()) > size - machine.at:
        got = f"{size - machine.at:,} bytes for storages of {sum(storages.sizes.values()):,}"
        raise ValueError(got)
