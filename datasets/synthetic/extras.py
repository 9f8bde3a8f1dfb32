"""Neck, shoulders and glasses."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache

import numpy as np
from numpy.typing import NDArray
from scipy.ndimage import uniform_filter1d

from ...geometry.segments import Segment
from .chance import one_of
from .colours import cloth_colour
from .pose import Turn, View
from .surface import Surface, grid_faces

_INSIDE, _RIM_SCALE = np.array([[0.97, 1, 0.97], [0.997, 1, 0.997]])
_TORSO_ROWS, _TORSO_COLUMNS = 14, 32
_TORSO_FACES = grid_faces(_TORSO_ROWS, _TORSO_COLUMNS, closed=True)
_TUBE = 4
_RIM = 22


def draw_neck(ends: NDArray, colours: NDArray, kinds: NDArray) -> Surface:
    """The neck below a head.

    Args:
        ends: (2,N,3) the points round its end, then points a little above them, mm.
        colours: (N,3) there, linear light; kinds: (N,) classes there.
    """
    ring, above = ends.astype(np.float64)
    along = uniform_filter1d(ring - above, 7, axis=0, mode="wrap")
    along /= np.linalg.norm(along, axis=1, keepdims=True) + 1e-9
    middle = ring.mean(0) * [1, 0, 1]
    rows = [middle + (ring - 6 * along - middle) * _INSIDE, middle + (ring - middle) * _RIM_SCALE]
    for length, straight in ((5, 0.85), (9, 0.5), (14, 0.2), (70, 0.0)):
        way = straight * along + (1 - straight) * np.array([0, -1, 0])
        rows.append(rows[-1] + length * way)
    points = np.concatenate(rows)
    faces = grid_faces(len(rows), len(ring), closed=True)
    neck = Surface.plain(points, faces, np.tile(colours, (len(rows), 1)), 0.05)
    return neck.classified(np.tile(kinds, len(rows)))


@dataclass(frozen=True)
class Stance:
    """How the body stands under the head: about a pivot at the neck's base, in camera space.

    Attributes:
        rotation: (3,3) of model space into camera space.
        pivot: (3,) in model space; at: (3,) where it lies in camera space.
    """

    rotation: NDArray
    pivot: NDArray
    at: NDArray

    def place(self, points: NDArray) -> NDArray:
        """Points (N,3) of the upright body, mm in model space, in camera space."""
        moved: NDArray = (points - self.pivot) @ self.rotation.T + self.at
        return moved


def draw_stance(rng: np.random.Generator, turn: Turn, view: View) -> Stance:
    """A body that follows the head's turn by some part."""
    follow = rng.uniform(0, 1)
    body = Turn(turn.pitch * 0.3, turn.yaw * follow + rng.normal(0, 10), turn.roll * rng.uniform())
    pivot = np.array([0, -146.0 - rng.uniform(0, 25), -106])
    return Stance(body.matrix(), pivot, view.to_camera(pivot[None])[0])


def draw_torso(rng: np.random.Generator, stance: Stance, skin: NDArray) -> Surface:
    """Shoulders in clothes, in camera space."""
    points = _shoulders(rng.uniform(160, 240), rng.uniform(50, 90), rng.uniform(70, 110))
    points[..., 1] += rng.uniform(-8, 14)
    shape = points.shape[:2]
    around = np.arange(_TORSO_COLUMNS) / _TORSO_COLUMNS * 2 * np.pi
    colour = cloth_colour(rng) * np.exp(rng.normal(0, one_of(rng, (0.03, 0.3)), (*shape, 1)))
    kind, bare = rng.random(), 0
    if kind < 0.3:  # a low neckline
        bare = int(rng.integers(3, 7))
        colour = np.where(np.arange(_TORSO_ROWS)[:, None, None] < bare, skin, colour)
    elif kind < 0.5:  # a jacket over a shirt
        open_front = np.abs((around + np.pi) % (2 * np.pi) - np.pi) < rng.uniform(0.2, 0.7)
        colour = np.where(open_front[None, :, None], cloth_colour(rng), colour)
    elif kind < 0.65:  # stripes
        stripe = (np.arange(_TORSO_ROWS) % 2 == 0)[:, None, None]
        colour = np.where(stripe, cloth_colour(rng), colour)
    return _body(stance, points.reshape(-1, 3) + stance.pivot, colour.reshape(-1, 3), bare)


def draw_chest(clothes: NDArray, stance: Stance, skin: NDArray, cloth: NDArray) -> Surface:
    """What clothes let through: skin above, and cloth where they end; in camera space.

    Args:
        clothes: (n,3) mm in model space. stance: how the body stands.
        skin, cloth: (3,) linear light.
    """
    low, high = clothes.min(0), clothes.max(0)
    points = _shoulders((high[0] - low[0]) * 0.33, 140.0, (high[2] - low[2]) * 0.31)
    points += [0, high[1] - 34, (high[2] + low[2]) / 2]
    covered = points[..., 1:2] < low[1] + 15
    points[..., [0, 2]] *= np.where(covered, 1.4, 1.0)
    colour = np.where(covered, cloth, skin)
    torso = _body(stance, points.reshape(-1, 3), colour.reshape(-1, 3), 0)
    return torso.classified(
        np.where(covered.ravel(), int(Segment.CLOTHES), int(Segment.NECK)).astype(np.uint8)
    )


def _shoulders(wide: float, high: float, deep: float) -> NDArray[np.float64]:
    """Points (rows,columns,3) of a rounded box, its top at the origin."""
    return _rounded_box() * np.array([wide, high, deep])


@cache
def _rounded_box() -> NDArray[np.float64]:
    around = np.arange(_TORSO_COLUMNS) / _TORSO_COLUMNS * 2 * np.pi
    u, v = np.meshgrid(np.linspace(0, np.pi * 0.75, _TORSO_ROWS), around, indexing="ij")
    across, along = _bent(np.sin(u) * np.sin(v), 0.8), np.sin(u) * np.cos(v)
    return np.stack([across, _bent(np.cos(u), 0.7) - 1, along], -1)


def _body(stance: Stance, points: NDArray, colour: NDArray, bare: int) -> Surface:
    torso = Surface.plain(stance.place(points), _TORSO_FACES, colour)
    kinds = np.full(len(points), int(Segment.CLOTHES), np.uint8)
    kinds[: bare * _TORSO_COLUMNS] = int(Segment.NECK)
    return torso.classified(kinds)


def draw_glasses(rng: np.random.Generator, marks: NDArray) -> list[Surface]:
    """Sheets of a pair of glasses on landmarks (68,3), mm in model space."""
    dark = rng.random() < 0.45
    rx, ry = rng.uniform(21, 30), rng.uniform(14, 26)
    power = rng.uniform(0.5, 1)
    thick = one_of(rng, (0.7, 1.2, 2.2))
    colour = rng.uniform(0, 0.08, 3) if rng.random() < 0.75 else rng.uniform(0, 0.7, 3)
    opacity = rng.uniform(0.65, 1) if dark else rng.uniform(0.0, 0.15)
    glass = colour * 0.3 + rng.uniform(0, 0.02, 3) if dark else np.full(3, 0.6)
    front = max(float(marks[36:48, 2].max()) + 12, float(marks[27, 2]) + 2)
    t = np.linspace(0, 2 * np.pi, _RIM)
    sheets, inner = [], []
    for side, eye in ((-1, marks[36:42].mean(0)), (1, marks[42:48].mean(0))):
        x = eye[0] + side * 3 + rx * _bent(np.cos(t), power)
        y = eye[1] - 3 + ry * _bent(np.sin(t), power)
        z = front - 0.25 * np.clip(np.abs(x) - 33, 0, 100)
        rim = np.stack([x, y, z], 1)
        if opacity > 0.02:
            sheets.append(_lens(rim, glass, opacity, float(rng.uniform(0.3, 1.0))))
        outer = rim[np.argmax(side * x)]
        inner.append(rim[np.argmin(side * x)])
        temple = marks[16 if side > 0 else 0]
        hinge = np.array([temple[0] + side * 4.5, eye[1] - 2, temple[2] + 10])
        bend = np.array([temple[0] + side * 8.0, eye[1] - 12, temple[2] - 46])
        sheets += [_tube(rim, thick, colour), _tube(np.stack([outer, hinge, bend]), thick, colour)]
    sheets.append(_tube(np.stack([inner[0], (inner[0] + inner[1]) / 2 + [0, 2, 3], inner[1]]),
                        thick, colour))  # fmt: skip
    return sheets


def _bent(values: NDArray, power: float) -> NDArray:
    return np.sign(values) * np.abs(values) ** power


def _constant_sheet(count: int, opacity: float) -> NDArray[np.float32]:
    sheet = np.zeros((count, 5), np.float32)
    sheet[:, 0], sheet[:, 4] = opacity, 5
    return sheet


def _lens(rim: NDArray, colour: NDArray, opacity: float, gloss: float) -> Surface:
    middle = rim.mean(0) + np.array([0, 0, 2.0])
    points = np.vstack([middle, rim])
    k = np.arange(1, len(rim))
    faces = np.stack([np.zeros_like(k), k, k + 1], 1).astype(np.int32)
    sheet = _constant_sheet(len(points), opacity)
    return Surface.plain(points, faces, colour, gloss, sheet, kind=Segment.GLASSES)


def _tube(path: NDArray, radius: float, colour: NDArray) -> Surface:
    """A square tube along a path (n,3)."""
    along = np.gradient(path, axis=0)
    along /= np.linalg.norm(along, axis=1, keepdims=True) + 1e-9
    across = np.cross(along, [0.3, 0.4, 1.0])
    across /= np.linalg.norm(across, axis=1, keepdims=True) + 1e-9
    beside = np.cross(along, across)
    turn = np.arange(_TUBE) / _TUBE * 2 * np.pi
    ring = (
        across[:, None] * np.cos(turn)[None, :, None]
        + beside[:, None] * np.sin(turn)[None, :, None]
    )
    points = (path[:, None] + radius * ring).reshape(-1, 3)
    return Surface.plain(points, grid_faces(len(path), _TUBE, closed=True), colour, 0.25,
                         _constant_sheet(len(points), 1.0), kind=Segment.GLASSES)  # fmt: skip
