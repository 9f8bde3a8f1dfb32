"""All surfaces of a scene as one set of vertices in camera space."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from .pose import View
from .surface import Surface, facing_normals, join, kinds_of, move, sum_normals

Array = NDArray[Any]
_NO_FACES = np.zeros((0, 3), np.int32)
_NO_SHEET = np.zeros((0, 5), np.float32)


@dataclass(frozen=True)
class Assembly:
    """The head's vertices, then those of other opaque things, then those of sheets.

    Attributes:
        points: (n,3) mm, camera space; albedo (n,3), gloss (n,), occlusion (n,), kinds (n,) of
            `Surface`.
        faces: (f,3) int32, all but the head's own.
        texture, uv: of the opaque ones among them, see `Surface`.
        sheet: (m,5) of the last m vertices.
        opaque: how many vertices belong to opaque things; opaque_faces: how many of `faces`.
    """

    points: Array
    albedo: Array
    gloss: Array
    occlusion: Array
    kinds: Array
    faces: Array
    texture: Array
    uv: Array
    sheet: Array
    opaque: int
    opaque_faces: int

    def normals(self, rough: Array) -> NDArray[np.float32]:
        """Unit normals (n,3): the head's as given, all others turned to the camera."""
        count = len(rough)
        out = np.empty((len(self.points), 3), np.float32)
        out[:count] = rough
        rest = self.points[count:]
        sums = np.empty_like(rest)
        sum_normals(rest, self.faces - np.int32(count), sums)
        facing_normals(sums, out[count:])
        return out


def assemble(
    view: View, body: Sequence[Surface], placed: Sequence[Surface], sheets: Sequence[Surface]
) -> Assembly:
    """One assembly of many surfaces.

    Args:
        view: the camera.
        body: opaque surfaces in model space, the head first; its faces are left out. Each surface
            has classes.
        placed: opaque surfaces in camera space.
        sheets: in model space.
    """
    head = replace(body[0], faces=_NO_FACES)
    solids = [head, *body[1:], *placed]
    everything = [*solids, *(replace(sheet, sheet=None) for sheet in sheets)]
    joined = join(everything)
    points = np.empty_like(joined.points)
    first, opaque = (sum(len(s.points) for s in part) for part in (body, solids))
    for part in (slice(0, first), slice(opaque, None)):
        move(joined.points[part], view.rotation, view.translation, points[part])
    points[first:opaque] = joined.points[first:opaque]
    sheet = np.concatenate([s.sheet for s in sheets if s.sheet is not None] or [_NO_SHEET])
    corners = [s.corners() for s in solids]
    return Assembly(
        points=points, albedo=joined.albedo, gloss=joined.gloss, occlusion=joined.occlusion,
        kinds=kinds_of(everything), faces=joined.faces,
        texture=np.concatenate([c[0] for c in corners]), uv=np.concatenate([c[1] for c in corners]),
        sheet=sheet.astype(np.float32, copy=False), opaque=opaque,
        opaque_faces=sum(len(s.faces) for s in solids),
    )  # fmt: skip
