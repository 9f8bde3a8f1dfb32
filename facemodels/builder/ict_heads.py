"""Heads drawn from ICT-FaceKit, laid on ours: what the population is estimated from."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from ...geometry.face_model import FaceModel
from .hm08 import Array
from .population import EYES_BEHIND
from .registration import Place, similarity

Similarity = tuple[float, Array, Array]
"""s, R, t of p -> s * p @ R + t."""

# ICT-FaceKit's vertex ranges (its README), and its eyeballs' centre behind the mean of their
# vertices, mm: they are dense at the cornea.
ICT_SKIN, TEETH = slice(0, 11248), slice(17039, 21451)
EYES = slice(21451, 23021), slice(23021, 24591)
VERTICES, BEHIND = 24591, np.array(EYES_BEHIND)


@dataclass(frozen=True)
class IctHeads:
    """Heads drawn from ICT-FaceKit, aligned with our mean in the base frame.

    place: of our vertices on its mean; frame: scale, rotation and shift from its millimetres.
    """

    ict: FaceModel
    mean: Array
    place: Place
    frame: Similarity
    on_face: NDArray[np.bool_]

    @property
    def middle(self) -> Array:
        """The mean head's vertices in the base frame."""
        scale, turn, shift = self.frame
        return scale * self.mean @ turn + shift

    def draw(self, identity: Array) -> tuple[Array, Array]:
        """One head: its skin at our vertices (V,3), and affine motions (4,3,4) of eyes and jaws."""
        moved = np.tensordot(identity.astype(np.float32), self.ict.identity.numpy(), 1)
        head = self.mean + moved[: len(self.mean)]
        scale, turn, shift = self.frame
        base, skin = self.middle, self.place.on(scale * head @ turn + shift)
        size, spin, move = similarity(skin[self.on_face], self.place.on(base)[self.on_face])
        whole = size * (scale * head @ turn + shift) @ spin + move
        return self.place.on(whole), _carried(base, whole, self.lower_teeth, (turn, shift), scale)

    @property
    def lower_teeth(self) -> NDArray[np.bool_]:
        """Which of the teeth's vertices the jaw moves."""
        opening = list(self.ict.expression_names).index("jawOpen")
        return np.linalg.norm(self.ict.expression[opening, TEETH].numpy(), axis=1) > 3


def _carried(
    base: Array, head: Array, lower: NDArray[np.bool_], frame: tuple[Array, Array], scale: float
) -> Array:
    """Affine displacements (4,3,4), model space, of eyeballs and rows of teeth from the mean."""
    origin = frame[1]
    teeth = np.arange(TEETH.start, TEETH.stop)
    parts = [np.arange(e.start, e.stop) for e in EYES] + [teeth[~lower], teeth[lower]]
    out = np.zeros((len(parts), 3, 4))
    for k, part in enumerate(parts):
        before, after = (base[part] - origin) / scale, (head[part] - origin) / scale
        middle = before.mean(0)
        arms, moved = before - middle, after - after.mean(0)
        if k < 2:  # an eyeball stays a ball
            change = ((arms * moved).sum() / (arms**2).sum() - 1) * np.eye(3)
        else:
            change = np.linalg.lstsq(arms, moved - arms, rcond=None)[0].T
        out[k, :, :3] = change
        out[k, :, 3] = after.mean(0) - middle - change @ middle
    return out


def draw_coefficients(count: int, modes: int, seed: int) -> Array:
    """Coefficients (H,M) whose mean is exactly 0 and whose covariance is exactly 1."""
    values = np.random.default_rng(seed).standard_normal((count, modes))
    values -= values.mean(0)
    return np.linalg.solve(np.linalg.cholesky(values.T @ values / count), values.T).T


def chained(first: Similarity, second: Similarity) -> Similarity:
    """The second after the first."""
    s, r, t = first
    size, turn, shift = second
    return s * size, r @ turn, size * t @ turn + shift
