"""Which base-mesh vertices travel with the head: the head itself, and what drawing hangs on it."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from .head import Head
from .hm08 import LEFT_EYE, RIGHT_EYE, TEETH, Array, BaseMesh, Index

MM_PER_DM = 100.0
_TONGUE, _LASHES, _HAIR = slice(13380, 13606), slice(14742, 14992), slice(18722, 19150)
_BODY, _TIGHTS = slice(0, 13380), slice(15328, 18002)
_SHOULDERS = 5.0  # dm; body and tights above it are carried, for what is worn


@dataclass(frozen=True)
class Carried:
    """The head's level-0 vertices, V of them, and H helpers after them.

    Attributes:
        ids: (V+H,) indices into the base mesh; head: V.
        points: (V+H,3) mm in the base frame: the base mesh's axes, origin between its eyeballs.
        mirror: (V+H,).
    """

    ids: Index
    head: int
    points: Array
    mirror: Index

    def helpers(self, part: slice) -> Index:
        """Places in `ids` of the base-mesh vertices in `part`."""
        return np.flatnonzero((self.ids >= part.start) & (self.ids < part.stop))


def choose_carried(mesh: BaseMesh, head: Head) -> Carried:
    """The head and all that MakeHuman's hair, brows, lashes, teeth, tongue and clothes refer to."""
    origin = (mesh.vertices[LEFT_EYE].mean(0) + mesh.vertices[RIGHT_EYE].mean(0)) / 2
    wanted = np.zeros(len(mesh.vertices), bool)
    for part in (_TONGUE, LEFT_EYE, RIGHT_EYE, _LASHES, TEETH, _HAIR):
        wanted[part] = True
    for part in (_BODY, _TIGHTS):
        wanted[part] |= mesh.vertices[part, 1] > _SHOULDERS
    wanted |= wanted[mesh.mirror]
    wanted[head.keep] = False
    ids = np.concatenate([head.keep, np.flatnonzero(wanted)])
    points = mesh.vertices[ids]
    local = np.full(len(mesh.vertices), -1)
    local[ids] = np.arange(len(ids))
    mirror = local[mesh.mirror[ids]]
    return Carried(ids, len(head.keep), (points - origin) * MM_PER_DM, mirror)
