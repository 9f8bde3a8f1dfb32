"""Protocol `photometric`: how near re-rendered reconstructions come to their photographs.

Mobile-FaceRNet, section 4.2.2 and table 3 (CelebA; which images and which masks is not said):
L1 on [0,1], PSNR of eq 19, SSIM, and the cosine between the vectors that face recognisers give of
the photograph and of the rendering over it. Means over the pixels of the mask, then over images. An
image that failed counts as the worst: L1 1, PSNR 0, SSIM 0, cosine 0.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache, partial
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.nn import functional

from ...core.config import load_config, resolved_dict
from ...core.errors import InputError, MissingFileError
from ...core.image_file import read_image
from ...core.item_failure import LOG, Failed, FailureLog, attempt
from ...core.picture_folders import find_pictures
from ...core.progress import progress_bar
from ...detect.detectors import get_face_detector
from ...detect.face import FaceDetector
from ...geometry.face_regions import PROJECTED
from ...render.overlay import to_picture
from ..metrics.identity import Embedder, make_embedders
from ..metrics.images import global_ssim, l1_error, mean_ssim, psnr
from ..metrics.mean_metrics import metrics_of_found
from ..predict.predictor import load_predictor
from ..registry import Protocol, Request
from ..report.report import Items, Picture, Published, Report
from .photometric_pair import AppearanceSource, Maker, Pair, PairMaker, read_pair

TABLE = "Photometric"
_METRICS = {"L1": l1_error, "PSNR": psnr, "SSIM": mean_ssim, "SSIM, global": global_ssim}
_UNITS = {"PSNR": "dB"}
_WORST = {"L1": 1.0}  # of all others: 0
_SHOWN = 6
_PANEL = 512  # pixels of a shown picture's longer side
_SOURCE = "Mobile-FaceRNet, table 3 (CelebA)"
_ROWS = (
    ("Deng et al.", (0.05, 26.58, 0.83, 0.72, 0.64)),
    ("Gecer et al.", (None, 26.5, 0.898, None, None)),
    ("Lin et al.", (0.034, 29.69, 0.89, 0.90, 0.85)),
    ("Yang et al.", (0.02, 24.88, 0.89, 0.91, 0.83)),
    ("Mobile-FaceRNet", (0.01, 28.50, 0.96, 0.94, 0.87)),
)
PAPERS_COLUMNS = ("L1", "PSNR", "SSIM", "cosine, lightcnn29", "cosine, evoLVe")
PUBLISHED = tuple(
    Published(
        TABLE,
        method,
        _SOURCE,
        {k: v for k, v in zip(PAPERS_COLUMNS, values, strict=True) if v is not None},
    )
    for method, values in _ROWS
)


@dataclass(frozen=True)
class PhotometricOptions:
    """How photographs and renderings are compared.

    Attributes:
        size: side in pixels of the frame round the face; renderings from files keep their size, of
            at most 16 megapixels.
        region: that counts: "projected", all of the face as in the paper, or a region of the face
            model; "" takes all that is seen of it, the inside of the mouth, too.
        appearance: "predicted" or "solved", see `PairMaker`.
        embedders: of `EMBEDDERS`, for the identity; their weights are needed.
        weights_dir: folder looked in first for these weights.
        face_model: of the optimiser.
    """

    size: int = 256
    region: str = PROJECTED
    appearance: AppearanceSource = "predicted"
    embedders: tuple[str, ...] = ()
    weights_dir: str | None = None
    face_model: str = "default"


def make_protocol(overrides: Sequence[str] = ()) -> Protocol:
    """The protocol with `key=value` of `PhotometricOptions`."""
    return partial(_run, load_config(PhotometricOptions, overrides=overrides))


def _run(options: PhotometricOptions, request: Request) -> Report:
    folder = None if options.weights_dir is None else Path(options.weights_dir)
    score = Scorer(make_embedders(options.embedders, folder))
    name, make = _maker(options, request)
    listed, log = find_pictures([request.data]), FailureLog(request.out / LOG)
    paths = listed.pictures
    names = [path.relative_to(_root(request)).as_posix() for path in paths]
    columns = {column: np.full(len(paths), np.nan) for column in score.columns}
    failures: dict[str, str] = {}
    shown: list[_Compared] = []
    with progress_bar("Comparing photographs", len(paths)) as advance:
        for row, path in enumerate(paths):
            compared = attempt(names[row], partial(_compared, names[row], path, make, score), log)
            if isinstance(compared, Failed):
                failures[names[row]] = compared.message
            else:
                for column, value in compared.scores.items():
                    columns[column][row] = value
                shown = _extremes([*shown, compared])
            advance()
    frame = "their own size" if request.predictions else f"{options.size} pixels"
    return Report(
        "photometric",
        f"{len(paths)} photographs, {name}; over the mask of the rendering, frames of {frame}",
        metrics_of_found(TABLE, columns, _UNITS, {c: _WORST.get(c, 0.0) for c in columns}),
        Items(names, columns),
        failures,
        _facts(options, name, len(failures)) | {"passed over": listed.lines()},
        PUBLISHED,
        pictures=[item.picture for item in shown],
    )


class Scorer:
    """The figures of one pair.

    Args:
        embedders: for the identity; the five points come from the detector, on the photograph.
    """

    def __init__(self, embedders: Sequence[Embedder] = ()) -> None:
        self._embedders = embedders
        self.columns = [*_METRICS, *(f"cosine, {embedder.name}" for embedder in embedders)]

    def __call__(self, pair: Pair, picture: NDArray[np.uint8]) -> dict[str, float]:
        """Column to value.

        Raises:
            InputError: the mask is empty or the rendering is not finite.
            NoFaceError: no face is found for the identity.
        """
        images = pair.rendering, pair.photo, pair.mask
        scores = {name: float(metric(*images)[0]) for name, metric in _METRICS.items()}
        if any(np.isnan(value) for value in scores.values()):
            raise InputError("rendering", "finite pixels within the photograph", "none to compare")
        if self._embedders:
            points = pair.crop.to_crop(self._points(pair, picture))
            for embedder in self._embedders:
                scores[f"cosine, {embedder.name}"] = _identity(embedder, pair, points)
        return scores

    @staticmethod
    def _points(pair: Pair, picture: NDArray[np.uint8]) -> Tensor:
        """Five points (5,2) in photograph pixels, of the face that the mask covers best."""
        from ..predict.predicted import nearest_face

        seen = torch.nonzero(pair.mask[0, 0]).flip(1).double()  # x, y
        low, high = pair.crop.to_photo(torch.stack([seen.amin(0), seen.amax(0) + 1])).tolist()
        face = nearest_face(_detector().detect(picture), (low[0], low[1], high[0], high[1]))
        return torch.from_numpy(face.points)


@cache
def _detector() -> FaceDetector:
    """One for all photographs."""
    return get_face_detector()


def _identity(embedder: Embedder, pair: Pair, points: Tensor) -> float:
    crop = embedder.align(points)
    photo, _ = crop.warp(pair.photo)
    rendering, _ = crop.warp(pair.composite())
    return float(embedder.similarity(rendering, photo)[0])


def _maker(options: PhotometricOptions, request: Request) -> tuple[str, Maker]:
    folder = request.predictions
    if folder is not None:
        if not folder.is_dir():
            remedy = "It holds one NAME.png with alpha for each photograph."
            raise MissingFileError(str(folder), "The folder of renderings", remedy)
        beside = folder

        def read(path: Path, picture: NDArray[np.uint8]) -> Pair:
            file = beside / path.relative_to(_root(request)).with_suffix(".png")
            return read_pair(file, picture)

        return folder.name, read
    predictor = load_predictor(request.weights, face_model=options.face_model)
    maker = PairMaker(options.size, options.region, options.appearance)
    return predictor.name, lambda path, picture: maker(predictor(picture, None), picture)


def _root(request: Request) -> Path:
    """The folder of the photographs; that of the only one where a file is named."""
    return request.data if request.data.is_dir() else request.data.parent


def _facts(options: PhotometricOptions, name: str, failed: int) -> dict[str, object]:
    return {
        "options": resolved_dict(options),
        "source": name,
        "failed": failed,
        "a failed image counts as": "L1 1, PSNR 0 dB, SSIM 0, cosine 0",
        "SSIM": "11 x 11 Gaussian window of 1.5 pixels on masked pixels; global: eq 15",
        "identity": "photograph against rendering over photograph, five points of MTCNN",
    }


@dataclass(frozen=True)
class _Compared:
    """What is kept of one photograph: the pair itself is as large as the photograph."""

    scores: dict[str, float]
    picture: Picture


def _compared(name: str, path: Path, make: Maker, score: Scorer) -> _Compared:
    picture = read_image(path)
    pair = make(path, picture)
    scores = score(pair, picture)
    return _Compared(scores, _picture(name, scores["L1"], pair))


def _extremes(shown: list[_Compared]) -> list[_Compared]:
    """The best and the worst, best first."""
    ordered = sorted(shown, key=lambda one: one.scores["L1"])
    return ordered if len(ordered) <= 2 * _SHOWN else ordered[:_SHOWN] + ordered[-_SHOWN:]


def _picture(name: str, error: float, pair: Pair) -> Picture:
    """Photograph, rendering over it, and the difference; large ones brought down."""
    gap = (pair.rendering - pair.photo).abs().mean(1, keepdim=True) * pair.mask
    heat = 1 - (4 * gap).clamp(0, 1) * gap.new_tensor([0.0, 1.0, 1.0])[:, None, None]
    step = -(-max(pair.photo.shape[2:]) // _PANEL)
    panels = [
        to_picture(functional.avg_pool2d(image, step, ceil_mode=True)[0])
        for image in (pair.photo, pair.composite(), heat)
    ]
    caption = f"L1 {error:.4f}. Difference in red, full at a quarter of the range."
    return Picture(name, np.concatenate(panels, 1), caption)
