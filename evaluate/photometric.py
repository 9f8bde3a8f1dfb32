"""Protocol `photometric`: how near re-rendered reconstructions come to their photographs.

Mobile-FaceRNet, section 4.2.2 and table 3 (CelebA; which images and which masks is not said):
L1 on [0,1], PSNR of eq 19, SSIM, and the cosine between the vectors that face recognisers give of
the photograph and of the rendering over it. Means over the pixels of the mask, then over images. An
image that failed counts as the worst: L1 1, PSNR 0, SSIM 0, cosine 0.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from ..core.config import load_config, resolved_dict
from ..core.errors import InputError, MissingFileError, NoFaceError
from ..core.image_file import list_images, read_image
from ..core.progress import progress
from ..render.overlay import to_picture
from .embedders import EMBEDDERS, Embedder
from .found_figures import found_figures
from .image_metrics import global_ssim, l1_error, mean_ssim, psnr
from .photometric_pair import Maker, Pair, PairMaker, read_pair
from .predict import load_predictor
from .registry import Protocol, Request
from .report import Items, Picture, Published, Report

TABLE = "Photometric"
_METRICS = {"L1": l1_error, "PSNR": psnr, "SSIM": mean_ssim, "SSIM, global": global_ssim}
_UNITS = {"PSNR": "dB"}
_WORST = {"L1": 1.0}  # of all others: 0
_SHOWN = 6
_SOURCE = "Mobile-FaceRNet, table 3 (CelebA)"
_ROWS = (
    ("Deng et al.", (0.05, 26.58, 0.83, 0.72)),
    ("Gecer et al.", (None, 26.5, 0.898, None)),
    ("Lin et al.", (0.034, 29.69, 0.89, 0.90)),
    ("Yang et al.", (0.02, 24.88, 0.89, 0.91)),
    ("Mobile-FaceRNet", (0.01, 28.50, 0.96, 0.94)),
)
_PAPERS_COLUMNS = ("L1", "PSNR", "SSIM", "cosine, lightcnn29")
PUBLISHED = tuple(
    Published(
        TABLE,
        method,
        _SOURCE,
        {k: v for k, v in zip(_PAPERS_COLUMNS, values, strict=True) if v is not None},
    )
    for method, values in _ROWS
)


@dataclass(frozen=True)
class PhotometricOptions:
    """How photographs and renderings are compared.

    Attributes:
        size: side in pixels of the frame round the face; renderings from files keep their size.
        region: of the face model that counts; "" takes all that is seen of it.
        appearance: "predicted" or "solved", see `PairMaker`.
        embedders: of `EMBEDDERS`, for the identity; their weights are needed.
        weights_dir: folder looked in first for these weights.
        face_model: of the optimiser.
    """

    size: int = 256
    region: str = "skin"
    appearance: str = "predicted"
    embedders: tuple[str, ...] = ()
    weights_dir: str | None = None
    face_model: str = "default"


def make_protocol(overrides: Sequence[str] = ()) -> Protocol:
    """The protocol with `key=value` of `PhotometricOptions`."""
    return partial(_run, load_config(PhotometricOptions, overrides=overrides))


def _run(options: PhotometricOptions, request: Request) -> Report:
    folder = None if options.weights_dir is None else Path(options.weights_dir)
    embedders = [EMBEDDERS.create(name, folder) for name in options.embedders]
    paths = list_images([request.data])
    name, make = _maker(options, request)
    score = Scorer(embedders)
    columns = {column: np.full(len(paths), np.nan) for column in score.columns}
    failures: dict[str, str] = {}
    shown: list[_Shown] = []
    with progress("Comparing photographs", len(paths)) as advance:
        for row, path in enumerate(paths):
            try:
                picture = read_image(path)
                pair = make(path, picture)
                scores = score(pair, picture)
            except (NoFaceError, InputError, MissingFileError) as error:
                failures[path.name] = str(error)
            else:
                for column, value in scores.items():
                    columns[column][row] = value
                shown = _extremes([*shown, _Shown(scores["L1"], path.name, pair)])
            advance()
    frame = "their own size" if request.predictions else f"{options.size} pixels"
    return Report(
        "photometric",
        f"{len(paths)} photographs, {name}; over the mask of the rendering, frames of {frame}",
        found_figures(TABLE, columns, _UNITS, {c: _WORST.get(c, 0.0) for c in columns}),
        Items([path.name for path in paths], columns),
        failures,
        _facts(options, name, len(failures)),
        PUBLISHED,
        pictures=[_picture(one) for one in shown],
    )


class Scorer:
    """The figures of one pair.

    Args:
        embedders: for the identity; the five points come from the detector, on the photograph.
    """

    def __init__(self, embedders: Sequence[Embedder] = ()) -> None:
        self._embedders = embedders
        self.columns = [*_METRICS, *(f"cosine, {one.name}" for one in embedders)]

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
            for one in self._embedders:
                scores[f"cosine, {one.name}"] = _identity(one, pair, points)
        return scores

    @staticmethod
    def _points(pair: Pair, picture: NDArray[np.uint8]) -> Tensor:
        """Five points (5,2) in photograph pixels, of the face that the mask covers best."""
        from ..detect.face import get_face_detector
        from .predict import nearest_face

        seen = torch.nonzero(pair.mask[0, 0]).flip(1).double()  # x, y
        low, high = pair.crop.to_photo(torch.stack([seen.amin(0), seen.amax(0) + 1])).tolist()
        face = nearest_face(get_face_detector().detect(picture), (low[0], low[1], high[0], high[1]))
        return torch.from_numpy(face.points)


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
        return folder.name, lambda path, picture: read_pair(folder / f"{path.stem}.png", picture)
    predictor = load_predictor(request.weights, face_model=options.face_model)
    maker = PairMaker(options.size, options.region, options.appearance)
    return predictor.name, lambda path, picture: maker(predictor(picture, None), picture)


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
class _Shown:
    error: float
    name: str
    pair: Pair


def _extremes(shown: list[_Shown]) -> list[_Shown]:
    """The best and the worst, best first."""
    ordered = sorted(shown, key=lambda one: one.error)
    return ordered if len(ordered) <= 2 * _SHOWN else ordered[:_SHOWN] + ordered[-_SHOWN:]


def _picture(one: _Shown) -> Picture:
    """Photograph, rendering over it, and the difference."""
    pair = one.pair
    gap = (pair.rendering - pair.photo).abs().mean(1, keepdim=True) * pair.mask
    heat = 1 - (4 * gap).clamp(0, 1) * gap.new_tensor([0.0, 1.0, 1.0])[:, None, None]
    panels = [to_picture(image[0]) for image in (pair.photo, pair.composite(), heat)]
    caption = f"L1 {one.error:.4f}. Difference in red, full at a quarter of the range."
    return Picture(one.name, np.concatenate(panels, 1), caption)
