"""Cameras: perspective, weak perspective and 3DDFA's affine, in batches.

Camera space is x right in the image, y up, z towards the camera (OpenGL). Every camera projects
model points (mm) to pixels with a third coordinate in pixels, larger = nearer the camera, and to
OpenGL clip space, where larger z/w is farther. Rotations follow `geometry/conventions.md`.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

import torch
from torch import Tensor

from ..core.errors import InputError
from .checks import check_shape


class Camera(Protocol):
    """What every camera offers; B cameras at once."""

    def to_camera(self, points: Tensor) -> Tensor:
        """Model points (B,N,3) in camera space (B,N,3), mm (affine: pixels)."""
        ...

    def project(self, points: Tensor) -> Tensor:
        """Model points (B,N,3) as (x px, y px, z px towards the camera), (B,N,3)."""
        ...

    def to_clip(self, points: Tensor, size: tuple[int, int]) -> Tensor:
        """Model points (B,N,3) in clip space (B,N,4) of an image of size (height, width)."""
        ...

    def moved(self, matrix: Tensor) -> Camera:
        """The camera after a similarity (2,3) of the image plane, such as a crop's."""
        ...

    def describe(self) -> dict[str, object]:
        """Every number needed to project the first camera's points, for JSON."""
        ...


@dataclass(frozen=True)
class PerspectiveCamera:
    """u = cx + f X/(-Z), v = cy - f Y/(-Z) with (X,Y,Z) = R x + T.

    >>> camera = PerspectiveCamera(
    ...     rotation=torch.eye(3)[None],
    ...     translation=torch.tensor([[0.0, 0.0, -500.0]]),
    ...     focal=torch.tensor([1000.0]),
    ...     center=torch.tensor([[112.0, 112.0]]),
    ... )
    >>> camera.project(torch.tensor([[[10.0, 5.0, 0.0]]]))[..., :2]
    tensor([[[132., 102.]]])

    Attributes:
        rotation: (B,3,3), model to camera.
        translation: (B,3) mm; z is minus the distance of the model's origin.
        focal: (B,) pixels.
        center: (B,2) principal point, pixels.

    Raises:
        InputError: wrong shapes.
    """

    rotation: Tensor
    translation: Tensor
    focal: Tensor
    center: Tensor

    def __post_init__(self) -> None:
        batch = self.rotation.shape[0]
        check_shape("rotation", self.rotation, (batch, 3, 3))
        check_shape("translation", self.translation, (batch, 3))
        check_shape("focal", self.focal, (batch,))
        check_shape("center", self.center, (batch, 2))

    def to_camera(self, points: Tensor) -> Tensor:
        """Model points (B,N,3) in camera space, mm."""
        return _rotate(self.rotation, points) + self.translation[:, None]

    def project(self, points: Tensor) -> Tensor:
        """Pixels and depth (B,N,3); depth is relative to the origin, at the origin's scale."""
        xyz = self.to_camera(points)
        per_mm = self.focal[:, None] / -xyz[..., 2]
        x = self.center[:, None, 0] + per_mm * xyz[..., 0]
        y = self.center[:, None, 1] - per_mm * xyz[..., 1]
        origin = self.translation[:, None, 2]
        z = (xyz[..., 2] - origin) * (self.focal[:, None] / -origin)
        return torch.stack([x, y, z], -1)

    def to_clip(self, points: Tensor, size: tuple[int, int]) -> Tensor:
        """Clip space (B,N,4); near and far planes at 1/10 and 10 times the origin's distance."""
        height, width = size
        X, Y, Z = self.to_camera(points).unbind(-1)
        f, (cx, cy) = self.focal[:, None], self.center[:, None].unbind(-1)
        x = 2 * (f * X + cx * -Z) / width + Z
        y = 2 * (f * Y - cy * -Z) / height - Z
        distance = -self.translation[:, None, 2]
        near, far = distance / 10, distance * 10
        z = -(far + near) / (far - near) * Z - 2 * far * near / (far - near)
        return torch.stack([x, y, z, -Z], -1)

    def to_float(self) -> PerspectiveCamera:
        """The same cameras in float32."""
        return PerspectiveCamera(*(v.float() for v in vars(self).values()))

    def moved(self, matrix: Tensor) -> PerspectiveCamera:
        """The camera after a similarity (2,3) of the image plane."""
        scale, turn, center = _split(matrix, self.center)
        return PerspectiveCamera(
            turn @ self.rotation,
            self.translation @ turn.T,
            self.focal * scale,
            center,
        )

    def describe(self) -> dict[str, object]:
        """Every number needed to project, for JSON."""
        return {
            "kind": "perspective",
            "rotation": self.rotation[0].tolist(),
            "translation_mm": self.translation[0].tolist(),
            "focal_px": float(self.focal[0]),
            "center_px": self.center[0].tolist(),
        }


@dataclass(frozen=True)
class WeakPerspectiveCamera:
    """u = s (R x)_x + tx, v = -s (R x)_y + ty.

    >>> camera = WeakPerspectiveCamera(
    ...     rotation=torch.eye(3)[None],
    ...     scale=torch.tensor([2.0]),
    ...     translation=torch.tensor([[112.0, 112.0]]),
    ... )
    >>> camera.project(torch.tensor([[[10.0, 5.0, 3.0]]]))
    tensor([[[132., 102.,   6.]]])

    Attributes:
        rotation: (B,3,3), model to camera.
        scale: (B,) pixels per mm.
        translation: (B,2) pixels.

    Raises:
        InputError: wrong shapes.
    """

    rotation: Tensor
    scale: Tensor
    translation: Tensor

    def __post_init__(self) -> None:
        batch = self.rotation.shape[0]
        check_shape("rotation", self.rotation, (batch, 3, 3))
        check_shape("scale", self.scale, (batch,))
        check_shape("translation", self.translation, (batch, 2))

    def to_camera(self, points: Tensor) -> Tensor:
        """Model points (B,N,3) turned into camera axes, mm; the distance is infinite."""
        return _rotate(self.rotation, points)

    def project(self, points: Tensor) -> Tensor:
        """Pixels and depth in pixels (B,N,3)."""
        xyz = self.to_camera(points) * self.scale[:, None, None]
        x = xyz[..., 0] + self.translation[:, None, 0]
        y = self.translation[:, None, 1] - xyz[..., 1]
        return torch.stack([x, y, xyz[..., 2]], -1)

    def to_clip(self, points: Tensor, size: tuple[int, int]) -> Tensor:
        """Clip space (B,N,4) with w = 1; the depth range is 8 times the longer image side."""
        return _pixels_to_clip(self.project(points), size)

    def to_float(self) -> WeakPerspectiveCamera:
        """The same cameras in float32."""
        return WeakPerspectiveCamera(*(v.float() for v in vars(self).values()))

    def moved(self, matrix: Tensor) -> WeakPerspectiveCamera:
        """The camera after a similarity (2,3) of the image plane."""
        scale, turn, translation = _split(matrix, self.translation)
        return WeakPerspectiveCamera(turn @ self.rotation, self.scale * scale, translation)

    def describe(self) -> dict[str, object]:
        """Every number needed to project, for JSON."""
        return {
            "kind": "weak_perspective",
            "rotation": self.rotation[0].tolist(),
            "scale_px_per_mm": float(self.scale[0]),
            "translation_px": self.translation[0].tolist(),
        }


@dataclass(frozen=True)
class AffineCamera:
    """3DDFA's camera: (u, v', z) = M[:, :3] x + M[:, 3] with v' pointing up, v = height + 1 - v'.

    3DDFA's pixel frame is 1-based (the first pixel's centre is at 1); ours has it at 0.5, so half
    a pixel is taken off both coordinates (Zhu et al. 2016; 3DDFA's `y = 121 - y` at 120 px).

    Attributes:
        matrix: (B,3,4) = [f R | t].
        height: height of the image in pixels whose y axis 3DDFA flips.
    """

    matrix: Tensor
    height: int

    def __post_init__(self) -> None:
        check_shape("matrix", self.matrix, (None, 3, 4))

    def to_camera(self, points: Tensor) -> Tensor:
        """Model points (B,N,3) after the affine map, in 3DDFA's pixels with y up."""
        return _rotate(self.matrix[..., :3], points) + self.matrix[:, None, :, 3]

    def project(self, points: Tensor) -> Tensor:
        """Pixels by our convention and depth in pixels (B,N,3)."""
        x, y, z = self.to_camera(points).unbind(-1)
        return torch.stack([x - 0.5, self.height + 0.5 - y, z], -1)

    def to_clip(self, points: Tensor, size: tuple[int, int]) -> Tensor:
        """Clip space (B,N,4) with w = 1; depth is centred on the points' mean."""
        pixels = self.project(points)
        depth = pixels[..., 2:] - pixels[..., 2:].mean(1, keepdim=True)
        return _pixels_to_clip(torch.cat([pixels[..., :2], depth], -1), size)

    def to_weak_perspective(self) -> WeakPerspectiveCamera:
        """The nearest scaled rotation: scale = mean of the first two rows' norms."""
        linear = self.matrix[..., :3]
        scale = linear[:, :2].norm(dim=-1).mean(-1)
        u, _, vh = torch.linalg.svd(linear)
        sign = torch.det(u @ vh)
        fix = torch.stack([torch.ones_like(sign), torch.ones_like(sign), sign], -1)
        t = self.matrix[..., 3]
        shift = torch.stack([t[:, 0] - 0.5, self.height + 0.5 - t[:, 1]], -1)
        return WeakPerspectiveCamera(u @ (fix[..., None] * vh), scale, shift)

    def moved(self, matrix: Tensor) -> WeakPerspectiveCamera:
        """The nearest weak perspective camera after a similarity (2,3) of the image plane."""
        return self.to_weak_perspective().moved(matrix)

    def describe(self) -> dict[str, object]:
        """Every number needed to project, for JSON."""
        return {"kind": "affine_3ddfa", "matrix": self.matrix[0].tolist(), "height": self.height}


def _rotate(matrix: Tensor, points: Tensor) -> Tensor:
    check_shape("points", points, (matrix.shape[0], None, 3))
    return points @ matrix.transpose(-1, -2)


def _pixels_to_clip(pixels: Tensor, size: tuple[int, int]) -> Tensor:
    height, width = size
    x, y, z = pixels.unbind(-1)
    return torch.stack(
        [2 * x / width - 1, 1 - 2 * y / height, -z / (4 * max(size)), torch.ones_like(x)], -1
    )


def _split(matrix: Tensor, point: Tensor) -> tuple[float, Tensor, Tensor]:
    """A similarity of the image as (scale, rotation about z in camera space, moved point)."""
    m = matrix.to(point.dtype)
    scale = float(torch.linalg.det(m[:, :2]).abs().sqrt())
    linear = m[:, :2] / scale
    if torch.det(linear) < 0 or not torch.allclose(
        linear @ linear.T, torch.eye(2).to(linear), atol=1e-4
    ):
        raise InputError("matrix", "a similarity without reflection", str(matrix.tolist()))
    turn = torch.eye(3).to(m)
    turn[:2, :2] = linear.T  # y points down in the image and up in camera space
    m = m.to(point.device)
    return scale, turn.to(point.device), point @ m[:, :2].T + m[:, 2]
