"""What a face detector gives: boxes and five points in the photograph's pixels."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Protocol

import numpy as np

from ..core.errors import InputError

POINT_NAMES = ("right_eye", "left_eye", "nose_tip", "right_mouth_corner", "left_mouth_corner")


@dataclass(frozen=True)
class Frame:
    """Where a network should see a face: square and upright.

    Attributes:
        x, y: middle of the box round the 68 landmarks, the head seen upright; pixels.
        side: the longer side of that box, pixels.
        roll: of the head, radians, clockwise in the photograph.
    """

    x: float
    y: float
    side: float
    roll: float


@dataclass(frozen=True)
class Face:
    """One face, in pixels of the photograph; the centre of the first pixel is (0.5, 0.5).

    Attributes:
        box: (x0, y0, x1, y1), from above the brows to the chin; may reach over the border.
        score: the detector's confidence, 0..1.
        points: float64 (5,2), x right and y down, in the order of `POINT_NAMES`. Right and left
            are the subject's: in an upright, unmirrored photograph the right eye comes first
            from the left.
        frame: where a network should see it; None: that follows from the points.

    Example:
        >>> Face((10.0, 20.0, 40.0, 60.0), 0.9, np.zeros((5, 2))).area
        1200.0
    """

    box: tuple[float, float, float, float]
    score: float
    points: np.ndarray
    frame: Frame | None = None

    @property
    def area(self) -> float:
        """Area of the box in square pixels."""
        x0, y0, x1, y1 = self.box
        return (x1 - x0) * (y1 - y0)


class FaceDetector(Protocol):
    """What finds faces in one photograph; `detect.FACE_DETECTORS` has them by name."""

    def detect(self, image: np.ndarray) -> list[Face]:
        """Every face of a photograph.

        Args:
            image: (H,W,3) uint8 RGB.

        Returns:
            Faces, the largest box first; an empty list where none is found.
        """
        ...

    def glance(self, image: np.ndarray, doubtful: bool = False) -> list[Face]:
        """Upright faces of a small picture, by one quick look.

        Args:
            image: (H,W,3) uint8 RGB.
            doubtful: also tell of what may be no face.
        """
        ...


def check_photograph(image: np.ndarray) -> None:
    """Refuse what is not a photograph: uint8 RGB (H,W,3) with at least one pixel.

    Args:
        image: what came.

    Raises:
        InputError: it is something else; the message says how to convert greyscale or float arrays.

    Example:
        >>> check_photograph(np.zeros((4, 4, 3), np.uint8))
        >>> check_photograph(np.zeros((4, 4, 3)))
        Traceback (most recent call last):
        selfie3d.core.errors.InputError: image: expected a uint8 RGB array (H,W,3), got ...
    """
    if not isinstance(image, np.ndarray):
        got, remedy = type(image).__name__, "Read files with selfie3d.core.image_file.read_image."
    elif image.ndim == 2 or (image.ndim == 3 and image.shape[2] == 1):
        got = f"a greyscale array {image.shape}"
        remedy = "Repeat it: np.repeat(image.reshape(H, W, 1), 3, axis=2)."
    elif image.ndim != 3 or image.shape[2] != 3 or image.size == 0:
        got, remedy = f"shape {image.shape}", "Drop the alpha channel, move channels last."
    elif image.dtype != np.uint8:
        got, remedy = f"dtype {image.dtype}", "Scale to 0..255 and convert: image.astype(np.uint8)."
    else:
        return
    raise InputError("image", "a uint8 RGB array (H,W,3)", got, remedy)


def without_duplicates(faces: Iterable[Face]) -> list[Face]:
    """Of faces that share most of the smaller one's box, the one with the best score.

    Returns:
        The faces that are left, the largest box first.
    """
    kept: list[Face] = []
    for face in sorted(faces, key=lambda f: (-f.score, -f.area)):
        if all(_shared(face, other) < 0.5 for other in kept):
            kept.append(face)
    return sorted(kept, key=lambda f: -f.area)


def _shared(a: Face, b: Face) -> float:
    """Intersection of the boxes over the smaller box."""
    width = min(a.box[2], b.box[2]) - max(a.box[0], b.box[0])
    height = min(a.box[3], b.box[3]) - max(a.box[1], b.box[1])
    return max(width, 0.0) * max(height, 0.0) / max(min(a.area, b.area), 1e-9)
