"""The terms of training faces whose coefficients and camera are known, in any face model."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor

from ..core.errors import InputError
from ..datasets.batch import FaceBatch
from ..datasets.sample import FaceDataset
from ..facemodels.registry import FACE_MODELS, load_face_model, same_coefficients
from ..geometry.coefficient_vector import coefficients_to_vector
from ..geometry.coefficients import Coefficients
from ..geometry.face_model import FaceModel
from ..geometry.posed import PosedFaces
from ..losses.coefficients import coefficient_error
from ..losses.points import box_unit, depth_distance, point_distance
from .face_figures import Seen

_STRIDE = 16  # every so many vertices are compared with known ones


class KnownFaces:
    """Distances to faces that are known.

    Faces known in the coefficients of the model that learns are compared by a sixteenth of its
    vertices and by the coefficients. Coefficients of another model mean nothing here: of such
    faces, the landmarks that both models have are compared, in the image plane, and in depth about
    their mean (where the eyeballs lie in the heads of two models differs by millimetres). A few
    points leave the shape open, and the coefficients are drawn to the mean face instead.

    Args:
        model: that learns.
        truth: that the known coefficients belong to; None: the same.
        landmark_set: of both models.

    Raises:
        InputError: two models without a common landmark.
    """

    def __init__(
        self, model: FaceModel, truth: FaceModel | None = None, landmark_set: str = "ibug68"
    ) -> None:
        self.model, self.landmark_set = model, landmark_set
        same = truth is None or same_coefficients(truth.name, model.name)
        self.truth = None if same else truth
        self._some = torch.arange(0, len(model.mean), _STRIDE)
        if self.truth is not None:
            self._common = common_landmarks(model, self.truth, landmark_set)

    def to(self, device: torch.device | str) -> KnownFaces:
        """Itself, moved to another device, with its models."""
        self.model.to(device)
        self._some = self._some.to(device)
        if self.truth is not None:
            self.truth.to(device)
            self._common = self._common.to(device)
        return self

    def __call__(self, seen: Seen, batch: FaceBatch) -> dict[str, Tensor]:
        """The terms `points`, `depth` and `coefficients`."""
        if batch.truth is None or batch.known is None or not bool(batch.known.any()):
            return {}
        rows = torch.nonzero(batch.known)[:, 0]
        truth, own = batch.truth[rows], seen.faces[rows]
        found, wanted = self._points(own, seen.vertices[rows], truth)
        unit = box_unit(wanted)
        return {
            "points": point_distance(found, wanted, unit).mean(),
            "depth": depth_distance(found, wanted, unit).mean(),
            "coefficients": self._error(own.coefficients, truth.coefficients).mean(),
        }

    def _error(self, own: Coefficients, truth: Coefficients) -> Tensor:
        """(B,K) of known coefficients; in another model, of shape and albedo from the mean face."""
        vector = coefficients_to_vector(own)
        if self.truth is None:
            return coefficient_error(vector, coefficients_to_vector(truth))
        shape = vector[:, : sum(self.model.sizes)]
        return coefficient_error(shape, torch.zeros_like(shape))

    def _points(
        self, own: PosedFaces, vertices: Tensor, truth: PosedFaces
    ) -> tuple[Tensor, Tensor]:
        """The same points of both faces, (B,N,3) crop pixels each."""
        if self.truth is None:
            with torch.no_grad():
                target = self.model.vertices(truth.coefficients)[:, self._some]
                wanted = truth.camera.project(target)
            return own.camera.project(vertices[:, self._some]), wanted
        with torch.no_grad():
            target = self.truth.vertices(truth.coefficients)
            wanted = self._landmarks(self.truth, target, truth)
        return self._landmarks(self.model, vertices, own), wanted

    def _landmarks(self, model: FaceModel, vertices: Tensor, faces: PosedFaces) -> Tensor:
        points = model.landmark_points(vertices, self.landmark_set)[:, self._common]
        return about_mean_depth(faces.camera.project(points))


def truth_model(sets: Sequence[FaceDataset], model: FaceModel) -> FaceModel:
    """The face model that the known coefficients of data sets belong to; `model` without any.

    Args:
        sets: those with known faces name their model by `face_model`.
        model: that learns.

    Raises:
        InputError: known faces of several models, or of one that is not registered.
    """
    names = sorted({name for one in sets if (name := getattr(one, "face_model", ""))})
    if not names:
        return model
    if not all(same_coefficients(name, names[0]) for name in names):
        raise InputError("data.train", "known faces of one face model", ", ".join(names))
    if same_coefficients(names[0], model.name):
        return model
    if names[0] not in FACE_MODELS:
        known = ", ".join([model.name, *FACE_MODELS.names()])
        raise InputError("data.train", f"known faces of {known}", names[0])
    return load_face_model(names[0])


def common_landmarks(model: FaceModel, truth: FaceModel, name: str) -> Tensor:
    """Which landmarks both models have, (N,) int64."""
    own, other = model.landmark_set(name).valid, truth.landmark_set(name).valid
    common = torch.nonzero(own & other.to(own.device))[:, 0]
    if not len(common):
        what = f"a landmark set {name!r} with points that {truth.name} has too"
        raise InputError(f"face model {model.name!r}", what, "none of them")
    return common


def about_mean_depth(points: Tensor) -> Tensor:
    """Points (B,N,3) whose depth is from their mean depth on."""
    depth = points[..., 2:]
    return torch.cat([points[..., :2], depth - depth.mean(1, keepdim=True)], -1)
