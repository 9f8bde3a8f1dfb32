"""How far predicted parameters are off, beside what a network that has learnt nothing gives."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace

import torch
from torch import Tensor

from ...core.errors import InputError
from ...datasets.batches.batch import FaceBatch
from ...evaluate.metrics.batch_landmarks import batch_nme
from ...evaluate.metrics.pose import angle_errors
from ...geometry.align import similarity_align
from ...geometry.coefficients import Coefficients
from ...geometry.dense_points import PointBasis, PointLayout
from ...geometry.face_model import FaceModel
from ...geometry.posed import PosedFaces
from ...geometry.rotation import geodesic_angle, matrix_to_euler
from ...models.tddfa.layout import TddfaLayout
from .losses import TddfaTargets

Predict = Callable[[Tensor], Tensor]
"""Images (B,3,S,S) to outputs (B,P), both on the CPU."""
_STRIDE = 4  # every so many vertices of the face are compared
_LANDMARKS = "ibug68-3d"
_WILD = 1e3  # standard deviations, beyond which outputs are cut so that no metric overflows
ANGLES = ("pitch", "yaw", "roll")


@dataclass(frozen=True)
class Reference:
    """What a batch knows, of B faces.

    Attributes:
        outputs: (B,P) of a network without error; 0 where nothing is known.
        landmarks: (B,68,2) crop pixels: annotated ones, else the truth's; NaN where neither is.
        vertices: (B,M,3) mm, of the truth, with all of its coefficients.
        known: (B,) bool: rows with parameters.
    """

    outputs: Tensor
    landmarks: Tensor
    vertices: Tensor
    known: Tensor

    def of_known(self) -> Reference:
        """Without the landmarks of faces whose parameters are not known."""
        kept = torch.where(self.known[:, None, None], self.landmarks, torch.nan)
        return replace(self, landmarks=kept)


class TddfaMetrics:
    """Metrics over batches that training never sees, on the CPU.

    - `error`: NME in %, the mean distance of the 68 points over the root of the area of the true
      ones' box, in the crop, read off the nearest weak perspective camera.
    - `pose`: angle in degrees between the predicted rotation and that of the true parameters;
      `pitch`, `yaw`, `roll`: mean absolute errors (300W-LP's angles). True is the layout's: a
      perspective camera's rotation after that of the line of sight.
    - `shape`: mean distance in mm of the face's vertices in model space, all of the truth's
      coefficients against the predicted ones, after the best rigid motion.
    - each with `baseline_`: of outputs of 0, the training set's mean, for every face.
    - `limit_error`, `limit_shape`: of the true parameters themselves, which the layout's camera
      and its few coefficients leave.

    Args:
        model: the face model.
        layout: with its final whitening.
        targets: reads the batches.
        batches: to look at.
        landmark_set: of the model.

    Raises:
        InputError: no batch has landmarks or known parameters.
    """

    def __init__(
        self,
        model: FaceModel,
        layout: TddfaLayout,
        targets: TddfaTargets,
        batches: Sequence[FaceBatch],
        landmark_set: str,
    ) -> None:
        self._layout, self._targets, self._batches = layout, targets, batches
        vertices = torch.nonzero(model.region("face"))[:, 0][::_STRIDE].tolist()
        points = PointLayout(model.name, (landmark_set,), tuple(vertices), ())
        self._basis = PointBasis.of(model, points)
        self._known = [self._reference(batch) for batch in batches]
        if not any(bool(torch.isfinite(r.landmarks).any()) for r in self._known):
            raise InputError("data.validation", "faces with landmarks or parameters", "none")
        baseline = self._means([(torch.zeros_like(r.outputs), r) for r in self._known])
        limit = self._means([(r.outputs, r.of_known()) for r in self._known])
        self._fixed = {f"baseline_{name}": value for name, value in baseline.items()}
        self._fixed |= {f"limit_{n}": limit[n] for n in ("error", "shape") if n in limit}

    def __call__(self, predict: Predict) -> dict[str, float]:
        """Means over all faces of which each is known; a metric that no face has is left out."""
        outputs = (predict(batch.images) for batch in self._batches)
        return {**self._means(zip(outputs, self._known, strict=True)), **self._fixed}

    def _means(self, pairs: Iterable[tuple[Tensor, Reference]]) -> dict[str, float]:
        columns: dict[str, list[Tensor]] = {}
        for outputs, reference in pairs:
            for name, values in self._errors(outputs, reference).items():
                columns.setdefault(name, []).append(values)
        joined = {name: torch.cat(values) for name, values in columns.items()}
        return {name: float(values.mean()) for name, values in joined.items() if len(values)}

    def _errors(self, outputs: Tensor, reference: Reference) -> Mapping[str, Tensor]:
        """Errors of the faces of which each is known; NaN where the outputs are not finite."""
        finite = torch.isfinite(outputs).all(1)
        usable = torch.where(finite[:, None], outputs, 0.0).clamp(-_WILD, _WILD)
        faces = self._layout.decode(usable)
        points = self._points(faces.coefficients)
        plane = faces.camera.project(points[:, :68])[..., :2]
        marked = torch.isfinite(reference.landmarks).all(2)
        seen = marked.any(1)
        good, known = torch.where(finite, 1.0, torch.nan), reference.known
        error = batch_nme(plane[seen], reference.landmarks[seen], marked[seen])
        errors = {"error": error * good[seen]}
        if bool(known.any()):
            true = self._layout.decode(reference.outputs[known]).camera.rotation
            more = _turns(faces.camera.rotation[known], true)
            more["shape"] = rigid_distance(points[known, 68:], reference.vertices[known])
            errors |= {name: values * good[known] for name, values in more.items()}
        return errors

    def _reference(self, batch: FaceBatch) -> Reference:
        parameters = self._targets(batch)
        known = torch.isfinite(parameters).all(1)
        outputs = self._layout.whitening.apply(parameters)
        outputs = torch.where(known[:, None], outputs, 0.0)
        faces = self._layout.decode(outputs)
        points = self._points(faces.coefficients)
        plane = faces.camera.project(points[:, :68])[..., :2]
        if batch.truth is not None and batch.known is not None:
            points, plane = self._of_truth(batch.truth, batch.known, points, plane)
        plane = torch.where(known[:, None, None], plane, torch.nan)
        annotation = batch.landmarks.get(_LANDMARKS)
        if annotation is not None:
            annotated = torch.isfinite(annotation).all(2).any(1)
            plane = torch.where(annotated[:, None, None], annotation, plane)
        return Reference(outputs, plane, points[:, 68:], known)

    def _of_truth(
        self, truth: PosedFaces, known: Tensor, points: Tensor, plane: Tensor
    ) -> tuple[Tensor, Tensor]:
        true_points = self._points(truth.coefficients)
        true_plane = truth.camera.project(true_points[:, :68])[..., :2]
        rows = known[:, None, None]
        return torch.where(rows, true_points, points), torch.where(rows, true_plane, plane)

    def _points(self, coefficients: Coefficients) -> Tensor:
        """(B,68+M,3) mm."""
        return self._basis.points(coefficients.identity, coefficients.expression)


def rigid_distance(predicted: Tensor, true: Tensor) -> Tensor:
    """Mean distance (B,) of points (B,M,3) after the best rotation and translation."""
    moved = similarity_align(predicted, true, scale=False).apply(predicted)
    return (moved - true).norm(dim=2).mean(1)


def _turns(predicted: Tensor, true: Tensor) -> dict[str, Tensor]:
    """Degrees (B,) between rotations (B,3,3): the angle, and that of each of 300W-LP's angles."""
    predicted_deg, true_deg = (
        torch.rad2deg(matrix_to_euler(R)).double().numpy() for R in (predicted, true)
    )
    angles = torch.from_numpy(angle_errors(predicted_deg, true_deg)).float()
    errors = {"pose": torch.rad2deg(geodesic_angle(predicted, true))}
    return errors | dict(zip(ANGLES, angles.unbind(1), strict=True))
