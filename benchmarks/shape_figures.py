"""How far a face model's shapes lie from points of real heads, mm: shared by the shape benchmarks.

A head is given as points spread over its face with the 68 landmarks of `ibug68` (NaN where one is
not known). A shape is brought onto it by its inner landmarks and point-to-plane ICP, and judged by
the mean distance of the points to its skin ("p2s"): the region `face` without ears, neck, eyeballs
and what lies in the mouth.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray
from scipy.spatial import cKDTree
from scipy.spatial.transform import Rotation
from selfie3d.core.errors import InputError, MissingFileError
from selfie3d.geometry.align import align_points
from selfie3d.geometry.closest import closest_on_triangles
from selfie3d.geometry.face_model import FaceModel
from selfie3d.geometry.mesh import vertex_normals
from selfie3d.geometry.topology import boundary_vertices, subset_mesh

Array = NDArray[np.float64]
Ids = NDArray[np.int64]
INNER = np.arange(17, 68)  # of `ibug68`: brows, nose, eyes, mouth; jaws follow conventions
NOSE_TIP = 30
RADIUS = 95.0  # mm round the nose tip, where points are asked
INSIDE = ("left_eye", "right_eye", "mouth", "cavities", "teeth", "gums", "tongue")  # no skin
_NOT_JUDGED = ("ears", "neck", *INSIDE)
_ICP_STEPS, _FIT_STEPS, _STILL = 25, 30, 3e-3
REACH = 60.0  # mm, so that turns and shifts have columns of like sizes
_FAR = 10.0  # mm from ICT's aligned mean head, beyond which a point is none of the face
_ROBUST = 3.0  # mm of a head, farther points pull with a constant force


class Pose(NamedTuple):
    """x -> scale * rotation @ x + translation, from a model's space into a head's."""

    scale: float
    rotation: Array
    translation: Array

    def apply(self, points: Array) -> Array:
        return self.scale * points @ self.rotation.T + self.translation

    def back(self, points: Array) -> Array:
        return (points - self.translation) @ self.rotation / self.scale

    def after(self, step: Array, middle: Array) -> Pose:
        """The pose whose way back turns (3), shifts (3) and grows points about their middle."""
        turn, growth = Rotation.from_rotvec(step[:3] / REACH).as_matrix(), np.exp(step[6] / REACH)
        rotation, scale = self.rotation @ turn.T, self.scale / growth
        kept = self.translation + self.scale * self.rotation @ middle
        return Pose(scale, rotation, kept - scale * rotation @ (middle + step[3:6]))


class Head(NamedTuple):
    """What is known of a head: points (N,3) of its face, and landmarks (68,3), NaN where not."""

    points: Array
    landmarks: Array


def similarity(source: Array, target: Array, scale: float | None = None) -> Pose:
    """The best map of corresponding points (N,3); with `scale`, that scale is kept."""
    return Pose(*align_points(source, target, fixed_scale=scale).as_arrays())


@dataclass(frozen=True)
class JudgedSkin:
    """The part of a face model that is judged.

    Attributes:
        model: the face model.
        ids: (S,) its vertices; faces: (F,3) triangles among them.
    """

    model: FaceModel
    ids: Ids
    faces: Ids

    @classmethod
    def of(cls, model: FaceModel, without: Sequence[str] = _NOT_JUDGED) -> JudgedSkin:
        """The skin of the region `face` without other regions, as far as the model has them.

        Raises:
            InputError: the model has no such skin, or no landmarks of the inner face.
        """
        keep = model.region("face").bool() & model.region("skin").bool()
        for name in without:
            if name in model.regions:
                keep &= ~model.regions[name].bool()
        part = subset_mesh(model.faces, keep)
        used = np.unique(part.faces.numpy())
        if not len(used):
            raise InputError(f"face model {model.name!r}", "skin in the region `face`", "none")
        marked = int(model.landmark_set("ibug68").valid[INNER].sum())
        if marked < len(INNER) // 2:
            what = "half of the inner landmarks of `ibug68`"
            raise InputError(f"face model {model.name!r}", what, f"{marked}")
        new = np.full(len(keep), -1)
        ids = part.vertices.numpy()[used]
        new[ids] = np.arange(len(ids))
        return cls(model, ids, new[model.faces.numpy()[part.face_ids.numpy()]])

    @cached_property
    def rings(self) -> Ids:
        """The triangles round each vertex (S,R), the last one repeated."""
        corner = self.faces.reshape(-1)
        order, degree = np.argsort(corner, kind="stable") // 3, np.bincount(corner)
        column = np.minimum(np.arange(degree.max()), degree[:, None] - 1)
        return order[(np.cumsum(degree) - degree)[:, None] + column]

    @cached_property
    def border(self) -> NDArray[np.bool_]:
        """Which vertices lie on the skin's open border (S,)."""
        return boundary_vertices(torch.from_numpy(self.faces), len(self.ids)).numpy()

    def landmarks(self, shape: Array) -> Array:
        """(68,3) on a shape (V,3) of the model."""
        vertices = torch.from_numpy(np.ascontiguousarray(shape, dtype=np.float64))[None]
        return self.model.landmark_points(vertices)[0].numpy()

    def start(self, shape: Array, head: Head, scale: float | None = None) -> Pose:
        """Where the inner landmarks put the shape."""
        own = self.landmarks(shape)
        both = INNER[~np.isnan(own[INNER] + head.landmarks[INNER]).any(1)]
        return similarity(own[both], head.landmarks[both], scale)

    def pose(self, shape: Array, head: Head, scale: float | None = None) -> Pose:
        """The shape (V,3) brought onto the head by landmarks and point-to-plane ICP."""
        surface, pose = SkinSurface(self, shape), self.start(shape, head, scale)
        for _ in range(_ICP_STEPS):
            asked = pose.back(head.points)
            design, gap, _ = surface.planes(asked)
            if scale is not None:
                design[:, 6] = 0
            step = np.linalg.solve(design.T @ design + 1e-9 * np.eye(7), design.T @ gap)
            pose = pose.after(step, asked.mean(0))
            if np.abs(step).max() < _STILL:
                break
        return pose

    def distances(self, shape: Array, head: Head, scale: float | None = None) -> Array:
        """(N,) mm in the head's space, of its points to the aligned shape."""
        pose = self.pose(shape, head, scale)
        return pose.scale * SkinSurface(self, shape).distances(pose.back(head.points))


class SkinSurface:
    """The judged skin of one shape (V,3), which answers where points (N,3) are nearest to it."""

    def __init__(self, skin: JudgedSkin, shape: Array) -> None:
        self._skin, self.points = skin, np.ascontiguousarray(shape[skin.ids])
        self._tree = cKDTree(self.points)

    @cached_property
    def _normals(self) -> Array:
        corners = torch.from_numpy(self.points)[None], torch.from_numpy(self._skin.faces)
        return vertex_normals(*corners)[0].numpy()

    def nearest(self, asked: Array) -> Ids:
        """Rows of `points` (N,)."""
        return self._tree.query(asked)[1]

    def planes(self, asked: Array) -> tuple[Array, Array, Ids]:
        """What turns, shifts and growth do to distances to the nearest vertices' planes.

        Returns:
            design (N,7), the gaps (N,) that they should close, and those vertices (N,).
        """
        near = self.nearest(asked)
        normals, p = self._normals[near], asked - asked.mean(0)
        columns = np.cross(p, normals) / REACH, normals, (p * normals).sum(1)[:, None] / REACH
        gap = ((self.points[near] - asked) * normals).sum(1)
        return np.concatenate(columns, 1), gap, near

    def normals(self, near: Ids) -> Array:
        return self._normals[near]

    def distances(self, asked: Array) -> Array:
        """(N,) to the triangles round the nearest vertices."""
        rings = self._skin.rings[self.nearest(asked)]
        corners = self.points[self._skin.faces[rings.reshape(-1)]]
        square = closest_on_triangles(np.repeat(asked, rings.shape[1], 0), corners)[1]
        return np.sqrt(square.reshape(rings.shape).min(1))


def face_points(skin: JudgedSkin, shape: Array, head: Head, count: int) -> Ids:
    """Which points of a whole scan are asked: rows of at most `count`, by chance.

    Those near the nose tip whose nearest vertex on the aligned `shape` is within 10 mm and not on
    the open border of its skin, so that eyeballs, ears, neck and clothes are left out.

    Raises:
        InputError: hardly any is.
    """
    tip = head.landmarks[NOSE_TIP]
    rows = np.flatnonzero(np.linalg.norm(head.points - tip, axis=1) < RADIUS)
    random = np.random.default_rng(0)
    rows = np.sort(random.permutation(rows)[: 3 * count])
    surface = SkinSurface(skin, shape)
    for _ in range(2):
        asked = head.points[rows]
        back = skin.pose(shape, Head(asked, head.landmarks)).back(asked)
        near = surface.nearest(back)
        far = np.linalg.norm(surface.points[near] - back, axis=1) > _FAR
        rows = rows[~far & ~skin.border[near]]
        if len(rows) < count // 10:
            got = f"{len(rows)} of {len(head.points)}"
            raise InputError("scan", f"{count // 10} points of a face round landmark 30", got)
    return np.sort(random.permutation(rows)[:count])


def shape_of(model: FaceModel, identity: Array) -> Array:
    """The neutral shape (V,3) of the first coefficients (K,)."""
    moved = torch.tensor(identity, dtype=torch.float32) @ model.identity[: len(identity)].flatten(1)
    return (model.mean + moved.view(-1, 3)).double().numpy()


def fit_identity(skin: JudgedSkin, head: Head, modes: int, sigma: float) -> Array:
    """Identity (K,) of the most probable shape with the head's points within `sigma` mm of it.

    Pose and coefficients together by Gauss-Newton steps on the distances to planes (robust), with
    the model's own prior N(0,1).
    """
    basis = skin.model.identity[:modes, skin.ids].double().numpy()
    identity = np.zeros(len(basis))
    pose = skin.start(shape_of(skin.model, identity), head)
    for _ in range(_FIT_STEPS):
        asked = pose.back(head.points)
        surface = SkinSurface(skin, shape_of(skin.model, identity))
        design, gap, near = surface.planes(asked)
        moved = np.einsum("knc,nc->nk", basis[:, near], surface.normals(near))
        design = np.concatenate([design, -moved], 1)
        weight = (pose.scale / sigma) ** 2 / np.maximum(1, np.abs(gap) * pose.scale / _ROBUST)
        system, right = (design.T * weight) @ design, (design.T * weight) @ gap
        system[7:, 7:] += np.eye(len(identity))
        right[7:] -= identity
        step = np.linalg.solve(system + 1e-9 * np.eye(len(system)), right)
        pose, identity = pose.after(step, asked.mean(0)), identity + step[7:]
        if np.abs(step).max() < _STILL:
            break
    return identity


def data_file(data: Path, place: str, what: str) -> Path:
    """The file DATA/place, or DATA/name.

    Raises:
        MissingFileError: neither is there.
    """
    for path in (data / place, data / Path(place).name):
        if path.is_file():
            return path
    remedy = "It belongs to the research data that DATA holds; nothing of it is in this repository."
    raise MissingFileError(str(data / place), what, remedy)
