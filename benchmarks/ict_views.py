"""How ICT-FaceKit's heads are seen in the shape benchmarks: expressions, turns, distances, cameras.

Every head is seen eight times: four times neutral, four times with expressions; each four once from
the front, once from either side and once at random, yaw within 40 degrees.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
from ict_heads import FACE, MODES, IctHeads
from numpy.typing import NDArray
from selfie3d.geometry.camera import PerspectiveCamera
from selfie3d.geometry.rotation import euler_to_matrix
from shape_figures import Array

VIEWS, NEUTRAL = 8, 4  # of a head; the first ones without expression
SIDE = 384  # pixels of a picture
_NEAR, _FAR = 400.0, 1400.0  # mm to the camera
_HEIGHT = 190.0  # mm, of a face in a picture


@dataclass(frozen=True)
class Views:
    """H heads in eight views each.

    Attributes:
        identity: (H,100). expression: (H,8,53). turns: (H,8,3) degrees, pitch, yaw, roll.
        distance: (H,8) mm.
    """

    identity: Array
    expression: Array
    turns: Array
    distance: Array

    def of_one(self, heads: IctHeads, head: int, view: int) -> Array:
        """The vertices (V,3) that one view shows."""
        expression = self.expression[head, view] if view >= NEUTRAL else None
        return heads.vertices(self.identity[head], expression)

    def camera(
        self, vertices: Array, head: int, view: int, random: np.random.Generator
    ) -> PerspectiveCamera:
        return camera_at(vertices, self.turns[head, view], self.distance[head, view], random)


def draw_views(heads: IctHeads, count: int, seed: int) -> Views:
    """Heads from N(0,1) over ICT's modes; equal arguments give equal views."""
    random = np.random.default_rng(seed)
    identity = random.normal(size=(count, MODES))
    expression = np.zeros((count, VIEWS, len(heads.names)))
    for head in range(count):
        for view in range(NEUTRAL, VIEWS):
            expression[head, view] = _expression(heads.names, random)
    yaw = np.empty((count, VIEWS))
    sides = random.choice([-1, 1], (count, 2))
    for part, first in enumerate((0, NEUTRAL)):
        yaw[:, first] = random.uniform(-8, 8, count)
        yaw[:, first + 1] = sides[:, part] * random.uniform(10, 40, count)
        yaw[:, first + 2] = -sides[:, part] * random.uniform(10, 40, count)
        yaw[:, first + 3] = random.uniform(-40, 40, count)
    turns = np.stack([random.normal(0, 8, yaw.shape), yaw, random.normal(0, 6, yaw.shape)], -1)
    distance = np.exp(random.uniform(np.log(_NEAR), np.log(_FAR), yaw.shape))
    return Views(identity, expression, turns, distance)


def _expression(names: list[str], random: np.random.Generator) -> Array:
    """Weights (53,) of two to five blendshapes, both sides nearly alike, often with a smile."""
    column = {name: k for k, name in enumerate(names)}
    stems = sorted({n[:-2] if n[-2:] in ("_L", "_R") else n for n in names if "eyeLook" not in n})
    weights = np.zeros(len(names))
    for stem in random.choice(stems, random.integers(2, 6), False):
        strength = random.uniform(0.15, 0.7)
        for name in (stem, stem + "_L", stem + "_R"):
            if name in column:
                weights[column[name]] = np.clip(strength + 0.08 * random.normal(), 0, 1)
    if random.random() < 0.4:
        for name in ("mouthSmile_L", "mouthSmile_R"):
            weights[column[name]] = random.uniform(0.3, 0.9)
    # Lips that close need a jaw that is open.
    closed, opened = column["mouthClose"], column["jawOpen"]
    weights[closed] = min(weights[closed], weights[opened])
    return weights


def camera_at(
    vertices: Array, turn: NDArray[np.floating], distance: float, random: np.random.Generator
) -> PerspectiveCamera:
    """A camera at so many mm that looks at the middle of the face; turn (3,) in degrees."""
    rotation = euler_to_matrix(torch.from_numpy(np.deg2rad(turn))[None])[0].numpy()
    share = random.uniform(0.42, 0.6)  # of the picture's side, the face's height
    focal = share * SIDE * distance / _HEIGHT
    shift = np.array([0, 0, -distance]) - rotation @ vertices[:FACE].mean(0)
    centre = SIDE / 2 + random.uniform(-0.04, 0.04, 2) * SIDE
    arrays = (rotation, shift, focal, centre)
    return PerspectiveCamera(*(torch.from_numpy(np.asarray(a, np.float32))[None] for a in arrays))
