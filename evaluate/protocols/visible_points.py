"""Scores 68 predicted landmarks on data sets with fewer points, of which some are hidden."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from ...core.choices import check_choices
from ...core.config import resolved_dict
from ...core.errors import InputError
from ...core.image_file import read_image
from ...datasets.photographs.aflw import VisiblePoints
from ...pipeline.predicted import PredictedFace
from ..metrics.landmarks import landmark_nme, yaw_bins
from ..metrics.mean_metrics import (
    binned_metrics,
    cumulative_curve,
    failure_metric,
    mean_metrics_of,
    yaw_curve,
)
from ..predict.batches import Item
from ..predict.photographs import predict_landmarks
from ..predict.predictions import LANDMARKS, Predictions, read_predictions, write_predictions
from ..predict.predictor import BoxSource, load_predictor
from ..registry import Request
from ..report.landmark_pictures import DrawnFace, best_and_worst
from ..report.report import Items, Picture, Published, Report

Array = NDArray[np.float64]


@dataclass(frozen=True)
class VisibleOptions:
    """How a data set of visible points is evaluated.

    Attributes:
        every: each so many-th row of the data set ...
        offset: ... beginning with this one: row % every == offset.
        boxes: "protocol", the data set's own box; or "detector".
        face_model: of the optimiser.
        landmark_set: of the face model, from whose 68 points the others are made.
        balanced_seeds: balanced subsets that are drawn.
        key: the array of 68 landmarks in a file of predictions.
    """

    every: int = 1
    offset: int = 0
    boxes: BoxSource = "protocol"
    face_model: str = "default"
    landmark_set: str = "300w-lp"
    balanced_seeds: int = 10
    key: str = LANDMARKS

    def __post_init__(self) -> None:
        check_choices(self)
        if not (self.every >= 1 and 0 <= self.offset < self.every):
            raise InputError("every, offset", "0 <= offset < every", f"{self.every}, {self.offset}")


@dataclass(frozen=True)
class VisibleProtocol:
    """One such protocol.

    Attributes:
        name: as registered.
        title: of the data set and its points, the heading of the table.
        read: the data set from its root.
        published: rows of papers beside a table.
        options: see `VisibleOptions`.
    """

    name: str
    title: str
    read: Callable[[Path], VisiblePoints]
    published: Callable[[str], Sequence[Published]]
    options: VisibleOptions

    def __call__(self, request: Request) -> Report:
        """Score or predict."""
        data = self.read(request.data)
        rows = np.arange(self.options.offset, len(data.names), self.options.every)
        if not len(rows):
            raise InputError("offset", f"less than {len(data.names)} images", "no image is left")
        predictions, source = self._predictions(request, data, rows)
        write_predictions(request.out / "predictions.npz", predictions)
        predicted = points_from_68(data, predictions.landmarks)
        visible, truth = data.visible[rows], data.points[rows]
        errors = landmark_nme(
            predicted, np.where(visible[..., None], truth, 0), data.size[rows], visible
        )
        bins = None if data.yaw_deg is None else yaw_bins(data.yaw_deg[rows])
        if bins is None:
            figures = mean_metrics_of(self.title, errors, "%")
        else:
            seeds = self.options.balanced_seeds
            figures = binned_metrics(
                self.title, errors, bins, split="the data set's yaw", seeds=seeds
            )
        figures.append(failure_metric("images", len(predictions.failures), len(rows)))
        curves = [cumulative_curve(f"Cumulative error, {self.title}", {source: errors})]
        if data.yaw_deg is not None:
            curves.append(yaw_curve("Error by yaw", data.yaw_deg[rows], {source: errors}))
        return Report(
            self.name,
            f"{self.title}, visible points only, {len(rows)} of {len(data.names)} images, {source}",
            figures,
            Items(predictions.names, {self.title: errors}),
            predictions.failures,
            {
                "options": resolved_dict(self.options),
                "predictions": str(request.predictions) if request.predictions else None,
                "weights": None if request.predictions else source,
                "visible points": int(visible.sum()),
                "a failed image counts as": "100 %",
            },
            self.published(self.title),
            curves,
            _pictures(data, rows, predicted, errors, self.title),
        )

    def _predictions(
        self, request: Request, data: VisiblePoints, rows: NDArray[np.int64]
    ) -> tuple[Predictions, str]:
        names = tuple(data.names[row] for row in rows)
        if request.predictions is not None:
            whole = read_predictions(request.predictions, data.names, self.options.key)
            failures = {name: whole.failures[name] for name in names if name in whole.failures}
            chosen = Predictions(names, whole.landmarks[rows], None, failures)
            return chosen, request.predictions.name
        predictor = load_predictor(request.weights, self.options.boxes, self.options.face_model)

        def points(face: PredictedFace) -> Array:
            return face.landmarks(self.options.landmark_set).astype(np.float64)

        paths = [data.photographs / name for name in names]
        boxes = [(a, b, c, d) for a, b, c, d in data.boxes[rows].tolist()]
        items = [Item(*parts) for parts in zip(names, paths, boxes, strict=True)]
        raw = predict_landmarks(predictor, items, points=points)
        moved = [
            data.to_annotation(int(r), p.T).T for r, p in zip(rows, raw.landmarks, strict=True)
        ]
        return Predictions(names, np.stack(moved), raw.pose_deg, raw.failures), predictor.name


def points_from_68(data: VisiblePoints, landmarks: Array) -> Array:
    """The data set's points (N,K,2) of 68 landmarks (N,3,68)."""
    return np.einsum("kl,ndl->nkd", data.from_68, landmarks[:, :2])


def _pictures(
    data: VisiblePoints, rows: NDArray[np.int64], predicted: Array, errors: Array, title: str
) -> list[Picture]:
    def face(item: int) -> DrawnFace:
        row = int(rows[item])
        truth = np.where(data.visible[row][:, None], data.points[row], np.nan)
        path = data.photographs / data.names[row]
        return DrawnFace(
            data.names[row],
            float(errors[item]),
            data.to_photograph(row, predicted[item]),
            data.to_photograph(row, truth),
            lambda: read_image(path),
        )

    return best_and_worst(face, errors, title)
