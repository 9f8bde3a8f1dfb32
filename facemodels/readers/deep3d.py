"""Deep3D's BFM_model_front.mat: the front of Basel's model of 2009, with expressions.

Whoever runs Deep3DFaceRecon has it, as its programs write it from 01_MorphableModel.mat. Layout
(github.com/sicxu/Deep3DFaceRecon_pytorch, util/load_mats.py and models/bfm.py), stacked x, y, z:
meanshape (1,3V) dm, idBase (3V,80) and exBase (3V,64) times their standard deviations, meantex and
texBase (3V,80) likewise in 0..255, tri (F,3), keypoints (68) and skinmask (V), indices from 1.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from ...geometry.face_model import FaceModel
from ...geometry.face_regions import REFLECTANCE
from ...geometry.model_parts import ModelBases, ModelFacts, ModelMesh
from ..layout import (
    FAMILIES,
    Family,
    Floats,
    basis_of,
    indices_of,
    outward,
    points_of,
    triangles_of,
)
from .basel2009 import LICENCE, SOURCE, ibug68
from .basel_regions import with_basel_regions
from .source import Source, required

_KEYS = ("meanshape", "idBase", "exBase", "meantex", "texBase", "tri", "keypoints")


@FAMILIES.register("deep3d")
def _family() -> Family:
    return Family(
        title="Deep3D's front of the Basel Face Model 2009 (BFM_model_front.mat)",
        layout="github.com/sicxu/Deep3DFaceRecon_pytorch: util/load_mats.py, models/bfm.py",
        space="dm; +x the subject's left, +y up, +z out of the face; colours 0..255",
        recognise=lambda s: s.container == "mat" and {"meanshape", "idBase", "tri"} <= s.names,
        read=_read,
    )


def _read(source: Source) -> FaceModel:
    path = source.path
    shape, identity, expression, colour, colours, tri, keys = required(source.arrays, _KEYS, path)
    mean = points_of("meanshape", shape, path)
    count = len(mean)

    def basis(name: str, columns: NDArray) -> Floats:
        modes = columns.shape[1] if columns.ndim == 2 else 1
        return basis_of(name, columns, np.ones(modes), count=count, path=path)

    faces = triangles_of("tri", tri, count, path=path)
    mask = source.arrays["skinmask"] if "skinmask" in source.arrays else np.zeros(0)
    model = FaceModel.from_arrays(
        ModelFacts(
            "basel-2009-front",
            licence=LICENCE,
            source=SOURCE,
        ),
        ModelMesh(mean, outward(mean, faces), unit="dm"),
        ModelBases(
            identity=basis("idBase", identity),
            expression=basis("exBase", expression),
            expression_kind="gaussian",
            albedo_mean=points_of("meantex", colour, path) / np.float32(255),
            albedo_basis=basis("texBase", colours) / np.float32(255),
        ),
        landmarks=ibug68(indices_of("keypoints", keys, count, path=path), path),
        regions={REFLECTANCE: mask.reshape(-1) > 0} if mask.size == count else {},
    )
    return with_basel_regions(model)
