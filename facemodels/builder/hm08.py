"""MakeHuman's base mesh `hm08`: geometry, morph targets, vertex mirror and painted masks.

Decimetres, +x the subject's left, +y up, +z front; 19,158 vertices, quads only.
"""

from __future__ import annotations

import gzip
import io
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from .source import AnnySource

Array = NDArray[np.float64]
Index = NDArray[np.int64]

VERTEX_COUNT = 19158
LEFT_EYE = slice(14598, 14670)
RIGHT_EYE = slice(14670, 14742)
TEETH = slice(14992, 15128)


@dataclass(frozen=True)
class BaseMesh:
    """vertices (V,3) dm; uv (T,2); faces and uv_faces (F,4); groups (F,) names; mirror (V,)."""

    vertices: Array
    uv: Array
    faces: Index
    uv_faces: Index
    groups: NDArray[np.str_]
    mirror: Index


def read_base(source: AnnySource) -> BaseMesh:
    """Read base.obj and hm08.mirror."""
    vertices: list[list[str]] = []
    uv: list[list[str]] = []
    corners: list[list[list[str]]] = []
    groups: list[str] = []
    group = ""
    for line in source.read("mpfb2/3dobjs/base.obj").decode().splitlines():
        kind, *rest = line.split() or [""]
        if kind == "v":
            vertices.append(rest[:3])
        elif kind == "vt":
            uv.append(rest[:2])
        elif kind == "g":
            group = rest[0]
        elif kind == "f":
            corners.append([corner.split("/") for corner in rest])
            groups.append(group)
    index = np.array(corners, dtype=np.int64) - 1
    return BaseMesh(
        np.array(vertices, dtype=np.float64),
        np.array(uv, dtype=np.float64),
        index[..., 0],
        index[..., 1],
        np.array(groups),
        _read_mirror(source),
    )


def _read_mirror(source: AnnySource) -> Index:
    text = source.read("mpfb2/mesh_metadata/hm08.mirror").decode()
    rows = [line.split() for line in text.splitlines() if line.strip()]
    mirror = np.arange(VERTEX_COUNT)
    mirror[[int(row[0]) for row in rows]] = [int(row[1]) for row in rows]
    return mirror


def read_target(source: AnnySource, name: str) -> NDArray[np.float32]:
    """One morph target, displacements (19158,3) in dm."""
    data = source.read(name)
    text = (gzip.decompress(data) if name.endswith(".gz") else data).decode()
    rows = [line.split()[:4] for line in text.splitlines() if line.strip() and line[0] != "#"]
    table = np.array(rows, dtype=np.float64).reshape(-1, 4)
    displacement = np.zeros((VERTEX_COUNT, 3), np.float32)
    displacement[table[:, 0].astype(int)] = table[:, 1:]
    return displacement


def sample_texture(source: AnnySource, name: str, uv: Array) -> Array:
    """Grey value 0..1 of the painted mask mpfb2/textures/`name` at uv (N,2), v up; nearest."""
    from PIL import Image

    image = Image.open(io.BytesIO(source.read(f"mpfb2/textures/{name}"))).convert("L")
    pixels = np.asarray(image, dtype=np.float64) / 255
    height, width = pixels.shape
    column = np.clip(uv[:, 0] * width, 0, width - 1).astype(int)
    row = np.clip((1 - uv[:, 1]) * height, 0, height - 1).astype(int)
    return pixels[row, column]


def segment_colours(source: AnnySource, uv: Array) -> NDArray[np.uint8]:
    """RGB of the body-part segmentation picture at uv (N,2), v up."""
    from PIL import Image

    name = "segmentation/body_parts_segmentation.png"
    pixels = np.asarray(Image.open(io.BytesIO(source.read(name))).convert("RGB"))
    column = np.clip(np.round(uv[:, 0] * 1024).astype(int), 0, 1023)
    row = np.clip(np.round((1 - uv[:, 1]) * 1024).astype(int), 0, 1023)
    return pixels[row, column]
