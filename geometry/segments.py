"""The classes of a segmentation map: what a pixel of a photograph of a face shows."""

from __future__ import annotations

from enum import IntEnum


class Segment(IntEnum):
    """The classes of a segmentation map and their codes, in the order of a network's channels.

    SKIN is the face's, the forehead's and a bald head's; IRIS has the pupil, MOUTH is gums, tongue
    and the dark behind them, OCCLUDER a hand or any other thing in front.

    >>> Segment.HAIR.value, Segment(4).name
    (10, 'IRIS')
    """

    BACKGROUND = 0
    SKIN = 1
    BROWS = 2
    SCLERA = 3
    IRIS = 4
    LIPS = 5
    TEETH = 6
    MOUTH = 7
    EARS = 8
    NECK = 9
    HAIR = 10
    BEARD = 11
    GLASSES = 12
    HEADWEAR = 13
    CLOTHES = 14
    OCCLUDER = 15


SEGMENTS = tuple(segment.name.lower() for segment in Segment)
"""Their names in the order of their codes."""

FACIAL_SKIN = (Segment.SKIN, Segment.BROWS, Segment.LIPS)
"""Classes on which a face's own albedo can be seen."""
