"""Files that are whole or not there, and the one error where they cannot be written."""

from __future__ import annotations

import errno
import json
import os
from collections.abc import Callable, Mapping
from contextlib import suppress
from pathlib import Path

from .errors import InputError

_TEMPORARY = ".part"
_REMEDIES = {
    errno.ENOSPC: "Free some space; the same command continues.",
    errno.EDQUOT: "Free some of the quota; the same command continues.",
    errno.EFBIG: "Raise the limit of a file's size (ulimit -f); the same command continues.",
    errno.EIO: "The disk or the network drive does not answer; look after it first.",
}
_FULL = (errno.ENOSPC, errno.EDQUOT, errno.EROFS, errno.EIO)
_ELSEWHERE = "Choose another output folder."


class FullError(InputError):
    """Nothing more can be written where a file was to go, whatever its name and content."""


def write_whole(path: Path, write: Callable[[Path], object], *, shared: bool = False) -> None:
    """Let `write` fill a file beside `path`, then move it there in one step.

    >>> from tempfile import TemporaryDirectory
    >>> with TemporaryDirectory() as folder:
    ...     target = Path(folder, "squares.txt")
    ...     write_whole(target, lambda path: path.write_text("1 4 9"))
    ...     target.read_text(), len(os.listdir(folder))
    ('1 4 9', 1)

    Args:
        path: the target; its folder exists.
        write: given the file to fill, whose suffix is that of `path`.
        shared: other processes may write the same file at the same moment. The file beside it then
            bears this process's number, so that none moves the half of another.

    Raises:
        InputError: it cannot be written; nothing half written is left.
    """
    process = f".{os.getpid()}" if shared else ""
    partial = path.with_name(f".{path.stem}{process}{_TEMPORARY}{path.suffix}")
    try:
        partial.unlink(missing_ok=True)  # where it is a link, what it leads to is not ours
        write(partial)
        os.replace(partial, path)
    except OSError as error:
        raise unwritable(path, error) from error
    except InputError as error:  # of a writer that knows only the name beside `path`
        if isinstance(error.__cause__, OSError):
            raise unwritable(path, error.__cause__) from error
        raise
    finally:
        with suppress(OSError):  # where it could not be made, it cannot be looked for either
            partial.unlink(missing_ok=True)


def write_bytes(path: Path, content: bytes) -> None:
    """Write a file that is whole or not there.

    Args:
        path: the target; its folder exists.
        content: of the file.

    Raises:
        InputError: it cannot be written; nothing half written is left.
    """
    write_whole(path, lambda target: target.write_bytes(content))


def write_text(path: Path, text: str) -> None:
    """Write a text file in UTF-8 that is whole or not there.

    >>> from tempfile import TemporaryDirectory
    >>> with TemporaryDirectory() as folder:
    ...     write_text(Path(folder, "name.txt"), "Zoë")
    ...     Path(folder, "name.txt").read_bytes()
    b'Zo\\xc3\\xab'

    Args:
        path: the target; its folder exists.
        text: of the file; names in it that are no UTF-8 keep their bytes.

    Raises:
        InputError: it cannot be written; nothing half written is left.
    """
    write_bytes(path, text.encode("utf-8", "surrogateescape"))


def write_json(path: Path, content: Mapping[str, object]) -> None:
    """Write a JSON file without NaN that is whole or not there.

    >>> from tempfile import TemporaryDirectory
    >>> with TemporaryDirectory() as folder:
    ...     write_json(Path(folder, "face.json"), {"ipd": 63.0})
    ...     json.loads(Path(folder, "face.json").read_text())
    {'ipd': 63.0}

    Args:
        path: the target; its folder exists.
        content: plain values by name.

    Raises:
        InputError: it cannot be written, or `content` holds NaN or infinity.
    """
    try:
        text = json.dumps(content, indent=1, allow_nan=False)
    except ValueError as error:
        raise InputError(str(path), "finite numbers to write", str(error)) from error
    write_text(path, text + "\n")


def prepare_folder(out: Path) -> None:
    """Make the output folder and prove that it can be written to, before any work is done.

    >>> from tempfile import TemporaryDirectory
    >>> with TemporaryDirectory() as folder:
    ...     prepare_folder(Path(folder, "results", "faces"))
    ...     os.listdir(Path(folder, "results"))
    ['faces']

    Raises:
        InputError: it cannot.
    """
    try:
        out.mkdir(parents=True, exist_ok=True)
        probe = out / f".probe{_TEMPORARY}"
        probe.unlink(missing_ok=True)
        probe.touch()
        probe.unlink(missing_ok=True)  # another thread may have proven the same
    except OSError as error:
        remedy = _REMEDIES.get(error.errno or 0, "Give another one.")
        got = f"{out}: {error}"
        raise InputError("output folder", "a folder that can be written to", got, remedy) from error


def prepare_state(out: Path, *names: str) -> Path:
    """A folder of our own notes below an output folder that may come from anybody.

    Args:
        out: the output folder.
        names: of the folders below it, outermost first.

    Raises:
        InputError: one of them cannot be written to, or is a link to another place.
    """
    folder = out
    for name in names:
        folder = folder / name
        if folder.is_symlink():
            remedy = "Remove the link, or choose another output folder."
            raise InputError(str(folder), "a folder", "a link to another place", remedy)
    prepare_folder(folder)
    return folder


def prepare_file(path: Path) -> None:
    """Prove that an output file can be written, before any work is done; its folder is made.

    Raises:
        InputError: it cannot, or a folder lies there.
    """
    if path.is_dir():
        raise InputError(str(path), "a file to write", "a folder", "Name a file in it.")
    prepare_folder(path.parent)


def unwritable(path: str | os.PathLike[str], error: OSError) -> InputError:
    """The error of a file that cannot be written, for writers that do without `write_whole`.

    >>> print(unwritable("out.png", OSError(errno.ENOSPC, "No space left on device")).remedy)
    Free some space; the same command continues.

    Args:
        path: the file.
        error: what writing it raised.
    """
    got = error.strerror or str(error) or type(error).__name__
    kind = FullError if error.errno in _FULL else InputError
    return kind(
        os.fspath(path),
        "a file that can be written",
        f"{got} ({errno.errorcode.get(error.errno or 0, 'no code')})",
        _REMEDIES.get(error.errno or 0, _ELSEWHERE),
    )
