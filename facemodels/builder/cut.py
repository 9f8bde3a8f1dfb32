"""Which quads of the head make the `default-face`: the face with its ears seen from the front.

They were chosen once, by planes and normals, on the mean of version 2 of the model, and are listed
since: a mask that followed the estimated mean would renumber its vertices with every estimate.
Facial skin in front of the ears, below the hairline and above the throat; of the ears what is seen
half from the side; eyes, and all that is in the mouth; no eye pockets and no cap.
"""

from __future__ import annotations

import json
from importlib.resources import files

import numpy as np
from numpy.typing import NDArray

from .surface import Surface


def face_quads(surface: Surface) -> NDArray[np.bool_]:
    """Quads (F,) of the `default-face`, from the list of where runs of them begin and end."""
    turns = json.loads(files(__package__).joinpath("face_quads.json").read_text())
    change = np.zeros(len(surface.quads) + 1, np.int64)
    change[turns] = np.tile([1, -1], len(turns) // 2)
    return np.cumsum(change)[:-1] > 0
