"""The frames that a person's texture is made of: the best of each side that was shown."""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass, replace

import numpy as np
import torch
from numpy.typing import NDArray

from ...detect.face import Face
from ...geometry.crop import Crop
from ..face import ReconstructedFace
from ..network.regress import RegressedFace
from ..person import as_one_person
from ..reconstructor import Reconstructor
from .followed import SeenPerson
from .identity import RunningIdentity
from .pose import HeadPose

_YAWS = (-45.0, -15.0, 15.0, 45.0)  # degrees between the sides
_BETTER = 1.1  # times the score of the frame that is kept, for another one to take its place
_SHARP = 2.5  # pixels per mm beyond which more say nothing new
_WIDE = 2.8  # side of the part of a frame that is kept, over that of the face's crop
_FIVE = ((36, 42), (42, 48), (30, 31), (48, 49), (54, 55))  # of ibug68: eyes, nose, mouth


@dataclass(frozen=True)
class View:
    """A person in a part of a frame.

    Attributes:
        picture: (h,w,3) the part.
        corner: (x,y) of it in the frame, pixels.
        size: (width, height) of the frame.
        face: in pixels of the part.
        frame: its number.
        score: how well the face is seen.
    """

    picture: NDArray[np.uint8]
    corner: tuple[int, int]
    size: tuple[int, int]
    face: RegressedFace
    frame: int
    score: float


class BestViews:
    """The best view of each side of one person."""

    def __init__(self) -> None:
        self._views: dict[int, View] = {}

    def __iter__(self) -> Iterator[View]:
        """The views, best first."""
        return iter(sorted(self._views.values(), key=lambda view: -view.score))

    def __len__(self) -> int:
        return len(self._views)

    def offer(self, picture: NDArray[np.uint8], seen: SeenPerson, frame: int) -> None:
        """Keep a person's frame if it shows a side better than before.

        Args:
            picture: the frame (H,W,3). seen: the person in it.
            frame: its number.
        """
        pose = HeadPose.of(seen.face.camera)
        yaw = math.degrees(math.asin(max(-1.0, min(1.0, -float(pose.rotation[0, 2])))))
        side = sum(yaw > limit for limit in _YAWS)
        score = min(pose.scale, _SHARP) / seen.error
        known = self._views.get(side)
        if known is None or score > _BETTER * known.score:
            self._views[side] = _cut(picture, seen.face, frame, score)


def textured(
    reconstructor: Reconstructor, views: BestViews, running: RunningIdentity
) -> tuple[ReconstructedFace, View]:
    """The person with one texture from all views, as the best of them shows the face.

    Args:
        reconstructor: with the network that saw the views.
        views: at least one.
        running: who it is.

    Returns:
        the face in pixels of the view, and the view.
    """
    ordered = list(views)
    faces = [_face(reconstructor, view, running) for view in ordered]
    if len(faces) == 1:
        return faces[0], ordered[0]
    same, best = as_one_person(reconstructor, faces)
    return same[best], ordered[best]


def bare(
    reconstructor: Reconstructor, views: BestViews, running: RunningIdentity
) -> tuple[ReconstructedFace, View]:
    """The person as the best view shows the face, without a texture.

    Args:
        reconstructor, views, running: as `textured` takes them.
    """
    view = next(iter(views))
    return _face(reconstructor, view, running, textured=False), view


def in_whole_frame(face: ReconstructedFace, view: View) -> ReconstructedFace:
    """The face of a view in pixels of its frame."""
    x, y = view.corner
    shift = torch.tensor([[1.0, 0.0, x], [0.0, 1.0, y]])
    box = face.box[0] + x, face.box[1] + y, face.box[2] + x, face.box[3] + y
    return replace(face, camera=face.camera.moved(shift), box=box)


def _face(
    reconstructor: Reconstructor, view: View, running: RunningIdentity, *, textured: bool = True
) -> ReconstructedFace:
    """A view's face with the identity that is known in the end."""
    found = view.face
    if running.identity is not None:
        whose = replace(found.coefficients, identity=running.identity)
        found = replace(found, coefficients=whose)
    marks = found.direct["ibug68"][:, :2].double().numpy()
    low, high = marks.min(0).tolist(), marks.max(0).tolist()
    five = np.stack([marks[first:end].mean(0) for first, end in _FIVE])
    face = Face((low[0], low[1], high[0], high[1]), 1.0, five)
    return reconstructor.reconstruct_face(view.picture, face, start=found, textured=textured)


def _cut(picture: NDArray[np.uint8], face: RegressedFace, frame: int, score: float) -> View:
    """The part of a frame round a face."""
    height, width = picture.shape[:2]
    side = _WIDE * face.crop.size[0] / face.crop.scale
    x, y = face.crop.to_photo(torch.tensor([face.crop.size[0] / 2] * 2).double()).tolist()
    left, top = max(int(x - side / 2), 0), max(int(y - side / 2), 0)
    right, bottom = min(int(x + side / 2) + 1, width), min(int(y + side / 2) + 1, height)
    shift = torch.tensor([[1.0, 0.0, -left], [0.0, 1.0, -top]], dtype=torch.float64)
    corner = torch.tensor([left, top, 0])
    moved = replace(
        face,
        camera=face.camera.moved(shift.float()),
        crop=_moved(face.crop, left, top),
        direct={name: points - corner.to(points) for name, points in face.direct.items()},
    )
    part = picture[top:bottom, left:right].copy()
    return View(part, (left, top), (width, height), moved, frame, score)


def _moved(crop: Crop, left: int, top: int) -> Crop:
    """The same crop, of a picture that begins at (left, top)."""
    linear, shift = crop.matrix[:, :2], crop.matrix[:, 2:]
    corner = torch.tensor([[left], [top]], dtype=linear.dtype)
    return Crop(torch.cat([linear, shift + linear @ corner], 1), crop.size)
