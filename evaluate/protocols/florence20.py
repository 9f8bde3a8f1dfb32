"""Protocol `florence20`: shape from 20 rendered views of every scan.

VRN (Jackson et al., ICCV 2017), PRNet and SADRNet (section IV) report it on MICC Florence: pitch
{-15, 0, 20, 25} x yaw {-80, -40, 0, 40, 80} degrees, ICP, mean distance over the 3D distance of
the outer eye corners. Their renderings, light, 19K points and ICP were not published: this is our
protocol of that name, on any folder of scans with landmarks (evaluate/scans/scan.py says how it
is laid out), and its figures are not comparable with theirs.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from ...core.config import load_config, resolved_dict
from ...core.item_failure import LOG, Failed, FailureLog, attempt
from ...core.progress import progress_bar
from ...facemodels import load_face_model
from ..predict.predictor import BoxSource
from ..registry import Protocol, Request
from ..report.published_scans import florence_rows
from ..report.report import Curve, Items, Metric, Report
from ..scans.geometric import GeometricError, named_errors
from ..scans.pictures import error_pictures, icp_facts, spread_metric
from ..scans.predict import SurfacePredictor, read_surfaces, write_surfaces
from ..scans.recipe import Alignment, Crop, Measure, Recipe
from ..scans.render import ScanRenderer
from ..scans.scan import Scan, find_scans
from ..scans.surface import Surface

PITCHES = (-15, 0, 20, 25)
YAWS = (-80, -40, 0, 40, 80)
FLORENCE20 = Recipe(
    "florence20",
    Crop("before", radius_mm=95),
    Alignment("icp", scale="mesh", matches="gt", distance="plane", drop_boundary=False),
    Measure("surface", "mean", "gt2rec", drop_boundary=False),
    source="after VRN, PRNet and SADRNet; the face region, ICP and direction are ours",
)
TABLE = "20 views, NME by outer eye distance"


@dataclass(frozen=True)
class Florence20Options:
    """What can be chosen.

    Attributes:
        landmarks: folder of the landmark files, where they do not lie beside the scans.
        size: side of the rendered pictures in pixels.
        boxes: where a network looks, "protocol" or "detector".
        face_model: of the optimiser and of the mean face.
        neutral: leave predicted expressions out (the scans are neutral).
    """

    landmarks: str = ""
    size: int = 450
    boxes: BoxSource = "protocol"
    face_model: str = "default"
    neutral: bool = False


def make_protocol(overrides: Sequence[str] = ()) -> Protocol:
    """The protocol with `key=value` of `Florence20Options`."""
    return partial(_run, load_config(Florence20Options, overrides=overrides))


def view_name(scan: str, pitch: int, yaw: int) -> str:
    """The name of one picture in predictions and reports."""
    return f"{scan}_pitch{pitch:+d}_yaw{yaw:+d}"


def _run(options: Florence20Options, request: Request) -> Report:
    scans = find_scans(request.data, Path(options.landmarks) if options.landmarks else None)
    views = {
        view_name(scan.name, p, y): (scan, p, y) for scan in scans for p in PITCHES for y in YAWS
    }
    if request.predictions:
        surfaces, failures = read_surfaces(request.predictions, list(views))
        method = request.predictions.name
    else:
        predictor = SurfacePredictor(
            request.weights, options.boxes, neutral=options.neutral, face_model=options.face_model
        )
        surfaces, failures = predict_views(
            predictor, scans, options.size, FailureLog(request.out / LOG)
        )
        method = predictor.name
        write_surfaces(request.out / "predictions.npz", list(views), surfaces)
    errors = _score(surfaces, views, failures)
    truths = {name: views[name][0].surface for name in views}
    nme = {n: 100 * e.value / truths[n].outer_eye_distance() for n, e in errors.items()}
    column = np.array([nme.get(name, np.nan) for name in views])
    facts: dict[str, object] = {
        "options": resolved_dict(options),
        "method": method,
        "recipe": FLORENCE20.describe(),
        "units": {scan.name: scan.note for scan in scans},
        "pictures": len(views),
        "failed": len(failures),
        **icp_facts(errors),
    }
    return Report(
        "florence20",
        f"{len(scans)} scans x 20 rendered views, our own renderer, {method}; "
        + FLORENCE20.describe(),
        _metrics(views, column, [scan.name for scan in scans], len(failures)),
        Items(list(views), {"NME %": column}),
        failures,
        facts,
        florence_rows(TABLE),
        [_by_yaw(views, column)],
        error_pictures(errors, truths),
    )


def predict_views(
    predictor: SurfacePredictor, scans: Sequence[Scan], size: int, log: FailureLog | None = None
) -> tuple[dict[str, Surface], dict[str, str]]:
    """Surfaces by view, and the reasons of failures."""
    surfaces: dict[str, Surface] = {}
    failures: dict[str, str] = {}
    model = load_face_model()
    with progress_bar(
        "Predicting rendered views", len(scans) * len(PITCHES) * len(YAWS)
    ) as advance:
        for scan in scans:
            render = ScanRenderer(scan, model, size)
            for pitch in PITCHES:
                for yaw in YAWS:
                    name = view_name(scan.name, pitch, yaw)
                    surface = attempt(name, partial(predictor, name, *render(pitch, yaw)), log)
                    if isinstance(surface, Failed):
                        failures[name] = surface.message
                    else:
                        surfaces[name] = surface
                    advance()
    return surfaces, failures


def _score(
    surfaces: dict[str, Surface],
    views: dict[str, tuple[Scan, int, int]],
    failures: dict[str, str],
) -> dict[str, GeometricError]:
    """Errors by view; what cannot be measured is added to the failures."""
    pairs = {name: (surface, views[name][0].surface) for name, surface in surfaces.items()}
    return named_errors(pairs, FLORENCE20, failures)


def _metrics(
    views: dict[str, tuple[Scan, int, int]],
    column: NDArray[np.float64],
    scans: Sequence[str],
    failed: int,
) -> list[Metric]:
    yaws = np.array([abs(yaw) for _, _, yaw in views.values()])
    owner = np.array([scan.name for scan, _, _ in views.values()])
    figures = [spread_metric(TABLE, "mean", column, "%", mean="all views")]
    figures += [
        spread_metric(TABLE, f"|yaw| {yaw}", column[yaws == yaw], "%", split="yaw of the view")
        for yaw in sorted(set(yaws.tolist()))
    ]
    figures += [spread_metric("By scan", name, column[owner == name], "%") for name in scans]
    figures.append(Metric(TABLE, "failed", float(failed), "", len(views)))
    return figures


def _by_yaw(views: dict[str, tuple[Scan, int, int]], column: NDArray[np.float64]) -> Curve:
    owner = np.array([scan.name for scan, _, _ in views.values()])
    angle = np.array([yaw for _, _, yaw in views.values()])
    series = {}
    for name in dict.fromkeys(owner.tolist()):
        pairs = [(y, column[(owner == name) & (angle == y)]) for y in YAWS]
        known = [(y, float(np.nanmean(v))) for y, v in pairs if not np.isnan(v).all()]
        series[name] = ([float(y) for y, _ in known], [value for _, value in known])
    return Curve("Error by yaw", "yaw of the view, degrees", "NME, %", series)
