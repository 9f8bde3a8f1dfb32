"""A face that is followed from frame to frame: where it is looked for, and what is seen there."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from ...geometry.camera import PerspectiveCamera
from ...geometry.crop import FRAME_PER_BOX, Crop
from ..locate.cut import cut_tensor
from ..locate.frame import Box, tight_frame
from ..network.regress import PointReading, RegressedFace, Regressor
from .identity import RunningIdentity
from .pose import HeadPose

Picture = NDArray[np.uint8]

UNSURE = 0.045
"""Mean error of points, half sides of the crop, from which on there is no face: of crops of 81
photographs of AFLW2000-3D 99 % state less than 0.035, of crops beside the face more than 0.05."""
_OFF = 0.12  # half sides that landmarks may lie off the middle, else the frame is laid anew
_SIZES = (1.2, 1.65)  # half sides that landmarks may extend over: 1.41 in a frame that fits
_LANDMARKS = "ibug68"


@dataclass
class FollowedFace:
    """One face on its way through the frames.

    Attributes:
        person: number of the person, from 1; 0 until the face was seen.
        running: who it is.
        crop: where it is looked for in the next frame.
        box: (x0,y0,x1,y1) round the landmarks where it was seen last, pixels.
        scale: pixels per mm there; 0 before it was seen.
    """

    person: int
    running: RunningIdentity
    crop: Crop
    box: Box
    scale: float = 0.0


@dataclass(frozen=True)
class SeenPerson:
    """A person in a frame.

    Attributes:
        person: the number, from 1.
        face: in the frame's pixels, with the identity that is known so far.
        running: who it is.
        box: (x0,y0,x1,y1) round the landmarks, pixels.
        error: that the network states of its points on average, half sides of its crop.
    """

    person: int
    face: RegressedFace
    running: RunningIdentity
    box: Box
    error: float


def look_at(
    regressor: Regressor, picture: Picture, faces: Sequence[FollowedFace]
) -> list[SeenPerson | None]:
    """What a frame shows of faces that are followed, which are moved along; None of lost ones.

    Args:
        regressor: of dense points.
        picture: the frame.
        faces: where they are looked for.
    """
    if not faces:
        return []
    readings = _readings(regressor, picture, faces)
    again = [k for k, reading in enumerate(readings) if _is_loose(regressor, reading)]
    for k in again:
        faces[k].crop = _closer(regressor, faces[k].crop, readings[k])
    anew = _readings(regressor, picture, [faces[k] for k in again]) if again else []
    for k, reading in zip(again, anew, strict=True):
        readings[k] = reading
    return [_seen(regressor, picture, *pair) for pair in zip(faces, readings, strict=True)]


def _readings(
    regressor: Regressor, picture: Picture, faces: Sequence[FollowedFace]
) -> list[PointReading]:
    """What the network says of each face's crop."""
    reading = regressor.read(torch.cat([cut_tensor(picture, face.crop) for face in faces]))
    return [reading.row(k) for k in range(len(faces))]


def _seen(
    regressor: Regressor, picture: Picture, face: FollowedFace, reading: PointReading
) -> SeenPerson | None:
    """A face in a frame, followed on; None where the network sees none."""
    error, running, crop = float(reading.sigma.mean()), face.running, face.crop
    if not error < UNSURE:
        return None
    half = crop.size[0] / 2 / crop.scale
    if running.identity is None or running.due:
        alone = regressor.solve(reading)
        running.hear(alone.identity, float(alone.camera.focal[0]) * half, error)
        identity = alone.identity if running.identity is None else running.identity
    else:
        running.skip()
        identity = running.identity
    scale = face.scale or HeadPose.of(_placed(regressor, reading)).scale * half
    solver = regressor.solver_of(identity, running.nearness(scale))
    found = regressor.face_of(regressor.solve(reading, solver), reading.prediction, 0, crop)
    found = regressor.looking(picture, found)
    pose = HeadPose.of(found.camera)
    points = found.direct[_LANDMARKS][:, :2]
    face.box, face.scale = _box(points), pose.scale
    face.crop = upright_frame(points, pose.roll, crop.size[0])
    return SeenPerson(face.person, found, running, face.box, error)


def _placed(regressor: Regressor, reading: PointReading) -> PerspectiveCamera:
    """Where about a face is that nothing is known of, in half sides of its crop."""
    return regressor.solver.placed(reading.prediction.points, reading.sigma).camera


def upright_frame(points: Tensor, roll: float, size: int) -> Crop:
    """The square frame of a head, as the network was taught faces.

    Args:
        points: (68,2) pixels of the frame.
        roll: of the head, radians, clockwise.
        size: the crop is size x size pixels.
    """
    c, s = np.cos(roll), np.sin(roll)
    turn = torch.tensor([[c, s], [-s, c]], dtype=torch.float64)
    upright = points.double() @ turn.T
    low, high = upright.amin(0), upright.amax(0)
    x, y = (turn.T @ ((low + high) / 2)).tolist()
    return Crop.from_square((x, y), float((high - low).max()) * FRAME_PER_BOX, size, roll)


def _is_loose(regressor: Regressor, reading: PointReading) -> bool:
    """Whether the face lies elsewhere in the crop than in the crops that the network knows."""
    points = reading.prediction.points[0, regressor.layout.landmarks(_LANDMARKS), :2]
    low, high = points.amin(0), points.amax(0)
    off, extent = float(((low + high) / 2).abs().max()), float((high - low).max())
    return not (off < _OFF and _SIZES[0] < extent < _SIZES[1])


def _closer(regressor: Regressor, crop: Crop, reading: PointReading) -> Crop:
    """The frame round the landmarks that were found in a crop, with its roll."""
    points = reading.prediction.points[0, regressor.layout.landmarks(_LANDMARKS), :2]
    return tight_frame(crop.to_photo((points + 1) * (crop.size[0] / 2)), crop)


def _box(points: Tensor) -> Box:
    (x0, y0), (x1, y1) = points.amin(0).tolist(), points.amax(0).tolist()
    return x0, y0, x1, y1
