"""Readers of MakeHuman's text files, whatever editor saved them.

A .mhclo says how the vertices of a piece of clothing or hair hang on the base mesh, a .mhmat what a
surface looks like.
"""

from __future__ import annotations

import codecs
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ....core.errors import InputError

Array = NDArray[Any]

_LARGEST = 64_000_000  # bytes; hair of a million vertices
_COMMENTS = ("#", "//")
_WIDE = (codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)

BASE_MESH = "hm08"
BASE_VERTICES = 19158
_AXES = ("x_scale", "y_scale", "z_scale")
_FARTHEST = 1000.0  # of weights, and of offsets in decimetres
_OTHER_LISTS = ("delete_verts", "weights")
_ROW = "1 number (a vertex), 6 (three vertices and weights) or 9 (and an offset)"


def read_words(path: Path) -> list[list[str]]:
    """The words of every line that is neither empty nor a comment.

    UTF-8 and UTF-16 with a mark at the start are known; what is neither is taken as Latin-1, in
    which every byte means something.

    Raises:
        InputError: the file cannot be read, or is too large to be such a file.
    """
    try:
        check_size(path)
        data = path.read_bytes()
    except OSError as error:
        raise InputError(str(path), "a file that can be read", str(error.strerror)) from error
    lines = (line.split() for line in _decoded(data).splitlines())
    return [words for words in lines if words and not words[0].startswith(_COMMENTS)]


def check_size(path: Path) -> None:
    """Raise InputError for what is too large to be a text file; OSError where there is none."""
    size = path.stat().st_size
    if size > _LARGEST:
        raise InputError(str(path), f"a text file of at most {_LARGEST:,} bytes", f"{size:,}")


def _decoded(data: bytes) -> str:
    try:
        return data.decode("utf-16" if data.startswith(_WIDE) else "utf-8-sig")
    except UnicodeDecodeError:
        return data.decode("latin-1")


def is_number(word: str) -> bool:
    """Whether the word is a number, infinity and NaN included."""
    try:
        float(word)
    except ValueError:
        return False
    return True


@dataclass(frozen=True)
class Material:
    """What a .mhmat says, or what is assumed where it says nothing.

    Attributes:
        diffuse: colour, sRGB-coded, each 0 to 1.
        shininess: 0 dull to 1 glossy; opacity: 0 to 1.
        transparent: whether the alpha of its picture counts.
        cast_shadows: whether it casts any.
        texture: the picture of its colours as the file names it, or empty.
    """

    diffuse: tuple[float, float, float] = (1.0, 1.0, 1.0)
    shininess: float = 0.2
    opacity: float = 1.0
    transparent: bool = False
    cast_shadows: bool = True
    texture: str = ""


def read_material(path: Path) -> Material:
    """Read a .mhmat; what is not known here is passed over.

    Raises:
        InputError: unreadable, or a value that cannot be.
    """
    values = {words[0]: words[1:] for words in read_words(path)}
    plain = Material()
    red, green, blue = _numbers(path, values, "diffuseColor", plain.diffuse)
    return Material(
        diffuse=(red, green, blue),
        shininess=_numbers(path, values, "shininess", (plain.shininess,))[0],
        opacity=_numbers(path, values, "opacity", (plain.opacity,))[0],
        transparent=_flag(values, "transparent", plain.transparent),
        cast_shadows=_flag(values, "castShadows", plain.cast_shadows),
        texture=" ".join(values.get("diffuseTexture", [])),
    )


def _numbers(
    path: Path, values: dict[str, list[str]], key: str, default: tuple[float, ...]
) -> tuple[float, ...]:
    """Numbers of a key, brought into 0 to 1."""
    words = values.get(key)
    if words is None:
        return default
    numbers = [float(word) for word in words[: len(default)] if is_number(word)]
    if len(numbers) < len(default) or any(number != number for number in numbers):
        expected = f"{len(default)} numbers" if len(default) > 1 else "a number"
        raise InputError(f"{path}: {key}", expected, " ".join(words) or "nothing")
    return tuple(min(max(number, 0.0), 1.0) for number in numbers)


def _flag(values: dict[str, list[str]], key: str, default: bool) -> bool:
    words = values.get(key)
    return words[0].lower() in ("true", "1", "yes") if words else default


@dataclass(frozen=True)
class Fitting:
    """What a .mhclo says of n vertices.

    A vertex lies at the weighted sum of three vertices of the base mesh plus an offset, which
    grows with the head: per axis by the distance of two vertices over a number.

    Attributes:
        name: as the file gives it, else the file's own.
        tags: in lower case.
        obj_file, material: names of other files, relative to this one; empty where none is named.
        ids: (n,3) vertices of the base mesh; weights: (n,3), of any size and sign.
        offsets: (n,3), in units of the scale below.
        rulers: (3,2) for each axis the two vertices that are its ruler.
        lengths: (3,) what they are apart where the scale is 1; 0 where the file has no ruler.
    """

    name: str
    tags: tuple[str, ...]
    obj_file: str
    material: str
    ids: NDArray[np.int32]
    weights: NDArray[np.float32]
    offsets: NDArray[np.float32]
    rulers: NDArray[np.int32]
    lengths: NDArray[np.float32]


def read_fitting(path: Path) -> Fitting:
    """Read a .mhclo; lines that mean nothing here are passed over.

    Raises:
        InputError: unreadable, for another base mesh, without vertices, or with numbers that
            cannot be.
    """
    header, rows = _split(read_words(path))
    base = _first(header, "basemesh")
    if base and base.lower() != BASE_MESH:
        raise InputError(f"{path}: basemesh", BASE_MESH, base)
    ids, weights, offsets = _vertices(path, rows)
    rulers, lengths = _rulers(path, header)
    return Fitting(
        name=_first(header, "name") or path.stem,
        tags=tuple(" ".join(words).lower() for words in header.get("tag", [])),
        obj_file=_first(header, "obj_file"),
        material=_first(header, "material"),
        ids=ids, weights=weights, offsets=offsets, rulers=rulers, lengths=lengths,
    )  # fmt: skip


def _split(lines: list[list[str]]) -> tuple[dict[str, list[list[str]]], list[list[str]]]:
    """Values of every key of the header, and the rows of vertices.

    Keys may follow the line `verts`; the rows of other lists (vertices to delete) are dropped.
    """
    header: dict[str, list[list[str]]] = {}
    rows: list[list[str]] = []
    reading = False
    for words in lines:
        if is_number(words[0]):
            if reading:
                rows.append(words)
        elif words[0] == "verts" or words[0] in _OTHER_LISTS:
            reading = words[0] == "verts"
        else:
            header.setdefault(words[0], []).append(words[1:])
    return header, rows


def _first(header: dict[str, list[list[str]]], key: str) -> str:
    """A value as one text: names of files can hold spaces."""
    return " ".join(header.get(key, [[]])[0])


def _vertices(path: Path, rows: list[list[str]]) -> tuple[Array, Array, Array]:
    if not rows:
        raise InputError(f"{path}: verts", "rows of vertices", "none")
    table = np.zeros((len(rows), 9))
    sizes = np.array([len(row) for row in rows])
    for size in np.unique(sizes).tolist():
        where = np.flatnonzero(sizes == size)
        table[where] = _rows(path, [rows[k] for k in where], size)
    ids, weights = table[:, :3], table[:, 3:6]
    if not (np.abs(table[:, 3:]) < _FARTHEST).all() or (ids != np.floor(ids)).any():
        expected = f"whole numbers of vertices, weights and offsets below {_FARTHEST:g}"
        raise InputError(f"{path}: verts", expected, "others")
    if ids.min() < 0 or ids.max() >= BASE_VERTICES:
        wrong = ids.min() if ids.min() < 0 else ids.max()
        raise InputError(f"{path}: verts", f"vertices 0 to {BASE_VERTICES - 1}", f"{wrong:g}")
    # A vertex of weight 0 takes no part, even where the head has no such vertex.
    carrier = np.take_along_axis(ids, np.abs(weights).argmax(1)[:, None], 1)
    ids = np.where(weights == 0, carrier, ids)
    return ids.astype(np.int32), weights.astype(np.float32), table[:, 6:].astype(np.float32)


def _rows(path: Path, rows: list[list[str]], size: int) -> Array:
    """Rows of one size as rows of nine."""
    if size not in (1, 6, 9):
        raise InputError(f"{path}: verts", _ROW, f"{size}: {' '.join(rows[0])[:60]}")
    try:
        values = np.array(rows, dtype=np.float64)
    except ValueError as error:
        raise InputError(f"{path}: verts", "numbers", str(error)) from None
    if size == 1:
        return np.concatenate([np.repeat(values, 3, 1), [[1, 0, 0, 0, 0, 0]] * len(rows)], 1)
    return np.pad(values, ((0, 0), (0, 9 - size)))


def _rulers(path: Path, header: dict[str, list[list[str]]]) -> tuple[Array, Array]:
    rulers, lengths = np.zeros((3, 2), np.int32), np.zeros(3, np.float32)
    for axis, key in enumerate(_AXES):
        if key not in header:
            continue
        words = header[key][0]
        numbers = [float(w) for w in words[:3] if is_number(w)]
        if len(numbers) < 3 or not _is_ruler(*numbers):
            expected = "two vertices and a length above 0"
            raise InputError(f"{path}: {key}", expected, " ".join(words) or "nothing")
        rulers[axis], lengths[axis] = [int(n) for n in numbers[:2]], numbers[2]
    return rulers, lengths


def _is_ruler(first: float, second: float, length: float) -> bool:
    ends = all(0 <= end < BASE_VERTICES and end == int(end) for end in (first, second))
    return ends and first != second and 0 < length < np.inf
