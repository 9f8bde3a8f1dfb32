"""Models of the eos library, such as the Surrey Face Model, from its binary files.

Layout: github.com/patrikhuber/eos, include/eos/morphablemodel: MorphableModel.hpp (versions 1-4 of
`serialize`), PcaModel.hpp, Blendshape.hpp, io/eigen_cerealisation.hpp; the mapping of the 68
points in share/ibug_to_*.txt, the contours in share/sfm_model_contours.json.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from ...core.errors import InputError
from ...core.text_files import read_json
from ...geometry.face_model import FaceModel
from ...geometry.landmarks import LandmarkSet
from ...geometry.model_parts import ModelBases, ModelFacts, ModelMesh
from ..layout import FAMILIES, Arrays, Family, Ints, outward, points_of
from .basel2009 import mapped_points, read_mapping
from .eos_binary import VERSIONS, WHAT, CerealReader, EosContent, Pca, blendshapes, read_eos
from .source import Source

_POINTS = {
    3448: ("ibug_to_sfm.txt",),
    53490: ("ibug_to_bfm2009.txt", "ibug_to_bfm.txt"),
    53149: ("ibug_to_bfm2017-1_bfm_nomouth.txt",),
}
_LICENCES = {
    3448: ("sfm-3448", "Surrey Face Model: free for use for non-commercial purposes"),
    53490: ("basel-2009", "Basel Face Model: non-commercial research only"),
    53149: ("basel-2017", "Basel Face Model: non-commercial research only"),
}
_UNKNOWN = ("eos", "unknown: ask whoever made the model (name it with --licence)")
_REMEDY = "It is in the folder share/ of github.com/patrikhuber/eos."


@FAMILIES.register("eos")
def _family() -> Family:
    return Family(
        title="a model of the eos library (.bin), such as the Surrey Face Model",
        layout="github.com/patrikhuber/eos: MorphableModel.hpp, PcaModel.hpp, Blendshape.hpp",
        space="Surrey mm, Basel 2009 um; +x the subject's left, +y up; v down, turned up",
        notes="expressions of version 1 come from expression_blendshapes_3448.bin; the mapping "
        "ibug_to_*.txt says which of the 68 points have a vertex, the others are marked invalid",
        recognise=_recognise,
        read=_read,
    )


def _recognise(source: Source) -> bool:
    if source.container != "binary":
        return False
    head = CerealReader(source.path, WHAT)
    if len(head.content) < 12 or head.number("u4") not in VERSIONS:
        return False
    rows, columns = head.number("i4"), head.number("i4")
    return rows > 0 and rows % 3 == 0 and columns == 1


def _read(source: Source) -> FaceModel:
    content, path = read_eos(source.path), source.path
    mean = points_of("mean", content.shape.mean, path)
    count = len(mean)
    name, licence = _LICENCES.get(count, _UNKNOWN)
    names, expression, kind = _expressions(source, content, count)
    coloured = content.colour.mean.size > 0
    faces = content.shape.triangles.astype(np.int64)
    if faces.size and not 0 <= faces.min() <= faces.max() < count:
        raise InputError(f"{path}: triangles", f"indices in 0..{count - 1}", f"{faces.max()}")
    return FaceModel.from_arrays(
        ModelFacts(name, licence=licence, source="https://github.com/patrikhuber/eos"),
        ModelMesh(
            mean,
            outward(mean, faces),
            unit="um" if float(np.ptp(mean)) > 5000 else "mm",
            **_uv(content, faces, mean),
        ),
        ModelBases(
            identity=content.shape.modes(count, path),
            expression=expression,
            expression_kind="gaussian" if kind == "gaussian" else "blendshape",
            expression_names=names,
            albedo_mean=points_of("colour", content.colour.mean, path) if coloured else None,
            albedo_basis=content.colour.modes(count, path) if coloured else None,
        ),
        landmarks={"ibug68": _mapped(source, content, count)},
        regions=_contours(source, count),
    )


def _uv(content: EosContent, faces: Ints, mean: NDArray) -> Arrays:
    """eos counts v downwards; here v is up."""
    if not content.uv.size:
        return {}
    coords = np.stack([content.uv[:, 0], 1 - content.uv[:, 1]], 1).astype(np.float32)
    corners = content.uv_faces.astype(np.int64) if content.uv_faces.size else faces
    turned = not np.array_equal(outward(mean, faces), faces)
    return {"uv": coords, "uv_faces": corners[:, [0, 2, 1]] if turned else corners}


def _expressions(
    source: Source, content: EosContent, count: int
) -> tuple[list[str], NDArray | None, str]:
    """Names, (K,V,3) and kind of the expressions in the model or in the file beside it."""
    if isinstance(content.expression, Pca):
        return [], content.expression.modes(count, source.path), "gaussian"
    shapes, path = content.expression, source.path
    beside = source.find("expression_blendshapes_3448.bin")
    if not shapes and beside is not None and count == 3448:
        reader, path = CerealReader(beside, "blendshapes saved by eos"), beside
        shapes = blendshapes(reader)
        reader.finish()
    if not shapes:
        return [], None, "blendshape"
    stack = [points_of(name, shape, path) for name, shape in shapes.items()]
    if any(len(shape) != count for shape in stack):
        raise InputError(str(path), f"blendshapes of {count} vertices", f"{len(stack[0])}")
    return list(shapes), np.stack(stack), "blendshape"


def _mapped(source: Source, content: EosContent, count: int) -> LandmarkSet:
    """`ibug68` by the model's own definitions, or by eos's mapping file."""
    numbered = {int(k): v for k, v in content.points.items() if k.isdigit()}
    if numbered:
        return mapped_points(numbered, count, source.path)
    names = _POINTS.get(count, ("ibug_to_sfm.txt",))
    path = source.need("which vertices the 68 points are", _REMEDY, *names)
    return mapped_points(read_mapping(path), count, path)


def _contours(source: Source, count: int) -> dict[str, NDArray[np.bool_]]:
    """The vertices of the visible outline on either side as regions, if their file is there."""
    path = source.find("sfm_model_contours.json", "model_contours.json")
    if path is None or count != 3448:
        return {}
    content = read_json(path, "eos's model_contour")
    try:
        table: Any = content["model_contour"]
        sides = {side: list(table[f"{side}_contour"]) for side in ("right", "left")}
    except (KeyError, TypeError) as error:
        raise InputError(str(path), "eos's model_contour", f"something else ({error})") from None
    if not all(type(v) is int and 0 <= v < count for ids in sides.values() for v in ids):
        raise InputError(str(path), f"vertices in 0..{count - 1}", "others")
    return {f"contour-{s}": np.isin(np.arange(count), ids) for s, ids in sides.items()}
