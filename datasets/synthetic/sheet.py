"""A contact sheet of synthetic faces, some with their landmarks."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from ...render.overlay import contact_sheet, draw_landmarks, resize
from .shards import ShardedFaces

_COLUMNS, _ROWS, _CELL = 12, 8, 128


def draw_sheet(faces: ShardedFaces) -> NDArray[np.uint8]:
    """The first 96 faces as one picture; every fourth shows its `ibug68` landmarks."""
    chosen = np.arange(min(len(faces), _COLUMNS * _ROWS))
    pictures = faces.rows("image", chosen)
    marks = faces.rows("landmarks_ibug68", chosen)[..., :2]
    cells = []
    for index, (picture, points) in enumerate(zip(pictures, marks, strict=True)):
        cell = resize(picture, _CELL, _CELL)
        if index % 4 == 3:
            cell = draw_landmarks(cell, points * (_CELL / len(picture)))
        cells.append(cell)
    return contact_sheet(cells, _COLUMNS, _CELL)
