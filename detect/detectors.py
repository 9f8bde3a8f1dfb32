"""The face detectors by name; each is imported when it is asked for."""

from __future__ import annotations

from ..core.registry import Registry
from .face import FaceDetector
from .names import DEFAULT_DETECTOR, DetectorName

FACE_DETECTORS: Registry[FaceDetector] = Registry("face detector")


@FACE_DETECTORS.register("mtcnn")
def _mtcnn() -> FaceDetector:
    """MTCNN, by facenet-pytorch."""
    from .mtcnn import MtcnnDetector

    return MtcnnDetector()


@FACE_DETECTORS.register("drawn")
def _drawn() -> FaceDetector:
    """Ours, trained on drawn faces alone."""
    from .drawn import DrawnDetector

    return DrawnDetector()


def get_face_detector(name: DetectorName = "auto") -> FaceDetector:
    """A detector by its name, ready to use.

    Args:
        name: "drawn", our own; "mtcnn"; or "auto", the default of the two.

    Raises:
        UnknownNameError: there is no such detector.
    """
    return FACE_DETECTORS.create(DEFAULT_DETECTOR if name == "auto" else name)
