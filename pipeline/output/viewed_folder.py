"""The heads of a folder of results, in one page. The folder may come from anybody."""

from __future__ import annotations

import json
import struct
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ...core.errors import InputError, MissingFileError, Selfie3dError, UnknownNameError
from ...core.image_file import read_image
from ...core.text_files import read_json
from ...core.whole_file import prepare_file, write_text
from ...facemodels import load_face_model
from ...geometry.face_model import SHIPPED_MODELS, SHIPPED_VERSION, FaceModel
from ..formats.head_parts import EYES, split_head
from .viewed_head import ViewedHead, head_of_overlay
from .viewer import viewer_page

PAGE = "viewer.html"
"""The page of a folder, in it."""

_MOST_HEADS = 16  # of a page: each has some megabytes
_LARGEST_RECORD, _LARGEST_GLB = 1 << 22, 1 << 26  # bytes
_MARK = b'name="generator" content="selfie3d"'
_HEADER = struct.Struct("<4sIIII")


@dataclass(frozen=True)
class ViewedFolder:
    """A page of a folder's heads.

    Attributes:
        page: the file. shown: names of the heads in it. left_out: of those that were too many.
    """

    page: Path
    shown: list[str]
    left_out: list[str]


def view_folder(
    folder: Path, names: Sequence[str] = (), *, out: Path | None = None
) -> ViewedFolder:
    """Write one page with the heads of a folder of results, side by side.

    Heads are the NAME.glb with a NAME.json beside it. The photograph is taken from
    NAME_overlay.png where that is there; the path that a record names is never opened.

    Args:
        folder: with what `reconstruct` wrote.
        names: of the heads that are wanted; the first 16 where there are none.
        out: the page; viewer.html in the folder by default.

    Raises:
        MissingFileError: there is no such folder, or no head in it.
        UnknownNameError: the folder has no head of such a name.
        InputError: a head cannot be read, or the page not written.
    """
    known = _heads_in(folder)
    for name in names:
        if name not in known:
            raise UnknownNameError("head", name, known)
    wanted = list(dict.fromkeys(names)) or known
    page = _place(folder / PAGE if out is None else out)
    heads = [_head(folder, name) for name in wanted[:_MOST_HEADS]]
    title = heads[0].name if len(heads) == 1 else folder.resolve().name
    write_text(page, viewer_page(title, heads))
    return ViewedFolder(page, wanted[:_MOST_HEADS], wanted[_MOST_HEADS:])


def _heads_in(folder: Path) -> list[str]:
    """Names of the heads of a folder, sorted."""
    remedy = "Make one: selfie3d reconstruct PHOTO --out FOLDER"
    if not folder.is_dir():
        raise MissingFileError(str(folder), "A folder of reconstructions", remedy)
    found = sorted(path.stem for path in folder.glob("*.glb") if path.is_file())
    found = [name for name in found if (folder / f"{name}.json").is_file()]
    if not found:
        what = "A reconstruction (NAME.glb with NAME.json)"
        raise MissingFileError(str(folder), what, f"{remedy} (with glb among what it writes)")
    return found


def _place(page: Path) -> Path:
    """Where the page goes, if nothing of anybody else's is there."""
    prepare_file(page)
    if page.exists():
        with page.open("rb") as stream:
            ours = _MARK in stream.read(1 << 12)
        if not ours:
            expected = "no file, or an earlier page"
            raise InputError(str(page), expected, "another file", "Give another --out.")
    return page


def _head(folder: Path, name: str) -> ViewedHead:
    """A head with what its files say of it."""
    record = read_json(folder / f"{name}.json", "the record of a face", limit=_LARGEST_RECORD)
    content = _read_glb(folder / f"{name}.glb")
    overlay = None
    with suppress(Selfie3dError):  # a picture that is not there or damaged is not shown
        overlay = read_image(folder / f"{name}_overlay.png")
    return head_of_overlay(name, content, record, overlay, _model_of(record, content))


def _read_glb(path: Path) -> bytes:
    remedy = "Reconstruct the photograph again."
    size = path.stat().st_size
    if size > _LARGEST_GLB:
        got = f"{size} bytes"
        raise InputError(str(path), f"a GLB of at most {_LARGEST_GLB} bytes", got, remedy)
    content = path.read_bytes()
    if content[:4] != b"glTF":
        raise InputError(str(path), "a GLB", "another kind of file", remedy)
    return content


def _model_of(record: Mapping[str, Any], glb: bytes) -> FaceModel | None:
    """The shipped model or its mask, if the file has its vertices."""
    known = record.get("face_model") in SHIPPED_MODELS
    if not known or record.get("face_model_version") != SHIPPED_VERSION:
        return None
    sizes = _part_sizes(glb)
    for name in SHIPPED_MODELS:
        model = load_face_model(name)
        if sizes == {part.name: len(part.vertices) for part in split_head(model)}:
            return model
    return None


def _part_sizes(glb: bytes) -> dict[str, int]:
    """How many vertices each part of a GLB of ours has; nothing of anybody else's."""
    try:
        length = _HEADER.unpack_from(glb)[3]
        tree = json.loads(glb[_HEADER.size : _HEADER.size + length])
        sizes = {}
        for mesh in tree["meshes"]:
            for primitive in mesh["primitives"]:
                material = str(tree["materials"][primitive["material"]]["name"])
                part = mesh["name"] if mesh["name"] in EYES else material
                accessor = tree["accessors"][primitive["attributes"]["POSITION"]]
                sizes[str(part)] = int(accessor["count"])
    except (struct.error, ValueError, LookupError, TypeError, RecursionError):
        return {}
    return sizes
