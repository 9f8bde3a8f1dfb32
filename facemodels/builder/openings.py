"""The skin's edges towards the pockets behind the lids and the mouth, and the quads of the mask.

The quads of `default-face` are the face with its ears seen from the front: facial skin in front of
the ears, below the hairline and above the throat; of the ears what is seen half from the side;
eyes, and all that is in the mouth; no eye pockets and no cap. They were chosen once, by planes and
normals, on the mean of version 2 of the model, and are listed since: a mask that followed the
estimated mean would renumber its vertices with every estimate.
"""

from __future__ import annotations

import json
from importlib.resources import files

import numpy as np
from numpy.typing import NDArray

from ..layout import FACE, SKIN
from .hm08 import Index
from .surface import Surface

FAR = 99
LID_EDGE = 6.5  # the loop on which a lid's edge turns from the eye to the front


def opening(surface: Surface, part: int) -> NDArray[np.bool_]:
    """The vertices (V,) of the skin's edge towards a part, which lies behind lids or lips."""
    edge = np.zeros(len(surface.points), bool)
    edge[surface.quads[surface.part == part]] = True
    return edge & np.isin(surface.tag, (FACE, SKIN))


def loops(surface: Surface, part: int, count: int = 12) -> Index:
    """Which loop (V,) about an opening a vertex of the skin is on: 0 the edge, FAR the rest.

    The edge lies out of sight; the lids' edges are about the loops 0 to 6 in front of it and the
    lips meet on the loops 0 to 5.
    """
    quads = surface.quads[np.isin(surface.part, (FACE, SKIN))]
    number = np.where(opening(surface, part), 0, FAR)
    for step in range(1, count):
        near = np.zeros(len(number), bool)
        near[quads[(number[quads] < step).any(1)]] = True
        number[near & (number == FAR)] = step
    return number


def face_quads(surface: Surface) -> NDArray[np.bool_]:
    """Quads (F,) of the `default-face`, from the list of where runs of them begin and end."""
    turns = json.loads(files(__package__).joinpath("face_quads.json").read_text())
    change = np.zeros(len(surface.quads) + 1, np.int64)
    change[turns] = np.tile([1, -1], len(turns) // 2)
    return np.cumsum(change)[:-1] > 0
