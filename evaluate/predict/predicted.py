"""What predicts faces, and which of several faces is meant."""

from __future__ import annotations

import typing

import numpy as np
from numpy.typing import NDArray

from ...core.errors import NoFaceError
from ...pipeline.predicted import PredictedFace

if typing.TYPE_CHECKING:
    from ...detect.face import Face

Box = tuple[float, float, float, float]
Photograph = NDArray[np.uint8]
_SHARED = 0.1  # of the union of two boxes, below which a detected face is another face


class Predictor(typing.Protocol):
    """Predicts one face of a photograph."""

    name: str

    def __call__(self, picture: Photograph, box: Box | None) -> PredictedFace:
        """The face in or nearest to `box`, the box round its landmarks; None: the largest face.

        Args:
            picture: RGB (H,W,3) uint8.
            box: (x0,y0,x1,y1) in photograph pixels.

        Raises:
            NoFaceError: none was found there.
        """
        ...


def nearest_face(faces: list[Face], box: Box | None) -> Face:
    """The face whose box overlaps `box` best by intersection over union; None: the first.

    Raises:
        NoFaceError: there is no face, or none that overlaps by a tenth.
    """
    if not faces:
        raise NoFaceError("no face found in the photograph")
    if box is None:
        return faces[0]
    best = max(faces, key=lambda face: overlap(face.box, box))
    if overlap(best.box, box) < _SHARED:
        raise NoFaceError(f"{len(faces)} found, but none where the annotated face is")
    return best


def overlap(one: Box, other: Box) -> float:
    """Intersection over union of two boxes, 0 where they do not meet."""
    width = min(one[2], other[2]) - max(one[0], other[0])
    height = min(one[3], other[3]) - max(one[1], other[1])
    shared = max(width, 0.0) * max(height, 0.0)
    areas = [(b[2] - b[0]) * (b[3] - b[1]) for b in (one, other)]
    return shared / (sum(areas) - shared) if shared else 0.0
