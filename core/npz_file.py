"""Archives of arrays (.npz) that anybody may have made: an array is read when it is asked for.

What nobody asks for is neither read nor inflated. Declared sizes are compared with what is there
before memory is taken, and all arrays together may not be far larger than the file.
"""

from __future__ import annotations

import os
import struct
import zipfile
import zlib
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from numpy.typing import NDArray

from .errors import InputError
from .given_file import open_given
from .npy_file import ArrayHeader, read_header, read_values

_ENDING = ".npy"
_MOST_MEMBERS = 20_000
_FREE = 1 << 26  # bytes that any file may inflate to
_RATIO = 100  # times its own size that a file may inflate to beyond that
_DEFLATE = 1_032  # times that deflate can shrink
_ENCRYPTED = 0x1
_DAMAGED = (
    zipfile.BadZipFile,
    zlib.error,
    struct.error,
    EOFError,
    OSError,
    ValueError,
    KeyError,
    IndexError,
    TypeError,
    NotImplementedError,
    OverflowError,
    MemoryError,
    RuntimeError,
)
"""What `zipfile` raises on damaged archives."""
_AGAIN = "Get the file again from where it came from."
_PLAIN = "Save it with numpy.savez or numpy.savez_compressed."


class NpzArrays(Mapping[str, NDArray[Any]]):
    """The arrays of an .npz by name.

    Args:
        path: the file.
        expected: what it should be, for messages.

    Raises:
        MissingFileError: no such file.
        InputError: no .npz, a damaged one, or a name that stands in it twice. Reading an array
            raises it for objects, damaged or encrypted ones, and where all that was read is far
            larger than the file.
    """

    def __init__(self, path: str | os.PathLike[str], expected: str = "an .npz of arrays") -> None:
        self.path, self._expected, self._inflated = os.fspath(path), expected, 0
        self._stream = open_given(path, expected)
        self._size = os.fstat(self._stream.fileno()).st_size
        if not self._stream.read(4).startswith(b"PK"):
            raise InputError(self.path, expected, "no archive of arrays", _PLAIN)
        try:
            self._archive = zipfile.ZipFile(self._stream)
        except _DAMAGED as error:
            raise self._damaged(error) from error
        members = self._archive.infolist()
        if len(members) > _MOST_MEMBERS:
            raise InputError(self.path, expected, f"{len(members):,} members", _PLAIN)
        self._known: dict[str, NDArray[Any]] = {}
        self._members: dict[str, zipfile.ZipInfo] = {}
        for member in members:
            name = member.filename.removesuffix(_ENDING)
            if name != member.filename and name in self._members:
                raise InputError(self.path, "every array once", f"{name!r} twice", _AGAIN)
            if name != member.filename:
                self._members[name] = member
                self._check_open(member, f"{self.path}: {name}")

    def __iter__(self) -> Iterator[str]:
        return iter(self._members)

    def __len__(self) -> int:
        return len(self._members)

    def __contains__(self, name: object) -> bool:
        return name in self._members

    def __getitem__(self, name: str) -> NDArray[Any]:
        """An array, read when it is first asked for; KeyError where there is none of this name."""
        if name not in self._known:
            self._known[name] = self._read(name)
        return self._known[name]

    def _read(self, name: str) -> NDArray[Any]:
        member = self._members[name]
        label = f"{self.path}: {name}"
        self._check_member(member, label)
        self._inflated += member.file_size
        if self._inflated > _FREE + _RATIO * self._size:
            got = f"{self._inflated:,} bytes out of {self._size:,}"
            raise InputError(label, "arrays whose size the file justifies", got, _PLAIN)
        try:
            with self._archive.open(member) as content:
                header = read_header(content, label, "an array", member.file_size)
                return read_values(content, header, label, "an array")
        except _DAMAGED as error:
            raise self._damaged(error, name) from None

    def header(self, name: str) -> ArrayHeader:
        """Type and shape of an array, without reading its values; KeyError as `[name]`."""
        member, label = self._members[name], f"{self.path}: {name}"
        self._check_member(member, label)
        try:
            with self._archive.open(member) as content:
                return read_header(content, label, "an array", member.file_size)
        except _DAMAGED as error:
            raise self._damaged(error, name) from None

    def __del__(self) -> None:
        stream = getattr(self, "_stream", None)
        if stream is not None:
            stream.close()

    def _check_open(self, member: zipfile.ZipInfo, label: str) -> None:
        if member.flag_bits & _ENCRYPTED:
            raise InputError(label, "a plain array", "an encrypted one", _PLAIN)

    def _check_member(self, member: zipfile.ZipInfo, label: str) -> None:
        kind, packed = member.compress_type, member.compress_size
        if kind not in (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED):
            got = f"one packed by method {kind} of zip"
            raise InputError(label, "an array stored as it is or deflated", got, _PLAIN)
        most = packed if kind == zipfile.ZIP_STORED else _DEFLATE * packed
        if packed > self._size or member.file_size > most:
            got = f"{member.file_size:,} bytes out of {packed:,}, in a file of {self._size:,}"
            raise InputError(label, "an array that is there", got, _AGAIN)

    def _damaged(self, error: Exception, name: str = "") -> InputError:
        if isinstance(error, InputError):
            return error
        reason = str(error).splitlines()[0] if str(error) else type(error).__name__
        label = f"{self.path}: {name}" if name else self.path
        return InputError(label, self._expected, f"a damaged file ({reason})", _AGAIN)


def read_npz(
    path: str | os.PathLike[str],
    needed: Sequence[str],
    optional: Sequence[str] = (),
    *,
    expected: str = "an .npz of arrays",
    remedy: str = "",
) -> dict[str, NDArray[Any]]:
    """Some arrays of an .npz.

    Args:
        path: the file.
        needed: names that have to be there.
        optional: names that are read where they are there.
        expected: what the file should be, for messages.
        remedy: what the message advises where a name is missing.

    Raises:
        MissingFileError: no such file.
        InputError: as `NpzArrays`, or a needed name is missing.
    """
    arrays = NpzArrays(path, expected)
    missing = [name for name in needed if name not in arrays]
    if missing:
        held = ", ".join(sorted(arrays)[:8]) or "nothing"
        got = f"no {', '.join(missing)} beside {held}"
        raise InputError(arrays.path, f"the arrays {', '.join(needed)}", got, remedy)
    return {name: arrays[name] for name in (*needed, *optional) if name in arrays}
