"""FLAME 2019, 2020 and 2023 (Li et al. 2017): the linear model, and its jaw to first order.

Layout (.pkl, or the same names in an .npz), m: v_template (V,3), f (F,3), shapedirs (V,3,400): 300
of shape, then 100 of expression, per standard deviation; posedirs (V,3,36), nine per joint after
the root's, of R - I row by row; J_regressor (5,V); weights (V,5); kintree_table (2,5); joints
root, neck, jaw, left eye, right eye: github.com/soubhiksanyal/FLAME_PyTorch,
flame_pytorch/flame.py and lbs.py.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from ...core.errors import InputError
from ...geometry.face_model import FaceModel
from ...geometry.model_parts import ModelBases, ModelFacts, ModelMesh
from ..layout import FAMILIES, Family, Floats, mirror_of, points_of, triangles_of
from .flame_extras import albedo, embeddings, masks, texture
from .source import Source, required

_KEYS = ("v_template", "f", "shapedirs", "posedirs", "J_regressor", "weights")
_SHAPES = 300
_JAW, _EYES = 2, (3, 4)
_JAW_UNIT = 0.1  # radian per unit of a jaw mode
_JAW_NAMES = ("jaw-pitch", "jaw-yaw", "jaw-roll")
_RESEARCH = "FLAME: non-commercial scientific research only (Max-Planck-Gesellschaft)"
_OPEN = "FLAME 2023 Open: CC BY 4.0 (Max-Planck-Gesellschaft)"


@FAMILIES.register("flame")
def _family() -> Family:
    return Family(
        title="FLAME 2019, 2020 or 2023 (.pkl or .npz)",
        layout="github.com/soubhiksanyal/FLAME_PyTorch: flame.py, lbs.py; github.com/YadiraF/DECA",
        space="m; +x the subject's left, +y up, +z out of the face",
        notes="expressions are the 100 modes and then the jaw's rotation about x, y and z to first "
        "order, 0.1 radian per unit (neck and eyeballs do not turn); the origin is the middle of "
        "the eye joints; landmark_embedding.npy or .npz gives the 68 points, head_template.obj or "
        "an albedo file the texture coordinates, FLAME_masks.pkl the regions; the licence is the "
        "restrictive one unless the file's name says 2023 and Open",
        recognise=lambda s: (
            s.container in ("pickle", "npz")
            and {"v_template", "shapedirs", "J_regressor"} <= s.names
        ),
        read=_read,
        trims=True,
    )


def _read(source: Source) -> FaceModel:
    path, arrays = source.path, source.arrays
    template, faces, shapes = required(arrays, _KEYS, path)[:3]
    if template.ndim != 2 or template.shape[1] != 3:
        raise InputError(f"{path}: v_template", "(V,3)", str(template.shape))
    mean = points_of("v_template", template.reshape(-1), path)
    count = len(mean)
    triangles = triangles_of("f", faces, count, path=path, first=0)
    modes = _modes("shapedirs", shapes, count, source)
    joints = _matrix("J_regressor", arrays["J_regressor"], (5, count), source) @ mean.astype(float)
    weights = _matrix("weights", arrays["weights"], (count, 5), source)
    names, expression = _expressions(modes, mean, joints[_JAW], weights[:, _JAW], source)
    return FaceModel.from_arrays(
        ModelFacts(
            "flame-2023-open" if _is_open(source) else "flame",
            licence=_OPEN if _is_open(source) else _RESEARCH,
            source="https://flame.is.tue.mpg.de",
        ),
        ModelMesh(
            mean,
            triangles,
            mirror=mirror_of(mean, 1e-4),
            unit="m",
            origin=joints[list(_EYES)].mean(0).astype(np.float32),
            **texture(source, triangles),
        ),
        ModelBases(
            identity=modes[:_SHAPES][: source.identity],
            expression=expression,
            expression_kind="gaussian",
            expression_names=names,
            **albedo(source, triangles, count),
        ),
        landmarks=embeddings(source, triangles),
        regions=_eyeballs(weights) | masks(source, count),
    )


def _expressions(
    modes: Floats, mean: Floats, joint: NDArray, weights: NDArray, source: Source
) -> tuple[list[str], Floats]:
    """Names and (K,V,3): what follows the shapes in `shapedirs`, and the jaw's three."""
    faces = modes[_SHAPES:][: source.expressions]
    names = [f"expression-{k:03d}" for k in range(len(faces))]
    if source.expressions == 0:
        return names, faces
    poses = _modes("posedirs", source.arrays["posedirs"], len(mean), source)
    return [*names, *_JAW_NAMES], np.concatenate([faces, _jaw(mean, joint, poses, weights, source)])


def _eyeballs(weights: NDArray) -> dict[str, NDArray]:
    """The vertices that turn with the eye joints, and the rest as `skin`."""
    eyes = weights[:, list(_EYES)].sum(1) > 0.5
    return {"eyeballs": eyes, "skin": ~eyes}


def _jaw(mean: Floats, joint: NDArray, poses: Floats, weights: NDArray, source: Source) -> Floats:
    """(3,V,3): how the vertices move when the jaw starts to turn about x, y, z.

    Linear blend skinning at rest, v + w (R - I)(v - j) + P vec(R - I), with R - I = [axis]x.
    """
    if len(poses) != 36:
        raise InputError(f"{source.path}: posedirs", "(V,3,36)", f"(V,3,{len(poses)})")
    about = poses[9 * (_JAW - 1) : 9 * _JAW].astype(np.float64)
    modes = []
    for axis in np.eye(3):
        turn = np.cross(axis, mean - joint) * weights[:, None]
        skew = np.cross(axis, np.eye(3)).T
        modes.append(turn + np.tensordot(skew.reshape(-1), about, 1))
    return (_JAW_UNIT * np.stack(modes)).astype(np.float32)


def _modes(name: str, basis: NDArray, count: int, source: Source) -> Floats:
    """(V,3,K) as (K,V,3)."""
    if basis.ndim != 3 or basis.shape[:2] != (count, 3) or basis.dtype.kind not in "fiu":
        raise InputError(f"{source.path}: {name}", f"({count},3,K) numbers", str(basis.shape))
    return np.ascontiguousarray(basis.transpose(2, 0, 1)).astype(np.float32)


def _matrix(name: str, matrix: NDArray, shape: tuple[int, int], source: Source) -> NDArray:
    if matrix.shape != shape or matrix.dtype.kind not in "fiu":
        raise InputError(f"{source.path}: {name}", f"{shape} numbers", str(matrix.shape))
    return matrix.astype(np.float64)


def _is_open(source: Source) -> bool:
    name = source.path.name.lower()
    return "2023" in name and "open" in name
