"""Reading the mesh files of scans and predictions: obj, ply, npz."""

from __future__ import annotations

import io
import re
import struct
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from ...core.errors import InputError, MissingFileError
from ...core.given_file import read_given
from ...core.npz_file import read_npz
from ...core.obj_file import read_obj

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
    mesh = read_obj(path)
    colours = None if mesh.colours is None else np.asarray(mesh.colours, np.float64)
    uv, uv_faces = None, None
    if mesh.textured:
        uv, uv_faces = np.asarray(mesh.uv, np.float64), mesh.uv_faces
    return MeshFile(np.asarray(mesh.vertices, np.float64), mesh.faces, colours, uv, uv_faces)


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
