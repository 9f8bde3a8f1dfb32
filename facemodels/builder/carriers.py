"""The 52 ARKit expression units as symmetric linear blendshapes, and how they move the inner parts.

Every unit moves each of the carriers (eyes, rows of teeth, the tongue's tip) by one affine motion.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from .carried import MM_PER_DM, Carried
from .hm08 import Array, BaseMesh, read_target
from .identity import reflect
from .inner import CARRIERS, LEFT_EYE, LOWER_JAW, RIGHT_EYE, TONGUE_TIP, InnerAnchors
from .source import AnnySource

_FOLDER = "faceunits01/targets/faceunits/"

_LOWER_TEETH = slice(14992, 15060)  # helper vertices of the base mesh
_STILL = 0.2  # mm; smaller motions are noise of the sculpted targets
# Degrees that a gaze unit turns an eye. The targets' own (15 across, 11 down, 10 up) fall short of
# their eyelids' motion.
_ACROSS, _DOWN, _UP = 25.0, 22.0, 20.0
_BLINK = 2.5  # mm that a blink draws the eye back, as it does in people
# Of the tongue's tip when it is put out, in the coordinates of `teeth.Row`: mm up and forward,
# scales across, up and forward about the tip, and mm that it rises per mm behind the tip.
_OUT, _OUT_SCALE, _OUT_BEND, _TIP = (1.5, 40.0), (0.85, 0.7, 1.0), 0.42, (-3.4, -9.5)


@dataclass(frozen=True)
class Expressions:
    """names (K) in alphabetical order and displacements (K,V+H,3) mm at weight 1."""

    names: tuple[str, ...]
    shapes: Array


def build_expressions(carried: Carried, source: AnnySource, scale: float) -> Expressions:
    """Read the units, make left and right ones each other's mirror image and scale them.

    The sculpted targets differ a little between the sides (mouthFunnel and the smiles most), which
    would let a symmetric expression turn the face.
    """
    files = source.names(_FOLDER)
    names = tuple(f.removeprefix(_FOLDER).removesuffix(".target") for f in files)
    raw = {
        n: read_target(source, f)[carried.ids].astype(np.float64) * MM_PER_DM * scale
        for n, f in zip(names, files, strict=True)
    }
    shapes = [(raw[n] + reflect(raw[mirror_name(n)], carried.mirror)) / 2 for n in names]
    return Expressions(names, np.stack(shapes))


def mirror_name(name: str) -> str:
    """The unit on the other side; a unit without a side is its own."""
    for side, other in (("Left", "Right"), ("Right", "Left")):
        if name.endswith(side):
            return name.removesuffix(side) + other
    return name


def expression_carriers(
    names: Sequence[str],
    mesh: BaseMesh,
    source: AnnySource,
    scale: float,
    anchors: InnerAnchors | None = None,
) -> Array:
    """Motions of the carriers at weight 1 of each unit.

    The lower jaw follows the targets' own motion of the lower teeth as a rigid body; the tongue
    goes with it and is put out by rule; eyes turn about their centres by rule.

    Args:
        names: of the E units.
        mesh: the base mesh.
        source: where the units' targets are.
        scale: mm of the model per dm of the base mesh.
        anchors: as given to `build_inner`.

    Returns:
        (E,P,3,4): the displacement of a point p of the mean is motion @ [p; 1]. A unit and the
        one of the other side are each other's mirror image.
    """
    place = anchors or InnerAnchors()
    motions = np.zeros((len(names), len(CARRIERS), 3, 4))
    for i, name in enumerate(names):
        jaw = _jaw_motion(name, mesh, source, scale, place)
        motions[i, [LOWER_JAW, TONGUE_TIP]] = jaw
        if name == "tongueOut":
            motions[i, TONGUE_TIP] += _tongue_out(place)
        left = name.endswith("Left")
        if name.startswith("eyeBlink"):
            motions[i, LEFT_EYE if left else RIGHT_EYE, 2, 3] = -_BLINK
        if name.startswith("eyeLook"):
            motions[i, LEFT_EYE if left else RIGHT_EYE] = _gaze(name, left, place)
    return motions


def _jaw_motion(
    name: str, mesh: BaseMesh, source: AnnySource, scale: float, place: InnerAnchors
) -> Array:
    """Rigid motion (3,4) that fits what the unit does to the base mesh's lower teeth."""
    target, other = (
        read_target(source, f"{_FOLDER}{unit}.target").astype(np.float64)
        for unit in (name, mirror_name(name))
    )
    moved = (target + other[mesh.mirror] * [-1, 1, 1])[_LOWER_TEETH] / 2 * scale
    if np.sqrt((moved**2).sum(1).mean()) < _STILL:
        return np.zeros((3, 4))
    teeth = mesh.vertices[_LOWER_TEETH]
    edge = teeth[:, 1] + teeth[:, 2]  # largest at the incisors' edges
    start = (teeth - teeth[edge.argmax()] * [0, 1, 1]) * scale + place.lower_incisors()
    return _rigid(start, start + moved)


def _rigid(start: Array, end: Array) -> Array:
    """Displacement (3,4) of the rigid motion that best takes start (N,3) to end (Kabsch 1976)."""
    a, b = start.mean(0), end.mean(0)
    left, _, right = np.linalg.svd((start - a).T @ (end - b))
    flip = np.diag([1.0, 1.0, np.linalg.det(left @ right)])
    turn = (left @ flip @ right).T
    return np.column_stack([turn - np.eye(3), b - turn @ a])


def _gaze(name: str, left: bool, place: InnerAnchors) -> Array:
    """Displacement (3,4) of an eye that turns about its centre."""
    direction = name.removeprefix("eyeLook").removesuffix("Left").removesuffix("Right")
    degrees = {"In": _ACROSS, "Out": _ACROSS, "Down": _DOWN, "Up": _UP}[direction]
    c, s = np.cos(np.radians(degrees)), np.sin(np.radians(degrees))
    if direction in ("Down", "Up"):
        s = s if direction == "Down" else -s
        turn = np.array([[1.0, 0.0, 0.0], [0.0, c, -s], [0.0, s, c]])
    else:
        s = s if (direction == "Out") == left else -s
        turn = np.array([[c, 0.0, s], [0.0, 1.0, 0.0], [-s, 0.0, c]])
    centre = np.array(place.eye_centre) * [1.0 if left else -1.0, 1.0, 1.0]
    return np.column_stack([turn - np.eye(3), centre - turn @ centre])


def _tongue_out(place: InnerAnchors) -> Array:
    """Displacement (3,4) of the tongue's tip."""
    change = np.diag(_OUT_SCALE) - np.eye(3)
    change[1, 2] = -_OUT_BEND
    tip = np.array([0.0, *_TIP])
    turn = place.axes()
    shift = place.size * turn @ np.array([0.0, *_OUT])
    change, tip = turn @ change @ turn.T, place.from_bite(tip[None])[0]
    return np.column_stack([change, shift - change @ tip])
