"""MTCNN (Zhang et al., "Joint Face Detection and Alignment Using Multitask Cascaded
Convolutional Networks", 2016) as carried, weights included, by facenet-pytorch.

The library proposes faces on a downscaled photograph with a margin around it. Its boxes are
rounded to whole pixels there, which moves the points by 1-2 % of the face; so the last network of
the cascade is run again on exact crops of the photograph, and its answers are averaged. Our own
network then frames the face (`framing.py`), which five points do badly in profile.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import cached_property, partial

import numpy as np
import torch
from PIL import Image

from ..core.facenet_import import import_facenet, require_facenet
from .cascade import Cascade
from .face import Face, check_photograph, without_duplicates
from .framing import framed
from .fused_pool import fuse_pools
from .refine import refine_face
from .turned import find_any_way_up


@dataclass(frozen=True)
class _Search:
    """One pass over the photograph.

    side: the longer side is brought down to this; smallest: of faces, in pixels after that;
    margin: added on every side, in parts of the longer side; thresholds: of the three networks;
    score: the least that counts as a face.
    """

    side: int
    smallest: float
    margin: float
    thresholds: tuple[float, float, float]
    score: float


# The first pass finds nearly everything; the others run only when nothing was found: small faces,
# then doubtful ones and those that fill the frame. Where no face is sure after that, the
# photograph is turned.
_SEARCHES = (
    _Search(640, 20, 0.06, (0.7, 0.7, 0.7), 0.9),
    _Search(1280, 20, 0.05, (0.6, 0.7, 0.7), 0.9),
    _Search(320, 20, 0.5, (0.5, 0.5, 0.5), 0.7),
)
_TURNED = _Search(640, 20, 0.1, (0.6, 0.7, 0.7), 0.9)
_GLANCE = _Search(320, 20, 0.06, (0.7, 0.7, 0.7), 0.9)
_DOUBTFUL = _Search(640, 20, 0.0, (0.5, 0.5, 0.3), 0.6)
_SMALLER = 0.4  # of a doubtful face's size, from which on turned ones are looked for first
_SURE = 0.98  # score of the best face from which on the photograph counts as upright
_UPSCALE_BELOW = 160  # pixels: smaller photographs are enlarged to this, MTCNN needs 20-px faces


class MtcnnDetector:
    """Faces by MTCNN; offline, deterministic, on the CPU.

    Finds faces from about 3 % of the photograph's longer side upwards (1.6 % where there is none
    larger); of photographs that lie on their side the points say so.
    """

    def __init__(self) -> None:
        require_facenet()

    @cached_property
    def _cascade(self) -> Cascade:
        """The library's networks, loaded when the first photograph comes."""
        library = import_facenet().MTCNN()
        networks = (library.pnet, library.rnet, library.onet)
        last = [network.to(memory_format=torch.channels_last) for network in networks]
        return Cascade(*map(fuse_pools, last))

    def detect(self, image: np.ndarray) -> list[Face]:
        """See `FaceDetector.detect`.

        Raises:
            InputError: `image` is not uint8 (H,W,3).
        """
        check_photograph(image)
        glance = partial(_as_large, max(image.shape[:2]))
        faces = find_any_way_up(
            image, self._search, _SEARCHES, sideways=_TURNED, sure=_SURE, glance=glance
        )
        return framed(image, without_duplicates(faces))

    def glance(self, image: np.ndarray, doubtful: bool = False) -> list[Face]:
        """See `FaceDetector.glance`."""
        check_photograph(image)
        return self._search(image, _DOUBTFUL if doubtful else _GLANCE)

    def _search(self, image: np.ndarray, search: _Search) -> list[Face]:
        faces = []
        image = np.ascontiguousarray(image)
        for box, score in zip(*self._propose(image, search), strict=True):
            exact, points, second = refine_face(self._cascade.output, image, box)
            mean = (float(score) + second) / 2
            if mean >= search.score and _plausible(exact, points):
                faces.append(Face(_as_box(exact), mean, points))
        return faces

    def _propose(self, image: np.ndarray, search: _Search) -> tuple[np.ndarray, np.ndarray]:
        """Boxes (N,4) in pixels of `image` and scores (N,)."""
        height, width = image.shape[:2]
        longer = max(height, width)
        scale = (
            min(1.0, search.side / longer) if longer > _UPSCALE_BELOW else _UPSCALE_BELOW / longer
        )
        size = (max(1, round(width * scale)), max(1, round(height * scale)))
        small = np.asarray(
            Image.fromarray(image).resize(size, Image.Resampling.BILINEAR, reducing_gap=2.0)
        )
        margin = round(search.margin * max(size))
        padded = np.pad(small, ((margin, margin), (margin, margin), (0, 0)), mode="edge")
        boxes, scores = self._cascade(padded, search.smallest, search.thresholds)
        # These boxes count pixels from 1, both ends included.
        edges = boxes.astype(np.float64) - [1 + margin, 1 + margin, margin, margin]
        return edges * np.tile([width / size[0], height / size[1]], 2), scores


def _as_large(longer: int, face: Face) -> _Search:
    """A search of the turned photograph, whose longer side is given, for faces of that size."""
    x0, y0, x1, y1 = face.box
    size = max(x1 - x0, y1 - y0) * min(1.0, _TURNED.side / longer)
    return replace(_TURNED, smallest=max(_TURNED.smallest, size * _SMALLER))


def _as_box(values: np.ndarray) -> tuple[float, float, float, float]:
    x0, y0, x1, y1 = (float(v) for v in values)
    return x0, y0, x1, y1


def _plausible(box: np.ndarray, points: np.ndarray) -> bool:
    """Five points of a face: inside the box, the mouth below the eyes as seen from the nose."""
    size = box[2:] - box[:2]
    if size.min() <= 0:
        return False
    relative = (points - box[:2]) / size
    if relative.min() < -0.1 or relative.max() > 1.1:
        return False
    eyes, mouth = points[:2].mean(axis=0), points[3:].mean(axis=0)
    return bool(np.linalg.norm(mouth - eyes) > 0.2 * size.max())
