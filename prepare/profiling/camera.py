"""A face's camera after the head was turned, and the way between pixels and camera space."""

from __future__ import annotations

import math
from dataclasses import dataclass, replace

import torch
from torch import Tensor

from ...core.errors import InputError
from ...geometry.camera import PerspectiveCamera, WeakPerspectiveCamera
from ...geometry.posed import FaceCamera
from ...geometry.rotation import euler_to_matrix, matrix_to_euler, matrix_to_rotvec

LARGEST_YAW, LARGEST_PITCH = 120.0, 60.0
"""Degrees of a turn: beyond them the picture would show what no photograph of a face knows."""


def yaw_deg(camera: FaceCamera) -> float:
    """The yaw of the first face, degrees, as `pose_deg` has it."""
    return math.degrees(float(matrix_to_euler(camera.rotation[:1])[0, 1]))


def turned_camera(camera: FaceCamera, yaw: float, pitch: float, pivot: Tensor) -> FaceCamera:
    """The camera that sees a head turned on the spot.

    Zhu et al., CVPR 2016, section 3.3, add the turn to the fitted Euler angles; so does this. The
    head's `pivot` keeps its place.

    Args:
        camera: of one face.
        yaw, pitch: degrees that are added.
        pivot: (3,) mm, model space.

    Raises:
        InputError: not one camera, or a turn beyond `LARGEST_YAW` or `LARGEST_PITCH`.
    """
    if len(camera.rotation) != 1:
        raise InputError("camera", "one camera", str(len(camera.rotation)))
    for name, value, most in (("yaw", yaw, LARGEST_YAW), ("pitch", pitch, LARGEST_PITCH)):
        if not abs(value) <= most:  # NaN too
            raise InputError(name, f"-{most:g} to {most:g} degrees", f"{value}")
    if yaw == 0 and pitch == 0:
        return camera
    old = camera.rotation.double()
    more = torch.tensor([[math.radians(pitch), math.radians(yaw), 0.0]], dtype=torch.float64)
    new = euler_to_matrix(matrix_to_euler(old) + more)
    moved = ((old - new) @ pivot.to(old))[0]
    rotation = new.to(camera.rotation)
    if isinstance(camera, PerspectiveCamera):
        return replace(
            camera, rotation=rotation, translation=camera.translation + moved.to(camera.translation)
        )
    shift = moved[:2] * torch.tensor([1.0, -1.0], dtype=torch.float64) * camera.scale.double()
    return replace(
        camera, rotation=rotation, translation=camera.translation + shift.to(camera.translation)
    )


@dataclass(frozen=True)
class Eye:
    """Camera space of one face's camera, mm: x right in the image, y up, z towards the camera.

    Attributes:
        camera: with the identity as its rotation: its model space is camera space, less `shift`.
        shift: (3,) what to take off camera space.
        centre: (3,) the pivot, camera space.
        per_mm: pixels per millimetre at the pivot.
    """

    camera: FaceCamera
    shift: Tensor
    centre: Tensor
    per_mm: float

    @classmethod
    def of(cls, camera: FaceCamera, pivot: Tensor) -> Eye:
        """That of one camera and a pivot (3,) in model space."""
        centre = camera.to_camera(pivot[None, None])[0, 0]
        identity = torch.eye(3).to(centre)[None]
        if isinstance(camera, WeakPerspectiveCamera):
            eye: FaceCamera = replace(camera, rotation=identity)
            return cls(eye, torch.zeros_like(centre), centre, float(camera.scale[0]))
        shift = torch.stack([centre[0] * 0, centre[1] * 0, camera.translation[0, 2]])
        eye = replace(camera, rotation=identity, translation=shift[None])
        return cls(eye, shift, centre, float(camera.focal[0] / -centre[2]))

    def unproject(self, pixels: Tensor, depth: Tensor) -> Tensor:
        """Pixels (N,2) with depths (N,), mm in front of the pivot, in camera space (N,3)."""
        z = self.centre[2] + depth
        if isinstance(self.camera, WeakPerspectiveCamera):
            plane = (pixels - self.camera.translation[0]) / self.camera.scale[0]
        else:
            plane = (pixels - self.camera.center[0]) * (-z / self.camera.focal[0])[:, None]
        return torch.stack([plane[:, 0], -plane[:, 1], z], 1)

    def to_clip(self, points: Tensor, size: tuple[int, int]) -> Tensor:
        """Camera space (N,3) in clip space (1,N,4) of an image (height, width)."""
        return self.camera.to_clip((points - self.shift)[None], size)


def turned_partly(points: Tensor, turn: Tensor, centre: Tensor, share: Tensor) -> Tensor:
    """Points (N,3) turned about `centre` by a share (N,) of a turn's (3,3) angle, by Rodrigues."""
    rotvec = matrix_to_rotvec(turn[None])[0]
    angle = float(torch.linalg.vector_norm(rotvec))
    if angle == 0:
        return points
    axis = (rotvec / angle).expand_as(points)
    offsets = points - centre
    c, s = torch.cos(share * angle)[:, None], torch.sin(share * angle)[:, None]
    along = (axis * offsets).sum(1, keepdim=True) * axis
    return centre + offsets * c + torch.linalg.cross(axis, offsets) * s + along * (1 - c)
