"""Reading and writing the mesh files of scans and predictions: obj, ply, npz."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from ..core.errors import InputError, MissingFileError

SUFFIXES = (".obj", ".ply", ".npz")


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
    if not path.is_file():
        raise MissingFileError(str(path), "The mesh", f"Known kinds: {', '.join(SUFFIXES)}.")
    readers = {".obj": _read_obj, ".ply": _read_ply, ".npz": _read_npz}
    if path.suffix.lower() not in readers:
        raise InputError(str(path), "one of " + ", ".join(SUFFIXES), path.suffix or "no suffix")
    try:
        mesh = readers[path.suffix.lower()](path)
    except (ValueError, IndexError, KeyError, OSError) as error:
        raise InputError(
            str(path), "a triangle mesh", f"{type(error).__name__}: {error}"
        ) from error
    _check(path, mesh)
    return mesh


def write_obj(path: Path, vertices: NDArray[np.floating], faces: NDArray[np.integer]) -> None:
    """Write a bare mesh, making the folder."""
    path.parent.mkdir(parents=True, exist_ok=True)
    lines = [f"v {x:.6f} {y:.6f} {z:.6f}" for x, y, z in np.asarray(vertices).tolist()]
    lines += [f"f {a + 1} {b + 1} {c + 1}" for a, b, c in np.asarray(faces).tolist()]
    path.write_text("\n".join(lines) + "\n", encoding="ascii")


def _check(path: Path, mesh: MeshFile) -> None:
    count = len(mesh.vertices)
    if count < 3 or len(mesh.faces) < 1:
        raise InputError(
            str(path), "a triangle mesh", f"{count} points, {len(mesh.faces)} triangles"
        )
    low, high = int(mesh.faces.min()), int(mesh.faces.max())
    if low < 0 or high >= count:
        raise InputError(str(path), f"triangles of the points 0..{count - 1}", f"{low}..{high}")


def _read_obj(path: Path) -> MeshFile:
    points: list[list[float]] = []
    texture: list[list[float]] = []
    corners: list[tuple[int, int]] = []
    with path.open(encoding="utf-8", errors="replace") as lines:
        for line in lines:
            if line.startswith("v "):
                points.append([float(x) for x in line.split()[1:]])
            elif line.startswith("vt "):
                texture.append([float(x) for x in line.split()[1:3]])
            elif line.startswith("f "):
                corners.extend(_fan(line.split()[1:], len(points), len(texture)))
    values = np.array(points, dtype=np.float64)
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
        return (
            point - 1 if point > 0 else points + point,
            uv - 1 if uv >= 0 else texture + uv,
        )

    ring = [corner(word) for word in words]
    return [c for k in range(1, len(ring) - 1) for c in (ring[0], ring[k], ring[k + 1])]


def _read_ply(path: Path) -> MeshFile:
    import trimesh
    from trimesh.visual.color import ColorVisuals

    mesh = trimesh.load_mesh(path, process=False)
    if not isinstance(mesh, trimesh.Trimesh):
        raise ValueError("no triangles")
    colours = None
    if isinstance(mesh.visual, ColorVisuals) and mesh.visual.kind == "vertex":
        colours = np.asarray(mesh.visual.vertex_colors[:, :3], dtype=np.float64) / 255
    return MeshFile(
        np.asarray(mesh.vertices, dtype=np.float64), np.asarray(mesh.faces, dtype=np.int64), colours
    )


def _read_npz(path: Path) -> MeshFile:
    with np.load(path, allow_pickle=False) as archive:
        extra = {k: archive[k] for k in ("colours", "uv", "uv_faces") if k in archive}
        return MeshFile(
            archive["vertices"].astype(np.float64), archive["faces"].astype(np.int64), **extra
        )
