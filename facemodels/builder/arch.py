"""A dental arch: half an ellipse that the contact points of a row of teeth lie on."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from .hm08 import Array

_SAMPLES = 2001


@dataclass(frozen=True)
class Arch:
    """In the plane of occlusion, mm: x to the subject's left, z to the front.

    Attributes:
        half_width: the ellipse's half axis across.
        depth: its half axis along z, from the incisors' contact point backwards.
        front: z of that contact point.
    """

    half_width: float
    depth: float
    front: float

    def frame(self, along: float) -> tuple[Array, Array, Array]:
        """Point, backward tangent and outward normal, each (x, z), on the left half.

        Args:
            along: arc length from the midline, mm; beyond the ellipse the arch runs straight on.
        """
        turn = np.linspace(0, np.pi / 2, _SAMPLES)
        x, z = self.half_width * np.sin(turn), self.front - self.depth * (1 - np.cos(turn))
        length = np.concatenate([[0], np.cumsum(np.hypot(np.diff(x), np.diff(z)))])
        here = np.interp(along, length, turn)
        point = np.array([np.interp(along, length, x), np.interp(along, length, z)])
        tangent = np.array([self.half_width * np.cos(here), -self.depth * np.sin(here)])
        tangent /= np.linalg.norm(tangent)
        point = point + tangent * max(along - length[-1], 0.0)
        return point, tangent, np.array([-tangent[1], tangent[0]])
