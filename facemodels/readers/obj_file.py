"""Vertices, texture coordinates and polygons of an OBJ file."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from ...core.errors import InputError
from ...core.given_file import read_given

_LARGEST = 1 << 29  # bytes of a file
_LONGEST = 64  # characters of a number
_MOST = 1 << 31  # an index


@dataclass(frozen=True)
class ObjMesh:
    """vertices (V,3), uv (T,2), and the triangles (F,3) of either; polygons are cut as fans.

    `polygon` (F,) says which polygon of the file each triangle is of.
    """

    vertices: NDArray[np.float32]
    uv: NDArray[np.float32]
    faces: NDArray[np.int64]
    uv_faces: NDArray[np.int64]
    polygon: NDArray[np.int64]


def read_obj_vertices(path: Path) -> NDArray[np.float32]:
    """The vertices (V,3) alone.

    Raises:
        InputError: no vertices, or something else than numbers.
    """
    return _table(path, _lines(path), b"v ", 3)


def read_obj(path: Path) -> ObjMesh:
    """The whole mesh; triangles without texture coordinates have 0 for them.

    Raises:
        InputError: damaged.
    """
    lines = _lines(path)
    vertices = _table(path, lines, b"v ", 3)
    textured = any(line.startswith(b"vt ") for line in lines)
    uv = _table(path, lines, b"vt ", 2) if textured else np.zeros((1, 2), np.float32)
    corners = [_polygon(path, line) for line in lines if line.startswith(b"f ")]
    fans = [
        (polygon[0], polygon[k], polygon[k + 1], number)
        for number, polygon in enumerate(corners)
        for k in range(1, len(polygon) - 1)
    ]
    if not fans:
        raise InputError(str(path), "polygons", "none")
    table = np.array([[a, b, c] for a, b, c, _ in fans], np.int64)
    owners = np.array([number for *_, number in fans], np.int64)
    faces, uv_faces = table[..., 0] - 1, np.maximum(table[..., 1] - 1, 0)
    for name, ids, count in (("f", faces, len(vertices)), ("vt", uv_faces, len(uv))):
        if ids.min() < 0 or ids.max() >= count:
            raise InputError(f"{path}: {name}", f"indices in 1..{count}", f"{ids.max() + 1}")
    return ObjMesh(vertices, uv, faces, uv_faces, owners)


def _lines(path: Path) -> list[bytes]:
    return read_given(path, "an OBJ mesh", _LARGEST).splitlines()


def _table(path: Path, lines: list[bytes], mark: bytes, width: int) -> NDArray[np.float32]:
    """The first `width` numbers of every line that starts with `mark`."""
    try:
        rows = [line.split()[1 : width + 1] for line in lines if line.startswith(mark)]
        if any(len(word) > _LONGEST for row in rows for word in row):
            raise ValueError(f"a number of more than {_LONGEST} characters")
        table = np.array(rows, dtype="S").astype(np.float64)
    except (ValueError, OverflowError) as error:
        raise InputError(
            str(path), f"{width} numbers per {mark.decode()}line", str(error)
        ) from None
    if table.ndim != 2 or table.shape[1] != width or not np.isfinite(table).all():
        raise InputError(str(path), f"{width} numbers per {mark.decode()}line", str(table.shape))
    return table.astype(np.float32)


def _polygon(path: Path, line: bytes) -> list[tuple[int, int]]:
    """Corners (vertex, texture coordinate or 0), counted from 1."""
    try:
        parts = [[*corner.split(b"/"), b""][:2] for corner in line.split()[1:]]
        corners = [(int(v), int(t) if t else 0) for v, t in parts]
        if max((abs(n) for corner in corners for n in corner), default=0) > _MOST:
            raise ValueError("an index that no mesh has")
        return corners
    except ValueError:
        shown = line[:60].decode("ascii", "replace")
        raise InputError(str(path), "`f` and indices", repr(shown)) from None
