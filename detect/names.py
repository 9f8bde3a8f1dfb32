"""The names of the face detectors, without what they need."""

from __future__ import annotations

from typing import Literal

DetectorName = Literal["auto", "mtcnn", "drawn"]
"""MTCNN, our own detector, or "auto" for the default of the two."""

DEFAULT_DETECTOR: DetectorName = "mtcnn"
