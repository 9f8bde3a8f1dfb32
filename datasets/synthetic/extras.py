"""Teeth, neck, shoulders and glasses."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from .chance import one_of
from .colours import cloth_colour
from .pose import Turn, View
from .surface import Surface, grid_faces

_TOOTH_COLUMNS = 25
_TOOTH_FACES = grid_faces(3, _TOOTH_COLUMNS)
_TORSO_ROWS, _TORSO_COLUMNS = 14, 32
_TORSO_FACES = grid_faces(_TORSO_ROWS, _TORSO_COLUMNS, closed=True)
_TUBE = 4
_RIM = 22


def draw_teeth(rng: np.random.Generator, rest: NDArray, face: NDArray) -> list[Surface]:
    """Both rows of teeth for landmarks (68,3) of the resting and the moving face, mm."""
    colour = np.array([0.8, 0.76, 0.68]) * rng.uniform(0.45, 1)
    across = np.linspace(-1, 1, _TOOTH_COLUMNS)
    gaps = 1 - 0.18 * (np.abs(((across + 1) * 5) % 1 - 0.5) < 0.12)
    half = (rest[54, 0] - rest[48, 0]) / 2 * 0.86
    depth = (rest[62, 2] + rest[66, 2]) / 2 - rng.uniform(9, 14)
    drop = face[8] - rest[8]
    rows = []
    for upper in (True, False):
        if rng.random() < 0.06:
            continue
        middle = rest[62] if upper else rest[66] + drop
        z = depth if upper else depth - 2 + drop[2]
        heights = np.array([7, -2, -8.5] if upper else [6, 0, -8.0])
        curve = z - 0.32 * half / 20 * across[None] ** 2 * 80
        points = np.stack(np.broadcast_arrays(
            middle[0] + across[None] * half, middle[1] + heights[:, None], curve), -1)  # fmt: skip
        dark = np.array([0.75, 1, 1] if upper else [1, 1, 0.75])[:, None, None]
        shade = colour * gaps[None, :, None] * dark * (1 - 0.5 * across[None, :, None] ** 2)
        rows.append(Surface.plain(points.reshape(-1, 3), _TOOTH_FACES, shade.reshape(-1, 3), 0.1))
    return rows


def draw_neck(ring: NDArray, colours: NDArray) -> Surface:
    """The neck below a head: from a ring (n,3) of its vertices, coloured (n,3), downwards."""
    middle = ring.mean(0)
    out = (ring - middle) * [1, 0, 1]
    rows = [
        middle + 0.985 * (ring - middle),
        middle + [0, -35, -10] + 0.97 * out,
        middle + [0, -75, -14] + 1.1 * out,
        middle + [0, -120, -12] + 1.5 * out,
    ]
    points = np.concatenate(rows)
    faces = grid_faces(len(rows), len(ring), closed=True)
    return Surface.plain(points, faces, np.tile(colours, (len(rows), 1)), 0.05)


def draw_torso(rng: np.random.Generator, turn: Turn, view: View, skin: NDArray) -> Surface:
    """Shoulders in clothes, in camera space; they follow the head's turn by some part."""
    around = np.arange(_TORSO_COLUMNS) / _TORSO_COLUMNS * 2 * np.pi
    u, v = np.meshgrid(np.linspace(0, np.pi * 0.75, _TORSO_ROWS), around, indexing="ij")

    def bent(values: NDArray, power: float) -> NDArray:
        return np.sign(values) * np.abs(values) ** power

    points = np.stack([bent(np.sin(u) * np.sin(v), 0.8) * rng.uniform(150, 230),
                       (bent(np.cos(u), 0.7) - 1) * rng.uniform(50, 90) + rng.uniform(-8, 14),
                       np.sin(u) * np.cos(v) * rng.uniform(70, 110)], -1)  # fmt: skip
    colour = cloth_colour(rng) * np.exp(rng.normal(0, one_of(rng, (0.03, 0.3)), (*u.shape, 1)))
    kind = rng.random()
    if kind < 0.3:  # a low neckline
        colour = np.where(np.arange(_TORSO_ROWS)[:, None, None] < rng.integers(3, 7), skin, colour)
    elif kind < 0.5:  # a jacket over a shirt
        open_front = np.abs((v + np.pi) % (2 * np.pi) - np.pi) < rng.uniform(0.2, 0.7)
        colour = np.where(open_front[..., None], cloth_colour(rng), colour)
    elif kind < 0.65:  # stripes
        stripe = (np.arange(_TORSO_ROWS) % 2 == 0)[:, None, None]
        colour = np.where(stripe, cloth_colour(rng), colour)
    follow = rng.uniform(0, 1)
    own = Turn(turn.pitch * 0.3, turn.yaw * follow + rng.normal(0, 10), turn.roll * rng.uniform())
    neck = view.to_camera(np.array([[0, -148.0 - rng.uniform(0, 25), -112]]))
    return Surface.plain(points.reshape(-1, 3) @ own.matrix().T + neck, _TORSO_FACES,
                         colour.reshape(-1, 3))  # fmt: skip


def draw_glasses(rng: np.random.Generator, marks: NDArray) -> list[Surface]:
    """Sheets of a pair of glasses on landmarks (68,3), mm in model space."""
    dark = rng.random() < 0.45
    rx, ry = rng.uniform(19, 28), rng.uniform(13, 24)
    power = rng.uniform(0.5, 1)
    thick = one_of(rng, (0.7, 1.2, 2.2))
    colour = rng.uniform(0, 0.08, 3) if rng.random() < 0.75 else rng.uniform(0, 0.7, 3)
    opacity = rng.uniform(0.65, 1) if dark else rng.uniform(0.0, 0.15)
    glass = colour * 0.3 + rng.uniform(0, 0.02, 3) if dark else np.full(3, 0.6)
    front = max(float(marks[36:48, 2].max()) + 11, float(marks[27, 2]) + 2)
    t = np.linspace(0, 2 * np.pi, _RIM)
    sheets, inner = [], []
    for side, eye in ((-1, marks[36:42].mean(0)), (1, marks[42:48].mean(0))):
        x = eye[0] + side * 3 + rx * _bent(np.cos(t), power)
        y = eye[1] - 3 + ry * _bent(np.sin(t), power)
        z = front - 0.25 * np.clip(np.abs(x) - 30, 0, 100) - 0.0 * y
        rim = np.stack([x, y, z], 1)
        if opacity > 0.02:
            sheets.append(_lens(rim, glass, opacity, float(rng.uniform(0.3, 1.0))))
        outer = rim[np.argmax(side * x)]
        inner.append(rim[np.argmin(side * x)])
        hinge = np.array([side * 73.0, eye[1] - 2, -45.0])
        bend = np.array([side * 76.0, eye[1] - 12, -95.0])
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
    return Surface.plain(points, faces, colour, gloss, _constant_sheet(len(points), opacity))


def _tube(path: NDArray, radius: float, colour: NDArray) -> Surface:
    """A square tube along a path (n,3)."""
    along = np.gradient(path, axis=0)
    along /= np.linalg.norm(along, axis=1, keepdims=True) + 1e-9
    one = np.cross(along, [0.3, 0.4, 1.0])
    one /= np.linalg.norm(one, axis=1, keepdims=True) + 1e-9
    two = np.cross(along, one)
    turn = np.arange(_TUBE) / _TUBE * 2 * np.pi
    ring = one[:, None] * np.cos(turn)[None, :, None] + two[:, None] * np.sin(turn)[None, :, None]
    points = (path[:, None] + radius * ring).reshape(-1, 3)
    return Surface.plain(points, grid_faces(len(path), _TUBE, closed=True), colour, 0.25,
                         _constant_sheet(len(points), 1.0))  # fmt: skip
