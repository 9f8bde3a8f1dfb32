"""Which photographs are done, one small note each, so that nothing is ever half noted.

Notes lie in OUT/.selfie3d, and a folder may come from anybody. So a note is believed only where it
says what a run of these photographs would have noted: a name that the photograph could have got,
and files that faces of this name have. Nothing else is ever written to, skipped for or removed.
"""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Iterable, Sequence
from contextlib import suppress
from dataclasses import asdict, dataclass
from pathlib import Path

from ...core.whole_file import prepare_state, write_json
from ..network.start import weights_file
from ..options import ReconstructOptions
from .files import ENDINGS, MAP_ENDINGS, faces_of, recorded_files
from .names import choose_names, may_be_named, owners_of

STATE = ".selfie3d"
"""Folder of the notes, below the results."""

_LARGEST = 1_000_000  # bytes of a note; a photograph of a thousand faces has a fifth of it


@dataclass(frozen=True)
class _Note:
    """What became of a photograph: where it was, its results' name, its state, its files."""

    photo: str
    name: str
    key: str
    files: tuple[str, ...]


class Journal:
    """The notes of a folder of results.

    Args:
        out: the folder, which exists.
        options: another set of them makes everything anew.
        forget: begin anew.
        together: photographs that give one result: another set of them makes all of it anew.

    Raises:
        InputError: the notes cannot be written, or their folder leads elsewhere.
    """

    def __init__(
        self,
        out: Path,
        options: ReconstructOptions,
        forget: bool = False,
        together: Sequence[Path] = (),
    ) -> None:
        self.out, self.folder, self._forget = out, out / STATE, forget
        model = None if options.face_model is None else Path(options.face_model)
        files = [model, weights_file(options.weights)]
        settings = repr((sorted(asdict(options).items()), [_state(file) for file in files]))
        settings += "".join(f"\n{path.resolve()}:{_state(path)}" for path in together)
        self._settings = hashlib.sha256(settings.encode()).hexdigest()
        prepare_state(out, STATE)

    def finished(self, path: Path) -> bool:
        """An earlier run wrote all files of this photograph as it is now."""
        note = self._read(path)
        if self._forget or note is None or note.key != self._key(path):
            return False
        return bool(note.files) and all((self.out / name).is_file() for name in note.files)

    def names(self, paths: Sequence[Path]) -> dict[Path, str]:
        """The photographs' file names; those in use by others that still exist are left alone."""
        own = {path: note for path in paths if (note := self._read(path)) is not None}
        known = {self._path(path) for path in paths}
        rest = [path for path in sorted(self.folder.glob("*.json")) if path not in known]
        notes = [note for path in rest if (note := _parsed(path)) is not None]
        reserved = [note.name for note in notes if _exists(note.photo)]
        earlier = {path: note.name for path, note in own.items()}
        return choose_names(paths, earlier, reserved, _Room(self.out, paths).is_free)

    def note(self, path: Path, name: str, files: Iterable[Path], whole: bool = True) -> None:
        """What this photograph gave; what it gave before and gives no longer is removed.

        Args:
            path, name: the photograph and the name of its results.
            files: that were written.
            whole: it need not be done again.
        """
        before, names = self._read(path), [file.name for file in files]
        for stale in set(before.files if before else ()) - set(names):
            with suppress(OSError):  # a folder of the same name
                (self.out / stale).unlink(missing_ok=True)
        content = {"photo": str(path.resolve()), "name": name}
        content |= {"key": self._key(path) if whole else ""}
        write_json(self._path(path), {**content, "files": names})

    def _read(self, path: Path) -> _Note | None:
        """The note of a photograph; None where there is none that a run could have written."""
        note = _parsed(self._path(path))
        if note is None or note.photo != str(path.resolve()):
            return None
        ours = any(may_be_named(p, note.name) for p in (path, path.resolve()))
        return note if ours else None

    def _path(self, path: Path) -> Path:
        return self.folder / _note_name(str(path.resolve()))

    def _key(self, path: Path) -> str:
        return f"{self._settings}:{_state(path)}"


class _Room:
    """Which names are free: where their files would go there are none but results of ours.

    Args:
        out: the folder of the results.
        paths: photographs, which are never overwritten.
    """

    def __init__(self, out: Path, paths: Sequence[Path]) -> None:
        self._out = out
        self._files: dict[str, set[str]] = {}  # by the names that they could belong to
        real = out.resolve()
        self._given = {path.name for path in paths if path.resolve().parent == real}
        self._noted = noted_files(out / STATE) - self._given
        for file in os.listdir(out):
            for ending in ENDINGS + MAP_ENDINGS:
                if file.casefold().endswith(ending):
                    for owner in owners_of(file[: -len(ending)].casefold()):
                        self._files.setdefault(owner, set()).add(file)

    def is_free(self, name: str) -> bool:
        """Whether nothing of anybody else's would be overwritten."""
        unknown = self._files.get(name.casefold(), set()) - self._noted
        if not unknown or unknown & self._given:
            return not unknown
        records = [file for file in unknown if file.endswith(".json")]
        return not unknown.difference(*(recorded_files(self._out / file) for file in records))


def noted_files(folder: Path) -> set[str]:
    """Names of the files that the notes of a folder of notes say were written beside it."""
    notes = [_parsed(path) for path in folder.glob("*.json")] if folder.is_dir() else []
    return {name for note in notes if note is not None for name in note.files}


def _note_name(photo: str) -> str:
    """The file of the note of a photograph."""
    digest = hashlib.sha256(photo.encode("utf-8", "surrogatepass"))
    return f"{digest.hexdigest()[:24]}.json"


def _state(path: Path | None) -> str:
    """Changes when a file is written anew; empty where there is none."""
    if path is None or not path.is_file():
        return ""
    state = path.stat()
    return f"{state.st_size}:{state.st_mtime_ns}"


def _exists(photo: str) -> bool:
    try:
        return Path(photo).is_absolute() and Path(photo).exists()
    except (OSError, ValueError):  # too long, or with a null character
        return False


def _parsed(path: Path) -> _Note | None:
    """A note; None where it is missing, damaged, something else or of files of another name."""
    try:
        if not path.is_file() or path.stat().st_size > _LARGEST:
            return None
        content = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError, RecursionError):
        return None
    known = {"photo": str, "name": str, "key": str, "files": list}
    if not isinstance(content, dict) or any(
        not isinstance(content.get(key), kind) for key, kind in known.items()
    ):
        return None
    note = _Note(content["photo"], content["name"], content["key"], tuple(content["files"]))
    ours = path.name == _note_name(note.photo) and faces_of(note.name, note.files) is not None
    return note if ours else None
