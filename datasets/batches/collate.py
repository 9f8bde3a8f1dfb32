"""From a sample to a row of a batch, and from rows to the batch.

What is known of a photograph is carried into a crop of it, which may be mirrored: points, faces and
labels.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, fields

import numpy as np
import torch
from torch import Tensor

from ...core.errors import InputError, SettingError
from ...geometry.camera import PerspectiveCamera
from ...geometry.coefficient_mirror import CoefficientMirror
from ...geometry.coefficients import Coefficients
from ...geometry.cut import cut_out
from ...geometry.euler import euler_to_matrix, matrix_to_euler
from ...geometry.posed import FaceCamera, PosedFaces
from ...geometry.sh import rotate_light
from ..photographs.landmark_sets import mirrored_points
from .batch import FaceBatch
from .crops import crop_of
from .photo_augment import PhotoAugment
from .sample import Array, FaceSample


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
    name: str, values: Array, matrix: Tensor, *, height: int, size: int, mirrored: bool
) -> Array:
    """A label of a photograph as that of a crop.

    "pose_para" moves along, "identity" stays; every other label stays in a crop and is unknown
    (NaN) in a mirrored one, because nothing here knows what mirroring does to it.

    >>> matrix = torch.eye(2, 3, dtype=torch.float64)
    >>> moved_label("age", np.array([31.0]), matrix, height=64, size=64, mirrored=False)
    array([31.])

    Args:
        name: of the label.
        values: what it is for the photograph.
        matrix: (2,3), photograph to crop pixels, before any mirroring.
        height: of the photograph, pixels.
        size: side of the crop, pixels.
        mirrored: whether the crop is mirrored.

    Returns:
        As many numbers as `values`.
    """
    if name == "identity":
        return values
    if mirrored:
        return np.full(np.shape(values), np.nan)
    return moved_pose_para(values, matrix, height, size) if name == "pose_para" else values


@dataclass(frozen=True)
class FaceRow:
    """One crop of S x S pixels and what is known of it.

    Attributes:
        name: of the sample.
        image: (3,S,S) in [0,1]. skin: (1,S,S) in [0,1] or None.
        landmarks: (L,2) crop pixels. labels: arrays.
        truth: one face with its camera in crop pixels, or None.
    """

    name: str
    image: Tensor
    skin: Tensor | None
    landmarks: Mapping[str, Tensor]
    labels: Mapping[str, Tensor]
    truth: PosedFaces | None


@dataclass(frozen=True)
class RowMaker:
    """Crops samples.

    Attributes:
        crop: a name of `CROPS`. size: side of the crop, pixels.
        mirror: of the face model that the samples' truth belongs to; needed only where samples with
            a truth are mirrored.
    """

    crop: str
    size: int
    mirror: CoefficientMirror | None = None

    def frame(self, sample: FaceSample) -> Tensor:
        """Photograph to crop pixels (2,3) before any change.

        Raises:
            InputError: a crop without extent, or without skin although there is a mask.
        """
        crop = crop_of(self.crop, sample, self.size)
        if sample.skin is not None:
            corners = torch.tensor([[0.0, 0.0], [self.size, self.size]], dtype=torch.float64)
            (x0, y0), (x1, y1) = crop.to_photo(corners).clamp(min=0).int().tolist()
            if not sample.skin[y0 : y1 + 1, x0 : x1 + 1].any():
                raise InputError(f"{sample.name}: skin mask", "skin in the crop", "none")
        return crop.matrix

    def __call__(
        self, sample: FaceSample, frame: Tensor, augment: PhotoAugment, row: int
    ) -> FaceRow:
        """The crop `frame` (2,3), changed as `row` of `augment` says, but for its colours.

        Raises:
            InputError: a truth is to be mirrored without `mirror`; the caller's mistake.
        """
        matrix, mirrored = augment.matrix(row, frame, self.size), bool(augment.mirrored[row])
        whole = after(mirror_matrix(self.size), matrix) if mirrored else matrix
        image, inside = cut_out(sample.picture, whole, self.size)
        skin = None if sample.skin is None else cut_out(sample.skin, whole, self.size)[0]
        labels = {"inside": inside, "crop": whole.float()}
        height = sample.picture.shape[0]
        for name, values in sample.labels.items():
            moved = moved_label(
                name, values, matrix, height=height, size=self.size, mirrored=mirrored
            )
            labels[name] = torch.from_numpy(np.asarray(moved, np.float32))
        points = {}
        for key, known in sample.landmarks.items():
            placed = moved_points(known, matrix)
            placed = mirrored_points(key, placed, self.size) if mirrored else placed
            points[key] = torch.from_numpy(placed.astype(np.float32))
        truth = self._truth(sample, matrix, mirrored)
        return FaceRow(sample.name, image, skin, points, labels, truth)

    def _truth(self, sample: FaceSample, matrix: Tensor, mirrored: bool) -> PosedFaces | None:
        if sample.truth is None:
            return None
        moved = moved_faces(sample.truth, matrix)
        if not mirrored:
            return moved
        if self.mirror is None:
            remedy = "Pass CoefficientMirror.of(model), or mirror nothing."
            raise SettingError("mirror", "that of the truth's face model", "none", remedy)
        return mirrored_faces(moved, self.mirror, self.size)


def stack_rows(rows: Sequence[FaceRow]) -> FaceBatch:
    """A batch of crops of one size.

    Raises:
        InputError: labels of one name and several shapes, or cameras of several kinds.
    """
    skins = _stack("skin", [row.skin for row in rows])
    landmarks = {key: [row.landmarks.get(key) for row in rows] for key in _keys(rows, "landmarks")}
    labels = {key: [row.labels.get(key) for row in rows] for key in _keys(rows, "labels")}
    known = torch.tensor([row.truth is not None for row in rows])
    return FaceBatch(
        torch.stack([row.image for row in rows]),
        tuple(row.name for row in rows),
        {key: _filled(key, values) for key, values in landmarks.items()},
        skins,
        _stack_truth([row.truth for row in rows]) if bool(known.any()) else None,
        known if bool(known.any()) else None,
        {key: _filled(key, values) for key, values in labels.items()},
    )


def _keys(rows: Sequence[FaceRow], name: str) -> list[str]:
    return sorted({key for row in rows for key in getattr(row, name)})


def _stack(name: str, values: Sequence[Tensor | None]) -> Tensor | None:
    return _filled(name, values) if any(value is not None for value in values) else None


def _filled(name: str, values: Sequence[Tensor | None]) -> Tensor:
    """Stacked, NaN where there is none."""
    shapes = {tuple(value.shape) for value in values if value is not None}
    if len(shapes) > 1:
        raise InputError(name, "one shape in all data sets", str(sorted(shapes)))
    gap = torch.full(next(iter(shapes)), torch.nan)
    return torch.stack([gap if value is None else value for value in values])


def _stack_truth(faces: Sequence[PosedFaces | None]) -> PosedFaces:
    """The first that is known stands where there is none, so that every number is finite."""
    first = next(face for face in faces if face is not None)
    filled = [first if face is None else face for face in faces]
    kinds = {type(face.camera) for face in filled}
    if len(kinds) > 1:
        got = ", ".join(sorted(kind.__name__ for kind in kinds))
        raise InputError("truth", "cameras of one kind in a batch", got)
    parts = {
        f.name: torch.cat([getattr(face.coefficients, f.name) for face in filled])
        for f in fields(Coefficients)
    }
    names = vars(first.camera)
    camera = {key: torch.cat([getattr(face.camera, key) for face in filled]) for key in names}
    return PosedFaces(Coefficients(**parts), type(first.camera)(**camera))
