"""Protocol `synthetic`: everything that is known of synthetic faces (`selfie3d synth`).

- landmarks: mean distance of the 68 points (`ibug68`, hidden ones too) over the square root of the
  area of the true ones' box, as for AFLW2000-3D.
- pose: the angle of the rotation that is missing. A perspective camera's rotation counts after that
  of the line of sight, so that cameras of both kinds are alike.
- shape: mean distance of the vertices of the region "face", with expression, after the similarity
  that aligns them best; with the true pose, that is, aligned away.

Beside each stands what a network that has learnt nothing would give: for every face the mean
coefficients, rotation, place and scale in the box of landmarks, and these are the means of the very
faces that are scored.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial

import numpy as np
from numpy.typing import NDArray

from ..core.config import load_config, resolved_dict
from ..core.errors import InputError
from ..core.item_failure import LOG, Failed, FailureLog, attempt
from ..core.progress import progress
from ..datasets.rendered_photos import RenderedPhotographs
from ..datasets.sample import FaceSample
from ..facemodels.registry import load_face_model, same_coefficients
from ..geometry.face_model import FaceModel
from .predict import Predictor, load_predictor
from .registry import Protocol, Request
from .report import Figure, Items, Report
from .synthetic_truth import FIGURES, KnownFace, MeanFace, compare, known_face

Array = NDArray[np.float64]
TABLE = "synthetic faces"
NOTHING = "what the mean face gives"


@dataclass(frozen=True)
class SyntheticOptions:
    """What can be chosen.

    Attributes:
        limit: the first so many faces; 0 takes all.
        boxes: where a network looks, "protocol" (round the true landmarks) or "detector".
        face_model: that the predicted faces have; its coefficients must be those of the set's.
    """

    limit: int = 0
    boxes: str = "protocol"
    face_model: str = "default"


def make_protocol(overrides: Sequence[str] = ()) -> Protocol:
    """The protocol with `key=value` of `SyntheticOptions`."""
    return partial(_run, load_config(SyntheticOptions, overrides=overrides))


def _run(options: SyntheticOptions, request: Request) -> Report:
    if request.predictions:
        raise InputError("--predictions", "--weights, as meshes are compared", "a file")
    faces = RenderedPhotographs(request.data, options.limit)
    if not same_coefficients(options.face_model, faces.face_model):
        raise InputError("face_model", f"{faces.face_model!r}, as drawn", repr(options.face_model))
    model = load_face_model(options.face_model)
    predictor = load_predictor(request.weights, options.boxes, options.face_model)
    names = [faces.row_name(row) for row in range(len(faces))]
    errors, known, failures = _predict(
        predictor, faces, names, model, FailureLog(request.out / LOG)
    )
    mean = MeanFace.of(known)
    baseline = np.array([compare(mean.at(face.box), face) for face in known])
    columns = {unit: errors[:, k] for k, unit in enumerate(FIGURES)}
    facts = {"options": resolved_dict(options), "method": predictor.name, "failed": len(failures)}
    return Report(
        "synthetic",
        f"{faces.summary}, {predictor.name}, boxes: {options.boxes}; distance over sqrt(width x "
        "height) of the true 68 points' box; shape after the best similarity",
        [*_figures(errors, TABLE), *_figures(baseline, f"{TABLE}: {NOTHING}")],
        Items(names, columns),
        failures,
        facts,
    )


def _errors(predictor: Predictor, sample: FaceSample, known: KnownFace) -> Array:
    return np.asarray(compare(predictor(sample.picture, known.box), known))


def _predict(
    predictor: Predictor,
    faces: RenderedPhotographs,
    names: Sequence[str],
    model: FaceModel,
    log: FailureLog,
) -> tuple[Array, list[KnownFace], dict[str, str]]:
    """Errors (N,3), NaN where no face was found, what is known, and reasons of failures."""
    errors = np.full((len(faces), len(FIGURES)), np.nan)
    known: list[KnownFace] = []
    failures: dict[str, str] = {}
    with progress("Predicting faces", len(faces)) as advance:
        for row, name in enumerate(names):
            sample = faces[row]
            known.append(known_face(model, sample))
            one = attempt(name, partial(_errors, predictor, sample, known[-1]), log)
            if isinstance(one, Failed):
                failures[name] = one.message
            else:
                errors[row] = one
            advance()
    return errors, known, failures


def _figures(errors: Array, table: str) -> list[Figure]:
    """Means over the faces that were found."""
    found = errors[np.isfinite(errors).all(1)]
    count = len(found)
    values = found.mean(0) if count else np.full(len(FIGURES), np.nan)
    return [
        Figure(table, figure, float(value), unit, count, mean="over the faces that were found")
        for (figure, unit), value in zip(FIGURES.items(), values, strict=True)
    ]
