"""Basel Face Models 2017 and 2019 (.h5: full head, bfm, face12), and the albedo model AlbedoMM.

Layout (statismo; float32): shape, expression and color each have model/mean (3V), model/pcaBasis
(3V,K) of unit columns, model/pcaVariance (K) and representer/cells (3,F) from 0;
metadata/landmarks/json is a JSON list of {"id", "coordinates"}: github.com/patrikhuber/eos,
share/scripts/convert-bfm2017-to-eos.py; names of the points as in
github.com/unibas-gravis/scalismo-faces. AlbedoMM has diffuseAlbedo/model/... in linear RGB 0..1:
github.com/waps101/AlbedoMM, README.md, scala/.../AlbedoModelViewer.scala.
"""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from scipy.spatial import cKDTree

from ...core.errors import InputError
from ...geometry.face_model import FaceModel
from ...geometry.landmarks import LandmarkSet
from ...geometry.model_parts import ModelBases, ModelFacts, ModelMesh
from ..layout import FAMILIES, Arrays, Family, Floats, basis_of, outward, points_of, triangles_of
from .basel2009 import LICENCE
from .hdf5 import read_datasets
from .source import Source, required

_PARTS = ("mean", "pcaBasis", "pcaVariance")
_CELLS, _POINTS = "shape/representer/cells", "metadata/landmarks/json"
_NAMES = {
    53149: "basel-2017-bfm",
    28588: "basel-2017-face12",
    47439: "basel-2019-bfm",
    27657: "basel-2019-face12",
    58203: "basel-2019-full-head",
}
# Their names of points that iBUG has too, to iBUG's numbers from 0.
_IBUG = {
    "center.chin.tip": 8,
    "center.nose.tip": 30,
    "right.eye.corner_outer": 36,
    "right.eye.corner_inner": 39,
    "left.eye.corner_inner": 42,
    "left.eye.corner_outer": 45,
    "right.lips.corner": 48,
    "center.lips.upper.outer": 51,
    "left.lips.corner": 54,
    "center.lips.lower.outer": 57,
    "center.lips.upper.inner": 62,
    "center.lips.lower.inner": 66,
}
_SHAPES = (
    "model2017-1_bfm_nomouth.h5",
    "model2017-1_face12_nomouth.h5",
    "model2019_bfm.h5",
    "model2019_face12.h5",
    "model2019_fullHead.h5",
)
_ALBEDO_LICENCE = "AlbedoMM: academic research only (W. Smith, University of York)"


@FAMILIES.register("basel-h5")
def _basel() -> Family:
    return Family(
        title="Basel Face Model 2017 or 2019 (.h5)",
        layout="github.com/patrikhuber/eos: share/scripts/convert-bfm2017-to-eos.py",
        space="mm; +x the subject's left, +y up, +z out of the face; colours 0..1, sRGB-coded",
        notes="the mean is the neutral mean plus the mean expression, as the model defines it; the "
        "68 points are those of the file's named landmarks that iBUG has (12)",
        recognise=lambda s: s.container == "hdf5" and "shape/model/pcaBasis" in s.names,
        read=lambda source: _read(source, source.path),
    )


@FAMILIES.register("albedomm")
def _albedo() -> Family:
    return Family(
        title="AlbedoMM's albedo (.h5) on a Basel Face Model of 2017",
        layout="github.com/waps101/AlbedoMM: README.md",
        space="mm; +x the subject's left, +y up, +z out of the face; albedo in linear RGB 0..1",
        notes="the shape is the Basel .h5 of the same vertices beside it; the diffuse albedo is "
        "coded as sRGB, its modes to first order about the mean; the specular albedo is left out",
        recognise=lambda s: s.container == "hdf5" and "diffuseAlbedo/model/mean" in s.names,
        read=_read_albedo,
    )


def _read(source: Source, path: Path) -> FaceModel:
    groups = [
        f"{group}/model/{part}" for group in ("shape", "expression", "color") for part in _PARTS
    ]
    content = read_datasets(path, [*groups, _CELLS, _POINTS])
    cells, mean = required(content, (_CELLS, "shape/model/mean"), path)
    points = points_of("shape/model/mean", mean, path)
    count = len(points)
    bases: Arrays = {"identity": _modes(content, "shape", count, path)}
    neutral = points
    if "expression/model/pcaBasis" in content:
        bases["expression"] = _modes(content, "expression", count, path)
        points = points + _mean(content, "expression", count, path)
    if "color/model/pcaBasis" in content:
        bases["albedo_mean"] = _mean(content, "color", count, path)
        bases["albedo_basis"] = _modes(content, "color", count, path)
    return FaceModel.from_arrays(
        ModelFacts(
            _NAMES.get(count, f"basel-{count}"),
            licence=LICENCE,
            source="https://faces.dmi.unibas.ch/bfm",
        ),
        ModelMesh(
            points,
            outward(points, triangles_of("cells", cells, count, path=path, first=0)),
            unit="mm",
        ),
        ModelBases(expression_kind="gaussian", **bases),
        landmarks={"ibug68": _landmarks(content, neutral, path)},
    )


def _read_albedo(source: Source) -> FaceModel:
    content = read_datasets(source.path, [f"diffuseAlbedo/model/{part}" for part in _PARTS])
    names = [f"diffuseAlbedo/model/{part}" for part in _PARTS]
    linear = points_of(names[0], required(content, names, source.path)[0], source.path)
    model = _read(source, _shape_file(source, len(linear)))
    basis = _modes(content, "diffuseAlbedo", len(linear), source.path)
    coded, slope = srgb(linear)
    return FaceModel.from_arrays(
        ModelFacts(
            f"{model.name}-albedomm",
            licence=f"{_ALBEDO_LICENCE}; {model.licence}",
            source=f"https://github.com/waps101/AlbedoMM; {model.source}",
        ),
        ModelMesh(model.mean, model.faces, origin=np.zeros(3, np.float32)),
        ModelBases(
            identity=model.identity,
            expression=model.expression,
            expression_kind="gaussian",
            albedo_mean=coded,
            albedo_basis=basis * slope,
        ),
        landmarks=model.landmarks,
    )


def _shape_file(source: Source, count: int) -> Path:
    """The Basel model of `count` vertices beside the albedo."""
    remedy = "It is the Basel model at https://faces.dmi.unibas.ch/bfm (2017)."
    tried = []
    for name in _SHAPES:
        path = source.find(name)
        mean = {} if path is None else read_datasets(path, ["shape/model/mean"])
        if path is not None and mean and mean["shape/model/mean"].size == 3 * count:
            return path
        tried += [] if path is None else [path]
    if not tried:
        return source.need("the shape of the albedo's vertices", remedy, *_SHAPES)
    raise InputError(str(tried[0]), f"the {count} vertices of {source.path.name}", "another number")


def _mean(content: dict[str, NDArray], group: str, count: int, path: Path) -> Floats:
    name = f"{group}/model/mean"
    points = points_of(name, required(content, (name,), path)[0], path)
    if len(points) != count:
        raise InputError(f"{path}: {name}", f"{count} vertices", f"{len(points)}")
    return points


def _modes(content: dict[str, NDArray], group: str, count: int, path: Path) -> Floats:
    """(K,V,3) per standard deviation."""
    names = [f"{group}/model/{part}" for part in _PARTS[1:]]
    basis, variance = required(content, names, path)
    if bool((variance < 0).any()):
        raise InputError(f"{path}: {names[1]}", "variances of at least 0", f"{variance.min():g}")
    return basis_of(names[0], basis, np.sqrt(variance.astype(np.float64)), count=count, path=path)


def _landmarks(content: dict[str, NDArray], mean: Floats, path: Path) -> LandmarkSet:
    """The named points as the nearest vertices of the neutral mean."""
    try:
        listed = json.loads(str(content[_POINTS]))
        named = {str(p["id"]): np.array(p["coordinates"], float).reshape(3) for p in listed}
    except (KeyError, ValueError, TypeError, RecursionError, MemoryError) as error:
        raise InputError(f"{path}: {_POINTS}", "a list of named points", str(error)) from None
    if not all(np.isfinite(point).all() for point in named.values()):
        raise InputError(f"{path}: {_POINTS}", "finite coordinates", "others")
    known = {_IBUG[name]: point for name, point in named.items() if name in _IBUG}
    if not {36, 39, 42, 45} <= set(known):
        raise InputError(f"{path}: {_POINTS}", "the corners of both eyes", ", ".join(named)[:200])
    _, vertices = cKDTree(mean).query(np.stack(list(known.values())))
    table = dict(zip(known, vertices.tolist(), strict=True))
    ids = [table.get(point, 0) for point in range(68)]
    return LandmarkSet.from_vertices("ibug68", ids, valid=[p in table for p in range(68)])


def srgb(linear: Floats) -> tuple[Floats, Floats]:
    """Linear RGB (V,3) coded as sRGB (IEC 61966-2-1), and the code's slope there."""
    from kornia.color import linear_rgb_to_rgb

    clipped = torch.from_numpy(np.clip(linear.astype(np.float64), 0, 1))
    image = clipped.T[:, :, None].requires_grad_()  # (3,V,1)
    coded = linear_rgb_to_rgb(image)
    (slope,) = torch.autograd.grad(coded.sum(), image)
    values = [v.detach()[..., 0].T.contiguous().float().numpy() for v in (coded, slope)]
    return values[0], values[1]
