"""ICT-FaceKit's light model (Li et al. 2020, MIT), packed into one .npz or from its folder of OBJs.

Layout: github.com/ICT-VGL/ICT-FaceKit, README.md (vertex ranges of the parts) and FaceXModel/:
generic_neutral_mesh.obj, identity000.obj ... and one OBJ per expression, all of 26,719 vertices in
cm; vertex_indices.json: `expressions`, `idx_to_landmark_verts` (68, from 0).
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ...core.errors import InputError
from ...core.obj_file import ObjMesh, read_obj, read_obj_vertices
from ...core.text_files import read_json
from ...geometry.face_model import FaceModel
from ...geometry.landmarks import LandmarkSet
from ...geometry.model_parts import ModelBases, ModelFacts, ModelMesh
from ..layout import FAMILIES, Arrays, Family, indices_of, mirror_of, triangles_of
from .archive import require
from .source import Source

ICT_REGIONS = {"face": 9409, "narrow-face": 6706, "skin": 11248}
"""How many of the first vertices lie in a part of the surface (ICT-FaceKit, README.md)."""
ICT_TOLERANCE = 0.01
"""How far, in cm, mirror images lie apart in the mean face."""
_REQUIRED = ["base", "faces", "identity", "expression", "expression_names", "landmarks68"]

_NEUTRAL, _TABLE = "generic_neutral_mesh.obj", "vertex_indices.json"
_PARTS = {"face": 9409, "head": 11248, "full": 26719}
_EYEBALLS = slice(21451, 23021), slice(23021, 24591)


def is_ict(arrays: Mapping[str, NDArray]) -> bool:
    """Whether the arrays are ICT-FaceKit's: `base` and `landmarks68` beside the modes."""
    return {"base", "landmarks68", "identity"} <= set(arrays)


def from_ict(arrays: Mapping[str, NDArray], path: Path) -> FaceModel:
    """ICT-FaceKit from `base` (V,3) cm, `identity` (100,V,3) and `expression` (57,V,3) offsets.

    Its identity modes are not orthogonal; their weights are standard normal all the same.

    Raises:
        InputError: an array is missing or unusable.
    """
    require(arrays, _REQUIRED, path)
    mean = _floats(arrays, "base", path)
    if mean.ndim != 2 or mean.shape[1] != 3:
        raise InputError(f"{path}: base", "shape (V,3)", str(mean.shape))
    points = indices_of("landmarks68", arrays["landmarks68"], len(mean), path=path, first=0)
    if len(points) != 68:
        raise InputError(f"{path}: landmarks68", "68 vertices", str(len(points)))
    ibug68 = LandmarkSet.from_vertices("ibug68", points.tolist())
    return FaceModel.from_arrays(
        ModelFacts("ict-facekit", licence="MIT", source="https://github.com/ICT-VGL/ICT-FaceKit"),
        ModelMesh(
            mean,
            triangles_of("faces", arrays["faces"], len(mean), path=path, first=0),
            uv=_floats(arrays, "uv", path) if "uv" in arrays else None,
            uv_faces=arrays.get("faces_uv"),
            mirror=mirror_of(mean, ICT_TOLERANCE),
            unit="cm",
        ),
        ModelBases(
            identity=_floats(arrays, "identity", path),
            expression=_floats(arrays, "expression", path),
            identity_kind="gaussian",
            expression_kind="blendshape",
            expression_names=[str(n) for n in arrays["expression_names"]],
        ),
        landmarks={"ibug68": ibug68},
        regions=ict_regions(len(mean)) if len(mean) in ICT_REGIONS.values() else {},
    )


def _floats(arrays: Mapping[str, NDArray], name: str, path: Path) -> NDArray[np.float32]:
    if arrays[name].dtype.kind not in "fiu":
        raise InputError(f"{path}: {name}", "an array of numbers", str(arrays[name].dtype))
    return arrays[name].astype(np.float32)


def ict_regions(count: int) -> dict[str, NDArray[np.bool_]]:
    """The named parts among the first `count` vertices of ICT-FaceKit."""
    return {name: np.arange(count) < end for name, end in ICT_REGIONS.items()}


@FAMILIES.register("ict")
def _family() -> Family:
    return Family(
        title="ICT-FaceKit light, the folder FaceXModel",
        layout="github.com/ICT-VGL/ICT-FaceKit: README.md, FaceXModel/vertex_indices.json",
        space="cm; +x the subject's left, +y up, +z out of the face; quads, cut into triangles",
        notes="--part face (default), head (with neck) or full (eyes, teeth, lashes too); "
        "the origin is the middle of the eyeballs; identity modes are per standard deviation",
        recognise=lambda s: s.container == "folder" and _NEUTRAL in s.names,
        read=_read,
    )


def _read(source: Source) -> FaceModel:
    folder = source.path
    if not (folder / _NEUTRAL).is_file():
        raise InputError(str(folder), f"a folder with {_NEUTRAL}", "a folder without")
    mesh = read_obj(folder / _NEUTRAL, np.float32)
    part = source.choose_part(*_PARTS, default="face")
    keep = np.arange(min(_PARTS[part], len(mesh.vertices)))
    modes = sorted(folder.glob("identity[0-9]*.obj"))
    names, points = _table(folder, len(mesh.vertices))
    return FaceModel.from_arrays(
        ModelFacts(
            f"ict-facekit-{part}",
            licence="MIT (ICT-FaceKit light)",
            source="https://github.com/ICT-VGL/ICT-FaceKit",
        ),
        ModelMesh(
            mesh.vertices[keep],
            mirror=mirror_of(mesh.vertices[keep], ICT_TOLERANCE),
            unit="cm",
            origin=_eyes(mesh.vertices),
            **_surface(mesh, len(keep)),
        ),
        ModelBases(
            identity=_offsets(modes[: source.identity], mesh)[:, keep],
            expression=_offsets([folder / f"{n}.obj" for n in names][: source.expressions], mesh)[
                :, keep
            ],
            expression_names=names[: source.expressions],
        ),
        landmarks={"ibug68": LandmarkSet.from_vertices("ibug68", points)},
        regions=ict_regions(len(keep)),
    )


def _surface(mesh: ObjMesh, count: int) -> Arrays:
    """Triangles among the first `count` vertices, and their texture coordinates."""
    inside = (mesh.faces < count).all(1)
    used, corners = np.unique(mesh.uv_faces[inside], return_inverse=True)
    return {
        "faces": mesh.faces[inside],
        "uv": mesh.uv[used],
        "uv_faces": corners.reshape(-1, 3).astype(np.int64),
    }


def _offsets(paths: list[Path], mesh: ObjMesh) -> NDArray[np.float32]:
    """Displacements (K,V,3) of shapes from the neutral one."""
    shapes = []
    for path in paths:
        if not path.is_file():
            raise InputError(str(path.parent), f"the file {path.name} that {_TABLE} names", "none")
        shape = read_obj_vertices(path, np.float32)
        if shape.shape != mesh.vertices.shape:
            raise InputError(str(path), f"{len(mesh.vertices)} vertices", f"{len(shape)}")
        shapes.append(shape - mesh.vertices)
    return np.stack(shapes) if shapes else np.zeros((0, *mesh.vertices.shape), np.float32)


def _table(folder: Path, count: int) -> tuple[list[str], list[int]]:
    """Names of the expressions and the 68 vertices."""
    path = folder / _TABLE
    if not path.exists():
        raise InputError(str(folder), f"the file {_TABLE} in it", "none")
    table: Any = read_json(path, "`expressions` and `idx_to_landmark_verts`")
    try:
        names = [str(name) for name in table["expressions"]]
        points = list(table["idx_to_landmark_verts"])
    except (KeyError, TypeError) as error:
        raise InputError(
            str(path), "`expressions` and `idx_to_landmark_verts`", str(error)
        ) from None
    if not all(re.fullmatch(r"\w+", name) for name in names):
        raise InputError(f"{path}: expressions", "names of OBJ files beside it", str(names)[:200])
    if len(points) != 68 or not all(type(v) is int and 0 <= v < count for v in points):
        raise InputError(
            f"{path}: idx_to_landmark_verts", f"68 of 0..{count - 1}", f"{len(points)}"
        )
    return names, points


def _eyes(vertices: NDArray) -> NDArray | None:
    """The midpoint of the eyeballs' centres; None for a mesh without them."""
    if len(vertices) < _EYEBALLS[1].stop:
        return None
    boxes = [vertices[eye].max(0) + vertices[eye].min(0) for eye in _EYEBALLS]
    return (boxes[0] + boxes[1]) / 4
