"""Our own detector, trained on drawn faces alone: see `drawn_network.py` for the network.

The photograph is looked at in several sizes. What may be a face is cut out again from it, upright
and of one size, and looked at once more, mirrored as well: that makes sure of it, and gives the
frame in which a network of `models` sees it.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from PIL import Image

from .boxes import averaged, suppressed
from .drawn_network import SHIPPED, FaceFinder, FinderOutput
from .face import Face, check_photograph, without_duplicates
from .framing import finder, frame_of
from .second_look import Glimpse, look_again
from .turned import best_score, find_any_way_up

Array = NDArray[Any]


@dataclass(frozen=True)
class _Search:
    """One pass over the photograph.

    side: the longer side is brought down to this, then halved again and again; margin: added all
    round, in parts of the longer side; likely: score from which on a find is looked at again; sure:
    mean score of a face.
    """

    side: int
    margin: float
    likely: float
    sure: float


_SEARCHES = (
    _Search(600, 0.0, 0.35, 0.5),
    _Search(1280, 0.0, 0.35, 0.58),
    _Search(300, 0.4, 0.3, 0.55),
)
_TURNED = _Search(400, 0.0, 0.35, 0.65)
_GLANCE = _Search(320, 0.0, 0.35, 0.5)
_DOUBTFUL = _Search(400, 0.0, 0.2, 0.4)
_LEAST = 30  # pixels of the longer side of the last size that is looked at
_BESIDE = 0.86  # of the best score of a photograph, what others must have
_SURE = 0.75  # score of the best face from which on the photograph counts as upright
_MORE = 0.08  # what a find in a turned photograph must have over one in the upright photograph
_MOST = 200  # finds that are looked at again
_UPSCALE_BELOW = 128  # pixels: smaller photographs are enlarged to this
_STEP = 16  # sides of the network's input are multiples
_GREY = 128  # what is round the photograph


class DrawnDetector:
    """Faces by our own network; offline, deterministic, on the CPU.

    Finds faces from about 2 % of the photograph's longer side upwards (1 % where there is none
    larger); where nothing sure is found, the photograph is turned. Needs the same memory for
    photographs of any size.

    Args:
        weights: a file that `pack_finder` wrote; read at the first photograph.
    """

    def __init__(self, weights: Path = SHIPPED) -> None:
        self._weights = weights

    def detect(self, image: np.ndarray) -> list[Face]:
        """See `FaceDetector.detect`.

        Raises:
            InputError: `image` is not uint8 (H,W,3), or the weights cannot be used.
            MissingFileError: there are no weights.
        """
        check_photograph(image)
        return find_any_way_up(
            image, self._search, _SEARCHES, sideways=_TURNED, sure=_SURE, more=_MORE
        )

    def glance(self, image: np.ndarray, doubtful: bool = False) -> list[Face]:
        """See `FaceDetector.glance`."""
        check_photograph(image)
        return self._search(image, _DOUBTFUL if doubtful else _GLANCE)

    def _search(self, image: np.ndarray, search: _Search) -> list[Face]:
        network = finder(self._weights)
        proposed = self._propose(network, image, search)
        seen = look_again(network, image, proposed)
        faces = [
            _face(first, second)
            for first, second in zip(proposed, seen, strict=True)
            if second is not None and (first.score + second.score) / 2 >= search.sure
        ]
        least = _BESIDE * best_score(faces)
        return without_duplicates(face for face in faces if face.score >= least)

    def _propose(self, network: FaceFinder, image: np.ndarray, search: _Search) -> list[Glimpse]:
        """What may be a face, in pixels of `image`, best first."""
        picture, (width, height) = averaged(image, max(image.shape[:2]) // (2 * search.side))
        longer = max(height, width)
        scores, boxes, points = [], [], []
        scale = min(1.0, search.side / longer)
        scale = _UPSCALE_BELOW / longer if longer < _UPSCALE_BELOW else scale
        while scale * longer >= _LEAST:
            size = max(1, round(width * scale)), max(1, round(height * scale))
            picture = picture.resize(size, Image.Resampling.BILINEAR, reducing_gap=2.0)
            margin = round(search.margin * max(size))
            out = _run(network, np.asarray(picture), margin)
            score = out.score[0].sigmoid().numpy()
            kept = np.flatnonzero(score > search.likely)
            back = np.array([width / size[0], height / size[1]])
            scores.append(score[kept])
            boxes.append((out.box[0].numpy()[kept] - margin) * np.tile(back, 2))
            points.append((out.points[0].numpy()[kept] - margin) * back)
            scale /= 2
        score, box, five = (np.concatenate(part) for part in (scores, boxes, points))
        best = suppressed(score, box)[:_MOST]
        return [Glimpse(float(score[n]), box[n].astype(float), five[n].astype(float)) for n in best]


@torch.inference_mode()
def _run(network: FaceFinder, picture: Array, margin: int) -> FinderOutput:
    """The network on a picture (h,w,3) with a margin, grey up to the next multiple of 16."""
    height, width = picture.shape[:2]
    shape = [-(-(length + 2 * margin) // _STEP) * _STEP for length in (height, width)]
    canvas = np.full((*shape, 3), _GREY, np.uint8)
    canvas[: height + 2 * margin, : width + 2 * margin] = np.pad(
        picture, ((margin, margin), (margin, margin), (0, 0)), mode="edge"
    )
    batch = torch.from_numpy(canvas)[None].permute(0, 3, 1, 2).float() / 255
    out: FinderOutput = network(batch.contiguous(memory_format=torch.channels_last))
    return out


def _face(first: Glimpse, second: Glimpse) -> Face:
    x0, y0, x1, y1 = second.box
    middle, roll = np.array([x0 + x1, y0 + y1]) / 2, second.roll
    across, down = (x1 - x0) / 2, (y1 - y0) / 2
    half = np.hypot(
        [across * math.cos(roll), across * math.sin(roll)],
        [down * math.sin(roll), down * math.cos(roll)],
    )
    box = tuple(float(v) for v in (*(middle - half), *(middle + half)))
    score = (first.score + second.score) / 2
    return Face(box, score, second.points, frame_of(second))  # type: ignore[arg-type]
