"""Where the head turns, and a camera that frames it as a face detector or AFLW2000 would."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from ...core.jit import kernel
from ...geometry.crop import FRAME_PER_BOX

Array = NDArray[np.float32]

PIVOT = np.array([0.0, -14.0, -71.0], np.float32)
"""The middle of the head, mm in model space, which the camera looks at."""


@kernel
def _clip(
    points: NDArray, focal: float, centre: NDArray, depth: tuple[float, float], size: float,
    out: NDArray,
) -> None:  # fmt: skip
    scale = np.float32(focal)
    for v in range(len(points)):
        x, y, z = points[v, 0], points[v, 1], points[v, 2]
        out[v, 0] = 2 * (scale * x - centre[0] * z) / size + z
        out[v, 1] = 2 * (scale * y + centre[1] * z) / size - z
        out[v, 2] = depth[0] * z + depth[1]
        out[v, 3] = -z


@kernel
def _project(points: NDArray, focal: float, centre: NDArray, middle: float, out: NDArray) -> None:
    scale = focal / -middle
    for v in range(len(points)):
        per_mm = focal / -points[v, 2]
        out[v, 0] = centre[0] + per_mm * points[v, 0]
        out[v, 1] = centre[1] - per_mm * points[v, 1]
        out[v, 2] = (points[v, 2] - middle) * scale


@dataclass(frozen=True)
class View:
    """A perspective camera, as `geometry.camera.PerspectiveCamera` without the batch.

    Attributes:
        rotation: (3,3); translation: (3,) mm; focal: pixels; centre: (2,) pixels.
    """

    rotation: Array
    translation: Array
    focal: float
    centre: Array

    def to_camera(self, points: NDArray) -> Array:
        """Model points (N,3) in camera space."""
        return (points @ self.rotation.T + self.translation).astype(np.float32)

    def pixels(self, in_camera: NDArray) -> Array:
        """Points (N,3) of camera space as (x, y, relative depth towards the camera), pixels."""
        points, out = np.asarray(in_camera, np.float32), np.empty((len(in_camera), 3), np.float32)
        _project(points, np.float32(self.focal), self.centre, self.translation[2], out)
        return out

    def clip(self, in_camera: NDArray, size: int) -> Array:
        """Points (N,3) of camera space in clip space (N,4), near and far at 1/5 and 5 times."""
        out = np.empty((len(in_camera), 4), np.float32)
        _clip(in_camera, self.focal, self.centre, self.depth_terms, np.float32(size), out)
        return out

    @property
    def depth_terms(self) -> tuple[float, float]:
        """The clip depth of a point in camera space is the first times z, plus the second."""
        near, far = -self.translation[2] / 5, -self.translation[2] * 5
        return -(far + near) / (far - near), -2 * far * near / (far - near)

    def zoomed(self, factor: float) -> View:
        """The same view in an image `factor` times as large."""
        return View(self.rotation, self.translation, self.focal * factor, self.centre * factor)


@dataclass(frozen=True)
class Turn:
    """A head's turn in degrees: first yaw, then pitch, then roll, all about the camera's axes."""

    pitch: float
    yaw: float
    roll: float

    def matrix(self) -> Array:
        """The rotation (3,3); signs as in geometry/conventions.md."""
        p, y, r = np.deg2rad([self.pitch, self.yaw, self.roll])
        c, s = np.cos([p, y, r]), np.sin([p, y, r])
        about_x = np.array([[1, 0, 0], [0, c[0], s[0]], [0, -s[0], c[0]]])
        about_y = np.array([[c[1], 0, -s[1]], [0, 1, 0], [s[1], 0, c[1]]])
        about_z = np.array([[c[2], s[2], 0], [-s[2], c[2], 0], [0, 0, 1]])
        return (about_z @ about_x @ about_y).astype(np.float32)


def draw_turn(rng: np.random.Generator, share: float = 1.0) -> Turn:
    """Frontal in four of ten, else any yaw to 95 degrees; pitch and roll mostly small.

    Args:
        rng: chance.
        share: all three angles are multiplied by it.
    """
    yaw = rng.normal(0, 22) if rng.random() < 0.42 else rng.uniform(-95, 95)
    pitch = rng.normal(0, 14) if rng.random() < 0.7 else rng.uniform(-40, 35)
    roll = rng.normal(0, 13) if rng.random() < 0.75 else rng.uniform(-45, 45)
    limited = (min(max(a, -most), most) for a, most in ((pitch, 45), (yaw, 98), (roll, 50)))
    return Turn(*(share * float(angle) for angle in limited))


def draw_view(
    rng: np.random.Generator, turn: Turn, landmarks: NDArray, *, size: int, margin: float
) -> View:
    """A camera at 0.5 to 1.5 m, or 4 m, that frames the landmarks (68,3) as protocols do.

    The square round the landmarks' box, with sqrt(2) times its longer side, is size / margin
    pixels wide in the middle of the image, but for a loose jitter.
    """
    distance = rng.uniform(500, 1500) if rng.random() < 0.6 else 4000.0
    rotation = turn.matrix()
    translation = np.array([0, 0, -distance], np.float32) - rotation @ PIVOT
    view = View(rotation, translation.astype(np.float32), 1.0, np.zeros(2, np.float32))
    points = view.pixels(view.to_camera(landmarks))[:, :2]
    low, high = points.min(0), points.max(0)
    side = float((high - low).max()) * FRAME_PER_BOX
    focal = size / margin / side * float(np.exp(min(max(rng.normal(0, 0.04), -0.1), 0.1)))
    shift = np.clip(rng.normal(0, 0.015, 2), -0.04, 0.04) * size
    centre = size / 2 + shift - focal * (low + high) / 2
    return View(rotation, view.translation, float(np.float32(focal)), centre.astype(np.float32))
