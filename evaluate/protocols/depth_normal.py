"""Protocol `depth-normal`: SIDE and MAD of depth maps against a known depth.

Mobile-FaceRNet, eqs 20 and 21, tables 5 to 7 (on "the BFM dataset", which is not described; a
folder of the user's stands for it). Depth maps are compared where truth and prediction both have a
surface; the share of the truth that is covered is reported beside, and an item with less than half
covered has failed. Normals of both are taken from the depth, each by its own camera.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray

from ...core.config import load_config, resolved_dict
from ...core.errors import InputError, MissingFileError
from ...core.image_file import read_image
from ...core.item_failure import LOG, Failed, FailureLog, attempt
from ...core.picture_limits import suffixes
from ...core.progress import progress_bar
from ...pipeline.predicted import PredictedFace
from ...render.face import FaceRenderer
from ..metrics.depth import covered, mad, side
from ..metrics.mean_metrics import metrics_of_found
from ..predict.predictor import BoxSource, load_predictor
from ..registry import Protocol, Request
from ..report.report import Items, Picture, Published, Report
from .depth_files import DepthMap, list_depth_maps, read_depth_map

Array = NDArray[np.float64]
Source = Callable[[str, DepthMap], DepthMap]
TABLE = "Depth and normals"
_UNITS = {"SIDE": "x 0.01", "MAD": "degrees", "coverage": "%"}
_LEAST_COVERAGE = 50.0
_SHOWN = 6
ENCODERS = ("shape", "texture", "expression", "all three")
"""Which coefficients' encoders have the module, the rows of the paper's tables 5 to 7."""
PAPERS_TABLES = {
    "residual attention alone": (
        "Mobile-FaceRNet, table 5, its own data",
        ((0.7743, 15.8709), (0.7754, 15.8925), (0.7721, 15.7134), (0.7637, 15.2986)),
    ),
    "feature fusion alone": (
        "Mobile-FaceRNet, table 6, its own data",
        ((0.7778, 15.6845), (0.7505, 15.1609), (0.7512, 15.4257), (0.7160, 14.7222)),
    ),
    "both": (
        "Mobile-FaceRNet, table 7, its own data",
        ((0.7529, 15.0565), (0.7369, 15.7608), (0.7365, 15.1116), (0.7110, 15.4342)),
    ),
}
"""Modules to source and SIDE, MAD of each of `ENCODERS`."""
PUBLISHED = tuple(
    Published(TABLE, f"Mobile-FaceRNet, {what}", source, {"SIDE": rows[-1][0], "MAD": rows[-1][1]})
    for what, (source, rows) in PAPERS_TABLES.items()
)


@dataclass(frozen=True)
class DepthNormalOptions:
    """What is predicted from.

    Attributes:
        boxes: where a network looks in photographs: "protocol", in the truth's `box` where it has
            one, or "detector".
        face_model: of the optimiser.
    """

    boxes: BoxSource = "protocol"
    face_model: str = "default"


def make_protocol(overrides: Sequence[str] = ()) -> Protocol:
    """The protocol with `key=value` of `DepthNormalOptions`."""
    return partial(_run, load_config(DepthNormalOptions, overrides=overrides))


def _run(options: DepthNormalOptions, request: Request) -> Report:
    names = list_depth_maps(request.data)
    name, predict = _source(options, request)
    columns = {column: np.full(len(names), np.nan) for column in _UNITS}
    failures: dict[str, str] = {}
    worst: list[_Compared] = []
    log = FailureLog(request.out / LOG)
    with progress_bar("Comparing depth maps", len(names)) as advance:
        for row, item in enumerate(names):
            compared = attempt(item, partial(_compared, request.data, item, predict), log)
            if isinstance(compared, Failed):
                failures[item] = compared.message
            else:
                scores, predicted, truth = compared
                for column, value in scores.items():
                    columns[column][row] = value
                worst.append(_Compared(scores["SIDE"], item, predicted, truth))
                worst = sorted(worst, key=lambda shown: -shown.side)[:_SHOWN]
            advance()
    return Report(
        "depth-normal",
        f"{len(names)} depth maps, {name}; SIDE and MAD over the pixels that both cover",
        metrics_of_found(TABLE, columns, _UNITS),
        Items(names, columns),
        failures,
        {"options": resolved_dict(options), "source": name, "failed": len(failures)},
        PUBLISHED,
        pictures=[_picture(shown) for shown in worst],
    )


def _compared(
    data: Path, item: str, predict: Callable[[str, DepthMap], DepthMap]
) -> tuple[dict[str, float], DepthMap, DepthMap]:
    """Figures of an item, its prediction and its truth."""
    truth = read_depth_map(data / f"{item}.npz")
    predicted = predict(item, truth)
    return compare_depth(predicted, truth), predicted, truth


def compare_depth(predicted: DepthMap, truth: DepthMap) -> dict[str, float]:
    """SIDE (times 100), MAD in degrees and coverage in percent of one pair.

    Raises:
        InputError: another size, or less than half of the truth is covered.
    """
    if predicted.depth.shape != truth.depth.shape:
        expected = f"the truth's size {truth.depth.shape}"
        raise InputError("predicted depth", expected, str(predicted.depth.shape))
    counted = truth.mask & covered(truth.depth)
    shared = counted & covered(predicted.depth) & predicted.mask
    coverage = 100.0 * shared.sum() / max(1, counted.sum())
    if coverage < _LEAST_COVERAGE:
        raise InputError("predicted depth", "half of the truth covered", f"{coverage:.0f} %")
    error = side(predicted.depth[None], truth.depth[None], shared[None])[0]
    angle = mad(predicted.normals()[None], truth.normals()[None], shared[None])[0]
    return {"SIDE": 100 * float(error), "MAD": float(angle), "coverage": float(coverage)}


def rendered_depth(face: PredictedFace, size: tuple[int, int]) -> DepthMap:
    """The depth map of a predicted face in a photograph of (height, width)."""
    vertices = face.vertices[None]
    camera = face.perspective.to_float()
    with torch.no_grad():
        seen = FaceRenderer(face.model.faces)(
            vertices, camera, size, albedo=torch.ones_like(vertices), antialias=False
        )
    inside = seen.fragments.covered[0].numpy()
    depth = np.where(inside, seen.depth[0, 0].numpy().astype(np.float64), np.nan)
    x, y = camera.center[0].tolist()
    return DepthMap(depth, float(camera.focal[0]), (x, y), inside)


def _source(options: DepthNormalOptions, request: Request) -> tuple[str, Source]:
    folder = request.predictions
    if folder is not None:
        if not folder.is_dir():
            what = "The folder of predicted depth maps"
            raise MissingFileError(str(folder), what, "It holds one NAME.npz for each true one.")
        return folder.name, lambda name, truth: read_depth_map(folder / f"{name}.npz")
    predictor = load_predictor(request.weights, options.boxes, options.face_model)

    def predict(name: str, truth: DepthMap) -> DepthMap:
        picture = read_image(_photograph(request.data, name))
        if picture.shape[:2] != truth.depth.shape:
            got = str(picture.shape[:2])
            raise InputError(f"{name}: photograph", f"the depth map's {truth.depth.shape}", got)
        return rendered_depth(predictor(picture, truth.box), truth.depth.shape)

    return predictor.name, predict


def _photograph(folder: Path, name: str) -> Path:
    for suffix in suffixes():
        if (folder / f"{name}{suffix}").is_file():
            return folder / f"{name}{suffix}"
    remedy = "Put it beside the depth map, or name a folder with --predictions."
    raise MissingFileError(str(folder / f"{name}.jpg"), "The photograph", remedy)


@dataclass(frozen=True)
class _Compared:
    side: float
    name: str
    made: DepthMap
    truth: DepthMap


def _picture(one: _Compared) -> Picture:
    """Normals of both and the difference of depth."""
    panels = [_colours(one.truth.normals()), _colours(one.made.normals())]
    panels.append(_difference(one.made, one.truth))
    caption = (
        f"SIDE {one.side:.3f} x 0.01. True normals, predicted normals, and the ratio of depths: "
        "red farther than the truth, blue nearer, full colour at three standard deviations."
    )
    return Picture(f"Worst: {one.name}", np.concatenate(panels, 1), caption)


def _colours(normals: Array) -> NDArray[np.uint8]:
    return np.nan_to_num(255 * (normals + 1) / 2, nan=255.0).round().astype(np.uint8)


def _difference(made: DepthMap, truth: DepthMap) -> NDArray[np.uint8]:
    """Red farther, blue nearer than the truth, white equal, once the mean is taken off."""
    with np.errstate(invalid="ignore"):
        ratio = np.log(made.depth) - np.log(truth.depth)
    seen = ~np.isnan(ratio) & truth.mask
    ratio = np.where(seen, ratio - ratio[seen].mean(), 0.0)
    share = np.clip(ratio / (3 * ratio[seen].std() + 1e-12), -1, 1)
    red, blue = 1 + np.minimum(share, 0), 1 - np.maximum(share, 0)
    return (255 * np.stack([red, np.minimum(red, blue), blue], -1)).round().astype(np.uint8)
