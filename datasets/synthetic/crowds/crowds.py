"""Pictures of drawn faces in places, alone, in groups and in crowds, for face detectors."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import cache
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from ....core.errors import InputError
from ....geometry.segments import Segment
from .. import filters
from ..chance import pick, running_shares
from ..degrade import degrade_picture
from ..places import Places
from ..shards import ShardedFaces, unpack_classes
from .batch import MOST_FACES, CrowdBatch, joined, turned
from .decoys import FACE_CLASSES, CutOut, make_decoy
from .paste import paste_people, placed

Array = NDArray[Any]

_KINDS = running_shares((0.13, 0.33, 0.22, 0.09, 0.23))
_DARK = 0.1  # share of pictures in little light
_FEATHER = 0.07  # of a cut-out's side: how softly its border ends
_SEEN, _PRESENT = 0.4, 0.09  # share of the face that is seen; face over its box, before that


@dataclass(frozen=True)
class CrowdConfig:
    """What pictures are like.

    Attributes:
        size: side of the pictures, pixels; a multiple of 32.
        smallest, largest: longer side of the boxes of faces that are to be found, pixels. Up to
            `slack` smaller and larger ones teach nothing, still larger ones are no faces.
        slack: a factor.
        turned: share of pictures that lie at any angle; a network that sees all of them upright
            learns faster, and photographs can be turned.
        poor: share of pictures that are degraded.
        decoys: mean number of things that are no faces.
        views: how often a composed picture comes, mirrored, and turned as `turned` says.
    """

    size: int = 96
    smallest: float = 13.0
    largest: float = 42.0
    slack: float = 1.5
    turned: float = 0.0
    poor: float = 0.7
    decoys: float = 0.9
    views: int = 1

    def __post_init__(self) -> None:
        if self.size < 64 or self.size % 32:
            raise InputError("crowd.size", "a multiple of 32, 64 or more", str(self.size))
        if not 4 <= self.smallest < self.largest or not self.slack >= 1:
            got = f"{self.smallest:g}, {self.largest:g}, {self.slack:g}"
            raise InputError("crowd.smallest, largest, slack", "4 or more, growing; 1 or more", got)
        if self.views < 1:
            raise InputError("crowd.views", "1 or more", str(self.views))
        for name in ("turned", "poor"):
            if not 0 <= getattr(self, name) <= 1:
                raise InputError(f"crowd.{name}", "a share in [0,1]", str(getattr(self, name)))


@dataclass(frozen=True)
class _Label:
    """A face of a picture: box (4,), points (5,2), kind as in `CrowdBatch`."""

    box: Array
    points: Array
    kind: int


class CrowdMaker:
    """Composes batches; the same rows and seed give the same batch.

    Its length is that of the longest folder times their number: each gives as many faces as any
    other, so that a small one comes again.

    Args:
        folders: faces of `selfie3d synth`, versions with a segmentation; pictures without
            degradation and with a wide margin are best.
        places: what is behind.
        config: see `CrowdConfig`.
    """

    def __init__(
        self, folders: Sequence[ShardedFaces], places: Places, config: CrowdConfig
    ) -> None:
        self.folders, self.config = list(folders), config
        self._places = places

    def __len__(self) -> int:
        return len(self.folders) * max(len(folder) for folder in self.folders)

    def __call__(self, rows: Tensor, seed: int) -> CrowdBatch:
        """Pictures of which each shows the face of one of `rows` (B,), or none.

        With `views` V they are V times as many: each comes again mirrored or turned by quarters.
        """
        batch = self._composed(rows, seed)
        rng = np.random.default_rng([seed % 2**63, len(rows)])
        more = [turned(batch, rng, self.config.turned) for _ in range(self.config.views - 1)]
        return joined([batch, *more]) if more else batch

    def _composed(self, rows: Tensor, seed: int) -> CrowdBatch:
        pictures, labelled = [], []
        for k, row in enumerate(rows.tolist()):
            rng = np.random.default_rng([seed % 2**63, k])
            picture, labels = self._compose(rng, row)
            pictures.append(picture)
            labelled.append(labels)
        images = torch.from_numpy(np.stack(pictures)).permute(0, 3, 1, 2).float() / 255
        boxes, points = np.zeros((len(rows), MOST_FACES, 4)), np.zeros((len(rows), MOST_FACES, 10))
        kinds = np.zeros((len(rows), MOST_FACES), np.int64)
        for k, labels in enumerate(labelled):
            for m, label in enumerate(labels):
                boxes[k, m], points[k, m] = label.box, label.points.ravel()
                kinds[k, m] = label.kind
        return CrowdBatch(
            images.contiguous(memory_format=torch.channels_last),
            torch.from_numpy(boxes).float(),
            torch.from_numpy(points).float().unflatten(2, (5, 2)),
            torch.from_numpy(kinds),
        )

    def _compose(self, rng: np.random.Generator, row: int) -> tuple[NDArray[np.uint8], list]:
        size, kind = self.config.size, pick(rng, _KINDS)
        canvas = self._place(rng)
        owner = np.zeros((size, size), np.int32)
        roll = rng.uniform(-math.pi, math.pi) if rng.random() < self.config.turned else 0.0
        sides = self._sides(rng, kind)
        decoys = rng.poisson(self.config.decoys * (2 if kind == 0 else 1))
        jobs = [(side, True) for side in sides]
        sizes = math.log(self.config.smallest), math.log(size)
        jobs += [(math.exp(rng.uniform(*sizes)), False) for _ in range(decoys)]
        # What is larger is nearer, mostly.
        jobs.sort(key=lambda job: job[0] * float(np.exp(rng.normal(0, 0.25))))
        labels: list[_Label] = []
        areas: list[float] = []
        for n, (side, is_face) in enumerate(jobs):
            other = row if n == 0 and is_face else int(rng.integers(len(self)))
            cut, segments = self._cut_out(rng, other, kind == 4)
            if not is_face:
                cut = make_decoy(rng, cut, segments)
            label, area = self._put(rng, canvas, owner, cut, side, roll, kind == 4, len(labels) + 1)
            if is_face:
                labels.append(label)
                areas.append(area)
        labels = [_judged(k, label, areas, owner, self.config) for k, label in enumerate(labels)]
        if rng.random() < _DARK:
            canvas *= np.float32(math.exp(rng.uniform(-2.2, -0.4)))
        picture = (np.clip(canvas, 0, 255) / 255).astype(np.float32)
        if rng.random() < self.config.poor:
            return degrade_picture(rng, picture), labels
        return (picture * 255 + 0.5).astype(np.uint8), labels

    def _sides(self, rng: np.random.Generator, kind: int) -> list[float]:
        """Longer sides of the boxes of a picture's faces."""
        low, high = math.log(self.config.smallest), math.log(self.config.largest)
        if kind == 0:
            return []
        if kind == 1:
            return [math.exp(rng.uniform(low - 0.1, high + 0.1))]
        if kind == 4:  # a portrait: the drawn picture fills the frame
            return [self.config.largest * math.exp(rng.uniform(-0.2, 1.8))]
        count = int(rng.integers(2, 5)) if kind == 2 else int(rng.integers(5, MOST_FACES + 1))
        middle = rng.uniform(low, high if kind == 2 else (low + high) / 2)
        return np.exp(middle + rng.normal(0, 0.3, count)).tolist()

    def _place(self, rng: np.random.Generator) -> Array:
        """A place (S,S,3) float32 of 0..255, turned, zoomed and tinted."""
        place, size = self._places[int(rng.integers(len(self._places)))], self.config.size
        zoom = rng.uniform(0.45, 0.95) * len(place) / size
        angle = rng.normal(0, 0.15) if rng.random() < 0.7 else rng.uniform(-math.pi, math.pi)
        reach = zoom * size / 2
        middle = rng.uniform(reach, len(place) - reach, 2)
        mirror = -1.0 if rng.random() < 0.5 else 1.0
        c, s = zoom * math.cos(angle), zoom * math.sin(angle)
        linear = np.array([[mirror * c, -s], [mirror * s, c]])
        shift = middle - linear @ np.full(2, size / 2)
        source = place.astype(np.float32)
        if rng.random() < 0.15:
            source = filters.blur(source, rng.uniform(0.5, 4))
        gain = np.exp(rng.normal(0, 0.25) + rng.normal(0, 0.06, 3)).astype(np.float32)
        return filters.warp(source, np.concatenate([linear, shift[:, None]], 1), size) * gain

    def _cut_out(self, rng: np.random.Generator, row: int, whole: bool) -> tuple[CutOut, Array]:
        """The person of a row and the classes of the picture; `whole`: with the place behind."""
        folder = self.folders[row % len(self.folders)]
        row = row // len(self.folders) % len(folder)
        picture = folder.rows("image", [row])[0]
        segments = unpack_classes(folder.rows("segmentation", [row])[0])
        landmarks = folder.rows("landmarks_ibug68", [row])[0][:, :2].astype(np.float64)
        alpha = np.ones(segments.shape, np.float32)
        if not whole and rng.random() < 0.93:
            alpha = filters.blur(
                (segments != Segment.BACKGROUND).astype(np.float32)[..., None], 0.6
            )
            alpha = np.clip(alpha[..., 0] * 1.6 - 0.6, 0, 1) * _soft_border(len(segments))
        return CutOut(picture, alpha, FACE_CLASSES[segments], landmarks), segments

    def _put(
        self, rng: np.random.Generator, canvas: Array, owner: Array, cut: CutOut, side: float,
        roll: float, filling: bool, number: int,
    ) -> tuple[_Label, float]:  # fmt: skip
        """Paste one; its label, and how many pixels its face covers before anything hides it."""
        size = self.config.size
        scale = side / float(np.ptp(cut.landmarks, axis=0).max())
        tilt = (
            roll + rng.normal(0, 0.15) if filling or rng.random() < 0.85 else rng.uniform(-3.1, 3.1)
        )
        mirrored = rng.random() < 0.5
        middle = cut.landmarks.mean(0)
        reach = min(0.35 * side, size / 2)
        to = rng.uniform(reach, size - reach, 2) if rng.random() < 0.85 else rng.uniform(0, size, 2)
        if filling:
            to = size / 2 + rng.normal(0, 0.08, 2) * size
        matrix = placed(scale, tilt, mirrored, middle=middle, to=to)
        gain = np.exp(rng.normal(-0.05, 0.15) + rng.normal(0, 0.04, 3))
        if rng.random() < 0.1:
            picture = cut.picture.astype(np.float32)
            cut = replace(cut, picture=filters.blur(picture, rng.uniform(0.5, 2.5) / scale))
        paste_people(canvas, owner, cut, matrix=matrix, gain=gain, number=number)
        marks = cut.landmarks @ matrix[:, :2].T + matrix[:, 2]
        area = float(cut.face.sum()) * scale**2
        box = np.concatenate([marks.min(0), marks.max(0)])
        present = area > _PRESENT * np.prod(box[2:] - box[:2])
        return _Label(box, five_of(marks, mirrored), 1 if present else 2), area


def five_of(marks: Array, mirrored: bool) -> Array:
    """Eyes, tip of the nose and corners of the mouth (5,2) of 68 landmarks of a picture.

    An eye is the mean of its six points, as the shipped weights learnt it.

    Args:
        marks: (68,2) of ibug68.
        mirrored: the picture was mirrored after its landmarks were numbered.
    """
    five = np.stack([marks[36:42].mean(0), marks[42:48].mean(0), marks[30], marks[48], marks[54]])
    return five[[1, 0, 2, 4, 3]] if mirrored else five


def _judged(
    k: int, label: _Label, areas: Sequence[float], owner: Array, config: CrowdConfig
) -> _Label:
    """The label with its kind: hidden, cut, tiny and large faces are neither here nor there."""
    seen = float((owner == k + 1).sum()) / max(areas[k], 1.0)
    x0, y0, x1, y1 = label.box
    middle, side = ((x0 + x1) / 2, (y0 + y1) / 2), max(x1 - x0, y1 - y0)
    inside = min(middle) > 0 and max(middle) < config.size
    good = label.kind == 1 and seen >= _SEEN and inside
    if side > config.largest * config.slack:
        return _Label(np.zeros(4), np.zeros((5, 2)), 0)
    good = good and config.smallest <= side <= config.largest
    return _Label(label.box, label.points, 1 if good else 2)


@cache
def _soft_border(side: int) -> Array:
    """Weights (side,side) that fall to 0 at the border of a cut-out."""
    place = (np.arange(side) + 0.5) / side
    ramp = np.clip(np.minimum(place, 1 - place) / _FEATHER, 0, 1).astype(np.float32)
    return ramp[:, None] * ramp[None]
