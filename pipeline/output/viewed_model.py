"""What the viewer's page knows of a face model: what each vertex is, and how people differ."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from ...geometry.face_model import FaceModel
from ..formats.head_parts import split_head
from .maps import vertex_codes

_MODES = 6  # of identity: the largest
_MOST = 1_000_000  # bytes of so many, else there are none
_LEVELS = 127  # of a byte, to either side


@dataclass(frozen=True)
class ViewedModel:
    """A face model for the page.

    Attributes:
        entry: what the page reads: `parts` by name and size, `count` of vertices, `steps` of the
            modes, mm per level and standard deviation.
        content: for each part the model's vertices (uint32) and their codes (uint8), then the
            modes (modes, count, 3) int8; little-endian.
    """

    entry: dict[str, object]
    content: bytes


def viewed_model(model: FaceModel, count: int | None = None) -> ViewedModel:
    """What the page is told of a face model.

    Args:
        model: the face model.
        count: of identity's modes, whatever their size; None: the largest six, if they are small.
    """
    codes, parts, blobs = vertex_codes(model).numpy(), [], list[bytes]()
    for part in split_head(model):
        parts.append({"name": part.name, "size": len(part.vertices)})
        blobs.append(part.vertices.astype("<u4").tobytes())
        blobs.append(codes[part.vertices].astype(np.uint8).tobytes())
    modes, steps = _modes(model, count)
    entry = {"parts": parts, "count": len(model.mean), "steps": steps}
    return ViewedModel(entry, b"".join([*blobs, modes.tobytes()]))


def _modes(model: FaceModel, count: int | None) -> tuple[NDArray[np.int8], list[float]]:
    """Modes of identity as `in_levels` has them."""
    basis = model.identity[: _MODES if count is None else count].float().numpy()
    if count is None and (model.identity_kind != "gaussian" or basis.size > _MOST):
        basis = basis[:0]
    return in_levels(basis)


def in_levels(basis: NDArray[np.floating]) -> tuple[NDArray[np.int8], list[float]]:
    """A basis (K,V,3) in levels of a byte, and how much a level of each mode is."""
    steps = np.maximum(np.abs(basis).max((1, 2), initial=0), 1e-6) / _LEVELS
    levels = np.rint(basis / steps[:, None, None])
    return levels.astype(np.int8), steps.astype(float).tolist()
