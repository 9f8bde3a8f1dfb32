"""Many photographs: one bad one never stops the rest, and a rerun continues."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path

from ..core.errors import Selfie3dError
from ..core.image_file import list_images, read_image
from ..core.progress import progress
from .export import prepare_folder, write_json
from .files import write_face
from .reconstructor import ReconstructOptions, Reconstructor

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
    paths = list_images(photos)
    prepare_folder(out)
    names, summary = _names(paths), Summary()
    journal = _Journal(out, options) if resume else _Journal(out, options, forget=True)
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
                journal.note(path, files)
                summary.succeeded.append(path)
                summary.files += files
                summary.faces += sum(f.suffix == ".json" for f in files)
            advance()
    return summary


def _one(reconstructor: Reconstructor, path: Path, out: Path, name: str) -> list[Path]:
    picture = read_image(path)
    files: list[Path] = []
    found = reconstructor.detect(picture)
    with progress(path.name, len(found) * reconstructor.steps) as advance:
        for number, face in enumerate(found, 1):
            result = reconstructor.reconstruct_face(picture, face, advance)
            own = name if number == 1 else f"{name}_{number}"
            files += write_face(out, own, result, picture, str(path))
    return files


def _names(paths: Sequence[Path]) -> dict[Path, str]:
    """A file name per photograph: its stem, or stem and suffix where stems repeat."""
    names: dict[Path, str] = {}
    taken: set[str] = set()
    for path in paths:
        choices = [path.stem, f"{path.stem}-{path.suffix[1:]}"]
        choices += [f"{path.stem}-{n}" for n in range(2, len(paths) + 2)]
        names[path] = next(c for c in choices if c not in taken)
        taken.add(names[path])
    return names


class _Journal:
    """Which photographs are done, one small file each, so that nothing is ever half noted."""

    def __init__(self, out: Path, options: ReconstructOptions, forget: bool = False) -> None:
        self.out, self.folder = out, out / _STATE
        self.settings = hashlib.sha256(repr(sorted(asdict(options).items())).encode()).hexdigest()
        self.forget = forget
        prepare_folder(self.folder)

    def finished(self, path: Path) -> bool:
        """An earlier run wrote all files of this photograph as it is now."""
        note = self._note(path)
        if self.forget or not note.is_file():
            return False
        try:
            content = json.loads(note.read_text(encoding="utf-8"))
        except (OSError, json.JSONDecodeError):
            return False
        same = content.get("key") == self._key(path)
        return same and all((self.out / f).is_file() for f in content.get("files", ["?"]))

    def note(self, path: Path, files: Sequence[Path]) -> None:
        """This photograph is done."""
        names = [f.name for f in files]
        write_json(self._note(path), {"photo": str(path), "key": self._key(path), "files": names})

    def _note(self, path: Path) -> Path:
        digest = hashlib.sha256(str(path.resolve()).encode()).hexdigest()[:24]
        return self.folder / f"{digest}.json"

    def _key(self, path: Path) -> str:
        state = path.stat()
        return f"{self.settings}:{state.st_size}:{state.st_mtime_ns}"
