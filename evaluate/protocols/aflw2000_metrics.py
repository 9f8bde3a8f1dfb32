"""The tables of the protocol `aflw2000`."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from ...core.errors import InputError
from ...datasets.photographs.aflw2000 import Aflw2000
from ..metrics.dense import NEAREST
from ..metrics.landmarks import (
    aligned,
    box_size,
    centre_depth,
    eye_distance,
    landmark_nme,
    yaw_bins,
)
from ..metrics.mean_metrics import (
    FOUND,
    binned_metrics,
    cumulative_curve,
    failure_metric,
    yaw_curve,
)
from ..metrics.pose import (
    PoseErrors,
    angle_errors,
    geodesic_errors,
    locked,
    mean_errors,
    within_range,
)
from ..predict.predictions import Predictions
from ..report.published import AFLW2000, SADRNET_MEANS, bin_rows, mean_rows, pose_rows
from ..report.report import Curve, Metric, Published
from .aflw2000_options import ANNOTATIONS, SPLITS, Aflw2000Options

Array = NDArray[np.float64]
PLANE, SPACE, SHAPE = "68 points, 2D", "68 points, 3D", "shape from 68 points"
OWN_READOUT = "the annotation's own landmark set"
_POSE = "head pose"


@dataclass(frozen=True)
class Part:
    """What one group of measurements adds to the report."""

    figures: Sequence[Metric]
    columns: dict[str, Array] = field(default_factory=dict)
    published: Sequence[Published] = ()
    curves: Sequence[Curve] = ()


@dataclass(frozen=True)
class Scored:
    """Predictions beside the truth.

    Attributes:
        data: the data set.
        rows: (N,) its rows that are evaluated.
        predicted: (N,68,3) in the annotation's frame; NaN where an image failed.
        own: the same of a landmark set that stands for one annotation alone, by the annotation.
    """

    data: Aflw2000
    rows: NDArray[np.int64]
    predicted: Array
    own: Mapping[str, Array] = field(default_factory=dict)

    @property
    def truth(self) -> Array:
        """(N,68,3) original points."""
        return self.data.points[self.rows].transpose(0, 2, 1)

    @property
    def has_depth(self) -> bool:
        """Whether any point was predicted with a depth."""
        return not bool(np.isnan(self.predicted[..., 2]).all())

    def annotation(self, name: str) -> Array | None:
        """(N,68,2) points of one annotation, None where the data set has none."""
        if name == "original":
            return self.truth[..., :2]
        other = self.data.reannotated
        return None if other is None else other[self.rows].transpose(0, 2, 1)

    def bins(self, split: str) -> NDArray[np.int64] | None:
        """(N,) bins by one split, None where the data set has no such angles."""
        yaw = self.data.yaw_fitted if split == "fitted" else self.data.yaw_labels
        return None if yaw is None else yaw_bins(yaw[self.rows])

    def plane(self, annotation: str, own: bool = False) -> Array:
        """(N,) errors in x and y in percent.

        Args:
            annotation: whose points are true.
            own: of the annotation's own landmark set.

        Raises:
            InputError: the data set has no such annotation.
        """
        truth = self.annotation(annotation)
        if truth is None:
            raise InputError("annotation", "one that the data set has", annotation)
        predicted = self.own[annotation] if own else self.predicted
        return landmark_nme(predicted[..., :2], truth, box_size(truth))

    def space(self) -> Array:
        """(N,) errors in 3D in percent, mean depth taken off, by the box in x and y."""
        truth = centre_depth(self.truth)
        return landmark_nme(centre_depth(self.predicted), truth, box_size(truth))

    def shape(self) -> Array:
        """(N,) errors in percent of the outer-eye distance, after a similarity."""
        return landmark_nme(
            aligned(self.predicted, self.truth), self.truth, eye_distance(self.truth)
        )


def landmark_parts(scored: Scored, options: Aflw2000Options, found: Predictions) -> Part:
    """68 points in 2D by annotation and split, in 3D, and their shape; CED and error by yaw."""
    columns, figures = _planes(scored, options), []
    for annotation, errors in columns.items():
        figures += _by_split(scored, options, annotation, errors)
    lines = {ANNOTATIONS[name]: errors for name, errors in columns.items()}
    named = {f"{PLANE}, {ANNOTATIONS[name]}": errors for name, errors in columns.items()}
    for name in scored.own.keys() & columns.keys():
        errors, title = scored.plane(name, own=True), f"{PLANE}, {OWN_READOUT}"
        figures += _by_split(scored, options, name, errors, title)
        named[f"{title}, {ANNOTATIONS[name]}"] = errors
    solid = {SPACE: scored.space(), SHAPE: scored.shape()} if scored.has_depth else {}
    for table, errors in solid.items():
        figures += _by_split(scored, options, "original", errors, table)
    figures.append(failure_metric("images", len(found.failures), len(scored.rows)))
    curves = [
        cumulative_curve("Cumulative error, 68 points in 2D", lines),
        yaw_curve("Error by fitted yaw", scored.data.yaw_fitted[scored.rows], lines),
    ]
    return Part(figures, named | solid, _published_landmarks(figures), curves)


def dense_parts(scored: Scored, options: Aflw2000Options, errors: Mapping[str, Array]) -> Part:
    """Dense points in 2D and 3D, the shape, and the shape after ICP with its cumulative errors."""
    figures: list[Metric] = []
    published: list[Published] = []
    for kind, values in errors.items():
        figures += _by_split(scored, options, "original", values, kind)
        if kind in SADRNET_MEANS:
            published += mean_rows(kind, _table(kind, "original", "fitted"))
    line = {NEAREST: errors[NEAREST]}
    curves = [cumulative_curve("Cumulative error, AFLW2000-3D, reconstruction after ICP", line)]
    return Part(figures, dict(errors), published, curves)


def pose_parts(scored: Scored, pose_deg: Array | None) -> Part:
    """Head pose against the fitted one, where the images' .mat files and predictions have it."""
    there = np.flatnonzero(scored.data.has_image[scored.rows])
    if pose_deg is None or not len(there):
        return Part([])
    truth = np.stack([scored.data.pose_deg(int(row)) for row in scored.rows[there]])
    errors = np.full((len(scored.rows), 4), np.nan)
    errors[there, :3] = angle_errors(pose_deg[there], truth)
    errors[there, 3] = geodesic_errors(pose_deg[there], truth)
    known = errors[there]
    kept = {
        _POSE: np.ones(len(known), bool),
        f"{_POSE}, without angles beyond 99": within_range(truth),
        f"{_POSE}, SADRNet-fix (drops by the error itself)": ~locked(known),
    }
    figures = [f for table, keep in kept.items() for f in _pose_metrics(table, known[keep])]
    columns = dict(zip(("pitch", "yaw", "roll", "geodesic"), errors.T, strict=True))
    published = pose_rows(_POSE)
    return Part(figures, {f"{_POSE}: {k}": v for k, v in columns.items()}, published)


def metrics_beside(scored: Scored, options: Aflw2000Options, name: str, other: Predictions) -> Part:
    """68 points in 2D of a second file on the same images, and both where both found a face."""
    second = Scored(scored.data, scored.rows, other.landmarks[scored.rows].transpose(0, 2, 1))
    ours, theirs = _planes(scored, options), _planes(second, options)
    figures: list[Metric] = []
    for annotation, errors in theirs.items():
        figures += _by_split(scored, options, annotation, errors, f"{PLANE} [{name}]")
        both = ~np.isnan(errors) & ~np.isnan(ours[annotation])
        if both.all() or not both.any():
            continue
        for end, values in ((f"[{name}]", errors), ("[ours]", ours[annotation])):
            table = f"{PLANE} {end} where both found a face"
            figures += _by_split(
                Scored(scored.data, scored.rows[both], scored.predicted[both]),
                options, annotation, values[both], table,
            )  # fmt: skip
    named = {f"{PLANE}, {ANNOTATIONS[k]} [{name}]": errors for k, errors in theirs.items()}
    return Part(figures, named)


def _planes(scored: Scored, options: Aflw2000Options) -> dict[str, Array]:
    there = [name for name in options.annotations if scored.annotation(name) is not None]
    return {name: scored.plane(name) for name in there}


def _by_split(
    scored: Scored, options: Aflw2000Options, annotation: str, errors: Array, title: str = PLANE
) -> list[Metric]:
    figures = []
    for split in options.splits:
        bins = scored.bins(split)
        if bins is not None:
            figures += binned_metrics(
                _table(title, annotation, split),
                errors,
                bins,
                split=SPLITS[split],
                annotation=ANNOTATIONS[annotation],
                seeds=options.balanced_seeds,
            )
    return figures


def _table(title: str, annotation: str, split: str) -> str:
    return f"{title}: {ANNOTATIONS[annotation]} points, bins by {SPLITS[split]}"


def _published_landmarks(figures: Sequence[Metric]) -> list[Published]:
    """Papers' rows, for the tables that are in the report."""
    plane, space = (_table(title, "original", "fitted") for title in (PLANE, SPACE))
    rows = bin_rows(AFLW2000, plane) + mean_rows(SPACE, space)
    tables = {figure.table for figure in figures}
    return [row for row in rows if row.table in tables]


def _pose_metrics(table: str, errors: Array) -> list[Metric]:
    """Means of (N,4) errors over the images that did not fail."""
    finite = errors[~np.isnan(errors).any(1)]
    if not len(finite):
        return []
    means: PoseErrors = mean_errors(finite[:, :3])
    end = FOUND if len(finite) < len(errors) else ""
    values = {
        "yaw": means.yaw, "pitch": means.pitch, "roll": means.roll, "mean": means.mean,
        "geodesic": float(finite[:, 3].mean()),
    }  # fmt: skip
    words = "mean absolute error over images"
    return [
        Metric(table, f"{k}{end}", v, "degrees", len(finite), mean=words) for k, v in values.items()
    ]
