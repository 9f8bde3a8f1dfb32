"""Points of AFLW2000-3D's fitted faces, from the parameters in its .mat files.

The basis is the Basel Face Model 2009 with the expressions of FaceWarehouse, on whichever vertices
the user has it; it is under licence and not part of this package.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from ...core.errors import InputError, MissingFileError
from ...core.npz_file import read_npz
from .aflw2000 import Aflw2000, read_mat

Array = NDArray[np.float64]
_HEIGHT = 450  # pixels of every photograph


@dataclass(frozen=True)
class FittedBasis:
    """A basis in micrometres, with coefficients as Shape_Para and Exp_Para have them.

    Attributes:
        mean: (V,3), with the mean of the expressions.
        identity: (V,3,I), the first I of 199.
        expression: (V,3,E), the first E of 29.
    """

    mean: Array
    identity: Array
    expression: Array

    def __post_init__(self) -> None:
        count = len(self.mean)
        for name, most in (("identity", 199), ("expression", 29)):
            shape = getattr(self, name).shape
            if len(shape) != 3 or shape[:2] != (count, 3) or not 1 <= shape[2] <= most:
                raise InputError(name, f"shape ({count},3,1 to {most})", str(shape))
        if self.mean.shape != (count, 3):
            raise InputError("mean", "shape (V,3)", str(self.mean.shape))


def read_basis(path: Path) -> FittedBasis:
    """A basis from an .npz with `mean`, `identity` and `expression`.

    Raises:
        MissingFileError: no such file.
        InputError: a damaged file, or an array that is missing or has another shape.
    """
    if not path.exists():
        remedy = "It is made from the Basel Face Model 2009 (faces.dmi.unibas.ch, licence needed)."
        raise MissingFileError(str(path), "The basis of the fitted faces", remedy)
    names = ("mean", "identity", "expression")
    tables = read_npz(path, names, expected="an .npz of mean, identity and expression")
    other = next((name for name in names if tables[name].dtype.kind not in "fiu"), None)
    if other is not None:
        raise InputError(f"{path}: {other}", "numbers", str(tables[other].dtype))
    arrays = [tables[name].astype(float) for name in names]
    if not all(np.isfinite(array).all() for array in arrays):
        raise InputError(str(path), "finite numbers", "NaN or infinity")
    return FittedBasis(*arrays)


def fitted_points(data: Aflw2000, row: int, basis: FittedBasis) -> Array:
    """The fitted face of an image on the vertices of a basis.

    Zhu et al., CVPR 2016, eq 1 and 2, with the rotation of `geometry/conventions.md`; the fit has y
    up, in MATLAB's 1-based rows.

    Args:
        data: the annotations, with the folder of their .mat files.
        row: of the image.
        basis: of the fit.

    Returns:
        (V,3) in the annotation's frame.

    Raises:
        MissingFileError: the image has no .mat file.
        InputError: it is damaged.
    """
    shapes: dict[str, tuple[int, ...]] = {
        "Shape_Para": (199, 1), "Exp_Para": (29, 1), "Pose_Para": (1, 7)
    }  # fmt: skip
    mat = read_mat(data.image_path(row).with_suffix(".mat"), shapes)
    coefficients = mat["Shape_Para"][:, 0], mat["Exp_Para"][:, 0]
    return points_of_fit(basis, mat["Pose_Para"][0], *coefficients, height=_HEIGHT)


def points_of_fit(
    basis: FittedBasis, pose: Array, identity: Array, expression: Array, *, height: int
) -> Array:
    """A fitted face on the vertices of a basis: (V,3) in the annotation's frame.

    Args:
        basis: of the fit.
        pose: (7,), Pose_Para: pitch, yaw, roll, translation (3,), scale.
        identity: (I or more,), Shape_Para. expression: (E or more,), Exp_Para.
        height: of the photograph in pixels.
    """
    pitch, yaw, roll, *shift, scale = pose
    body = basis.mean + basis.identity @ identity[: basis.identity.shape[2]]
    body = body + basis.expression @ expression[: basis.expression.shape[2]]
    points = scale * body @ rotation_of_pose(pitch, yaw, roll).T + np.array(shift)
    points[:, 1] = height + 1 - points[:, 1]
    return points


def rotation_of_pose(pitch: float, yaw: float, roll: float) -> Array:
    """The rotation that the first three numbers of a Pose_Para mean.

    It is "300w-lp" of `geometry/euler.py`, for arrays.

    >>> (rotation_of_pose(0.0, 0.5, 0.0) @ [0.0, 0.0, 1.0]).round(3)  # where the face looks
    array([-0.479,  0.   ,  0.878])

    Args:
        pitch: about the x axis, radians.
        yaw: about the y axis, radians.
        roll: about the z axis, radians.

    Returns:
        (3,3), face to camera axes.
    """
    (cx, cy, cz), (sx, sy, sz) = np.cos([pitch, yaw, roll]), np.sin([pitch, yaw, roll])
    turn_x = np.array([[1, 0, 0], [0, cx, sx], [0, -sx, cx]])
    turn_y = np.array([[cy, 0, -sy], [0, 1, 0], [sy, 0, cy]])
    turn_z = np.array([[cz, sz, 0], [-sz, cz, 0], [0, 0, 1]])
    return turn_x @ turn_y @ turn_z
