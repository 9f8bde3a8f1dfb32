"""ICT-FaceKit's heads (Li et al. 2020, MIT), whose 100 identity modes come from scanned people.

Heads are in ICT's own frame, millimetres; which of its points each vertex of a face model is comes
from `register`, which bends the model's mean face onto ICT's.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from scipy.spatial import cKDTree
from scipy.spatial.transform import Rotation
from selfie3d.geometry.closest import ClosestPoints
from selfie3d.geometry.face_model import FaceModel
from selfie3d.geometry.mesh import face_areas
from selfie3d.geometry.nonrigid import NonrigidConfig, nonrigid_icp
from shape_figures import (
    INNER,
    INSIDE,
    NOSE_TIP,
    RADIUS,
    REACH,
    Array,
    Head,
    JudgedSkin,
    Pose,
    data_file,
    shape_of,
    similarity,
)  # fmt: skip

FACE, HEAD = 9409, 11248  # ICT's first vertices: the face, the whole head's skin
MODES = 100
_POINTS = 2000  # drawn over the face; those where the model has skin are asked
_COVERED = 3.0  # mm from a judged vertex of the registered model
_BENDING = NonrigidConfig(stiffness=(50, 20, 10, 5, 2, 1, 0.5), max_distance=12)
_ROUNDS, _LANDMARK, _RIDGE = 25, 2.0, 3.0  # of the linear fit before


@dataclass(frozen=True)
class IctHeads:
    """The model's arrays, mm: mean (V,3), faces (F,3), identity (100,V,3), expression (53,V,3)."""

    mean: Array
    faces: NDArray[np.int64]
    identity: NDArray[np.float32]
    expression: NDArray[np.float32]
    names: list[str]
    points: NDArray[np.int64]  # (68,) vertices of `ibug68`

    @classmethod
    def read(cls, data: Path) -> IctHeads:
        """From DATA/models/ict/ict_drawn24591.npz."""
        place = "models/ict/ict_drawn24591.npz"
        with np.load(data_file(data, place, "The drawn part of ICT-FaceKit")) as file:
            return cls(
                file["mean"].astype(float),
                file["faces"].astype(np.int64),
                file["identity"].astype(np.float32),
                file["expression"].astype(np.float32),
                [str(name) for name in file["names"]],
                file["landmarks"].astype(np.int64),
            )

    def vertices(self, identity: Array, expression: Array | None = None) -> Array:
        """A head (V,3)."""
        moved = np.tensordot(np.asarray(identity, np.float32), self.identity[: len(identity)], 1)
        if expression is not None:
            moved = moved + np.tensordot(np.asarray(expression, np.float32), self.expression, 1)
        return self.mean + moved

    def part(self, vertices: int) -> NDArray[np.int64]:
        """The triangles among the first vertices."""
        return self.faces[(self.faces < vertices).all(1)]

    def spread(self) -> NDArray[np.int64]:
        """Vertices of the face near the nose tip, evenly by area on the mean head."""
        faces = self.part(FACE)
        areas = face_areas(torch.from_numpy(self.mean)[None], torch.from_numpy(faces))[0].numpy()
        area = np.bincount(faces.ravel(), np.repeat(areas, 3), FACE)
        tip = self.mean[self.points[NOSE_TIP]]
        chance = area * (np.linalg.norm(self.mean[:FACE] - tip, axis=1) < RADIUS)
        random = np.random.default_rng(0)
        return np.sort(random.choice(FACE, _POINTS, False, chance / chance.sum()))


@dataclass(frozen=True)
class Registration:
    """Where the vertices of a face model lie on ICT's heads.

    Attributes:
        heads, skin: whose.
        corners, weights, offset: (V,3) ICT's vertices, their weights, and mm beside the surface.
        near: (N,) the model's judged vertices within 95 mm of the nose tip.
        asked: (A,) ICT's vertices whose distances are measured.
        scale: ICT's mm per unit of the model's, by the mean faces.
    """

    heads: IctHeads
    skin: JudgedSkin
    corners: NDArray[np.int64]
    weights: Array
    offset: Array
    near: NDArray[np.int64]
    asked: NDArray[np.int64]
    scale: float

    def place(self, head: Array) -> Array:
        """The model's vertices (V,3) on a head of ICT's, in its frame."""
        return np.einsum("nk,nkc->nc", self.weights, head[self.corners]) + self.offset

    def head(self, vertices: Array) -> Head:
        """What is asked of one of ICT's heads; landmarks where the model's lie on it."""
        return Head(vertices[self.asked], self.marks(self.place(vertices)))

    def marks(self, placed: Array) -> Array:
        """The model's landmarks (68,3) on its placed vertices; offsets are in its own mm."""
        points = self.skin.model.landmark_set("ibug68")
        offset = points.offset.numpy() * (self.scale - 1)
        return self.skin.landmarks(placed) + offset

    def score(self, shape: Array, vertices: Array) -> tuple[float, float, float]:
        """p2s, p2s with the one scale ("rigid"), distance of corresponding vertices; mm."""
        head, placed = self.head(vertices), self.place(vertices)[self.near]
        free = float(self.skin.distances(shape, head).mean())
        rigid = float(self.skin.distances(shape, head, self.scale).mean())
        moved = similarity(shape[self.near], placed).apply(shape[self.near])
        return free, rigid, float(np.linalg.norm(moved - placed, axis=1).mean())


def random_heads(count: int, seed: int) -> Array:
    """Identities (H,100), N(0,1): the first draws of the seed, as `ict_views.draw_views`."""
    return np.random.default_rng(seed).normal(size=(count, MODES))


def prepared(data: Path, model: FaceModel) -> Registration:
    """The heads of DATA with the vertices of a face model on them."""
    return register(IctHeads.read(data), JudgedSkin.of(model))


def register(heads: IctHeads, skin: JudgedSkin) -> Registration:
    """Bend a face model's mean onto ICT's mean head: its modes first, then freely."""
    mean = skin.model.mean.double().numpy()
    target = heads.mean[:HEAD]
    surface = ClosestPoints(target, heads.part(HEAD))
    shape, pose = _linear_fit(heads, skin, surface)
    bent = _bent(heads, skin, pose.apply(shape), target)
    found = surface.query(bent, exact=True)
    tip = heads.mean[heads.points[NOSE_TIP]]
    near = skin.ids[np.linalg.norm(bent[skin.ids] - tip, axis=1) < RADIUS]
    spread = heads.spread()
    covered = cKDTree(bent[near]).query(heads.mean[spread])[0] < _COVERED
    scale = similarity(mean[near], bent[near]).scale
    offset = bent - found.points
    return Registration(
        heads, skin, found.corners, found.weights, offset, near, spread[covered], scale
    )


def _linear_fit(heads: IctHeads, skin: JudgedSkin, surface: ClosestPoints) -> tuple[Array, Pose]:
    """Shape (V,3) and pose of the model's best likeness of ICT's mean head."""
    model, rows = skin.model, skin.ids[::3]
    basis = model.identity.double().numpy()
    zero = skin.landmarks(np.zeros_like(model.mean.double().numpy()))
    marked = np.array([skin.landmarks(mode) - zero for mode in basis]).reshape(-1, 68, 3)
    valid = INNER[model.landmark_set("ibug68").valid.numpy()[INNER]]
    goal, values = heads.mean[heads.points[valid]], np.zeros(len(basis))
    pose = similarity(skin.landmarks(shape_of(model, values))[valid], goal)
    for _ in range(_ROUNDS):
        shape = shape_of(model, values)
        at, marks = pose.apply(shape[rows]), pose.apply(skin.landmarks(shape)[valid])
        step = _linear_step(
            pose, surface, at, basis[:, rows], marks, marked[:, valid], goal, values
        )
        pose, values = _grown(pose, step[:7], at.mean(0)), values + step[7:]
    return shape_of(model, values), pose


def _linear_step(
    pose: Pose, surface: ClosestPoints, at: Array, basis: Array, marks: Array, marked: Array,
    goal: Array, values: Array,
) -> Array:  # fmt: skip
    """Turn (3), shift (3), growth, coefficients: planes of the nearest points, and landmarks."""
    found = surface.query(at)
    middle, inside = at.mean(0), ~found.on_border
    parts = [(at, found.points, found.normals, basis, inside.astype(float))]
    for axis in np.eye(3):
        normals = np.tile(axis, (len(marks), 1))
        parts.append((marks, goal, normals, marked, np.full(len(marks), _LANDMARK)))
    size = 7 + len(values)
    system, right = 1e-6 * np.eye(size), np.zeros(size)
    for points, goals, normals, modes, weight in parts:
        p = points - middle
        turned = pose.scale * np.einsum("kvc,vc->vk", modes, normals @ pose.rotation)
        columns = np.cross(p, normals) / REACH, normals, (p * normals).sum(1)[:, None] / REACH
        design = np.concatenate([*columns, turned], 1)
        system += (design * weight[:, None]).T @ design
        right += (design * weight[:, None]).T @ ((goals - points) * normals).sum(1)
    system[7:, 7:] += _RIDGE * np.eye(len(values))
    right[7:] -= _RIDGE * values
    return np.linalg.solve(system, right)


def _grown(pose: Pose, step: Array, middle: Array) -> Pose:
    turn, grow = Rotation.from_rotvec(step[:3] / REACH).as_matrix(), float(np.exp(step[6] / REACH))
    shift = grow * turn @ (pose.translation - middle) + middle + step[3:6]
    return Pose(grow * pose.scale, turn @ pose.rotation, shift)


def _bent(heads: IctHeads, skin: JudgedSkin, placed: Array, target: Array) -> Array:
    """The placed mean (V,3) with its face, ears too, bent onto the target."""
    model = skin.model
    face = JudgedSkin.of(model, INSIDE)
    marks, points = skin.landmarks(placed), model.landmark_set("ibug68")
    new = np.full(len(placed), -1)
    new[face.ids] = np.arange(len(face.ids))
    ids, goals = [], []
    for k in INNER[points.valid.numpy()[INNER]]:
        vertex = int(points.vertices[k, points.weights[k].argmax()])
        if new[vertex] >= 0:
            ids.append(int(new[vertex]))
            goals.append(placed[vertex] + heads.mean[heads.points[k]] - marks[k])
    held = (np.array(ids), np.array(goals))
    bent = placed.copy()
    bent[face.ids] = nonrigid_icp(
        placed[face.ids], face.faces, target, heads.part(HEAD), landmarks=held, config=_BENDING
    )
    return bent
