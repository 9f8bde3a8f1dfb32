"""The supervised term of photographs whose 3DMM parameters are known: 300W-LP's fits.

MLANet's abstract has a "semi-supervised training strategy, incorporating 3DMM parameters from
publicly available datasets", its eq 9 no such term; this one is ours.
"""

from __future__ import annotations

import torch
from torch import Tensor

from ..core.errors import InputError
from ..datasets.batch import FaceBatch
from ..facemodels.tddfa_points import TddfaPoints, read_tddfa_points
from ..geometry.dense_points import PointBasis, PointLayout
from ..geometry.face_model import FaceModel
from ..losses.points import box_unit, depth_distance, point_distance
from ..models.heads.nearest_camera import to_weak_perspective
from .face_figures import Seen
from .face_known import about_mean_depth, common_landmarks
from .fits import FitReader
from .tddfa_model import KnownModel, unit_ratios


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
        own = PointBasis.of(model, PointLayout(model.name, ("ibug68",), (), ()))
        self._factors = {
            "identity": _factors("identity", own.identity, points.model.identity),
            "expression": _factors("expression", own.expression, points.model.expression),
        }
        self.shared = tuple(name for name, factors in self._factors.items() if len(factors))

    @classmethod
    def load(cls, model: FaceModel, label_model: str) -> ParameterTerm:
        """Of 3DDFA's files, see `facemodels.tddfa_points.read_tddfa_points`.

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

    def __call__(self, seen: Seen, batch: FaceBatch) -> Tensor:
        """The mean over all faces of a batch, of which those without a fit count 0."""
        found = self._reader.faces(batch.labels)
        if found is None:
            return seen.vertices.sum() * 0
        fitted, known = found
        rows = torch.nonzero(known)[:, 0]
        own, truth = seen.faces[rows], fitted[rows]
        camera = to_weak_perspective(own.camera, self._pivot)
        error = 0.5 * (camera.rotation - truth.camera.rotation).square().sum((1, 2))
        points = self._model.landmark_points(seen.vertices[rows], "ibug68")[:, self._common]
        others = self._points_model.vertices(truth.coefficients)
        others = self._points_model.landmark_points(others, "ibug68")[:, self._common]
        placed = about_mean_depth(own.camera.project(points))
        wanted = about_mean_depth(truth.camera.project(others))
        unit = box_unit(wanted)
        error = error + point_distance(placed, wanted, unit).mean(1)
        error = error + depth_distance(placed, wanted, unit).mean(1)
        for name, factors in self._factors.items():
            if len(factors):
                target = getattr(truth.coefficients, name)[:, : len(factors)] * factors
                one = getattr(own.coefficients, name)[:, : len(factors)]
                error = error + (one - target).square().mean(1)
        return error.sum() / len(batch)


def _factors(name: str, own: Tensor, raw: Tensor) -> Tensor:
    """Coefficients of the model per one of 3DDFA's (K,); none where the modes are others."""
    count = min(len(own), len(raw))
    try:
        return 1 / unit_ratios(name, own, raw[:count])
    except InputError:
        return own.new_zeros(0)
