"""The camera of one kind that comes nearest to a given one, near a point of the face.

A layout can only express its own camera; what a data set knows may be another. The replacement
keeps, exactly, where the point `pivot` lies in the picture and the scale there; and it turns the
face with the line of sight to it, so that the same sides are seen. What is left is the second order
in the face's size over its distance. A camera that is of the kind already comes back as it was.
"""

from __future__ import annotations

import torch
from torch import Tensor

from ...geometry.camera import PerspectiveCamera, WeakPerspectiveCamera
from ...geometry.posed import FaceCamera

_FAR = 50_000.0  # mm


def to_perspective(
    camera: FaceCamera, focal: float, center: tuple[float, float], pivot: Tensor
) -> PerspectiveCamera:
    """The perspective camera of a given focal length that comes nearest to a camera.

    Args:
        camera: of B faces.
        focal: focal length in pixels.
        center: principal point in pixels.
        pivot: (3,) mm, model space; where it lies in the picture, and the scale there, are kept.

    Returns:
        B cameras.
    """
    pixel, scale, ray = _view(camera, pivot)
    middle = pixel.new_tensor(center)
    x, y = ((pixel - middle) / scale[:, None]).unbind(-1)
    place = torch.stack([x, -y, -focal / scale], -1)
    rotation = _turn(ray, place / place.norm(dim=-1, keepdim=True)) @ camera.rotation
    translation = place - _apply(rotation, pivot)
    return PerspectiveCamera(
        rotation, translation, torch.full_like(scale, focal), middle.expand(len(scale), 2).clone()
    )


def to_weak_perspective(camera: FaceCamera, pivot: Tensor) -> WeakPerspectiveCamera:
    """The weak perspective camera that comes nearest to a camera, near a point of the face.

    Args:
        camera: of B faces.
        pivot: (3,) mm, model space; where it lies in the picture, and the scale there, are kept.

    Returns:
        B cameras; the camera itself where it is a weak perspective one.

    Example:
        >>> from selfie3d.geometry import PerspectiveCamera
        >>> far = torch.tensor([[0.0, 0.0, -500.0]])
        >>> camera = PerspectiveCamera(torch.eye(3)[None], far, torch.tensor([1000.0]),
        ...                            torch.tensor([[48.0, 48.0]]))
        >>> to_weak_perspective(camera, torch.zeros(3)).scale
        tensor([2.])
    """
    if isinstance(camera, WeakPerspectiveCamera):
        return camera
    pixel, scale, ray = _view(camera, pivot)
    ahead = ray.new_tensor([0.0, 0.0, -1.0]).expand_as(ray)
    rotation = _turn(ray, ahead) @ camera.rotation
    offset = scale[:, None] * _apply(rotation, pivot)[:, :2] * ray.new_tensor([1.0, -1.0])
    return WeakPerspectiveCamera(rotation, scale, pixel - offset)


def to_far_perspective(camera: WeakPerspectiveCamera, pivot: Tensor) -> PerspectiveCamera:
    """The perspective camera 50 m away that sees nearly what a weak perspective one sees.

    Its axis goes through the point `pivot`. A point of the face 100 mm nearer than the pivot and as
    far to the side is seen 0.2 mm farther out.

    Args:
        camera: of B faces.
        pivot: (3,) mm, model space; where it lies in the picture, and the scale there, are kept.

    Returns:
        B cameras with the same rotations.

    Example:
        >>> camera = WeakPerspectiveCamera(torch.eye(3)[None], torch.tensor([2.0]),
        ...                                torch.tensor([[48.0, 40.0]]))
        >>> to_far_perspective(camera, torch.zeros(3)).project(torch.tensor([[[10.0, 5.0, 0.0]]]))
        tensor([[[68., 30.,  0.]]])
    """
    pixel = camera.project(pivot.to(camera.rotation).expand(len(camera.scale), 1, 3))[:, 0, :2]
    behind = pixel.new_tensor([0.0, 0.0, -_FAR])
    translation = behind - _apply(camera.rotation, pivot)
    return PerspectiveCamera(camera.rotation, translation, _FAR * camera.scale, pixel)


def _view(camera: FaceCamera, pivot: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    """Where the pivot is seen (B,2) px, px per mm there (B,), and along which ray (B,3)."""
    points = pivot.to(camera.rotation).expand(len(camera.rotation), 1, 3)
    pixel = camera.project(points)[:, 0, :2]
    if isinstance(camera, WeakPerspectiveCamera):
        ahead = pixel.new_tensor([0.0, 0.0, -1.0]).expand(len(pixel), 3)
        return pixel, camera.scale, ahead
    place = camera.to_camera(points)[:, 0]
    return pixel, camera.focal / -place[:, 2], place / place.norm(dim=-1, keepdim=True)


def _turn(start: Tensor, end: Tensor) -> Tensor:
    """The smallest rotations (B,3,3) that take unit vectors to others, never opposite ones."""
    v = torch.linalg.cross(start, end, dim=-1)
    x, y, z = v.unbind(-1)
    o = torch.zeros_like(x)
    K = torch.stack((o, -z, y, z, o, -x, -y, x, o), -1).unflatten(-1, (3, 3))
    cosine = (start * end).sum(-1)[:, None, None]
    eye = torch.eye(3, dtype=v.dtype, device=v.device)
    return eye + K + K @ K / (1 + cosine)


def _apply(rotation: Tensor, point: Tensor) -> Tensor:
    return (rotation @ point.to(rotation)[:, None])[..., 0]
