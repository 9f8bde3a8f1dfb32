"""Protocol `synthetic`: everything that is known of synthetic faces (`selfie3d synth`).

- landmarks: mean distance of the 68 points (`ibug68`, hidden ones too) over the square root of the
  area of the true ones' box, as for AFLW2000-3D.
- pose: the angle of the rotation that is missing. A perspective camera's rotation counts after that
  of the line of sight, so that cameras of both kinds are alike.
- shape: mean distance of the vertices of the region "face", with expression, after the similarity
  that aligns them best; with the true pose, that is, aligned away.
- dense points: the same vertices as the papers measure theirs (`metrics.dense`): in the picture, in
  3D, their shape by the outer eye distance, and after iterative closest points.

Beside each mean stands what a network that has learnt nothing would give: for every face the mean
coefficients, rotation, place and scale in the box of landmarks, and these are the means of the very
faces that are scored.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, fields
from functools import partial

import numpy as np
import torch
from numpy.typing import NDArray
from scipy.spatial.transform import Rotation
from torch import Tensor

from ...core.config import load_config, resolved_dict
from ...core.errors import InputError
from ...core.item_failure import LOG, Failed, FailureLog, attempt
from ...core.progress import progress_bar
from ...datasets.batches.sample import FaceSample
from ...datasets.photographs.rendered import RenderedPhotographs
from ...facemodels.registry import load_face_model, same_coefficients
from ...geometry.align import similarity_align
from ...geometry.camera import WeakPerspectiveCamera
from ...geometry.coefficients import Coefficients
from ...geometry.face_model import FaceModel
from ...geometry.posed import PosedFaces
from ...geometry.rotation import geodesic_angle
from ...models.heads.nearest_camera import to_weak_perspective
from ...models.heads.vector_layout import LayoutSpec
from ...pipeline.predicted import PredictedFace
from ..metrics.dense import KINDS, NEAREST, dense_errors, nearest_nme
from ..metrics.landmarks import eye_distance
from ..metrics.mean_metrics import cumulative_curve
from ..predict.photographs import boxes_around
from ..predict.predicted import Box, Predictor
from ..predict.predictor import BoxSource, face_model_of, load_predictor
from ..registry import Protocol, Request
from ..report.report import Items, Metric, Report

Array = NDArray[np.float64]

FIGURES = {"landmarks": "%", "pose": "degrees", "shape": "mm"}
"""What `compare` gives, with units."""
_LANDMARKS = "ibug68"

TABLE = "synthetic faces"
DENSE_TABLE = f"{TABLE}, dense points"
NOTHING = "what the mean face gives"
_CURVE = f"Cumulative error, {TABLE}, {NEAREST}"


@dataclass(frozen=True)
class KnownFace:
    """One face and its truth.

    Attributes:
        model: the face model.
        truth: one face, the camera in the picture's pixels.
        vertices: (V,3) mm, model space.
        landmarks: (68,2) pixels.
    """

    model: FaceModel
    truth: PosedFaces
    vertices: Tensor
    landmarks: Array

    @property
    def box(self) -> Box:
        """(x0,y0,x1,y1) round the landmarks, pixels."""
        return boxes_around(self.landmarks[None])[0]


def known_face(model: FaceModel, sample: FaceSample) -> KnownFace:
    """What a sample knows.

    Raises:
        InputError: it does not know its truth.
    """
    if sample.truth is None:
        raise InputError(sample.name, "a synthetic face with its truth", "a photograph")
    vertices = model.vertices(sample.truth.coefficients)
    points = sample.truth.camera.project(model.landmark_points(vertices, _LANDMARKS))
    landmarks = points[0, :, :2].numpy().astype(np.float64)
    return KnownFace(model, sample.truth, vertices[0], landmarks)


def compare(face: PredictedFace, known: KnownFace) -> tuple[float, float, float]:
    """The figures of `FIGURES`.

    Raises:
        InputError: the face belongs to another model.
    """
    if face.model.name != known.model.name:
        raise InputError("weights", f"of face model {known.model.name!r}", repr(face.model.name))
    points = face.landmarks(_LANDMARKS)[:, :2]
    error = np.linalg.norm(points - known.landmarks, axis=1).mean() / _middle_and_size(known.box)[1]
    pivot = _pivot(known.model)
    predicted, true = (to_weak_perspective(c, pivot) for c in (face.camera, known.truth.camera))
    turn = torch.rad2deg(geodesic_angle(predicted.rotation, true.rotation))
    inside = known.model.region("face")
    shape, target = face.vertices[None, inside], known.vertices[None, inside]
    moved = similarity_align(shape, target).apply(shape)
    return 100 * float(error), float(turn), float((moved - target).norm(dim=-1).mean())


def compare_dense(face: PredictedFace, known: KnownFace, icp: bool = True) -> dict[str, float]:
    """Percent by `metrics.dense.KINDS`, of the vertices of the region "face".

    Args:
        face: predicted, of the same face model.
        known: the truth.
        icp: after iterative closest points, too.
    """
    inside = known.model.region("face")
    predicted = face.camera.project(face.vertices[None, inside])[0].double().numpy()
    camera = known.truth.camera
    truth = camera.project(known.vertices[None, inside])[0].double().numpy()
    marks = known.model.landmark_points(known.vertices[None], _LANDMARKS)
    eyes = float(eye_distance(camera.project(marks).double().numpy())[0])
    found = dense_errors(predicted, truth, eyes)
    return found | ({NEAREST: nearest_nme(predicted, truth)} if icp else {})


@dataclass(frozen=True)
class MeanFace:
    """The same for every face: shape, rotation, and place and scale in the landmarks' box.

    Attributes:
        model: the face model.
        coefficients: of one face.
        rotation: (1,3,3).
        scale: box sizes per mm.
        place: (2,) of the pivot from the box's middle, box sizes.
    """

    model: FaceModel
    coefficients: Coefficients
    rotation: Tensor
    scale: float
    place: Array

    @classmethod
    def of(cls, faces: Sequence[KnownFace]) -> MeanFace:
        """Means over faces; the rotation's is the chordal one."""
        model = faces[0].model
        pivot = _pivot(model)
        cameras = [to_weak_perspective(face.truth.camera, pivot) for face in faces]
        turns = Rotation.from_matrix(torch.cat([c.rotation for c in cameras]).double().numpy())
        frames = [_middle_and_size(face.box) for face in faces]
        places = [
            (c.project(pivot[None, None])[0, 0, :2].double().numpy() - middle) / size
            for c, (middle, size) in zip(cameras, frames, strict=True)
        ]
        scales = [float(c.scale) / size for c, (_, size) in zip(cameras, frames, strict=True)]
        each = [face.truth.coefficients for face in faces]
        means = {
            f.name: torch.cat([getattr(c, f.name) for c in each]).mean(0, keepdim=True)
            for f in fields(Coefficients)
        }
        return cls(
            model,
            Coefficients(**means),
            torch.from_numpy(turns.mean().as_matrix()).float()[None],
            float(np.mean(scales)),
            np.mean(places, axis=0),
        )

    def at(self, box: Box) -> PredictedFace:
        """In a box of landmarks (x0,y0,x1,y1), pixels."""
        middle, size = _middle_and_size(box)
        scale = torch.tensor([self.scale * size], dtype=torch.float32)
        pixel = torch.from_numpy(middle + self.place * size).float()
        turned = scale * (self.rotation[0] @ _pivot(self.model))[:2] * pixel.new_tensor([1.0, -1.0])
        camera = WeakPerspectiveCamera(self.rotation, scale, (pixel - turned)[None])
        return PredictedFace(self.model, self.coefficients, camera, box)


def _middle_and_size(box: Box) -> tuple[Array, float]:
    """The middle (2,) of a box, and the root of its area."""
    low, high = np.array(box[:2]), np.array(box[2:])
    return (low + high) / 2, float(np.sqrt((high - low).prod()))


def _pivot(model: FaceModel) -> Tensor:
    """The point in mm, model space, that networks' poses turn about."""
    return torch.tensor(LayoutSpec.of(model, 1).pivot)


@dataclass(frozen=True)
class SyntheticOptions:
    """What can be chosen.

    Attributes:
        limit: the first so many faces; 0 takes all.
        boxes: where a network looks, "protocol" (round the true landmarks) or "detector".
        face_model: that the predicted faces have, "" that of the weights; its coefficients must be
            those of the set's.
        icp: measure shapes after iterative closest points, too; it takes a tenth of a second a
            face, and half of one where faces are far off.
    """

    limit: int = 0
    boxes: BoxSource = "protocol"
    face_model: str = ""
    icp: bool = True

    @property
    def columns(self) -> tuple[str, ...]:
        """What is measured of each face."""
        return (*FIGURES, *(kind for kind in KINDS if self.icp or kind != NEAREST))


def make_protocol(overrides: Sequence[str] = ()) -> Protocol:
    """The protocol with `key=value` of `SyntheticOptions`."""
    return partial(_run, load_config(SyntheticOptions, overrides=overrides))


def _run(options: SyntheticOptions, request: Request) -> Report:
    if request.predictions:
        raise InputError("--predictions", "--weights, as meshes are compared", "a file")
    faces = RenderedPhotographs(request.data, options.limit)
    name = options.face_model or face_model_of(request.weights)
    if not same_coefficients(name, faces.face_model):
        raise InputError("face_model", f"{faces.face_model!r}, as drawn", repr(name))
    model = load_face_model(name)
    predictor = load_predictor(request.weights, options.boxes, name)
    names = [faces.row_name(row) for row in range(len(faces))]
    errors, known, failures = _predict(
        predictor, faces, names, model, options, log=FailureLog(request.out / LOG)
    )
    mean = MeanFace.of(known)
    baseline = np.array([_all_of(mean.at(face.box), face, options.icp) for face in known])
    columns = dict(zip(options.columns, errors.T, strict=True))
    nothing = dict(zip(options.columns, baseline.T, strict=True))
    shown = {predictor.name: errors[:, -1], "mean face": baseline[:, -1]} if options.icp else {}
    facts = {"options": resolved_dict(options), "method": predictor.name, "failed": len(failures)}
    return Report(
        "synthetic",
        f"{faces.summary}, {predictor.name}, boxes: {options.boxes}; distance over sqrt(width x "
        "height) of the true 68 points' box; shape after the best similarity; dense: "
        f"{int(model.region('face').sum()):,} vertices",
        [*_metrics(columns), *_metrics(nothing, f": {NOTHING}")],
        Items(names, columns),
        failures,
        facts,
        curves=[cumulative_curve(_CURVE, shown)] if shown else [],
    )


def _errors(predictor: Predictor, sample: FaceSample, known: KnownFace, icp: bool) -> Array:
    return _all_of(predictor(sample.picture, known.box), known, icp)


def _all_of(face: PredictedFace, known: KnownFace, icp: bool) -> Array:
    """The numbers of `SyntheticOptions.columns`."""
    return np.array([*compare(face, known), *compare_dense(face, known, icp).values()])


def _predict(
    predictor: Predictor,
    faces: RenderedPhotographs,
    names: Sequence[str],
    model: FaceModel,
    options: SyntheticOptions,
    *,
    log: FailureLog,
) -> tuple[Array, list[KnownFace], dict[str, str]]:
    """Errors by column, NaN where no face was found, what is known, reasons of failures."""
    errors = np.full((len(faces), len(options.columns)), np.nan)
    known: list[KnownFace] = []
    failures: dict[str, str] = {}
    with progress_bar("Predicting faces", len(faces)) as advance:
        for row, name in enumerate(names):
            sample = faces[row]
            known.append(known_face(model, sample))
            work = partial(_errors, predictor, sample, known[-1], options.icp)
            measured = attempt(name, work, log)
            if isinstance(measured, Failed):
                failures[name] = measured.message
            else:
                errors[row] = measured
            advance()
    return errors, known, failures


def _metrics(columns: Mapping[str, Array], end: str = "") -> list[Metric]:
    """Means over the faces that were found; `end` completes the tables' headings."""
    found = np.isfinite(np.stack(list(columns.values()))).all(0)
    count = int(found.sum())
    return [
        Metric(
            f"{TABLE if figure in FIGURES else DENSE_TABLE}{end}", figure,
            float(values[found].mean()) if count else np.nan,
            FIGURES.get(figure, "%"), count, mean="over the faces that were found",
        )
        for figure, values in columns.items()
    ]  # fmt: skip
