"""The default head, prepared for drawing thousands of faces: level-0 bases and painted masks."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from importlib.resources import as_file, files
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ... import facemodels
from ...core.errors import InputError
from ...facemodels.archive import read_arrays
from ...facemodels.registry import load_face_model
from ...facemodels.subdivide import catmull_clark, triangles
from ...geometry.face_model import FaceModel
from ...render.cpu.jit import kernel
from .face import LANDMARK_SETS
from .masks import Masks, Noise, paint_masks, paint_noise
from .scalp import Scalp, measure_scalp, neck_ring

Array = NDArray[Any]

_NECK_CUT = -117.0
"""Height at which the default head's neck widens into shoulders, mm."""

_NECK_COLUMNS = 24


@kernel
def _combine(mean: Array, basis: Array, weights: Array, out: Array) -> None:
    """out = mean + weights @ basis, flat, four modes at a time; zero weights cost nothing."""
    out[:] = mean
    used = np.flatnonzero(weights)
    whole = len(used) - len(used) % 4
    for k in range(0, whole, 4):
        a, b, c, d = used[k], used[k + 1], used[k + 2], used[k + 3]
        wa, wb, wc, wd = weights[a], weights[b], weights[c], weights[d]
        for n in range(len(out)):
            first = wa * basis[a, n] + wb * basis[b, n]
            out[n] += first + (wc * basis[c, n] + wd * basis[d, n])
    for k in used[whole:]:
        weight = weights[k]
        for n in range(len(out)):
            out[n] += weight * basis[k, n]


@kernel
def _refine(first: Array, columns: Array, weights: Array, coarse: Array, out: Array) -> None:
    """The sparse product of a subdivision matrix with positions (V0,3)."""
    for row in range(len(first) - 1):
        x = y = z = np.float32(0)
        for n in range(first[row], first[row + 1]):
            weight, column = weights[n], columns[n]
            x += weight * coarse[column, 0]
            y += weight * coarse[column, 1]
            z += weight * coarse[column, 2]
        out[row, 0], out[row, 1], out[row, 2] = x, y, z


@dataclass(frozen=True)
class Head:
    """The default head's arrays; V vertices, V0 before subdivision, float32 and mm.

    Attributes:
        model: the face model, which says what the coefficients mean.
        mean: (V,3); faces: (F,3) int32, those of the shoulders left out; casters: (F/4,3) the
            same before subdivision, on the same vertices, for shadows.
        coarse: the mean (V0*3), identity (Ki,V0*3) and expression (Ke,V0*3) bases.
        matrix: rows, columns and weights of the subdivision matrix (V,V0).
        albedo_mean: (V*3); albedo_basis: (Ka,V*3), sRGB-coded; tones: means of both over the
            face, a number and (Ka,).
        occlusion: (V,) ambient occlusion, 1 in the open.
        masks: painted masks; noise: random fields of the skin; scalp: the skull.
        face: the vertices on the skin of the facial mask; throat: those of the neck's skin;
            neck: (N,) those in a ring round the neck, for what continues it.
        resting: mean (204) and identity basis (Ki,204) of the landmarks `ibug68`.
        marks: vertices (68,k), weights (68,k,1) and offsets (68,3) of each landmark set.
    """

    model: FaceModel
    mean: Array
    faces: Array
    casters: Array
    coarse: tuple[Array, Array, Array]
    matrix: tuple[Array, Array, Array]
    albedo_mean: Array
    albedo_basis: Array
    tones: tuple[float, Array]
    occlusion: Array
    masks: Masks
    noise: Noise
    scalp: Scalp
    face: Array
    throat: Array
    neck: Array
    resting: tuple[Array, Array]
    marks: Mapping[str, tuple[Array, Array, Array]]

    def vertices(self, identity: Array, expression: Array) -> NDArray[np.float32]:
        """Positions (V,3) of one face, as `FaceModel.vertices` gives them."""
        mean, shapes, moves = self.coarse
        flat = np.empty_like(mean)
        _combine(mean, shapes, identity, flat)
        _combine(flat.copy(), moves, expression, flat)
        out = np.empty((len(self.mean), 3), np.float32)
        _refine(*self.matrix, flat.reshape(-1, 3), out)
        return out

    def albedo(self, weights: Array) -> NDArray[np.float32]:
        """Albedo (V,3), sRGB-coded, as `FaceModel.albedo` gives it."""
        flat = np.empty_like(self.albedo_mean)
        _combine(self.albedo_mean, self.albedo_basis, weights, flat)
        return flat.reshape(-1, 3)

    def tone(self, weights: Array) -> float:
        """Mean of the face's albedo over vertices and colours, sRGB-coded."""
        return float(self.tones[0] + self.tones[1] @ weights)

    def resting_landmarks(self, identity: Array) -> NDArray[np.float32]:
        """Points (68,3) of `ibug68` without an expression."""
        mean, shapes = self.resting
        flat = np.empty_like(mean)
        _combine(mean, shapes, identity, flat)
        return flat.reshape(-1, 3)

    def landmarks(self, vertices: Array, name: str) -> NDArray[np.float32]:
        """Points (68,3) of a landmark set on vertices (V,3)."""
        corners, weights, offset = self.marks[name]
        return (vertices[corners] * weights).sum(1) + offset


def load_head(model: FaceModel | None = None) -> Head:
    """The default head.

    Args:
        model: the face model of the coefficients, if it is loaded already.

    Raises:
        InputError: the model is not `default-head`.
    """
    model = load_face_model("default-head") if model is None else model
    if model.name != "default-head":
        raise InputError("model", "the face model default-head", model.name)
    with as_file(files(facemodels) / "data" / "default.npz") as path:
        arrays = read_arrays(path)
    matrix, _ = catmull_clark(arrays["quads"].astype(np.int64), len(arrays["mean"]))
    rows = matrix.tocsr().astype(np.float32)
    mean, masks = model.mean.numpy(), paint_masks(model)
    face = np.flatnonzero(masks.face > 0.5)
    return Head(
        model=model,
        mean=mean,
        faces=_above(mean, model.faces.numpy()),
        casters=_above(mean, triangles(arrays["quads"].astype(np.int64))),
        coarse=(
            _flat(arrays["mean"]),
            _flat(arrays["identity"], len(arrays["identity"])),
            _flat(arrays["expression"], len(arrays["expression"])),
        ),
        matrix=(rows.indptr.astype(np.int64), rows.indices.astype(np.int64), rows.data),
        albedo_mean=_flat(model.albedo_mean.numpy()),
        albedo_basis=_flat(model.albedo_basis.numpy(), len(model.albedo_basis)),
        tones=(
            float(model.albedo_mean.numpy()[face].mean(dtype=np.float64)),
            model.albedo_basis.numpy()[:, face].mean((1, 2), dtype=np.float64),
        ),
        occlusion=np.clip(arrays["occlusion"].astype(np.float32), 0.05, 1),
        masks=masks,
        noise=paint_noise(mean),
        scalp=measure_scalp(model),
        face=face,
        throat=np.flatnonzero((masks.neck > 30) & (masks.skin > 0.5)),
        neck=neck_ring(model, _NECK_CUT + 5, _NECK_COLUMNS),
        resting=(
            _flat(model.landmark_points(model.mean[None]).numpy()),
            _flat(model.landmark_points(model.identity).numpy(), len(model.identity)),
        ),
        marks={name: _marks(model, name) for name in LANDMARK_SETS},
    )


def _above(mean: Array, faces: Array) -> NDArray[np.int32]:
    """The faces (F,3) above the shoulders."""
    return faces[mean[faces, 1].mean(1) > _NECK_CUT].astype(np.int32)


def _marks(model: FaceModel, name: str) -> tuple[Array, Array, Array]:
    points = model.landmark_set(name)
    return points.vertices.numpy(), points.weights.numpy()[..., None], points.offset.numpy()


def _flat(array: Array, rows: int | None = None) -> NDArray[np.float32]:
    shape = (-1,) if rows is None else (rows, -1)
    return np.ascontiguousarray(array, np.float32).reshape(shape)
