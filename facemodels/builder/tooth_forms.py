"""The 14 teeth of half a mouth: sizes and profiles of a life-size adult's crowns.

Coordinates of a crown are those of `teeth`: u, v and the height h.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from .hm08 import Array

STATIONS = (-0.15, 0.0, 0.25, 0.5, 0.75, 0.9, 1.0)  # heights at which the profiles are given

# Reliefs of biting surfaces, see `Tooth`.
_EDGE = ((0.50, 0.22, 0.12, 0.25, 0.95), (0.30, 0.05, 0.0, 0.12, 0.75), (0.6, 0.35, 0.3, 0.4, 1.0))
_ROUND_EDGE = (
    (0.85, 0.35, 0.15, 0.50, 1.40),
    (0.65, 0.18, 0.0, 0.32, 1.20),
    (0.90, 0.45, 0.3, 0.60, 1.40),
)
_FLAT_EDGE = (
    (0.50, 0.30, 0.22, 0.30, 0.55),
    (0.25, 0.05, 0.0, 0.05, 0.35),
    (0.45, 0.22, 0.15, 0.22, 0.50),
)
_POINT = (
    (1.70, 0.80, 0.18, 1.10, 2.20),
    (1.60, 0.62, 0.0, 0.95, 2.10),
    (1.90, 1.10, 0.6, 1.30, 2.30),
)
_TWO_CUSPS = (
    (1.50, 0.70, 0.0, 0.75, 1.60),
    (1.25, 1.45, 1.6, 1.45, 1.25),
    (1.90, 1.30, 0.8, 1.30, 1.90),
)
_LOW_INNER_CUSP = (
    (1.40, 0.65, 0.0, 0.70, 1.50),
    (1.40, 1.70, 1.8, 1.70, 1.45),
    (2.40, 2.00, 1.7, 2.00, 2.40),
)
_FOUR_CUSPS = (
    (1.20, 0.05, 0.75, 0.15, 1.30),
    (1.10, 1.50, 1.90, 1.50, 1.15),
    (1.40, 0.25, 1.00, 0.40, 1.60),
)


@dataclass(frozen=True)
class Form:
    """Profiles of a kind of tooth.

    facial, lingual: distance of the surface from the contact line over half the depth, at the
    STATIONS; side: half the width at the STATIONS over the widest; roundness: of the cross
    section at the STATIONS, 0 square and 1 elliptic.
    """

    facial: tuple[float, ...]
    lingual: tuple[float, ...]
    side: tuple[float, ...]
    roundness: tuple[float, ...]


@dataclass(frozen=True)
class Tooth:
    """One tooth, mm.

    width along the arch, height of the crown, depth across; edge: how far the biting edge stays
    short of the plane of occlusion; lean: degrees by which the crown's edge leans to the lips; tip:
    degrees by which it leans to the midline; relief (3,5): how far the biting surface lies below
    its highest level at v = 1, 0, -1 and u = -1, -0.5, 0, 0.5, 1.
    """

    form: Form
    width: float
    height: float
    depth: float
    edge: float
    lean: float
    tip: float
    relief: tuple[tuple[float, ...], ...]

    def profile(self, heights: Array) -> tuple[Array, Array, Array, Array]:
        """Half width, facial and lingual distance (mm) and roundness at heights (N,)."""
        form = self.form
        side, facial, lingual, roundness = (
            np.interp(heights, STATIONS, values)
            for values in (form.side, form.facial, form.lingual, form.roundness)
        )
        return side * self.width / 2, facial * self.depth / 2, lingual * self.depth / 2, roundness


_INCISOR = Form(
    (0.45, 0.62, 0.74, 0.71, 0.58, 0.45, 0.27),
    (-1.15, -1.26, -1.04, -0.52, -0.20, -0.10, -0.04),
    (0.72, 0.80, 0.89, 0.95, 0.99, 1.00, 0.95),
    (1.0, 1.0, 0.9, 0.75, 0.55, 0.45, 0.40),
)

_LOWER_INCISOR = Form(
    (0.45, 0.60, 0.70, 0.66, 0.54, 0.42, 0.26),
    (-1.15, -1.22, -1.00, -0.52, -0.24, -0.14, -0.06),
    (0.68, 0.75, 0.84, 0.91, 0.97, 1.00, 0.97),
    (1.0, 1.0, 0.9, 0.75, 0.55, 0.40, 0.35),
)

_CANINE = Form(
    (0.58, 0.76, 0.92, 0.92, 0.76, 0.55, 0.32),
    (-0.95, -1.05, -0.95, -0.62, -0.30, -0.15, -0.05),
    (0.70, 0.77, 0.88, 0.97, 1.00, 0.91, 0.70),
    (1.0, 1.0, 0.95, 0.9, 0.85, 0.8, 0.8),
)

_PREMOLAR = Form(
    (0.75, 0.90, 1.00, 0.98, 0.84, 0.66, 0.50),
    (-0.72, -0.85, -0.97, -1.00, -0.86, -0.68, -0.50),
    (0.72, 0.79, 0.89, 0.97, 1.00, 0.94, 0.82),
    (1.0, 0.9, 0.85, 0.8, 0.75, 0.7, 0.7),
)

_MOLAR = Form(
    (0.80, 0.91, 1.00, 0.98, 0.86, 0.70, 0.58),
    (-0.78, -0.90, -0.98, -1.00, -0.88, -0.71, -0.58),
    (0.80, 0.87, 0.94, 0.99, 1.00, 0.94, 0.84),
    (0.85, 0.75, 0.65, 0.55, 0.5, 0.5, 0.5),
)

# From the midline backwards. Widths, heights and depths: usual means of adults, rounded.
UPPER = (
    Tooth(_INCISOR, 8.6, 10.8, 7.0, 0.0, 15.0, 2.0, _EDGE),
    Tooth(_INCISOR, 6.7, 9.5, 6.2, 0.6, 14.0, 4.0, _ROUND_EDGE),
    Tooth(_CANINE, 7.7, 11.0, 8.0, -0.1, 6.0, 5.0, _POINT),
    Tooth(_PREMOLAR, 7.0, 9.4, 9.0, 0.3, 0.0, 2.0, _TWO_CUSPS),
    Tooth(_PREMOLAR, 6.7, 8.9, 9.0, 0.4, -2.0, 1.0, _TWO_CUSPS),
    Tooth(_MOLAR, 10.2, 8.3, 10.8, 0.4, -4.0, 0.0, _FOUR_CUSPS),
    Tooth(_MOLAR, 9.6, 7.7, 10.6, 0.3, -6.0, 0.0, _FOUR_CUSPS),
)

LOWER = (
    Tooth(_LOWER_INCISOR, 5.3, 9.0, 6.0, 0.0, 10.0, 0.0, _FLAT_EDGE),
    Tooth(_LOWER_INCISOR, 5.8, 9.0, 6.3, 0.0, 8.0, 1.0, _FLAT_EDGE),
    Tooth(_CANINE, 6.8, 9.8, 7.6, 0.0, 2.0, 3.0, _POINT),
    Tooth(_PREMOLAR, 7.0, 8.8, 7.8, 0.7, -6.0, 2.0, _LOW_INNER_CUSP),
    Tooth(_PREMOLAR, 7.1, 8.2, 8.2, 1.0, -10.0, 1.0, _TWO_CUSPS),
    Tooth(_MOLAR, 11.0, 7.5, 10.3, 1.2, -12.0, 0.0, _FOUR_CUSPS),
    Tooth(_MOLAR, 10.4, 7.0, 10.1, 1.2, -14.0, 0.0, _FOUR_CUSPS),
)
