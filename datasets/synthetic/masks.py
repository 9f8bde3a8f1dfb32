"""Soft masks and noise on the mean head, painted by rule: where make-up and lines go."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from ...geometry.face_model import FaceModel
from .shapes import Spot

Array = NDArray[np.float32]
_FIELDS = 20
_INSIDE = ("left_eye", "right_eye", "cavities", "mouth_interior")


@dataclass(frozen=True)
class Masks:
    """Masks (V,) in [0,1] on the mean head.

    Attributes:
        skin: 1 on skin, 0 on eyes, mouth and cavities; face: 1 on the skin of the facial mask.
        eyes: the vertices of the left and of the right eyeball; teeth: those of the teeth; mouth:
            of all that lies behind the lips; inside: of mouth, eyeballs and the pockets round them.
        lips, lashes, lids, cheeks: what they say, soft, as spots.
        forehead: the lined part of the forehead.
        neck: height below the chin along the neck, mm, for a collar.
    """

    skin: Array
    face: Array
    eyes: tuple[NDArray[np.int64], ...]
    teeth: NDArray[np.int64]
    mouth: NDArray[np.int64]
    inside: NDArray[np.int64]
    lips: Spot
    lashes: Spot
    lids: Spot
    cheeks: Spot
    forehead: Array
    neck: Array


@dataclass(frozen=True)
class Noise:
    """Random fields on the mean head.

    Attributes:
        bumps: (N,V,3) gradients of fields, scaled to unit size: directions to tilt normals in; the
            first half of the fields vary over 3-6 mm, then over 8-16.
        lines: (V,3) tilt of the normals by horizontal lines.
    """

    bumps: Array
    lines: Array


def sigmoid(values: NDArray) -> Array:
    """1 / (1 + exp(-values)), safe from overflow."""
    return (1 / (1 + np.exp(-np.clip(values, -30, 30)))).astype(np.float32)


def _blobs(points: NDArray, centres: NDArray, radius: float, stretch: float = 1.0) -> Array:
    """Sum of Gaussian spots of `radius` mm, `stretch` times flatter in y."""
    scale = np.array([1, stretch, 1])
    parts = [np.exp(-0.5 * (((points - c) * scale) ** 2).sum(1) / radius**2) for c in centres]
    return np.clip(np.sum(parts, 0), 0, 1).astype(np.float32)


def paint_masks(model: FaceModel) -> Masks:
    """All masks of the default head; the numbers were chosen by eye on renderings."""
    points = model.mean.numpy().astype(np.float64)
    marks = model.landmark_points(model.mean[None])[0].numpy().astype(np.float64)
    x, y, z = points.T
    regions = {name: mask.numpy().astype(np.float32) for name, mask in model.regions.items()}
    skin = regions["skin"]
    lips = regions["lips"] * _blobs(points, marks[48:], 10.0) * skin
    corners = marks[[36, 37, 38, 39, 42, 43, 44, 45]]
    lashes = np.clip(
        _blobs(points, corners, 2.8, 1.6) + 0.4 * _blobs(points, marks[36:48], 2.4), 0, 1
    )
    lids = _blobs(points, marks[[37, 38, 43, 44]] + [0, 5.5, 0], 8.2, 1.3)
    cheeks = _blobs(points, np.array([[-47.0, -34, 8], [47, -34, 8]]), 16.5)
    forehead = sigmoid((y - 33) / 4) * sigmoid((66 - y) / 5) * sigmoid((52 - np.abs(x)) / 6)
    return Masks(
        skin=skin,
        face=skin * regions["face"],
        eyes=tuple(np.flatnonzero(regions[f"{side}_eye"]) for side in ("left", "right")),
        teeth=np.flatnonzero(regions["teeth"]),
        mouth=np.flatnonzero(regions["mouth_interior"]),
        inside=np.flatnonzero(sum(regions[name] for name in _INSIDE)),
        lips=Spot.of(lips),
        lashes=Spot.of(lashes * skin),
        lids=Spot.of(lids * skin),
        cheeks=Spot.of(cheeks * skin),
        forehead=forehead * skin,
        neck=(-y - 0.25 * (z + 78)).astype(np.float32),
    )


def paint_noise(points: Array, seed: int = 20) -> Noise:
    """Fields that are sums of waves through space; always the same."""
    rng = np.random.default_rng(seed)
    bumps = []
    for n in range(_FIELDS):
        low, high = ((3, 6), (8, 16))[n * 2 // _FIELDS]
        wave = rng.standard_normal((24, 3))
        wave *= (2 * np.pi / rng.uniform(low, high, (24, 1))) / np.linalg.norm(
            wave, axis=1, keepdims=True
        )
        phase = points @ wave.T.astype(np.float32) + rng.uniform(0, 2 * np.pi, 24).astype(
            np.float32
        )
        slope = -np.sin(phase) @ wave.astype(np.float32)
        bumps.append(slope / np.sqrt((slope**2).sum(1).mean()))
    y, x = points[:, 1], points[:, 0]
    wobble = 2.5 * np.cos(x / 19) + 1.5 * np.cos(x / 7 + 1)
    lines = np.zeros_like(points)
    lines[:, 1] = np.sin((y + wobble) * 2 * np.pi / 8.5)
    return Noise(np.stack(bumps).astype(np.float32), lines)
