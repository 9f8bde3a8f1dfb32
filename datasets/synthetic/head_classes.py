"""Which class of a segmentation map each vertex of the default head belongs to."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from ...geometry.face_model import FaceModel
from ...geometry.segments import Segment

ON_FACE = 64
"""While painting: added to the class of what lies on the facial mask's skin."""

CLASS = 63
"""What of a painted kind is the class, as a mask of bits."""

_REGIONS = (
    ("neck", Segment.NECK), ("ears", Segment.EARS), ("lips", Segment.LIPS),
    ("mouth_interior", Segment.MOUTH), ("teeth", Segment.TEETH),
    ("left_eye", Segment.SCLERA), ("right_eye", Segment.SCLERA),
    ("iris", Segment.IRIS), ("pupil", Segment.IRIS),
)  # fmt: skip
"""Regions of the face model and their classes; the later one wins."""


def classes_of_vertices(model: FaceModel) -> NDArray[np.uint8]:
    """The class (V,) of every vertex of the bare head, brows as skin; ON_FACE where it is that."""
    classes = np.full(len(model.mean), int(Segment.SKIN), np.uint8)
    for region, segment in _REGIONS:
        classes[model.region(region).numpy()] = int(segment)
    classes[(model.region("skin") & model.region("face")).numpy()] |= ON_FACE
    return classes
