"""Best fits of a face model's landmarks to annotated 3D landmarks, in closed form.

What they leave over is a readout, `300w-lp`: where another convention has the 68 points, as
offsets from `ibug68`. Readouts lie in files of their own, with versions of their own: placing one
anew changes neither the face model nor its version.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from importlib.resources import files
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from ..core.errors import InputError
from ..geometry.face_model import FaceModel

Array = NDArray[np.float64]

READOUTS = {
    "300w-lp": "landmarks_300w_lp.json",
    "aflw2000-reannotated": "landmarks_aflw2000_reannotated.json",
}
"""Files of the readouts by the name of their landmark set."""

IDENTITY_MODES = 80
_EXPRESSION_SIGMA = 0.3  # of a blendshape's weight, for the ridge prior
_ITERATIONS = 6
_NOT_IN_LANDMARKS = ("eyeLook", "tongueOut", "mouthClose")


@dataclass(frozen=True)
class LandmarkBasis:
    """Landmarks of the mean (L,3) mm, modes (K,L,3) mm and the ridge weight of each mode (K,)."""

    mean: Array
    modes: Array
    ridge: Array


def landmark_basis(model: FaceModel, name: str = "ibug68", *, rigid: bool = False) -> LandmarkBasis:
    """The landmark set `name` of a model with 80 identity modes and the expressions that move it.

    With `rigid` there are no modes.
    """
    points = model.landmark_set(name).points
    offset = model.landmark_set(name).offset.double().numpy()
    mean = points(model.mean[None])[0].double().numpy()
    used = [i for i, n in enumerate(model.expression_names) if not n.startswith(_NOT_IN_LANDMARKS)]
    stacked = [model.identity[:IDENTITY_MODES], model.expression[used]]
    modes = np.concatenate([points(b).double().numpy() - offset for b in stacked])
    ridge = [1.0] * len(stacked[0]) + [_EXPRESSION_SIGMA**-2] * len(stacked[1])
    if rigid:
        return LandmarkBasis(mean, modes[:0], np.zeros(0))
    return LandmarkBasis(mean, modes, np.array(ridge))


@dataclass(frozen=True)
class LandmarkFit:
    """Fits of N faces: points (N,L,3) in the annotations' frame, residual (N,L,3) mm, model frame.

    residual is annotation minus model after undoing the similarity.
    """

    points: Array
    residual: Array


def fit_landmarks(basis: LandmarkBasis, annotations: Array) -> LandmarkFit:
    """Alternate similarity Procrustes and ridge regression of the modes, per face.

    Args:
        basis: see `landmark_basis`.
        annotations: (N,L,3) in any unit, right-handed (y up).
    """
    flat = basis.modes.reshape(len(basis.modes), basis.mean.size)
    system = flat @ flat.T + np.diag(basis.ridge)
    solver: Array = np.linalg.solve(system, flat).astype(np.float64)
    fits = [_fit_one(basis.mean, flat, solver, face) for face in annotations]
    return LandmarkFit(np.stack([f[0] for f in fits]), np.stack([f[1] for f in fits]))


def _fit_one(mean: Array, flat: Array, solver: Array, face: Array) -> tuple[Array, Array]:
    shape = mean
    for _ in range(_ITERATIONS if len(flat) else 0):
        scale, rotation, shift = _similarity(shape, face)
        unposed = (face - shift) @ rotation.T / scale - mean
        shape = mean + (solver @ unposed.ravel() @ flat).reshape(-1, 3)
    scale, rotation, shift = _similarity(shape, face)
    unposed = (face - shift) @ rotation.T / scale
    return scale * shape @ rotation + shift, unposed - shape


def _similarity(source: Array, target: Array) -> tuple[float, Array, Array]:
    """scale, rotation (row vectors, no reflection) and shift from source to target (Umeyama)."""
    centre, goal = source.mean(0), target.mean(0)
    a, b = source - centre, target - goal
    u, s, vt = np.linalg.svd(a.T @ b)
    flip = np.array([1, 1, np.sign(np.linalg.det(u @ vt))])
    rotation = (u * flip) @ vt
    scale = float((s * flip).sum() / (a**2).sum())
    return scale, rotation, goal - scale * centre @ rotation


def nme_percent(predicted: Array, truth: Array, dimensions: int = 2) -> Array:
    """Mean point distance (N,) in % of sqrt(w h) of the annotated points' box."""
    extent = np.ptp(truth[..., :2], axis=1)
    distance = np.linalg.norm((predicted - truth)[..., :dimensions], axis=2).mean(1)
    return 100 * distance / np.sqrt(extent.prod(1))


def bin_means(error: Array, yaw_degrees: Array, edges: Sequence[float] = (30, 60)) -> list[float]:
    """Mean error of the faces with |yaw| up to 30, up to 60 and beyond."""
    group = np.digitize(np.abs(yaw_degrees), edges, right=True)
    return [float(error[group == k].mean()) for k in range(len(edges) + 1)]


def read_readout(source: str | Path = "300w-lp") -> tuple[int, NDArray[np.float32]]:
    """The version and the offsets (68,3) mm of a readout.

    Args:
        source: a name of `READOUTS`, or the path of a file.

    Raises:
        InputError: the file is damaged.
    """
    name = READOUTS.get(str(source))
    file = Path(source) if name is None else files(__package__) / "data" / name
    try:
        content = json.loads(file.read_text(encoding="utf-8"))
        version, offset = int(content["version"]), np.array(content["offset_mm"], np.float32)
    except (OSError, ValueError, KeyError, TypeError, OverflowError, RecursionError) as error:
        raise InputError(str(file), "a readout: version and offset_mm", str(error)) from None
    if offset.shape != (68, 3) or not np.isfinite(offset).all():
        raise InputError(f"{file}: offset_mm", "68 points of x, y, z", str(offset.shape))
    return version, offset


def next_version(name: str = "300w-lp") -> int:
    """The version of a readout that takes the shipped one's place."""
    return read_readout(name)[0] + 1
