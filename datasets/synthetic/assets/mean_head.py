"""The mean of the shipped face model as MakeHuman's base mesh, on which assets are tried."""

from __future__ import annotations

from dataclasses import dataclass
from importlib.resources import as_file, files
from typing import Any

import numpy as np
from numpy.typing import NDArray

from .... import facemodels
from ....facemodels.drawing_vertices import load_drawing_vertices
from ....facemodels.readers.archive import read_arrays
from ....facemodels.subdivision_model import whole_head
from .lifting import SkinSamples
from .placing import base_vertices

Array = NDArray[Any]

LOW_Y = -15.0
"""Skin above this is kept, mm: brows and the skull."""

_BROWS = slice(17, 27)


@dataclass(frozen=True, eq=False)
class MeanHead:
    """The head that assets are tried on.

    Attributes:
        base: (19158,3) mm in model space, NaN where the head has no such vertex.
        skin: of its upper half.
        brows: (10,3) the landmarks of its brows, of `ibug68`, from the subject's right to left.
    """

    base: NDArray[np.float32]
    skin: SkinSamples
    brows: NDArray[np.float32]


def load_mean_head() -> MeanHead:
    """That of the shipped face model."""
    drawing = load_drawing_vertices()
    with as_file(files(facemodels) / "data" / "default.npz") as path:
        arrays = read_arrays(path)
    base = base_vertices(drawing, arrays["mean"], drawing.mean)
    skin = SkinSamples.of(base, drawing.head_ids[arrays["quads"]], LOW_Y)
    surface = whole_head(arrays).matrix @ arrays["mean"]
    return MeanHead(base, skin, surface[arrays["landmarks_ibug68"][_BROWS]].astype(np.float32))


def mean_base() -> NDArray[np.float32]:
    """The base mesh (19158,3) of the shipped face model's mean, mm; NaN where it has none."""
    return load_mean_head().base
