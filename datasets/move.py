"""What is known of a photograph, carried into a crop of it: points, faces, labels; mirrored too."""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor

from ..geometry.camera import PerspectiveCamera
from ..geometry.coefficient_mirror import CoefficientMirror
from ..geometry.coefficients import Coefficients
from ..geometry.euler import euler_to_matrix, matrix_to_euler
from ..geometry.posed import FaceCamera, PosedFaces
from ..geometry.sh import rotate_light
from .sample import Array


def mirror_matrix(width: float) -> Tensor:
    """(2,3) float64: x to width - x."""
    return torch.tensor([[-1, 0, width], [0, 1, 0]], dtype=torch.float64)


def after(second: Tensor, first: Tensor) -> Tensor:
    """The affine map (2,3) that applies `first` (2,3), then `second` (2,3)."""
    turn = second[:, :2]
    return torch.cat([turn @ first[:, :2], turn @ first[:, 2:] + second[:, 2:]], 1)


def moved_points(points: Array, matrix: Tensor) -> Array:
    """Points (L,2) after an affine map (2,3)."""
    m = matrix.numpy()
    return points @ m[:, :2].T + m[:, 2]


def moved_faces(faces: PosedFaces, matrix: Tensor) -> PosedFaces:
    """Faces after a similarity (2,3) of the picture; light, in camera space, turns with it.

    Raises:
        InputError: `matrix` is no similarity, or mirrors.
    """
    camera: FaceCamera = faces.camera.moved(matrix)
    turn = camera.rotation @ faces.camera.rotation.transpose(1, 2)
    c = faces.coefficients
    light = rotate_light(c.light, turn)
    return PosedFaces(Coefficients(c.identity, c.expression, c.albedo, light), camera)


def mirrored_faces(faces: PosedFaces, mirror: CoefficientMirror, width: float) -> PosedFaces:
    """The faces of the mirror images of pictures `width` pixels wide.

    With F = diag(-1,1,1) the mirrored surface is F v and its rotation F R F, so every camera-space
    point changes the sign of x, and so does the picture about its middle.
    """
    flip = torch.tensor([-1.0, 1.0, 1.0]).to(faces.camera.rotation)
    rotation = flip[:, None] * faces.camera.rotation * flip
    camera: FaceCamera
    if isinstance(faces.camera, PerspectiveCamera):
        old = faces.camera
        centre = torch.stack([width - old.center[:, 0], old.center[:, 1]], 1)
        camera = PerspectiveCamera(rotation, old.translation * flip, old.focal, centre)
    else:
        x, y = faces.camera.translation.unbind(1)
        shift = torch.stack([width - x, y], 1)
        camera = type(faces.camera)(rotation, faces.camera.scale, shift)
    return PosedFaces(mirror(faces.coefficients), camera)


def moved_pose_para(pose: Array, matrix: Tensor, height: int, size: int) -> Array:
    """300W-LP's Pose_Para (7,) of a photograph as the Pose_Para of a crop of it.

    Pitch, yaw, roll, translation (3,) and scale f of q = f R v + t, in the data set's frame:
    1-based pixels, y up, q_y = rows + 1 - y (Zhu et al., CVPR 2016, eq 1). In the crop the same
    formula holds with its own number of rows.

    Args:
        pose: (7,).
        matrix: (2,3) similarity without reflection, photograph to crop pixels by our convention.
        height: rows of the photograph.
        size: rows of the crop.
    """
    m = matrix.numpy()
    scale = float(np.sqrt(np.linalg.det(m[:, :2])))
    turn = np.eye(3)
    turn[:2, :2] = m[:, :2].T / scale  # y is up there and down here
    rotation = turn @ euler_to_matrix(torch.tensor(pose[:3], dtype=torch.float64)).numpy()
    x, y = m[:, :2] @ np.array([pose[3] - 0.5, height + 0.5 - pose[4]]) + m[:, 2]
    angles = matrix_to_euler(torch.from_numpy(rotation)).numpy()
    return np.array([*angles, x + 0.5, size + 0.5 - y, scale * pose[5], scale * pose[6]])


def moved_label(
    name: str, values: Array, matrix: Tensor, height: int, size: int, mirrored: bool
) -> Array:
    """A label of a photograph as that of a crop.

    "pose_para" moves along, "identity" stays; every other label stays in a crop and is unknown
    (NaN) in a mirrored one, because nothing here knows what mirroring does to it.
    """
    if name == "identity":
        return values
    if mirrored:
        return np.full(np.shape(values), np.nan)
    return moved_pose_para(values, matrix, height, size) if name == "pose_para" else values
