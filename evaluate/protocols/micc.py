"""Protocol `micc`: distance to the scans of MICC Florence, by four presets.

`preset=mlanet|tran2018|genova|ganfit` (micc_presets.py says what each is): they are four different
measurements that papers print under one name, and never stand in one column here. With a root that
is no MICC Florence but any folder of scans with landmarks, rendered views take the place of the
videos, as one scenario "rendered": the presets can then be tried, and are not comparable.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from ...core.config import load_config, resolved_dict
from ...core.errors import InputError
from ...core.image_file import read_image
from ...core.item_failure import LOG, Failed, FailureLog, attempt
from ...core.progress import progress_bar
from ...facemodels import load_face_model
from ..predict.predictor import BoxSource
from ..registry import Protocol, Request
from ..report.published_scans import SCENARIOS, micc_rows
from ..report.report import Items, Metric, Report
from ..scans.geometric import GeometricError, geometric_errors
from ..scans.pictures import error_pictures, icp_facts, spread_metric
from ..scans.predict import SurfacePredictor, read_surfaces, write_surfaces
from ..scans.recipe import Recipe
from ..scans.registered import register
from ..scans.render import ScanRenderer
from ..scans.scan import find_scans
from ..scans.surface import Surface
from .micc_data import evenly, frame_name, is_micc, read_micc
from .micc_presets import micc_preset

_VIEWS = ((0, 0), (0, -40), (0, 40), (20, 0), (-15, 0))  # pitch, yaw of the rendered views
_TIGHT = {28: 60.0}  # GANFit's radius for subject 28


@dataclass(frozen=True)
class MiccOptions:
    """What can be chosen.

    Attributes:
        preset: mlanet, tran2018, genova or ganfit.
        frames: pictures of every video, evenly spaced; ganfit: five at random in the original.
        landmarks: folder of landmark files, for folders of scans that are not MICC Florence.
        size: side of rendered pictures in pixels.
        boxes: where a network looks, "protocol" (for real frames: the largest face) or "detector".
        face_model: of the optimiser and of the mean face.
        neutral: leave predicted expressions out.
    """

    preset: str = "mlanet"
    frames: int = 5
    landmarks: str = ""
    size: int = 450
    boxes: BoxSource = "protocol"
    face_model: str = "default"
    neutral: bool = False


@dataclass(frozen=True)
class _Frame:
    """One picture to predict, and what it is compared with."""

    subject: str
    scenario: str
    truths: tuple[Surface, ...]
    recipe: Recipe
    picture: Path | None = None


def make_protocol(overrides: Sequence[str] = ()) -> Protocol:
    """The protocol with `key=value` of `MiccOptions`."""
    options = load_config(MiccOptions, overrides=overrides)
    micc_preset(options.preset)
    return partial(_run, options)


def _run(options: MiccOptions, request: Request) -> Report:
    recipe, real = micc_preset(options.preset), is_micc(request.data)
    frames, views = (_real if real else _rendered)(options, request)
    if request.predictions:
        surfaces, failures = read_surfaces(request.predictions, list(frames))
        method = request.predictions.name
    else:
        predictor = SurfacePredictor(
            request.weights, options.boxes, neutral=options.neutral, face_model=options.face_model
        )
        surfaces, failures = _predict(predictor, frames, views, FailureLog(request.out / LOG))
        method = predictor.name
        write_surfaces(request.out / "predictions.npz", list(frames), surfaces)
    errors, scale = _score(surfaces, frames, failures)
    column = np.array([errors[n].value if n in errors else np.nan for n in frames])
    table = f"Preset {recipe.name}" + ("" if real else ", rendered views")
    facts: dict[str, object] = {
        "options": resolved_dict(options),
        "method": method,
        "recipe": recipe.describe(),
        "source": recipe.source,
        "global scale": scale,
        "frames": len(frames),
        "failed": len(failures),
        **icp_facts(errors),
    }
    return Report(
        "micc",
        f"{'MICC Florence' if real else 'rendered views of other scans'}, {method}; "
        + recipe.describe(),
        _metrics(table, frames, column, len(failures)),
        Items(list(frames), {"mm": column}),
        failures,
        facts,
        micc_rows(table) if real and recipe.name == "mlanet" else (),
        (),
        error_pictures(errors, {n: frames[n].truths[0] for n in frames}),
    )


def _real(
    options: MiccOptions, request: Request
) -> tuple[dict[str, _Frame], dict[str, ScanRenderer]]:
    recipe = micc_preset(options.preset)
    frames = {}
    for subject in read_micc(request.data):
        scans = subject.scans if recipe.name == "ganfit" else subject.scans[:1]
        truths = tuple(_truth(scan.surface, recipe) for scan in scans)
        radius = _TIGHT.get(subject.number) if recipe.name == "ganfit" else None
        subjects_recipe = (
            recipe
            if radius is None
            else replace(recipe, crop=replace(recipe.crop, radius_mm=radius))
        )
        for scenario, pictures in subject.frames.items():
            for picture in evenly(pictures, options.frames):
                name = frame_name(subject.name, scenario, picture)
                frames[name] = _Frame(subject.name, scenario, truths, subjects_recipe, picture)
    return frames, {}


def _rendered(
    options: MiccOptions, request: Request
) -> tuple[dict[str, _Frame], dict[str, ScanRenderer]]:
    recipe, model = micc_preset(options.preset), load_face_model()
    frames, views = {}, {}
    for scan in find_scans(request.data, Path(options.landmarks) if options.landmarks else None):
        views[scan.name] = ScanRenderer(scan, model, options.size)
        truth = (_truth(scan.surface, recipe),)
        for pitch, yaw in _VIEWS:
            name = f"{scan.name}_pitch{pitch:+d}_yaw{yaw:+d}"
            frames[name] = _Frame(scan.name, "rendered", truth, recipe)
    return frames, views


def _truth(surface: Surface, recipe: Recipe) -> Surface:
    return register(surface) if recipe.registered else surface


def _predict_one(
    predictor: SurfacePredictor,
    name: str,
    frame: _Frame,
    renderer: ScanRenderer | None,
    view: tuple[int, int],
) -> Surface:
    """The surface of a frame, which is read, or drawn where there is no picture of it."""
    if frame.picture is not None:
        return predictor(name, read_image(frame.picture), None)
    if renderer is None:
        raise InputError(name, "a picture or a scan to draw", "neither")
    return predictor(name, *renderer(*view))


def _predict(
    predictor: SurfacePredictor,
    frames: dict[str, _Frame],
    views: dict[str, ScanRenderer],
    log: FailureLog,
) -> tuple[dict[str, Surface], dict[str, str]]:
    surfaces: dict[str, Surface] = {}
    failures: dict[str, str] = {}
    with progress_bar("Predicting frames", len(frames)) as advance:
        for number, (name, frame) in enumerate(frames.items()):
            drawn = (views.get(frame.subject), _VIEWS[number % len(_VIEWS)])
            surface = attempt(name, partial(_predict_one, predictor, name, frame, *drawn), log)
            if isinstance(surface, Failed):
                failures[name] = surface.message
            else:
                surfaces[name] = surface
            advance()
    return surfaces, failures


def _score(
    surfaces: dict[str, Surface], frames: dict[str, _Frame], failures: dict[str, str]
) -> tuple[dict[str, GeometricError], float | None]:
    """The error of every frame, the least over a subject's scans, and the global scale."""
    names, pairs = [], []
    for name, surface in surfaces.items():
        for truth in frames[name].truths:
            names.append(name)
            pairs.append((surface, truth))
    errors: dict[str, GeometricError] = {}
    if not pairs:
        return errors, None
    results, scale = geometric_errors(pairs, [frames[n].recipe for n in names])
    for name, result in zip(names, results, strict=True):
        if isinstance(result, GeometricError):
            if name not in errors or result.value < errors[name].value:
                errors[name] = result
        elif name not in errors:
            failures[name] = str(result)
    for name in errors:
        failures.pop(name, None)
    return errors, scale


def _metrics(
    table: str, frames: dict[str, _Frame], column: NDArray[np.float64], failed: int
) -> list[Metric]:
    """Frames are averaged by subject, subjects by scenario, then the scenarios."""
    figures, means = [], []
    scenarios = list(dict.fromkeys(frame.scenario for frame in frames.values()))
    for scenario in sorted(scenarios, key=lambda s: SCENARIOS.index(s) if s in SCENARIOS else 9):
        by_subject: dict[str, list[float]] = {}
        for frame, value in zip(frames.values(), column.tolist(), strict=True):
            if frame.scenario == scenario and not np.isnan(value):
                by_subject.setdefault(frame.subject, []).append(value)
        means.append([float(np.mean(values)) for values in by_subject.values()])
        figures.append(
            spread_metric(table, scenario, means[-1], "mm", mean="frames, then subjects")
        )
    if len(scenarios) > 1:
        values = [figure.value for figure in figures]
        figures.append(spread_metric(table, "mean of scenarios", values, "mm", mean="scenarios"))
    figures.append(Metric(table, "failed frames", float(failed), "", len(frames)))
    return figures
