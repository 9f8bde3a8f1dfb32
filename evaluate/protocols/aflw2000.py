"""Protocol `aflw2000`: 68 points, shape, dense points and head pose on AFLW2000-3D.

68 points: `benchmark_aflw2000.py` of cleardusk/3DDFA. An image's error is the mean distance of its
68 points over the square root of the area of the box round the true ones (x and y, also for the 3D
error); bins by |yaw| of the fitted pose (1312/383/305) or of AFLW's labels (1306/462/232); the
headline is the mean of the bins' means. 3D, shape and head pose follow SADRNet, section IV. All in
the annotation's own frame: half a pixel moves the figures by 0.04 to 0.08.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import partial
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from ...core.config import load_config, resolved_dict
from ...core.errors import InputError
from ...core.image_file import read_image
from ...core.item_failure import LOG, FailureLog
from ...datasets.photographs.aflw2000 import Aflw2000, read_aflw2000, to_annotation, to_pixels
from ...geometry.crop import FRAME_PER_BOX
from ...pipeline.predicted import PredictedFace
from ..predict.batches import Item
from ..predict.photographs import boxes_around, predict_landmarks, refuse_other_order
from ..predict.predictions import (
    LANDMARKS,
    Predictions,
    named_rows,
    read_predictions,
    write_predictions,
)
from ..predict.predictor import DETECTING, load_predictor
from ..registry import Protocol, Request
from ..report.landmark_pictures import DrawnFace, best_and_worst
from ..report.report import Items, Picture, Report
from .aflw2000_dense import open_truth, score_dense
from .aflw2000_metrics import Scored, dense_parts, landmark_parts, metrics_beside, pose_parts
from .aflw2000_network_dense import score_network
from .aflw2000_options import OWN_SETS, Aflw2000Options, select_rows

Array = NDArray[np.float64]


def make_protocol(overrides: Sequence[str] = ()) -> Protocol:
    """The protocol with `key=value` of `Aflw2000Options`."""
    return partial(_run, load_config(Aflw2000Options, overrides=overrides))


@dataclass(frozen=True)
class _Setting:
    """The data set, the rows that are evaluated, and what was predicted for them.

    `dense` are errors of dense points by kind, and `correspondence` says which these are; `own` are
    predictions (N,68,3) of a landmark set that stands for one annotation alone, by the annotation.
    """

    data: Aflw2000
    rows: NDArray[np.int64]
    predictions: Predictions
    name: str
    dense: Mapping[str, Array] | None = None
    correspondence: str = ""
    own: Mapping[str, Array] = field(default_factory=dict)


def _run(options: Aflw2000Options, request: Request) -> Report:
    data = read_aflw2000(request.data)
    _require(options, data)
    setting = _from_file(options, request, data) if request.predictions else None
    setting = setting or _from_photographs(options, request, data)
    write_predictions(request.out / "predictions.npz", setting.predictions)
    rows, predictions = setting.rows, setting.predictions
    scored = Scored(data, rows, predictions.landmarks.transpose(0, 2, 1), setting.own)
    parts = [landmark_parts(scored, options, predictions), pose_parts(scored, predictions.pose_deg)]
    if setting.dense is not None:
        parts.append(dense_parts(scored, options, setting.dense))
    if options.beside:
        other = _read(Path(options.beside), options.key, data)
        parts.append(metrics_beside(scored, options, Path(options.beside).stem, other))
    columns = {k: v for part in parts for k, v in part.columns.items()}
    return Report(
        "aflw2000",
        _variant(options, setting),
        [figure for part in parts for figure in part.figures],
        Items(predictions.names, columns, scored.bins("fitted")),
        predictions.failures,
        _facts(options, setting, request),
        [row for part in parts for row in part.published],
        [curve for part in parts for curve in part.curves],
        _pictures(scored, setting, options.pictures),
    )


def _require(options: Aflw2000Options, data: Aflw2000) -> None:
    """Refuse what was asked for by name and is not there."""
    absent = {
        "split=labels": options.split == "labels" and data.yaw_labels is None,
        "annotation=reannotated": options.annotation == "reannotated" and data.reannotated is None,
    }
    for what, missing in absent.items():
        if missing:
            remedy = "It is among the rows of github.com/cleardusk/3DDFA, folder test.configs."
            raise InputError(what, "aflw2000_gt/ with these rows", "none", remedy)


def _read(path: Path, key: str, data: Aflw2000) -> Predictions:
    """Predictions for all rows; a bare .npy knows no keys."""
    predictions = read_predictions(path, data.names, LANDMARKS if path.suffix == ".npy" else key)
    refuse_other_order(str(path), predictions.landmarks, data.points)
    return predictions


def _from_file(options: Aflw2000Options, request: Request, data: Aflw2000) -> _Setting:
    path = Path(request.predictions or "")
    predictions = _read(path, options.key, data)
    named = named_rows(path, data.names) if options.rows == "named" else None
    rows = select_rows(options, data, named, predicting=False)
    landmarks = predictions.landmarks[rows]
    if options.depth == "crop120":
        landmarks[:, 2] *= crop_side(data.points[rows])[:, None] / 120
    names = tuple(data.names[row] for row in rows)
    pose = None if predictions.pose_deg is None else predictions.pose_deg[rows]
    failures = {name: predictions.failures[name] for name in names if name in predictions.failures}
    found = Predictions(names, landmarks, pose, failures)
    return _Setting(data, rows, found, path.name, *_dense_of_file(options, data, rows))


def _dense_of_file(
    options: Aflw2000Options, data: Aflw2000, rows: NDArray[np.int64]
) -> tuple[dict[str, Array] | None, str]:
    dense = options.dense
    if not dense.wanted:
        return None, ""
    if not dense.predictions:
        remedy = "Or leave out --predictions: then a network's own faces are scored."
        raise InputError("dense.predictions", "the file of dense points", "none", remedy)
    truth = open_truth(dense, data)
    return score_dense(dense, data, rows.tolist(), truth), dense.correspondence


def _from_photographs(options: Aflw2000Options, request: Request, data: Aflw2000) -> _Setting:
    rows = select_rows(options, data, None, predicting=True)
    o, mirrored = options, options.mirrored
    predictor = load_predictor(request.weights, o.boxes, o.face_model, mirrored=mirrored)

    sets = [options.landmark_set, *OWN_SETS.values()]

    def points(face: PredictedFace) -> Array:
        every = np.full((len(sets), 68, 3), np.nan)
        for k, name in enumerate(sets):
            if k == 0 or name in face.model.landmarks:
                every[k] = to_annotation(face.landmarks(name).astype(np.float64))
        return every.reshape(-1, 3)

    boxes = boxes_around(to_pixels(data.points[rows].transpose(0, 2, 1))[..., :2])
    items = [
        Item(data.names[row], data.image_path(row), box)
        for row, box in zip(rows, boxes, strict=True)
    ]
    log = FailureLog(request.out / LOG)
    count = 68 * len(sets)
    every = predict_landmarks(predictor, items, points=points, count=count, log=log)
    predictions = replace(every, landmarks=every.landmarks[..., :68])
    own = _own(every)
    setting = _Setting(data, rows, predictions, predictor.name, own=own)
    dense = options.dense
    if not dense.wanted:
        return setting
    if dense.predictions:
        errors, words = _dense_of_file(options, data, rows)
        return replace(setting, dense=errors, correspondence=words)
    found, words = score_network(
        predictor, items, rows.tolist(), data=data, truth=open_truth(dense, data),
        points=dense.points, log=log,
    )  # fmt: skip
    return replace(setting, dense=found, correspondence=words)


def _own(every: Predictions) -> dict[str, Array]:
    """Of predictions (N,3,68 + 68 k), those of the annotations' own sets that were predicted."""
    parts = every.landmarks[..., 68:].transpose(0, 2, 1).reshape(len(every.names), -1, 68, 3)
    return {
        name: parts[:, k]
        for k, name in enumerate(OWN_SETS)
        if np.isfinite(parts[:, k, :, :2]).any()
    }


def crop_side(points: Array) -> Array:
    """Side in pixels (N,) of the protocol's square crop round points (N,3,68).

    The longer side of their box, enlarged by the square root of two (3DDFA, `benchmarkCrop.m`); the
    stored crops of 29 of the 2,000 images end at the photograph's border instead.
    """
    return np.float64(FRAME_PER_BOX) * np.ptp(points[:, :2], axis=2).max(1)


def _variant(options: Aflw2000Options, setting: _Setting) -> str:
    rows = len(setting.rows)
    chosen = f"rows={options.rows}, row % {options.every} == {options.offset}"
    if options.frontal or options.profile:
        chosen += (
            f", {options.frontal} frontal and {options.profile} profile by seed {options.seed}"
        )
    boxes = "detector" if setting.name in DETECTING else options.boxes
    where = "" if setting.name.endswith((".npz", ".npy")) else f", boxes: {boxes}"
    where += ", mirrored as well" if options.mirrored else ""
    count = len(setting.data.names)
    return (
        f"AFLW2000-3D, {rows} of {count} images ({chosen}), {setting.name}{where}; "
        "distance over sqrt(width x height) of the true 68 points' box, 1-based frame"
    )


def _facts(options: Aflw2000Options, setting: _Setting, request: Request) -> dict[str, object]:
    facts: dict[str, object] = {
        "options": resolved_dict(options),
        "weights": None if request.predictions else setting.name,
        "predictions": str(request.predictions) if request.predictions else None,
        "images": len(setting.rows),
        "failed": len(setting.predictions.failures),
        "a failed image counts as": "100 %",
        "landmark set": "68 points of 300W-LP, jaw on the jaw (3D)",
    }
    if np.isnan(setting.predictions.landmarks[:, 2]).all():
        facts["3D"] = "not scored: the predictions have no depth"
    if setting.dense is not None:
        facts["dense correspondence"] = setting.correspondence
    else:
        facts["dense points"] = "not scored: dense.basis and dense.truth are not named"
    return facts


def _pictures(scored: Scored, setting: _Setting, number: int) -> list[Picture]:
    data = setting.data
    errors = scored.plane("original")

    def face(item: int) -> DrawnFace:
        row = int(scored.rows[item])
        there = bool(data.has_image[row])
        return DrawnFace(
            data.names[row],
            float(errors[item]),
            to_pixels(scored.predicted[item])[:, :2],
            to_pixels(scored.truth[item])[:, :2],
            (lambda: read_image(data.image_path(row))) if there else None,
        )

    return best_and_worst(face, errors, "the NME of 68 points in 2D, original points", number)
