"""300W-LP's fitted 3DMM parameters of a photograph, after its face was turned.

Shape_Para and Exp_Para stay; Pose_Para turns as the head does. The Basel Face Model behind the fit
need not be there: where the middle of its landmarks is, all faces have nearly alike.
"""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import torch
from torch import Tensor

from ...core.errors import InputError
from ...datasets.batches.sample import Array
from ...datasets.photographs.aflw2000_fit import rotation_of_pose
from ...geometry.camera import PerspectiveCamera
from ...geometry.posed import FaceCamera
from ...geometry.rotation import matrix_to_euler

FIT = {"pose_para": (7,), "shape_para": (199,), "exp_para": (29,)}
"""Labels of a fit and their shapes."""

# Mean of the 68 points of a fit, 3DDFA's micrometres: of 300 fits of AFLW2000-3D the median, with
# standard deviations of 1.0, 1.1 and 2.0 mm.
_MIDDLE = np.array([0.0, -12_200.0, 88_900.0])
_UM = 1000.0  # micrometres per mm


def has_fit(labels: Mapping[str, Array]) -> bool:
    """Whether the labels of a photograph are a whole fit."""
    return all(name in labels and labels[name].shape == shape for name, shape in FIT.items())


def turned_pose_para(
    pose: Array,
    middle: Array | None,
    before: tuple[FaceCamera, Tensor],
    after: tuple[FaceCamera, Tensor],
    height: int,
) -> Array:
    """Pose_Para (7,) of the face in the turned photograph; see `datasets.move.moved_pose_para`.

    The fit turns by the rotation that leads from one camera to the other, as seen along the ray to
    the face, because a fit has no perspective. The middle of its landmarks moves, and its scale
    changes, as those of the face of `before` do.

    Args:
        pose: (7,) of the photograph.
        middle: (2,) mean of the fit's 68 points, the photograph's pixels; None: not known.
        before: the camera of the photograph, and the middle (3,) of the fitted face's 68 points in
            its model space, mm. after: the same of the turned photograph.
        height: of the photograph in pixels.

    Raises:
        InputError: a scale that is not above 0.
    """
    scale, shift = float(pose[6]), np.asarray(pose[3:6], np.float64)
    if not scale > 0:
        raise InputError("pose_para", "a scale above 0", f"{scale:g}")
    rotation = rotation_of_pose(*pose[:3])
    placed = rotation @ _MIDDLE
    if middle is not None:
        seen = np.array([middle[0] + 0.5, height + 0.5 - middle[1]])
        placed[:2] = (seen - shift[:2]) / scale
    (old, ray, pixel, old_mm), (new, _, goal, new_mm) = _seen(*before), _seen(*after)
    turn = ray @ (_matrix(new) @ _matrix(old).T) @ ray.T
    depth = (ray @ (_in_camera(*after) - _in_camera(*before)))[2]
    moved = np.array([goal[0] - pixel[0], pixel[1] - goal[1], scale * _UM * depth])
    larger = scale * new_mm / old_mm
    angles = matrix_to_euler(torch.from_numpy(turn @ rotation)).numpy()
    return np.array([*angles, *(scale * placed + shift + moved - larger * turn @ placed), larger])


def _matrix(camera: FaceCamera) -> Array:
    return camera.rotation[0].double().numpy()


def _in_camera(camera: FaceCamera, point: Tensor) -> Array:
    return camera.to_camera(point[None, None])[0, 0].double().numpy()


def _seen(camera: FaceCamera, point: Tensor) -> tuple[FaceCamera, Array, Array, float]:
    """The camera; the rotation (3,3) that looks along the ray to a point; its pixel (2,); pixels
    per mm there."""
    pixel = camera.project(point[None, None])[0, 0, :2].double().numpy()
    if not isinstance(camera, PerspectiveCamera):
        return camera, np.eye(3), pixel, float(camera.scale[0])
    place = _in_camera(camera, point)
    return (
        camera,
        _to_axis(-place / np.linalg.norm(place)),
        pixel,
        float(camera.focal[0] / -place[2]),
    )


def _to_axis(direction: Array) -> Array:
    """The smallest rotation that takes a unit vector, not (0,0,-1), to (0,0,1)."""
    x, y, z = direction
    cross = np.array([[0, 0, -x], [0, 0, -y], [x, y, 0]])
    return np.eye(3) + cross + cross @ cross / (1 + z)
