"""Many photographs: one bad one never stops the rest, and a rerun continues."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from ..core.errors import Selfie3dError
from ..core.image_file import list_images, read_image
from ..core.progress import progress
from .export import prepare_folder, write_json
from .files import write_face
from .names import choose_names
from .reconstructor import ReconstructOptions, Reconstructor
from .start import weights_file

_STATE = ".selfie3d"


@dataclass
class Summary:
    """What became of every photograph.

    Attributes:
        faces: number of faces written in this run.
        succeeded: photographs that gave at least one face in this run.
        skipped: photographs whose faces an earlier run had finished.
        failed: photographs that gave none, with the reason.
        files: every file written in this run.
    """

    faces: int = 0
    succeeded: list[Path] = field(default_factory=list)
    skipped: list[Path] = field(default_factory=list)
    failed: list[tuple[Path, str]] = field(default_factory=list)
    files: list[Path] = field(default_factory=list)


def reconstruct_paths(
    photos: Sequence[Path],
    out: Path,
    *,
    options: ReconstructOptions | None = None,
    strict: bool = False,
    resume: bool = True,
) -> Summary:
    """Reconstruct every face of every photograph into files under `out`.

    Args:
        photos: photographs and folders of photographs.
        out: made if it is not there. Finished photographs are noted in `out`/.selfie3d.
        options: see `ReconstructOptions`.
        strict: raise at the first photograph that fails, instead of noting it.
        resume: skip photographs that an earlier run with the same options finished.

    Raises:
        InputError: a path does not exist or `out` cannot be written to.
        Selfie3dError: with `strict`, what went wrong with the first bad photograph.
    """
    options = options or ReconstructOptions()
    paths = list(dict.fromkeys(list_images(photos)))
    prepare_folder(out)
    journal, summary = _Journal(out, options, forget=not resume), Summary()
    names = journal.names(paths)
    todo = [p for p in paths if not journal.finished(p)]
    summary.skipped = [p for p in paths if p not in set(todo)]
    if not todo:
        return summary
    reconstructor = Reconstructor(options)
    with progress("Reconstructing", len(todo)) as advance:
        for path in todo:
            try:
                files = _one(reconstructor, path, out, names[path])
            except Selfie3dError as error:
                if strict:
                    raise
                summary.failed.append((path, str(error)))
            else:
                journal.note(path, names[path], files)
                summary.succeeded.append(path)
                summary.files += files
                summary.faces += sum(f.suffix == ".json" for f in files)
            advance()
    return summary


def _one(reconstructor: Reconstructor, path: Path, out: Path, name: str) -> list[Path]:
    picture = read_image(path)
    files: list[Path] = []
    found = reconstructor.detect(picture)
    starts = reconstructor.regress([(picture, face) for face in found])
    with progress(path.name, len(found) * reconstructor.steps) as advance:
        for number, (face, start) in enumerate(zip(found, starts, strict=True), 1):
            result = reconstructor.reconstruct_face(picture, face, advance, start)
            own = name if number == 1 else f"{name}_{number}"
            files += write_face(out, own, result, picture, str(path))
    return files


class _Journal:
    """Which photographs are done, one small file each, so that nothing is ever half noted."""

    def __init__(self, out: Path, options: ReconstructOptions, forget: bool = False) -> None:
        self.out, self.folder = out, out / _STATE
        files = [Path(options.face_model), weights_file(options.weights)]
        settings = repr((sorted(asdict(options).items()), [_state(file) for file in files]))
        self.settings = hashlib.sha256(settings.encode()).hexdigest()
        self.forget = forget
        prepare_folder(self.folder)

    def finished(self, path: Path) -> bool:
        """An earlier run wrote all files of this photograph as it is now."""
        content = _read(self._note(path))
        if self.forget or content.get("key") != self._key(path):
            return False
        return all((self.out / f).is_file() for f in content["files"])

    def names(self, paths: Sequence[Path]) -> dict[Path, str]:
        """The photographs' file names; those in use by others that still exist are left alone."""
        notes = {note.name: _read(note) for note in sorted(self.folder.glob("*.json"))}
        own = {path: notes.pop(self._note(path).name, {}) for path in paths}
        earlier = {path: note["name"] for path, note in own.items() if note}
        others = [n["name"] for n in notes.values() if n and Path(n["photo"]).exists()]
        return choose_names(paths, earlier, others)

    def note(self, path: Path, name: str, files: Sequence[Path]) -> None:
        """This photograph is done; what it gave before and gives no longer is removed."""
        before = map(str, _read(self._note(path)).get("files", []))
        for stale in set(before) - {f.name for f in files}:
            if stale.startswith(name) and Path(stale).name == stale:
                (self.out / stale).unlink(missing_ok=True)
        content: dict[str, object] = {"photo": str(path.resolve()), "name": name}
        content |= {"key": self._key(path), "files": [f.name for f in files]}
        write_json(self._note(path), content)

    def _note(self, path: Path) -> Path:
        digest = hashlib.sha256(str(path.resolve()).encode()).hexdigest()[:24]
        return self.folder / f"{digest}.json"

    def _key(self, path: Path) -> str:
        return f"{self.settings}:{_state(path)}"


def _state(path: Path | None) -> str:
    """Changes when a file is written anew; empty where there is none."""
    if path is None or not path.is_file():
        return ""
    state = path.stat()
    return f"{state.st_size}:{state.st_mtime_ns}"


def _read(note: Path) -> dict[str, Any]:
    """A note's content; empty where it is missing, damaged or something else."""
    try:
        content = json.loads(note.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return {}
    known = {"photo": str, "name": str, "key": str, "files": list}
    is_note = isinstance(content, dict) and all(
        isinstance(content.get(key), kind) for key, kind in known.items()
    )
    return content if is_note else {}
