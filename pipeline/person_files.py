"""The files of a person in several photographs: one head, and a record and overlay for each."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from ..core.errors import InputError, Selfie3dError
from ..core.image_file import read_image, write_image
from ..core.item_failure import LOG, FailureLog
from ..core.picture_folders import find_pictures
from ..core.text_files import read_json
from ..core.whole_file import prepare_folder, write_json, write_whole
from .face import ReconstructedFace
from .folder import Results, Summary
from .options import ReconstructOptions
from .output.files import ENDINGS, FileOptions, describe, shape_files, write_face
from .output.journal import Journal
from .output.names import choose_names
from .output.pictures import overlay_picture
from .person import ReconstructedPerson, reconstruct_person
from .person_workers import faces_elsewhere
from .reconstructor import Reconstructor

NAME = "person"
"""Of the head's files."""

_OWN = ("_overlay.png", ".json")  # what every photograph has of its own


def reconstruct_same_person(
    photos: Sequence[Path],
    out: Path,
    *,
    options: ReconstructOptions | None = None,
    strict: bool = False,
    resume: bool = True,
    workers: int = 0,
) -> Summary:
    """Reconstruct one person from several photographs into files under `out`.

    `out` gets person.glb and the other files of a face, with the expression of the photograph that
    shows it best, and for every photograph NAME.json and NAME_overlay.png. person.json names all
    photographs, and what is wrong with those without a face.

    Args:
        photos: photographs, and folders that are searched with those below them; `out` and the
            results in it are left out.
        out: made if it is not there; what an earlier run of this wrote there is replaced.
        options: see `ReconstructOptions`; of several faces in a photograph the largest is taken.
        strict: raise at the first photograph that shows no face, instead of noting it.
        resume: do nothing where an earlier run with the same options finished the same photographs.
        workers: processes that read photographs and find faces; a photograph that ends two of them
            is a failure like any other. 0: this process does it. The results are the same.

    Raises:
        InputError: as `reconstruct_person`, another's file lies where a result would go, or workers
            below 0.
        NoFaceError: fewer than two photographs show a face.
        Exception: with `strict`, what went wrong with the first bad photograph.
    """
    if workers < 0:
        raise InputError("workers", "0 or more processes", str(workers))
    options = options or ReconstructOptions()
    found = find_pictures(photos, _Results(out))
    paths, summary = found.pictures, Summary(found=found)
    if len(paths) < 2:
        raise InputError("photographs of one person", "2 or more", str(len(paths)))
    names = choose_names(paths, {}, [NAME])
    prepare_folder(out)
    journal = Journal(out, options, forget=not resume, together=paths)
    if all(map(journal.finished, paths)) and _whole(out):
        summary.skipped = list(paths)
        return summary
    _check_room(out, names.values())
    log = FailureLog(out / LOG)
    log.forget()
    faces = faces_elsewhere(paths, options, log, workers) if workers else None
    person = reconstruct_person(Reconstructor(options), paths, log, strict=strict, found=faces)
    summary.files = write_person(out, person, paths, [names[path] for path in paths], options)
    for number in person.photographs:
        own = [f"{names[paths[number]]}{ending}" for ending in _OWN]
        files = [file for file in summary.files if file.name in own]
        journal.note(paths[number], names[paths[number]], files, whole=not person.failed)
    summary.faces = len(person.faces)
    summary.succeeded = [paths[k] for k in person.photographs]
    summary.failed = [(paths[k], why) for k, why in person.failed.items()]
    summary.log = log.written
    return summary


def write_person(
    out: Path,
    person: ReconstructedPerson,
    paths: Sequence[Path],
    names: Sequence[str],
    options: ReconstructOptions,
) -> list[Path]:
    """Write all files of a person; person.json comes last.

    Args:
        out: an existing folder.
        person: made from the photographs `paths`, whose results have these `names`.
        options: which mesh and outputs are wanted.
    """
    pictures, files = [], list[Path]()
    write = options.outputs(len(paths))
    for face, number in zip(person.faces, person.photographs, strict=True):
        picture, path = read_image(paths[number]), paths[number]
        written = _write_photograph(out, names[number], face, picture, path, write)
        pictures.append({"path": str(path), "files": [file.name for file in written]})
        files += written
    number = person.photographs[person.best]
    picture = read_image(paths[number])
    photo = str(paths[number])
    head = write_face(out, NAME, person.face, picture, photo, FileOptions(options.mesh, write))
    record = out / f"{NAME}.json"
    content = describe(person.face, picture, str(paths[number]), [file.name for file in head[:-1]])
    without = [{"path": str(paths[k]), "reason": why} for k, why in person.failed.items()]
    write_json(record, content | {"same_person": pictures, "without_a_face": without})
    return [*head, *files]


def _write_photograph(
    out: Path,
    name: str,
    face: ReconstructedFace,
    picture: NDArray[np.uint8],
    path: Path,
    write: Collection[str],
) -> list[Path]:
    """NAME.json of one photograph, and NAME_overlay.png where it is wanted."""
    files = []
    if "overlay" in write:
        files.append(out / f"{name}_overlay.png")
        shown = overlay_picture(face, picture)
        write_whole(files[0], lambda target: write_image(target, shown))
    record = out / f"{name}.json"
    named = [*shape_files(NAME, write), *(file.name for file in files)]
    write_json(record, describe(face, picture, str(path), named))
    return [*files, record]


class _Results(Results):
    """Tells results in searched folders, those of a person's head as well."""

    def __call__(self, path: Path) -> bool:
        if super().__call__(path):
            return True
        return path.name.startswith(NAME) and path.name in _written(path.parent / f"{NAME}.json")


def _whole(out: Path) -> bool:
    """Whether every file that the record of a person names is there."""
    files = _written(out / f"{NAME}.json")
    return bool(files) and all((out / name).is_file() for name in files)


def _check_room(out: Path, names: Iterable[str]) -> None:
    """Refuse to replace what an earlier run of the same did not write.

    Raises:
        InputError: such a file.
    """
    ours = _written(out / f"{NAME}.json")
    goals = [f"{NAME}{ending}" for ending in ENDINGS]
    goals += [f"{name}{ending}" for name in names for ending in _OWN]
    for goal in goals:
        if (out / goal).exists() and goal not in ours:
            expected = f"a folder where {goal} may be written"
            raise InputError("out", expected, str(out), "Take an empty folder.")


def _written(record: Path) -> set[str]:
    """What a person.json of ours says it and its photographs' files are called."""
    try:
        content = read_json(record, "the record of a person")
    except Selfie3dError:
        return set()
    pictures = content.get("same_person")
    if not isinstance(pictures, list):
        return set()
    lists = [content.get("files"), *(p.get("files") for p in pictures if isinstance(p, dict))]
    names = [name for part in lists if isinstance(part, list) for name in part]
    return {record.name, *(name for name in names if isinstance(name, str))}
