"""The files of one reconstructed face, as the command line writes them."""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from ...core.errors import Selfie3dError
from ...core.image_file import write_image
from ...core.text_files import read_json
from ...core.threads import in_order
from ...core.whole_file import write_bytes, write_json, write_text, write_whole
from ...render.overlay import Picture, to_picture
from ..choices import MeshName
from ..face import ReconstructedFace
from ..formats.obj import write_textured_obj
from ..options import MAPS, OUTPUTS, VIEWER
from .maps import PhotoMaps, photo_maps, write_maps
from .pictures import overlay_picture, turntable_picture
from .viewed_head import head_of_photo
from .viewer import viewer_page

_FORMAT_VERSION = 1
ENDINGS = (
    ".glb", ".obj", ".mtl", ".png", "_overlay.png", "_turntable.png", "_viewer.html", ".json",
)  # fmt: skip
"""Of the files of a face, after its name; .json is always there, the others where wanted."""

MAP_ENDINGS = (*(f"_{name}.png" for name in MAPS), "_maps.npz")
"""Of the files that show a face's photograph pixel by pixel."""

_SHAPE = {"glb": (".glb",), "obj": (".obj", ".mtl", ".png"), "turntable": ("_turntable.png",)}
"""Endings of what shows a head, whatever the photograph."""

_FIRST = {"overlay": "_overlay.png", VIEWER: "_viewer.html"}
_FIRST |= {kind: endings[0] for kind, endings in _SHAPE.items()}
"""Of the file that an output is called by."""

STANDARD = frozenset(OUTPUTS) - {VIEWER, *MAPS}
"""What is written of a face of any of a few photographs unless something else is asked for."""


def face_name(name: str, number: int) -> str:
    """The name of a photograph's face `number`, counted from 1."""
    return name if number == 1 else f"{name}_{number}"


def faces_of(name: str, files: Iterable[object]) -> list[int] | None:
    """The faces whose files these are; None where some belong to no face or a face has no record.

    Args:
        name: of the photograph's results.
        files: names, in any order; anything else belongs to no face.
    """
    if name in ("", "..") or Path(name).name != name or "\0" in name:
        return None
    endings = "|".join(map(re.escape, ENDINGS + MAP_ENDINGS))
    pattern = re.compile(rf"{re.escape(name)}(?:_([2-9]|[1-9][0-9]{{1,5}}))?({endings})", re.DOTALL)
    found: dict[int, set[str]] = {}
    for file in files:
        match = pattern.fullmatch(file) if isinstance(file, str) else None
        if match is None:
            return None
        found.setdefault(int(match[1] or 1), set()).add(match[2])
    recorded = all(".json" in endings for endings in found.values())
    return sorted(found) if recorded else None


def shape_files(name: str, write: Collection[str]) -> list[str]:
    """The files of `write_face` that show the head and nothing of the photograph."""
    return [f"{name}{end}" for kind, endings in _SHAPE.items() if kind in write for end in endings]


def recorded_files(record: Path) -> set[str]:
    """What a NAME.json of ours and the files that it names are called; empty for anybody else's."""
    try:
        content = read_json(record, "the record of a face")
    except Selfie3dError:
        return set()
    files = content.get("files")
    if not isinstance(files, list):
        return set()
    names = {record.name, *(f for f in files if isinstance(f, str))}
    return names if faces_of(record.stem, names) == [1] else set()


@dataclass(frozen=True)
class FileOptions:
    """Which files of a face are written.

    Attributes:
        mesh: "head" or "face", see `ReconstructedFace.with_mesh`.
        write: those of `pipeline.options.OUTPUTS` that are wanted; maps are NAME_depth.png and so
            on, and NAME_maps.npz. The JSON is written in any case.
        threads: files that are made at a time; the same files whatever it is.
    """

    mesh: MeshName = "head"
    write: Collection[str] = STANDARD
    threads: int = 1


_USUAL = FileOptions()


def write_face(
    out: Path,
    name: str,
    face: ReconstructedFace,
    picture: NDArray[np.uint8],
    photo: str,
    options: FileOptions = _USUAL,
) -> list[Path]:
    """Write NAME.glb and the other files of `ENDINGS`, NAME.json last.

    The JSON comes last, so that where it stands the other files are whole. Where one of them cannot
    be written, none is left.

    Args:
        out: an existing folder.
        name: file name without suffix.
        face: what to write.
        picture: the photograph (H,W,3) uint8.
        photo: its path, for the record.
        options: which files.

    Raises:
        SettingError: something is wanted that shows the texture of a face without one.
    """
    try:
        return _write_face(out, name, face, picture, photo, options)
    except Exception:
        # What is there of it is of no use, nor is what it replaced in part.
        for ending in ENDINGS + MAP_ENDINGS:
            with suppress(OSError):
                (out / f"{name}{ending}").unlink(missing_ok=True)
        raise


def _write_face(
    out: Path,
    name: str,
    face: ReconstructedFace,
    picture: NDArray[np.uint8],
    photo: str,
    options: FileOptions,
) -> list[Path]:
    mesh, write = options.mesh, options.write
    glb = b"" if {"glb", VIEWER}.isdisjoint(write) else face.glb(mesh)
    makers = {
        "turntable": lambda path: _write_picture(path, turntable_picture(face)),
        VIEWER: lambda path: _write_viewer(path, name, face.with_mesh(mesh), picture, glb),
        "overlay": lambda path: _write_picture(path, overlay_picture(face, picture)),
        "glb": lambda path: _write_glb(path, glb),
        "obj": lambda path: _write_obj(path, face.with_mesh(mesh)),
    }
    wanted = [kind for kind in makers if kind in write]
    places = {kind: out / f"{name}{_FIRST[kind]}" for kind in wanted}
    written = in_order(lambda kind: makers[kind](places[kind]), wanted, options.threads)
    made = dict(zip(wanted, written, strict=True))
    files = [file for kind in OUTPUTS if kind in made for file in made[kind]]
    seen: PhotoMaps | None = None
    if maps := [kind for kind in MAPS if kind in write]:
        seen = photo_maps(face, (picture.shape[0], picture.shape[1]), maps)
        files += write_maps(out, name, seen)
    record = out / f"{name}.json"
    content = describe(face, picture, photo, [file.name for file in files])
    content |= {} if seen is None else {"maps": seen.describe()}
    write_json(record, content)
    return [*files, record]


def _write_glb(path: Path, content: bytes) -> list[Path]:
    write_bytes(path, content)
    return [path]


def _write_viewer(
    path: Path, name: str, face: ReconstructedFace, picture: NDArray[np.uint8], glb: bytes
) -> list[Path]:
    record = describe(face, picture, name, [])
    head = head_of_photo(name, glb, record, picture, face.model)
    write_text(path, viewer_page(name, [head]))
    return [path]


def _write_obj(path: Path, face: ReconstructedFace) -> list[Path]:
    model, texture = face.model, to_picture(face.texture_image)
    vertices = face.vertices * face.scale
    return write_textured_obj(path, vertices, model.faces, model.uv, model.uv_faces, texture)


def describe(
    face: ReconstructedFace, picture: NDArray[np.uint8], photo: str, files: list[str]
) -> dict[str, object]:
    """The content of NAME.json: `ReconstructedFace.to_dict`, the photograph and the files.

    Args:
        face: of the photograph.
        picture: the photograph (H,W,3) uint8.
        photo: what it is called.
        files: names of the files beside NAME.json.
    """
    return {
        "version": _FORMAT_VERSION,
        "image": {"path": photo, "width": picture.shape[1], "height": picture.shape[0]},
        **face.to_dict(),
        "files": files,
    }


def _write_picture(path: Path, content: Picture) -> list[Path]:
    write_whole(path, lambda target: write_image(target, content))
    return [path]
