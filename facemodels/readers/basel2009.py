"""The Basel Face Model 2009 with FaceWarehouse's expressions: whole, or Deep3D's front.

Layout of 01_MorphableModel.mat (MATLAB v5, float32): shapeMU (3V,1) um, shapePC (3V,199) of unit
columns, shapeEV (199,1) standard deviations in spite of the name, texMU, texPC, texEV likewise in
0..255, tl (F,3) from 1: github.com/patrikhuber/eos, share/scripts/convert-bfm2009-to-eos.py.
Exp_Pca.bin (int32 K, float32 mean (3W), float32 K x 3W, little-endian), std_exp.txt (K) and the
index files BFM_front_idx.mat `idx`, BFM_exp_idx.mat `trimIndex`, facemodel_info.mat `tri`,
`keypoints`, `skinmask`, all from 1: github.com/sicxu/Deep3DFaceRecon_pytorch, util/load_mats.py.
Which vertices the 68 iBUG points are is in eos's tables (share/ibug_to_*.txt).
"""

from __future__ import annotations

import re
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from ...core.errors import InputError
from ...core.given_file import read_given, read_given_text
from ...geometry.face_model import FaceModel
from ...geometry.face_regions import REFLECTANCE
from ...geometry.landmarks import LandmarkSet
from ...geometry.model_parts import ModelBases, ModelFacts, ModelMesh
from ..layout import (
    FAMILIES,
    Arrays,
    Family,
    Floats,
    Ints,
    basis_of,
    indices_of,
    outward,
    points_of,
    triangles_of,
)
from .basel_regions import with_basel_regions
from .source import Source, read_mat, read_text_numbers, required

LICENCE = "Basel Face Model: non-commercial research only (University of Basel)"
SOURCE = "https://faces.dmi.unibas.ch/bfm (2009); expressions: FaceWarehouse (Guo et al.)"
_KEYS = ("shapeMU", "shapePC", "shapeEV", "texMU", "texPC", "texEV", "tl")
_DEEP3D = "It comes with github.com/sicxu/Deep3DFaceRecon_pytorch (BFM/)."
_GUO = "Exp_Pca.bin comes with github.com/Juyong/3DFace (CoarseData), std_exp.txt with Deep3D."


def read_mapping(path: Path) -> dict[int, int]:
    """eos's table of iBUG points (counted from 1) to vertices, from its TOML file.

    Raises:
        InputError: no such table.
    """
    table = read_given_text(path, "eos's table of points", 1 << 20, lenient=True).partition(
        "[landmark_mappings]"
    )[2]
    lines = re.findall(
        r"^\s*([0-9]{1,9})\s*=\s*([0-9]{1,9})", table.partition("\n[")[0], re.MULTILINE
    )
    if not lines:
        raise InputError(str(path), "lines `point = vertex` under [landmark_mappings]", "none")
    return {int(point): int(vertex) for point, vertex in lines}


def mapped_points(table: dict[int, int], count: int, path: Path) -> LandmarkSet:
    """`ibug68` of a table of points (from 1) to vertices; the others are invalid.

    Raises:
        InputError: a point or vertex that does not exist.
    """
    if not all(1 <= p <= 68 and 0 <= v < count for p, v in table.items()):
        raise InputError(str(path), f"points 1..68 and vertices 0..{count - 1}", str(table))
    ids = [table.get(point, 0) for point in range(1, 69)]
    return LandmarkSet.from_vertices("ibug68", ids, valid=[p in table for p in range(1, 69)])


@FAMILIES.register("basel-2009")
def _family() -> Family:
    return Family(
        title="Basel Face Model 2009 (01_MorphableModel.mat)",
        layout="github.com/patrikhuber/eos: share/scripts/convert-bfm2009-to-eos.py; "
        "github.com/sicxu/Deep3DFaceRecon_pytorch: util/load_mats.py",
        space="um; +x the subject's left, +y up, +z out of the face; colours 0..255",
        notes="--part front (default with --indices): the 35,709 vertices of Deep3D; full: 53,490, "
        "expressions 0 on the vertices FaceWarehouse's basis lacks; --expressions 0 does without "
        "Exp_Pca.bin; BFM_UV.mat gives texture coordinates",
        recognise=lambda s: s.container == "mat" and {"shapeMU", "shapePC", "tl"} <= s.names,
        read=_read,
    )


def _read(source: Source) -> FaceModel:
    part = source.choose_part("full", "front", default="front" if source.indices else "full")
    path = source.path
    mu, pc, ev, tex_mu, tex_pc, tex_ev, tl = required(source.arrays, _KEYS, path)
    mean = points_of("shapeMU", mu, path)
    count = len(mean)
    colours = points_of("texMU", tex_mu, path)
    if len(colours) != count:
        raise InputError(f"{path}: texMU", f"{count} vertices as shapeMU has", f"{len(colours)}")
    arrays: Arrays = {
        "identity": basis_of("shapePC", pc, ev, count=count, path=path)[: source.identity],
        "albedo_basis": basis_of("texPC", tex_pc, tex_ev, count=count, path=path)[: source.albedo]
        / 255,
        "expression": _expressions(source, count),
    }
    choose = _front if part == "front" else _full
    rows, faces, chart, marks = choose(source, mean, tl)
    model = FaceModel.from_arrays(
        ModelFacts(
            f"basel-2009-{part}",
            licence=LICENCE,
            source=SOURCE,
        ),
        ModelMesh(mean[rows], outward(mean[rows], faces), unit="um", **chart),
        ModelBases(
            expression_kind="gaussian",
            albedo_mean=colours[rows] / np.float32(255),
            **{k: v[:, rows] for k, v in arrays.items() if v is not None},
        ),
        **marks,
    )
    return with_basel_regions(model)


def _front(source: Source, mean: Floats, _: NDArray) -> tuple[Ints, Ints, Arrays, Arrays]:
    """Rows of the 53,490, triangles, texture coordinates and marks of Deep3D's front."""
    trim = trim_index(source, len(mean))
    front = _front_rows(source, len(trim))
    info = source.need("Deep3D's triangles and 68 points", _DEEP3D, "facemodel_info.mat")
    tri, keys = required(read_mat(info), ("tri", "keypoints"), info)
    count = len(front)
    ids = indices_of("keypoints", keys, count, path=info)
    mask = _mask(info, "skinmask", count)
    regions = {} if mask is None else {REFLECTANCE: mask}
    rows = trim[front]
    chart = texture(source, {len(mean): rows, len(trim): front})
    marks = {"landmarks": ibug68(ids, info), "regions": regions}
    return rows, triangles_of("tri", tri, count, path=info), chart, marks


def _full(source: Source, mean: Floats, tl: NDArray) -> tuple[Ints, Ints, Arrays, Arrays]:
    """All rows, with landmarks of whichever index files are there."""
    count = len(mean)
    info, everything = source.find("facemodel_info.mat"), np.arange(count)
    model_info = source.find("model_info.mat")
    if info is not None:
        (keys,) = required(read_mat(info), ("keypoints",), info)
        trim = trim_index(source, count)
        front = _front_rows(source, len(trim))
        points = ibug68(trim[front[indices_of("keypoints", keys, len(front), path=info)]], info)
    elif model_info is not None:
        trim = trim_index(source, count)
        (keys,) = required(read_mat(model_info), ("keypoints",), model_info)
        points = ibug68(trim[indices_of("keypoints", keys, len(trim), path=model_info)], model_info)
    else:
        remedy = _DEEP3D + " eos's mapping has 20 of the points."
        table = source.need("the 68 points", remedy, "facemodel_info.mat", "model_info.mat",
                            "ibug_to_bfm2009.txt")  # fmt: skip
        points = {"ibug68": mapped_points(read_mapping(table), count, table)}
    faces = triangles_of("tl", tl, count, path=source.path)
    return everything, faces, texture(source, {count: everything}), {"landmarks": points}


def _front_rows(source: Source, count: int) -> Ints:
    """Which of the 53,215 (`count`) vertices Deep3D keeps."""
    path = source.need("which vertices are the front", _DEEP3D, "BFM_front_idx.mat")
    (idx,) = required(read_mat(path), ("idx",), path)
    return indices_of("idx", idx, count, path=path)


def trim_index(source: Source, count: int) -> Ints:
    """Which of the 53,490 vertices FaceWarehouse's 53,215 are.

    Raises:
        MissingFileError: neither of the files that say so is there.
        InputError: unusable.
    """
    names = "BFM_exp_idx.mat", "model_info.mat"
    path = source.need("which vertices have expressions", _DEEP3D, *names)
    (trim,) = required(read_mat(path), ("trimIndex",), path)
    return indices_of("trimIndex", trim, count, path=path)


def _expressions(source: Source, count: int) -> Floats | None:
    """FaceWarehouse's (K,count,3), um per standard deviation; without its mean, as Deep3D."""
    if source.expressions == 0:
        return None
    path = source.need("the expressions", _GUO, "Exp_Pca.bin")
    spread = source.need("their standard deviations", _GUO, "std_exp.txt")
    columns, deviation = _read_exp_pca(path), read_text_numbers(spread)
    trim = trim_index(source, count)
    modes = basis_of("expPC", columns, deviation, count=len(trim), path=path)[: source.expressions]
    whole = np.zeros((len(modes), count, 3), np.float32)
    whole[:, trim] = modes
    return whole


def _read_exp_pca(path: Path) -> NDArray[np.float32]:
    """Columns (3W,K) of Exp_Pca.bin."""
    content = read_given(path, "int32 K and (K + 1) x 3W float32", 1 << 31)
    modes = int(np.frombuffer(content[:4], "<i4")[0]) if len(content) >= 4 else 0
    rows, rest = divmod(len(content) - 4, 4 * (modes + 1)) if modes > 0 else (0, 1)
    if rest or rows % 3:
        raise InputError(str(path), "int32 K and (K + 1) x 3W float32", f"{len(content)} bytes")
    return np.frombuffer(content, "<f4", offset=4).reshape(modes + 1, rows)[1:].T


def ibug68(ids: Ints, path: Path) -> dict[str, LandmarkSet]:
    """The set of 68 vertices.

    Raises:
        InputError: there are not 68.
    """
    if len(ids) != 68:
        raise InputError(f"{path}: keypoints", "68 vertices", f"{len(ids)}")
    return {"ibug68": LandmarkSet.from_vertices("ibug68", ids.tolist())}


def texture(source: Source, rows_by_length: dict[int, Ints]) -> Arrays:
    """UV of BFM_UV.mat (`UV` (53490,2) or (53215,2), v up; anilbas/3DMMasSTN), if it is there.

    Args:
        source: where to look.
        rows_by_length: which rows to take from a table of that length.
    """
    path = source.find("BFM_UV.mat")
    if path is None:
        return {}
    (uv,) = required(read_mat(path), ("UV",), path)
    if uv.ndim != 2 or uv.shape[1] != 2 or len(uv) not in rows_by_length:
        expected = " or ".join(f"({length},2)" for length in rows_by_length)
        raise InputError(f"{path}: UV", expected, str(uv.shape))
    return {"uv": uv[rows_by_length[len(uv)]].astype(np.float32)}


def _mask(path: Path, name: str, count: int) -> NDArray | None:
    mask = read_mat(path).get(name)
    return None if mask is None or mask.size != count else mask.reshape(-1) > 0
