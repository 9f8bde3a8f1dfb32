"""The 52 ARKit expression units as symmetric linear blendshapes."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from .carried import MM_PER_DM, Carried
from .hm08 import Array, read_target
from .identity import reflect
from .source import AnnySource

_FOLDER = "faceunits01/targets/faceunits/"


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
