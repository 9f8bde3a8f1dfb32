"""The supervised terms: faces whose coefficients and camera are known.

`KnownFaces` compares with faces of any face model, such as drawn ones; `ParameterTerm` with the
fitted 3DMM parameters of photographs that 300W-LP has. MLANet's abstract has a "semi-supervised
training strategy, incorporating 3DMM parameters from publicly available datasets", its eq 9 no such
term; this one is ours.
"""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor

from ...core.errors import InputError
from ...datasets.batches.batch import FaceBatch
from ...datasets.batches.sample import FaceDataset
from ...facemodels.readers.tddfa_points import TddfaPoints, read_tddfa_points
from ...facemodels.registry import FACE_MODELS, load_face_model, same_coefficients
from ...geometry.coefficients import Coefficients, coefficients_to_vector
from ...geometry.dense_points import PointBasis, PointLayout
from ...geometry.face_model import FaceModel
from ...geometry.posed import PosedFaces
from ...losses.coefficients import coefficient_error
from ...losses.points import box_unit, depth_distance, point_distance
from ...models.heads.nearest_camera import to_weak_perspective
from ..face_sets import known_models
from ..fits import FitReader
from ..tddfa.network import KnownModel, unit_ratios
from .metrics import RenderedBatch

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

    def __call__(self, seen: RenderedBatch, batch: FaceBatch) -> dict[str, Tensor]:
        """The terms `points`, `depth` and `coefficients`."""
        if batch.truth is None or batch.known is None or not bool(batch.known.any()):
            return {}
        rows = torch.nonzero(batch.known)[:, 0]
        truth, predicted = batch.truth[rows], seen.faces[rows]
        points, true_points = self._points(predicted, seen.vertices[rows], truth)
        unit = box_unit(true_points)
        return {
            "points": point_distance(points, true_points, unit).mean(),
            "depth": depth_distance(points, true_points, unit).mean(),
            "coefficients": self._error(predicted.coefficients, truth.coefficients).mean(),
        }

    def _error(self, predicted: Coefficients, truth: Coefficients) -> Tensor:
        """(B,K) of known coefficients; in another model, of shape and albedo from the mean face."""
        vector = coefficients_to_vector(predicted)
        if self.truth is None:
            return coefficient_error(vector, coefficients_to_vector(truth))
        shape = vector[:, : sum(self.model.sizes)]
        return coefficient_error(shape, torch.zeros_like(shape))

    def _points(
        self, predicted: PosedFaces, vertices: Tensor, truth: PosedFaces
    ) -> tuple[Tensor, Tensor]:
        """The same points of both faces, (B,N,3) crop pixels each."""
        if self.truth is None:
            with torch.no_grad():
                target = self.model.vertices(truth.coefficients)[:, self._some]
                true_points = truth.camera.project(target)
            return predicted.camera.project(vertices[:, self._some]), true_points
        with torch.no_grad():
            target = self.truth.vertices(truth.coefficients)
            true_points = self._landmarks(self.truth, target, truth)
        return self._landmarks(self.model, vertices, predicted), true_points

    def _landmarks(self, model: FaceModel, vertices: Tensor, faces: PosedFaces) -> Tensor:
        points = model.landmark_points(vertices, self.landmark_set)[:, self._common]
        return about_mean_depth(faces.camera.project(points))


def truth_model(sets: Sequence[FaceDataset], model: FaceModel) -> FaceModel:
    """The face model that the known coefficients of data sets belong to; `model` without any.

    Args:
        sets: those with known faces say of which model (`KnowsFaces`).
        model: that learns.

    Raises:
        InputError: known faces of several models, or of one that is not registered.
    """
    names = known_models(sets)
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
    valid, valid_of_truth = model.landmark_set(name).valid, truth.landmark_set(name).valid
    common = torch.nonzero(valid & valid_of_truth.to(valid.device))[:, 0]
    if not len(common):
        what = f"a landmark set {name!r} with points that {truth.name} has too"
        raise InputError(f"face model {model.name!r}", what, "none of them")
    return common


def about_mean_depth(points: Tensor) -> Tensor:
    """Points (B,N,3) whose depth is from their mean depth on."""
    depth = points[..., 2:]
    return torch.cat([points[..., :2], depth - depth.mean(1, keepdim=True)], -1)


class ParameterTerm:
    """How far faces are from the fits of their photographs.

    The sum of up to four parts, each about 1 where a network knows nothing:

    - rotation: half the matrices' squared distance, which is the squared angle in radians where
      that is small; a perspective camera's rotation is that of the nearest weak one;
    - points: the 68 landmarks' distance in the image and in depth, over the root of their box;
    - identity and expression: mean squared errors in standard deviations, of the modes that the
      face model shares with 3DDFA's. Others teach by the points alone: Deep3D's expressions are
      FaceWarehouse's in another basis.

    Args:
        model: that learns, with landmarks `ibug68`.
        points: 3DDFA's model at its landmarks.

    Attributes:
        shared: which of identity and expression are compared mode by mode.
    """

    def __init__(self, model: FaceModel, points: TddfaPoints) -> None:
        self._model, self._points_model = model, points.model
        origin = points.origin.tolist()
        raw = KnownModel(points.model, points.factors, origin, points.model.sizes[:2])
        self._reader = FitReader(raw)
        self._common = common_landmarks(model, points.model, "ibug68")
        self._pivot = points.origin
        basis = PointBasis.of(model, PointLayout(model.name, ("ibug68",), (), ()))
        self._factors = {
            "identity": _factors("identity", basis.identity, points.model.identity),
            "expression": _factors("expression", basis.expression, points.model.expression),
        }
        self.shared = tuple(name for name, factors in self._factors.items() if len(factors))

    @classmethod
    def load(cls, model: FaceModel, label_model: str) -> ParameterTerm:
        """The term with 3DDFA's model out of files, see `facemodels.read_tddfa_points`.

        Raises:
            InputError: no files are named, or they are damaged.
            MissingFileError: they are not there.
        """
        if not label_model:
            remedy = (
                "300W-LP's parameters belong to 3DDFA's Basel model: name Model_Shape.mat, or the "
                "folder of its 68 points; or leave the term out by loss.parameters=0."
            )
            raise InputError("label_model", "3DDFA's model, for loss.parameters", "none", remedy)
        points = read_tddfa_points(label_model)
        return cls(model, points.first(len(model.identity), len(model.expression)))

    def to(self, device: torch.device | str) -> ParameterTerm:
        """Itself, moved to another device."""
        self._points_model.to(device)
        self._common = self._common.to(device)
        self._factors = {name: value.to(device) for name, value in self._factors.items()}
        return self

    def knows(self, batch: FaceBatch) -> bool:
        """Whether a row of a batch has a fit."""
        return self._reader.faces(batch.labels) is not None

    def __call__(self, seen: RenderedBatch, batch: FaceBatch) -> Tensor:
        """The mean over all faces of a batch, of which those without a fit count 0."""
        fits = self._reader.faces(batch.labels)
        if fits is None:
            return seen.vertices.sum() * 0
        fitted, known = fits
        rows = torch.nonzero(known)[:, 0]
        predicted, truth = seen.faces[rows], fitted[rows]
        camera = to_weak_perspective(predicted.camera, self._pivot)
        error = 0.5 * (camera.rotation - truth.camera.rotation).square().sum((1, 2))
        points = self._model.landmark_points(seen.vertices[rows], "ibug68")[:, self._common]
        others = self._points_model.vertices(truth.coefficients)
        others = self._points_model.landmark_points(others, "ibug68")[:, self._common]
        placed = about_mean_depth(predicted.camera.project(points))
        wanted = about_mean_depth(truth.camera.project(others))
        unit = box_unit(wanted)
        error = error + point_distance(placed, wanted, unit).mean(1)
        error = error + depth_distance(placed, wanted, unit).mean(1)
        for name, factors in self._factors.items():
            if len(factors):
                target = getattr(truth.coefficients, name)[:, : len(factors)] * factors
                value = getattr(predicted.coefficients, name)[:, : len(factors)]
                error = error + (value - target).square().mean(1)
        return error.sum() / len(batch)


def _factors(name: str, modes: Tensor, raw: Tensor) -> Tensor:
    """Coefficients of the model per one of 3DDFA's (K,); none where the modes are others."""
    count = min(len(modes), len(raw))
    try:
        return 1 / unit_ratios(name, modes, raw[:count])
    except InputError:
        return modes.new_zeros(0)
