"""Wavefront OBJ: the one reader of meshes that anybody may have written, and the one writer."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from .errors import InputError
from .given_file import read_given
from .number_text import rows_as_text
from .whole_file import prepare_file, write_bytes

Floats = NDArray[Any]
"""Of the type that was asked for."""

_LARGEST = 1 << 29  # bytes of a file
_LONGEST = 64  # characters of a number
_MOST = 1 << 31  # an index
_REMEDY = "Export the mesh again."


@dataclass(frozen=True)
class ObjMesh:
    """The triangles of an OBJ file; polygons are cut as fans.

    Attributes:
        vertices: (V,3) floats, in the file's own unit and frame.
        uv: (T,2) floats, v up; one row of zeros where the file has none.
        faces: (F,3) int64 into the vertices. uv_faces: (F,3) int64 into `uv`, 0 for corners that
            name no texture coordinate.
        polygon: (F,) int64, which polygon of the file each triangle is of.
        colours: (V,3) floats as in the file, which follow the coordinates of every vertex; or None.
        textured: whether every corner names a texture coordinate.
    """

    vertices: Floats
    uv: Floats
    faces: NDArray[np.int64]
    uv_faces: NDArray[np.int64]
    polygon: NDArray[np.int64]
    colours: Floats | None = None
    textured: bool = False


@dataclass(frozen=True)
class _Lines:
    """The lines of a file by what they hold; corners are (vertex, texture coordinate or -1)."""

    vertices: list[list[bytes]]
    uv: list[list[bytes]]
    polygons: list[list[tuple[int, int]]]


def read_obj(path: Path, dtype: type[np.floating] = np.float64) -> ObjMesh:
    """Read a mesh; indices below 0 count from the end, as the format has it.

    Args:
        path: of the file.
        dtype: of the coordinates and colours.

    Returns:
        The mesh, with at least one triangle and no index out of range.

    Raises:
        MissingFileError: no such file.
        InputError: damaged, more than 512 MiB, or without polygons.
    """
    lines = _read_lines(path)
    vertices = _table(path, lines.vertices, "v", slice(0, 3)).astype(dtype)
    colours = None
    if all(len(words) >= 6 for words in lines.vertices):
        colours = _table(path, lines.vertices, "v", slice(3, 6)).astype(dtype)
    uv = np.zeros((1, 2), dtype)
    if lines.uv:
        uv = _table(path, lines.uv, "vt", slice(0, 2)).astype(dtype)
    fans = [
        (polygon[0], polygon[k], polygon[k + 1], number)
        for number, polygon in enumerate(lines.polygons)
        for k in range(1, len(polygon) - 1)
    ]
    if not fans:
        raise InputError(str(path), "polygons", "none", _REMEDY)
    corners = np.array([[a, b, c] for a, b, c, _ in fans], np.int64)
    owners = np.array([number for *_, number in fans], np.int64)
    faces, named = corners[..., 0], corners[..., 1]
    textured = bool(lines.uv) and bool((named >= 0).all())
    uv_faces = np.maximum(named, 0) if lines.uv else np.zeros_like(named)
    for name, ids, count in (("f", faces, len(vertices)), ("vt", uv_faces, len(uv))):
        if ids.min() < 0 or ids.max() >= count:
            got = f"{ids.min() + 1}..{ids.max() + 1}"
            raise InputError(f"{path}: {name}", f"indices in 1..{count}", got, _REMEDY)
    return ObjMesh(vertices, uv, faces, uv_faces, owners, colours, textured)


def read_obj_vertices(path: Path, dtype: type[np.floating] = np.float64) -> Floats:
    """The vertices (V,3) of a file alone, whose polygons are passed over.

    Args:
        path: of the file.
        dtype: of the coordinates.

    Raises:
        MissingFileError: no such file.
        InputError: no vertices, or something else than numbers.
    """
    lines = read_given(path, "an OBJ mesh", _LARGEST).splitlines()
    words = [line.split()[1:] for line in lines if line.startswith(b"v ")]
    return _table(path, words, "v", slice(0, 3)).astype(dtype)


@dataclass(frozen=True)
class ObjTexture:
    """What is written of a mesh's texture.

    Attributes:
        uv: (T,2) texture coordinates, v up.
        uv_faces: (F,3) into them.
        material: name of the .mtl beside the file, whose material "face" all triangles have.
    """

    uv: NDArray[np.floating]
    uv_faces: NDArray[np.integer]
    material: str = ""


def write_obj(
    path: Path,
    vertices: NDArray[np.floating],
    faces: NDArray[np.integer],
    *,
    texture: ObjTexture | None = None,
    decimals: int = 6,
) -> None:
    """Write a mesh whole or not at all, making its folder.

    Args:
        path: of the file.
        vertices: (V,3).
        faces: (F,3) into the vertices.
        texture: texture coordinates and material.
        decimals: of the vertices' coordinates.

    Raises:
        InputError: it cannot be written, or a number is not finite.
    """
    material = "" if texture is None else texture.material
    parts = [f"mtllib {material}\n".encode("utf-8", "surrogateescape")] if material else []
    parts.append(rows_as_text(np.asarray(vertices), "v ", "  \n", decimals=decimals))
    if texture is not None:
        parts.append(rows_as_text(np.asarray(texture.uv), "vt ", " \n", decimals=6))
    parts += [b"usemtl face\n"] if material else []
    if texture is None:
        parts.append(rows_as_text(np.asarray(faces) + 1, "f ", "  \n"))
    else:
        corners = np.stack([faces, texture.uv_faces], -1).reshape(len(faces), 6) + 1
        parts.append(rows_as_text(corners, "f ", "/ / /\n"))
    prepare_file(path)
    write_bytes(path, b"".join(parts))


def _read_lines(path: Path) -> _Lines:
    lines = _Lines([], [], [])
    for line in read_given(path, "an OBJ mesh", _LARGEST).splitlines():
        if line.startswith(b"v "):
            lines.vertices.append(line.split()[1:])
        elif line.startswith(b"vt "):
            lines.uv.append(line.split()[1:])
        elif line.startswith(b"f "):
            lines.polygons.append(_polygon(path, line, len(lines.vertices), len(lines.uv)))
    return lines


def _table(path: Path, lines: list[list[bytes]], mark: str, columns: slice) -> NDArray[np.float64]:
    """The numbers in some columns of lines, of which every one has to have them."""
    width = columns.stop - columns.start
    expected = f"{width} finite numbers per {mark} line"
    try:
        rows = [words[columns] for words in lines]
        if any(len(word) > _LONGEST for row in rows for word in row):
            raise ValueError(f"a number of more than {_LONGEST} characters")
        table = np.array(rows, dtype="S").astype(np.float64)
    except (ValueError, OverflowError) as error:
        raise InputError(str(path), expected, str(error), _REMEDY) from None
    if table.ndim != 2 or table.shape[1] != width or not np.isfinite(table).all():
        raise InputError(str(path), expected, f"others, or none, in {len(lines)} lines", _REMEDY)
    return table


def _polygon(path: Path, line: bytes, vertices: int, uv: int) -> list[tuple[int, int]]:
    """Corners (vertex, texture coordinate or -1), counted from 0; so many lines came before."""
    try:
        parts = [[*corner.split(b"/"), b""][:2] for corner in line.split()[1:]]
        corners = [(int(v), int(t) if t else 0) for v, t in parts]
        if max((abs(n) for corner in corners for n in corner), default=0) > _MOST:
            raise ValueError("a number that no mesh counts to")
        if any(v == 0 for v, _ in corners):
            raise ValueError("a vertex 0, where they are counted from 1")
    except ValueError as error:
        shown = f"{line[:60].decode('ascii', 'replace')!r} ({error})"
        raise InputError(str(path), "`f` and indices", shown, _REMEDY) from None
    return [(v - 1 if v > 0 else vertices + v, t - 1 if t >= 0 else uv + t) for v, t in corners]
