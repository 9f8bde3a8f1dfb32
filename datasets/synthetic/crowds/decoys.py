"""What is no face though much of it looks like one: heads without faces, shuffled faces, balls."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ....geometry.segments import Segment
from .. import filters, shapes
from ..chance import pick, running_shares
from ..places import skin_tone

Array = NDArray[Any]

FACE_CLASSES = np.zeros(16, bool)
"""Classes that a face shows where nothing hides it."""
FACE_CLASSES[[Segment.SKIN, Segment.BROWS, Segment.SCLERA, Segment.IRIS, Segment.LIPS,
              Segment.TEETH, Segment.MOUTH, Segment.BEARD, Segment.GLASSES]] = True  # fmt: skip

_KINDS = running_shares((0.17, 0.15, 0.15, 0.22, 0.13, 0.18))
_EARS = (0, 1, 2, 14, 15, 16)  # of ibug68, beside them
_SIDE = 96


@dataclass(frozen=True)
class CutOut:
    """Something to be pasted.

    Attributes:
        picture: (h,w,3) uint8 or float32 of 0..255. alpha: (h,w) float32, what of it is pasted.
        face: (h,w) bool, where its face is seen.
        landmarks: (68,2) of ibug68, pixels.
    """

    picture: Array
    alpha: Array
    face: Array
    landmarks: Array

    @property
    def box(self) -> Array:
        """(4,) x0, y0, x1, y1 round the landmarks."""
        return np.concatenate([self.landmarks.min(0), self.landmarks.max(0)])


def make_decoy(rng: np.random.Generator, person: CutOut, segments: Array) -> CutOut:
    """Something that is no face, from a person's cut-out and its classes (h,w), or a ball."""
    kind = pick(rng, _KINDS)
    nowhere = np.zeros_like(person.face)
    if kind == 0:  # clothes, neck and hair alone
        kept = person.alpha * ~FACE_CLASSES[segments]
        return CutOut(person.picture, kept, nowhere, person.landmarks)
    if kind == 1:
        return CutOut(_smooth_face(rng, person), person.alpha, nowhere, person.landmarks)
    if kind == 2:
        return CutOut(_shuffled(rng, person), person.alpha, nowhere, person.landmarks)
    if kind == 3:
        return _part(rng, person)
    return _ball(rng) if kind == 4 else _pattern(rng)


def _smooth_face(rng: np.random.Generator, person: CutOut) -> Array:
    """The face without features: what is left of its shading, as on the back of a bald head."""
    picture = person.picture.astype(np.float32)
    x0, y0, x1, y1 = person.box
    blurred = filters.blur(picture, 0.35 * max(x1 - x0, y1 - y0))
    soft = filters.blur(person.face.astype(np.float32)[..., None], 2.0)
    noise = 1 + 0.05 * filters.smooth_noise(rng, len(picture), 24)
    return picture + soft * (blurred * noise - picture)


def _shuffled(rng: np.random.Generator, person: CutOut) -> Array:
    """The face's box cut in 2 x 2 to 4 x 4 parts that have changed their places."""
    picture = person.picture.copy()
    limit = len(picture)
    x0, y0, x1, y1 = np.clip(person.box.round().astype(int), 0, limit)
    count = int(rng.integers(2, 5))
    wide, high = (x1 - x0) // count, (y1 - y0) // count
    if min(wide, high) < 1:
        return picture
    parts = [
        picture[y0 + r * high : y0 + (r + 1) * high, x0 + c * wide : x0 + (c + 1) * wide].copy()
        for r in range(count)
        for c in range(count)
    ]
    step = int(rng.integers(1, len(parts)))
    for k in range(len(parts)):
        r, c = divmod(k, count)
        picture[y0 + r * high : y0 + (r + 1) * high, x0 + c * wide : x0 + (c + 1) * wide] = parts[
            (k + step) % len(parts)
        ]
    return picture


def _part(rng: np.random.Generator, person: CutOut) -> CutOut:
    """A square of a head, at most a half of its face's width: an ear, an eye, a mouth, a cheek."""
    x0, y0, x1, y1 = person.box
    side = rng.uniform(0.2, 0.5) * max(x1 - x0, y1 - y0)
    middle = person.landmarks[_EARS[int(rng.integers(len(_EARS)))]]
    if rng.random() < 0.5:
        middle = rng.uniform([x0, y0], [x1, y1])
    limit = len(person.picture)
    left, top = np.clip((middle - side / 2).astype(int), 0, limit - 4)
    rows, columns = slice(top, top + int(side) + 4), slice(left, left + int(side) + 4)
    alpha = np.zeros_like(person.alpha)
    alpha[rows, columns] = 1
    marks = np.array([[left, top], [left + side, top + side]], float)[np.arange(68) % 2]
    return CutOut(person.picture, alpha, np.zeros_like(person.face), marks)


def _pattern(rng: np.random.Generator) -> CutOut:
    """Petals, rings, checks or knots of three colours, round or square: flowers, buttons, cloth."""
    y, x = (np.mgrid[:_SIDE, :_SIDE] + 0.5) / _SIDE - 0.5
    c, s = np.cos(rng.uniform(0, np.pi)), np.sin(rng.uniform(0, np.pi))
    x, y = c * x - s * y + rng.normal(0, 0.08), s * x + c * y + rng.normal(0, 0.08)
    far, way = np.hypot(x, y), np.arctan2(y, x)
    waves = (
        np.cos(rng.integers(2, 9) * way + rng.uniform(-20, 20) * far),
        np.cos(rng.uniform(8, 50) * far + rng.uniform(0, 6)),
        np.cos(rng.uniform(8, 50) * x) * np.cos(rng.uniform(8, 50) * y),
        np.cos(rng.uniform(8, 50) * x + rng.uniform(0, 3) * np.cos(rng.uniform(8, 40) * y)),
    )
    first, second = rng.integers(len(waves)), rng.integers(len(waves))
    colours = [skin_tone(rng) if rng.random() < 0.4 else rng.uniform(0, 1, 3) for _ in range(3)]
    share = np.tanh(rng.uniform(0.5, 5) * waves[first])[..., None] * 0.5 + 0.5
    over = np.tanh(rng.uniform(0.5, 5) * waves[second] - rng.uniform(0, 1))[..., None] * 0.5 + 0.5
    picture = colours[0] + share * (colours[1] - colours[0])
    picture = picture + over * (colours[2] - picture)
    picture = picture * (1 + 0.2 * filters.smooth_noise(rng, _SIDE, 5))
    mask = np.ones((_SIDE, _SIDE), np.float32)
    if rng.random() < 0.6:
        mask = (far < rng.uniform(0.3, 0.5)).astype(np.float32)
    marks = (np.array([[0.2, 0.2], [0.8, 0.8]]) * _SIDE)[np.arange(68) % 2]
    bright = np.clip(picture, 0, 1).astype(np.float32) * 255
    return CutOut(bright, mask, np.zeros(mask.shape, bool), marks)


def _ball(rng: np.random.Generator) -> CutOut:
    """A shaded ellipse, often of the colour of skin, with a cap, spots or stripes at times."""
    mask = np.zeros((_SIDE, _SIDE), np.float32)
    middle, radii = np.full(2, _SIDE / 2), tuple(rng.uniform(0.55, 1, 2) * 0.38 * _SIDE)
    angle = rng.uniform(0, np.pi)
    shapes.ellipse(mask, middle, (float(radii[0]), float(radii[1])), angle)
    tone = skin_tone(rng) if rng.random() < 0.6 else rng.uniform(0, 1, 3)
    y, x = np.mgrid[:_SIDE, :_SIDE] / _SIDE - 0.5
    way = rng.normal(0, 1, 2)
    shade = 1 + rng.uniform(0, 1.2) * (way[0] * x + way[1] * y) - rng.uniform(0, 2) * (x**2 + y**2)
    picture = np.clip(tone * shade[..., None], 0, 1).astype(np.float32)
    for _ in range(int(rng.integers(0, 6))):
        spot = np.zeros_like(mask)
        at = middle + rng.normal(0, 0.2, 2) * _SIDE
        size = rng.uniform(0.02, 0.25, 2) * _SIDE
        shapes.ellipse(spot, at, (float(size[0]), float(size[1])), rng.uniform(0, np.pi))
        shapes.paint(picture, spot, rng.uniform(0, 1, 3))
    corners = np.array([[0.2, 0.2], [0.8, 0.8]]) * _SIDE
    marks = corners[np.arange(68) % 2]
    return CutOut(picture * 255, mask, np.zeros(mask.shape, bool), marks)
