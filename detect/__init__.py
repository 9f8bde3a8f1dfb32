"""Faces in photographs: adapters over detection libraries."""

from . import mtcnn as mtcnn  # registers the detector; the library itself is imported on use
from .face import FACE_DETECTORS, Face, FaceDetector, get_face_detector

__all__ = ["FACE_DETECTORS", "Face", "FaceDetector", "get_face_detector"]
