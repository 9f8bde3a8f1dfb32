"""Faces in photographs: our own detector, and adapters over detection libraries."""

# Each registers its detector; weights and libraries are loaded on use.
from . import drawn as drawn
from . import mtcnn as mtcnn
from .face import FACE_DETECTORS, Face, FaceDetector, get_face_detector

__all__ = ["FACE_DETECTORS", "Face", "FaceDetector", "get_face_detector"]
