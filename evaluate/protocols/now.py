"""Protocol `now`: the NoW benchmark (Sanyal et al., RingNet, CVPR 2019; now_evaluation on GitHub).

The scan is cropped to a sphere round the face's centre; the prediction is brought over by the
similarity of seven landmarks, then by minimising the distance of the scan's vertices to its
surface; the error is the distance of every scan vertex to the surface, in mm; median, mean and
standard deviation are over all vertices of all pictures. The original minimises the sum of the
squared distances with a dogleg solver; ours does the same by ICP to planes, with the scale in it.
`metrical=true` leaves the scale as predicted. Test scans are kept by the organisers: with
`image_set=test` the submission alone is written.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from ...core.config import load_config, resolved_dict
from ...core.image_file import read_image
from ...core.item_failure import LOG, Failed, FailureLog, attempt
from ...core.progress import progress_bar
from ..predict.predictor import BoxSource
from ..registry import Protocol, Request
from ..report.report import Curve, Items, Metric, Report
from ..scans.geometric import GeometricError, named_errors
from ..scans.pictures import error_pictures, icp_facts
from ..scans.predict import SurfacePredictor, read_surfaces
from ..scans.recipe import Alignment, Crop, Measure, Recipe
from ..scans.surface import Surface
from .now_data import NowData, cumulative_counts, read_box, read_now, write_submission

NOW = Recipe(
    "now",
    Crop("before", centre="now"),
    Alignment("icp", scale="mesh", matches="gt", distance="plane", drop_boundary=False),
    Measure("surface", "median", "gt2rec", drop_boundary=False),
    source="github.com/soubhiksanyal/now_evaluation",
)
_STATISTICS: dict[str, Callable[[NDArray[np.float64]], float]] = {
    "median": np.median,
    "mean": np.mean,
    "std": np.std,
}


@dataclass(frozen=True)
class NowOptions:
    """What can be chosen.

    Attributes:
        image_set: "validation" or "test".
        metrical: keep the predicted scale.
        boxes: where a network looks, "protocol" (the benchmark's face boxes) or "detector".
        face_model: of the optimiser and of the mean face.
        neutral: leave the expression out of predictions: the scans are neutral.
        submission: write the official layout into OUT/submission.
    """

    image_set: Literal["validation", "test"] = "validation"
    metrical: bool = False
    boxes: BoxSource = "protocol"
    face_model: str = "default"
    neutral: bool = True
    submission: bool = True


def make_protocol(overrides: Sequence[str] = ()) -> Protocol:
    """The protocol with `key=value` of `NowOptions`."""
    options = load_config(NowOptions, overrides=overrides)
    return partial(_run, options)


def now_recipe(metrical: bool) -> Recipe:
    """The recipe, with the scale as predicted where `metrical`."""
    if not metrical:
        return NOW
    return replace(NOW, name="now-metrical", alignment=replace(NOW.alignment, scale="none"))


def _run(options: NowOptions, request: Request) -> Report:
    scored = options.image_set == "validation"
    data = read_now(
        request.data, options.image_set, pictures=request.predictions is None, scans=scored
    )
    if request.predictions:
        surfaces, failures = read_surfaces(request.predictions, data.names)
        method = request.predictions.name
    else:
        predictor = SurfacePredictor(
            request.weights, options.boxes, neutral=options.neutral, face_model=options.face_model
        )
        surfaces, failures = _predict(predictor, data, FailureLog(request.out / LOG))
        method = predictor.name
    if options.submission:
        write_submission(request.out / "submission", surfaces)
    recipe = now_recipe(options.metrical)
    errors = _score(surfaces, data, recipe, failures) if scored else {}
    pooled = {n: e.distances["gt2rec"].values for n, e in errors.items()}
    column = np.array([errors[n].value if n in errors else np.nan for n in data.names])
    facts: dict[str, object] = {
        "options": resolved_dict(options),
        "method": method,
        "recipe": recipe.describe(),
        "expression": "left out" if options.neutral else "as predicted",
        "pictures": len(data.names),
        "failed": len(failures),
        **icp_facts(errors),
    }
    curves = (
        [
            Curve(
                "Cumulative error",
                "mm",
                "scan vertices, %",
                {method: cumulative_counts(list(pooled.values()))},
            )
        ]
        if pooled
        else []
    )
    return Report(
        "now",
        f"NoW {options.image_set}, {method}; {recipe.describe()}",
        _metrics(pooled, len(failures), len(data.names)),
        Items(data.names, {"median mm": column}),
        failures,
        facts,
        (),
        curves,
        error_pictures(errors, {n: data.scans[n.split("/")[0]] for n in errors}),
    )


def _predict_one(predictor: SurfacePredictor, data: NowData, name: str) -> Surface:
    return predictor(name, read_image(data.pictures[name]), read_box(data.boxes[name]))


def _predict(
    predictor: SurfacePredictor, data: NowData, log: FailureLog
) -> tuple[dict[str, Surface], dict[str, str]]:
    surfaces: dict[str, Surface] = {}
    failures: dict[str, str] = {}
    with progress_bar("Predicting pictures", len(data.names)) as advance:
        for name in data.names:
            surface = attempt(name, partial(_predict_one, predictor, data, name), log)
            if isinstance(surface, Failed):
                failures[name] = surface.message
            else:
                surfaces[name] = surface
            advance()
    return surfaces, failures


def _score(
    surfaces: Mapping[str, Surface], data: NowData, recipe: Recipe, failures: dict[str, str]
) -> dict[str, GeometricError]:
    pairs = {name: (surface, data.scans[name.split("/")[0]]) for name, surface in surfaces.items()}
    return named_errors(pairs, recipe, failures)


def _metrics(pooled: Mapping[str, NDArray[np.float64]], failed: int, count: int) -> list[Metric]:
    """Over all vertices of all pictures, then by challenge."""
    groups: dict[str, list[NDArray[np.float64]]] = {"all challenges": list(pooled.values())}
    for name, values in pooled.items():
        groups.setdefault(name.split("/")[1], []).append(values)
    figures = []
    for group, parts in groups.items():
        for statistic, compute in _STATISTICS.items() if parts else ():
            value = float(compute(np.concatenate(parts)))
            note = "over all vertices of all pictures"
            figures.append(Metric(group, statistic, value, "mm", len(parts), mean=note))
    figures.append(Metric("all challenges", "failed", float(failed), "", count))
    return figures
