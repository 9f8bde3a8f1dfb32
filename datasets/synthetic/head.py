"""The default head, prepared for drawing thousands of faces: fast bases and painted masks."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from importlib.resources import as_file, files
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ... import facemodels
from ...core.errors import InputError
from ...facemodels.readers.archive import read_arrays
from ...facemodels.registry import load_face_model
from ...facemodels.subdivide import triangles
from ...facemodels.subdivision_model import WholeHead, whole_head
from ...geometry.face_model import FaceModel
from .face import LANDMARK_SETS
from .head_classes import classes_of_vertices
from .head_shape import HeadShape, combine, flat
from .masks import Masks, Noise, paint_masks, paint_noise
from .scalp import Scalp, measure_scalp

Array = NDArray[Any]

FACE_MODEL = "default"
"""The face model of all synthetic faces."""

_EYE_BACK = -1.5
"""What lies further back on an eyeball than this, mm, no gaze brings to light."""


@dataclass(frozen=True)
class Head:
    """The default head's arrays; V vertices, V0 before subdivision, float32 and mm.

    Attributes:
        model: the face model, which says what the coefficients mean.
        mean: (V,3); faces: (F,3) int32 that can be seen: neither the neck's base nor the backs of
            the eyes; casters: (C,3) of the head before subdivision, on the same vertices, for
            shadows.
        shape: bases of the vertices.
        albedo_mean: (V*3); albedo_basis: (Ka,V*3), sRGB-coded; tones: means of both over the
            face, a number and (Ka,).
        occlusion: (V,) ambient occlusion, 1 in the open, on the eyes and inside the mouth.
        masks: painted masks; noise: random fields of the skin; scalp: the skull.
        kinds: (V,) uint8 classes of the bare head; corners: (F,3,2) texture coordinates of the
            corners of its faces, v down.
        face: the vertices on the skin of the facial mask; throat: those of the neck's skin.
        neck: (2,N) vertices round the neck's end, then their neighbours above.
        marks: vertices (68,k), weights (68,k,1) and offsets (68,3) of each landmark set.
    """

    model: FaceModel
    mean: Array
    faces: Array
    casters: Array
    shape: HeadShape
    albedo_mean: Array
    albedo_basis: Array
    tones: tuple[float, Array]
    occlusion: Array
    masks: Masks
    noise: Noise
    scalp: Scalp
    kinds: Array
    corners: Array
    face: Array
    throat: Array
    neck: Array
    marks: Mapping[str, tuple[Array, Array, Array]]

    def vertices(self, identity: Array, expression: Array) -> NDArray[np.float32]:
        """Positions (V,3) of one face, as `FaceModel.vertices` gives them."""
        return self.shape.vertices(identity, expression)

    def shaped(self, identity: Array, expression: Array) -> tuple[Array, Array]:
        """Positions (V,3) of one face, and (V0,3) of its skin before subdivision."""
        level0 = self.shape.coarse_vertices(identity, expression)
        return self.shape.refined(level0, identity, expression), level0

    def albedo(self, weights: Array) -> NDArray[np.float32]:
        """Albedo (V,3), sRGB-coded, as `FaceModel.albedo` gives it."""
        out = np.empty_like(self.albedo_mean)
        combine(self.albedo_mean, self.albedo_basis, weights, out)
        return out.reshape(-1, 3)

    def tone(self, weights: Array) -> float:
        """Mean of the face's albedo over vertices and colours, sRGB-coded."""
        return float(self.tones[0] + self.tones[1] @ weights)

    def landmarks(self, vertices: Array, name: str) -> NDArray[np.float32]:
        """Points (68,3) of a landmark set on vertices (V,3)."""
        corners, weights, offset = self.marks[name]
        return (vertices[corners] * weights).sum(1) + offset


def load_head(model: FaceModel | None = None) -> Head:
    """The default head.

    Args:
        model: the face model of the coefficients, if it is loaded already.

    Raises:
        InputError: the model is not `default`.
    """
    model = load_face_model(FACE_MODEL) if model is None else model
    if model.name != FACE_MODEL:
        raise InputError("model", f"the face model {FACE_MODEL}", model.name)
    with as_file(files(facemodels) / "data" / "default.npz") as path:
        arrays = read_arrays(path)
    whole = whole_head(arrays)
    mean, masks = model.mean.numpy(), paint_masks(model)
    occlusion = np.clip(arrays["occlusion"].astype(np.float32), 0.05, 1)
    occlusion[np.concatenate([masks.mouth, *masks.eyes])] = 1
    face = np.flatnonzero(masks.face > 0.5)
    seen = _seen(model, whole)
    return Head(
        model=model,
        mean=mean,
        faces=model.faces.numpy()[seen].astype(np.int32),
        casters=triangles(arrays["quads"].astype(np.int64)).astype(np.int32),
        shape=HeadShape.of(arrays, whole),
        albedo_mean=flat(model.albedo_mean.numpy()),
        albedo_basis=flat(model.albedo_basis.numpy(), len(model.albedo_basis)),
        tones=(
            float(model.albedo_mean.numpy()[face].mean(dtype=np.float64)),
            model.albedo_basis.numpy()[:, face].mean((1, 2), dtype=np.float64),
        ),
        occlusion=occlusion,
        masks=masks,
        noise=paint_noise(mean),
        scalp=measure_scalp(model),
        kinds=classes_of_vertices(model),
        corners=_corners(model, seen),
        face=face,
        throat=np.flatnonzero((masks.neck > 33) & (masks.skin > 0.5)),
        neck=_neck(whole),
        marks={name: _marks(model, name) for name in LANDMARK_SETS},
    )


def _seen(model: FaceModel, whole: WholeHead) -> NDArray[np.int64]:
    """The numbers (F,) of the faces but those of the neck's base and the backs of the eyes."""
    faces, height = model.faces.numpy(), model.mean.numpy()[:, 2]
    eyes = (model.region("left_eye") | model.region("right_eye")).numpy()
    unseen = eyes & (height < _EYE_BACK)
    unseen[whole.count - len(whole.rim) :] = True
    return np.flatnonzero(~unseen[faces].all(1))


def _corners(model: FaceModel, faces: NDArray[np.int64]) -> NDArray[np.float32]:
    uv = model.uv.numpy()[model.uv_faces.numpy()[faces]].astype(np.float32)
    uv[..., 1] = 1 - uv[..., 1]
    return np.ascontiguousarray(uv)


def _neck(whole: WholeHead) -> NDArray[np.int64]:
    """Every second vertex of the neck's rim, and of each the neighbour above it."""
    sides = np.concatenate([whole.quads, whole.quads[:, ::-1]])
    starts, ends = sides.ravel(), np.roll(sides, -1, 1).ravel()
    inward = ~np.isin(ends, whole.rim) & np.isin(starts, whole.rim)
    above = dict(zip(starts[inward].tolist(), ends[inward].tolist(), strict=True))
    ring = [v for v in whole.rim.tolist() if v in above][::2]
    return np.array([ring, [above[v] for v in ring]])


def _marks(model: FaceModel, name: str) -> tuple[Array, Array, Array]:
    points = model.landmark_set(name)
    return points.vertices.numpy(), points.weights.numpy()[..., None], points.offset.numpy()
