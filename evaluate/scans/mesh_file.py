"""Reading and writing the mesh files of scans and predictions: obj, ply, npz."""

from __future__ import annotations

import io
import re
import struct
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from ...core.errors import InputError, MissingFileError
from ...core.given_file import read_given, read_given_text
from ...core.npz_file import read_npz
from ...core.whole_file import prepare_file, write_text

SUFFIXES = (".obj", ".ply", ".npz")
_LARGEST = 1 << 29  # bytes of a file
_HEADER = 1 << 16  # bytes in which the header of a PLY ends
_REMEDY = "Export the mesh again as OBJ or binary PLY."
_DAMAGED = (
    ValueError,
    IndexError,
    KeyError,
    OSError,
    TypeError,
    AttributeError,
    OverflowError,
    MemoryError,
    RecursionError,
    ZeroDivisionError,
    UnboundLocalError,
    NotImplementedError,
    struct.error,
)
"""What reading a damaged mesh raises."""


@dataclass(frozen=True)
class MeshFile:
    """What a mesh file holds, in its own unit and frame.

    Attributes:
        vertices: (V,3) float64; faces: (F,3) int64.
        colours: (V,3) in [0,1], or None.
        uv: (T,2) v up, with uv_faces (F,3); or None.
    """

    vertices: NDArray[np.float64]
    faces: NDArray[np.int64]
    colours: NDArray[np.float64] | None = None
    uv: NDArray[np.float64] | None = None
    uv_faces: NDArray[np.int64] | None = None


def read_mesh(path: Path) -> MeshFile:
    """Read a mesh.

    obj: polygons are split into fans, `v x y z r g b` gives colours, negative indices count
    from the end. ply: by trimesh. npz: `vertices`, `faces`, and perhaps `colours`, `uv`,
    `uv_faces`.

    Raises:
        MissingFileError: there is no such file.
        InputError: another suffix, or content that is no mesh.
    """
    if not path.exists():
        raise MissingFileError(str(path), "The mesh", f"Known kinds: {', '.join(SUFFIXES)}.")
    readers = {".obj": _read_obj, ".ply": _read_ply, ".npz": _read_npz}
    if path.suffix.lower() not in readers:
        raise InputError(str(path), "one of " + ", ".join(SUFFIXES), path.suffix or "no suffix")
    try:
        mesh = readers[path.suffix.lower()](path)
    except _DAMAGED as error:
        if isinstance(error, InputError):
            raise
        got = f"{type(error).__name__}: {error}"
        raise InputError(str(path), "a triangle mesh", got, _REMEDY) from error
    _check(path, mesh)
    return mesh


def write_obj(path: Path, vertices: NDArray[np.floating], faces: NDArray[np.integer]) -> None:
    """Write a bare mesh, making the folder."""
    lines = [f"v {x:.6f} {y:.6f} {z:.6f}" for x, y, z in np.asarray(vertices).tolist()]
    lines += [f"f {a + 1} {b + 1} {c + 1}" for a, b, c in np.asarray(faces).tolist()]
    prepare_file(path)
    write_text(path, "\n".join(lines) + "\n")


def _check(path: Path, mesh: MeshFile) -> None:
    count = len(mesh.vertices)
    if count < 3 or len(mesh.faces) < 1:
        raise InputError(
            str(path), "a triangle mesh", f"{count} points, {len(mesh.faces)} triangles"
        )
    tables = {"points": (mesh.vertices, 3), "colours": (mesh.colours, 3), "uv": (mesh.uv, 2)}
    for name, (table, width) in tables.items():
        if table is not None and not (table.shape[1:] == (width,) and np.isfinite(table).all()):
            raise InputError(f"{path}: {name}", f"rows of {width} finite numbers", "others")
    if mesh.colours is not None and len(mesh.colours) != count:
        raise InputError(f"{path}: colours", f"{count}, one a point", str(len(mesh.colours)))
    _check_indices(path, mesh.faces, count)
    if mesh.uv is not None and mesh.uv_faces is not None:
        if mesh.uv_faces.shape != mesh.faces.shape:
            raise InputError(f"{path}: uv_faces", f"{mesh.faces.shape}", f"{mesh.uv_faces.shape}")
        _check_indices(path, mesh.uv_faces, len(mesh.uv))


def _check_indices(path: Path, faces: NDArray[np.int64], count: int) -> None:
    if faces.ndim != 2 or faces.shape[1] != 3:
        raise InputError(str(path), "triangles of 3 points each", f"shape {faces.shape}")
    low, high = int(faces.min()), int(faces.max())
    if low < 0 or high >= count:
        raise InputError(str(path), f"triangles of the points 0..{count - 1}", f"{low}..{high}")


def _read_obj(path: Path) -> MeshFile:
    points: list[list[float]] = []
    texture: list[list[float]] = []
    corners: list[tuple[int, int]] = []
    for line in read_given_text(path, "a triangle mesh", _LARGEST, lenient=True).splitlines():
        if line.startswith("v "):
            points.append([float(x) for x in line.split()[1:]])
        elif line.startswith("vt "):
            texture.append([float(x) for x in line.split()[1:3]])
        elif line.startswith("f "):
            corners.extend(_fan(line.split()[1:], len(points), len(texture)))
    values = np.array(points, dtype=np.float64).reshape(len(points), -1)
    index = np.array(corners, dtype=np.int64).reshape(-1, 3, 2)
    colours = values[:, 3:6] if values.shape[1] >= 6 else None
    if not texture or (index[..., 1] < 0).any():
        return MeshFile(values[:, :3], index[..., 0], colours)
    return MeshFile(values[:, :3], index[..., 0], colours, np.array(texture), index[..., 1])


def _fan(words: list[str], points: int, texture: int) -> list[tuple[int, int]]:
    """The corners (point, texture point or -1) of a polygon's triangles."""

    def corner(word: str) -> tuple[int, int]:
        parts = word.split("/")
        point = int(parts[0])
        uv = int(parts[1]) if len(parts) > 1 and parts[1] else 0
        if point == 0:
            raise ValueError("a point 0, where they are counted from 1")
        return (
            point - 1 if point > 0 else points + point,
            uv - 1 if uv >= 0 else texture + uv,
        )

    ring = [corner(word) for word in words]
    return [c for k in range(1, len(ring) - 1) for c in (ring[0], ring[k], ring[k + 1])]


def _read_ply(path: Path) -> MeshFile:
    import trimesh
    from trimesh.visual.color import ColorVisuals

    content = read_given(path, "a triangle mesh", _LARGEST)
    _check_ply_header(path, content)
    # From memory, so that no other file that it names is opened.
    mesh = trimesh.load_mesh(io.BytesIO(content), file_type="ply", process=False)
    if not isinstance(mesh, trimesh.Trimesh):
        raise ValueError("no triangles")
    colours = None
    if isinstance(mesh.visual, ColorVisuals) and mesh.visual.kind == "vertex":
        colours = np.asarray(mesh.visual.vertex_colors[:, :3], dtype=np.float64) / 255
    return MeshFile(
        np.asarray(mesh.vertices, dtype=np.float64), np.asarray(mesh.faces, dtype=np.int64), colours
    )


def _check_ply_header(path: Path, content: bytes) -> None:
    """Refuse counts of elements that cannot lie in the file."""
    head, end, _ = content[:_HEADER].partition(b"end_header")
    counts = re.findall(rb"^\s*element\s+\S+\s+(\S+)\s*$", head, re.MULTILINE)
    if not end or not counts or not all(re.fullmatch(rb"\d{1,12}", c) for c in counts):
        raise InputError(str(path), "a PLY file", "no header of one", _REMEDY)
    if sum(map(int, counts)) > len(content):
        got = f"{sum(map(int, counts)):,} elements in {len(content):,} bytes"
        raise InputError(str(path), "a whole PLY file", got, _REMEDY)


def _read_npz(path: Path) -> MeshFile:
    arrays = read_npz(path, ("vertices", "faces"), ("colours", "uv", "uv_faces"))
    other = next((name for name, array in arrays.items() if array.dtype.kind not in "fiu"), None)
    if other is not None:
        raise InputError(f"{path}: {other}", "numbers", str(arrays[other].dtype))
    extra = {name: arrays[name] for name in ("colours", "uv", "uv_faces") if name in arrays}
    return MeshFile(
        arrays["vertices"].astype(np.float64), arrays["faces"].astype(np.int64), **extra
    )
