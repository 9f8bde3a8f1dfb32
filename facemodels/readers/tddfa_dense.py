"""3DDFA's dense Basel model: Model_Shape.mat with Model_Exp.mat, or 3DDFA_V2's bfm_noneck_v3.pkl.

Layout: Model_Shape.mat has mu_shape (3V,1) um, w (3V,199), sigma (199,1) standard deviations, tri
(3,F) and keypoints (1,68) from 1; Model_Exp.mat (also Model_Expression.mat) mu_exp, w_exp (3V,29),
sigma_exp (29,1): github.com/cleardusk/3DDFA, utils/io.py and BFM_Remove_Neck/bfm_show.m, and
github.com/yfeng95/face3d, examples/Data/BFM/generate.m. The pickle has u (3V,1), w_shp (3V,40 or
more), w_exp (3V,10 or more), keypoints (204) rows of u, and its triangles in tri.pkl (F,3) from 0;
the deviations of the coefficients are numbers 12-61 of `std` in param_mean_std_62d_120x120.pkl:
github.com/cleardusk/3DDFA_V2, bfm/bfm.py and utils/tddfa_util.py.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from ...core.errors import InputError
from ...geometry.face_model import FaceModel
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
from .basel2009 import LICENCE, ibug68, texture
from .basel_regions import with_basel_regions
from .inert_pickle import read_inert_pickle
from .source import Source, read_mat, required

_IDENTITY, _EXPRESSION = slice(12, 52), slice(52, 62)
_V2 = "It comes with github.com/cleardusk/3DDFA_V2 (configs/)."
_ZHU = "It comes with Xiangyu Zhu's 3DDFA and Face Profiling."


@FAMILIES.register("3ddfa")
def _mat() -> Family:
    return Family(
        title="Basel Face Model 2009 as 3DDFA has it (Model_Shape.mat, Model_Exp.mat)",
        layout="github.com/cleardusk/3DDFA: utils/io.py; github.com/yfeng95/face3d: generate.m",
        space="um; +x the subject's left, +y up, +z out of the face; triangles clockwise, turned",
        notes="the mean is mu_shape + mu_exp; a file without the basis w gives the mean alone",
        recognise=lambda s: s.container == "mat" and {"mu_shape", "tri", "keypoints"} <= s.names,
        read=_read_mat,
    )


@FAMILIES.register("3ddfa-v2")
def _pickle() -> Family:
    return Family(
        title="Basel Face Model 2009 without neck, of 3DDFA_V2 (bfm_noneck_v3.pkl)",
        layout="github.com/cleardusk/3DDFA_V2: bfm/bfm.py, utils/tddfa_util.py",
        space="um; +x the subject's left, +y up, +z out of the face; triangles clockwise, turned",
        notes="40 identity modes and 10 expressions, a unit is the deviation of 3DDFA's whitening",
        recognise=lambda s: s.container == "pickle" and {"u", "w_shp", "w_exp"} <= s.names,
        read=_read_pickle,
    )


def _read_mat(source: Source) -> FaceModel:
    path, arrays = source.path, source.arrays
    mu, tri, keys = required(arrays, ("mu_shape", "tri", "keypoints"), path)
    mean = points_of("mu_shape", mu, path)
    count = len(mean)
    bases: Arrays = {}
    if "w" in arrays:
        w, sigma = required(arrays, ("w", "sigma"), path)
        bases["identity"] = basis_of("w", w, sigma, count=count, path=path)
        if source.expressions != 0:
            offset, bases["expression"] = _expressions(source, count)
            mean = mean + offset
    if "mu_tex" in arrays:
        bases["albedo_mean"] = points_of("mu_tex", arrays["mu_tex"], path) / np.float32(255)
    faces = outward(mean, triangles_of("tri", tri, count, path=path))
    ids = indices_of("keypoints", keys, count, path=path)
    return _built("3ddfa", source, mean, faces, ids, bases)


def _expressions(source: Source, count: int) -> tuple[Floats, Floats]:
    """mu_exp (V,3) and (K,V,3) per standard deviation, of the same file or its neighbour."""
    names = ("mu_exp", "w_exp", "sigma_exp")
    path, arrays = source.path, source.arrays
    if "w_exp" not in arrays:
        path = source.need("the expressions", _ZHU, "Model_Exp.mat", "Model_Expression.mat")
        arrays = read_mat(path)
    mu, w, sigma = required(arrays, names, path)
    offset = points_of("mu_exp", mu, path)
    if len(offset) != count:
        raise InputError(f"{path}: mu_exp", f"{count} vertices", f"{len(offset)}")
    return offset, basis_of("w_exp", w, sigma, count=count, path=path)


def _read_pickle(source: Source) -> FaceModel:
    path = source.path
    u, w_shp, w_exp, keys = required(source.arrays, ("u", "w_shp", "w_exp", "keypoints"), path)
    mean = points_of("u", u, path)
    count = len(mean)
    identity, expression = _deviations(source)
    bases = {
        "identity": basis_of("w_shp", w_shp[:, : len(identity)], identity, count=count, path=path),
        "expression": basis_of(
            "w_exp", w_exp[:, : len(expression)], expression, count=count, path=path
        ),
    }
    rows = indices_of("keypoints", keys, 3 * count, path=path, first=0)
    if (
        len(rows) != 204
        or not np.array_equal(rows[::3] + 2, rows[2::3])
        or bool((rows[::3] % 3).any())
    ):
        raise InputError(
            f"{path}: keypoints", "204 rows of u, x, y, z of 68 points", f"{len(rows)}"
        )
    faces = outward(mean, _triangles(source, count))
    return _built("3ddfa-v2", source, mean, faces, rows[::3] // 3, bases)


def _deviations(source: Source) -> tuple[NDArray, NDArray]:
    """The whitening's deviations of 40 identity and 10 expression coefficients."""
    names = "param_mean_std_62d_120x120.pkl", "param_whitening.pkl"
    path = source.need("the deviations of the coefficients", _V2, *names)
    content = read_inert_pickle(path)
    std = content.get("std", content.get("param_std"))
    if std is None or std.size != 62:
        raise InputError(str(path), "`std` of 62 numbers", ", ".join(content))
    return std.reshape(-1)[_IDENTITY], std.reshape(-1)[_EXPRESSION]


def _triangles(source: Source, count: int) -> Ints:
    """Those of tri.pkl, which belong to version 3; else the pickle's own."""
    path = source.find("tri.pkl")
    if path is not None:
        table = read_inert_pickle(path).get("")
    else:
        path, table = source.path, source.arrays.get("tri")
    if table is None:
        path = source.need("the triangles", _V2, "tri.pkl")
        raise InputError(str(path), "one array of triangles", "none")
    return triangles_of("tri", table, count, path=path, first=0)


def _built(
    kind: str, source: Source, mean: Floats, faces: Ints, ids: Ints, bases: Arrays
) -> FaceModel:
    uv = texture(source, {len(mean): np.arange(len(mean))}) if kind == "3ddfa" else {}
    model = FaceModel.from_arrays(
        ModelFacts(f"basel-2009-{kind}", licence=LICENCE, source=_source(kind)),
        ModelMesh(mean, faces, unit="um", **uv),
        ModelBases(expression_kind="gaussian", **bases),
        landmarks=ibug68(ids, source.path),
    )
    return with_basel_regions(model)


def _source(kind: str) -> str:
    where = {"3ddfa": "cleardusk/3DDFA", "3ddfa-v2": "cleardusk/3DDFA_V2"}[kind]
    return f"https://faces.dmi.unibas.ch/bfm (2009), by github.com/{where}"
