"""A surface in millimetres with the landmarks it is aligned by."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
import torch
from numpy.typing import NDArray

from ..core.errors import InputError
from ..geometry.topology import subset_mesh

Array = NDArray[np.float64]

NOSE_TIP, NOSE_BOTTOM = 30, 33  # of `ibug68`
OUTER_EYES, INNER_EYES = (36, 45), (39, 42)
_FEWEST_LANDMARKS = 3
_FEWEST_FACES = 20


@dataclass(frozen=True)
class Surface:
    """A triangle mesh with landmarks.

    Attributes:
        name: for messages and reports.
        vertices: (V,3) float64 mm.
        faces: (F,3) int64, counter-clockwise seen from outside.
        landmarks: (68,3) mm, the set `ibug68`; rows that were not annotated are NaN.
    """

    name: str
    vertices: Array
    faces: NDArray[np.int64]
    landmarks: Array

    def __post_init__(self) -> None:
        for field, shape in (("vertices", (None, 3)), ("faces", (None, 3)), ("landmarks", (68, 3))):
            got = getattr(self, field).shape
            if len(got) != 2 or any(s not in (None, g) for s, g in zip(shape, got, strict=True)):
                raise InputError(f"{self.name}: {field}", f"the shape {shape}", f"{got}")
        if not np.isfinite(self.vertices).all():
            bad = int((~np.isfinite(self.vertices)).sum())
            raise InputError(f"{self.name}: vertices", "finite numbers", f"{bad} NaN or infinite")
        if len(self.faces) < _FEWEST_FACES:
            got = f"{len(self.faces)}"
            raise InputError(f"{self.name}: faces", f"at least {_FEWEST_FACES} triangles", got)

    @property
    def annotated(self) -> NDArray[np.bool_]:
        """Which landmarks there are, (68,)."""
        return np.asarray(~np.isnan(self.landmarks).any(axis=1))

    def moved(self, scale: float, rotation: Array, translation: Array) -> Surface:
        """The surface after x -> scale * rotation @ x + translation."""
        places = [scale * p @ rotation.T + translation for p in (self.vertices, self.landmarks)]
        return replace(self, vertices=places[0], landmarks=places[1])

    def within(self, centre: Array, radius: float) -> Surface:
        """The triangles all of whose corners lie within `radius` mm of `centre`.

        Raises:
            InputError: (almost) none does.
        """
        keep = np.square(self.vertices - centre).sum(1) <= radius**2
        part = subset_mesh(torch.from_numpy(self.faces), torch.from_numpy(keep))
        if len(part.faces) < _FEWEST_FACES:
            raise InputError(
                f"{self.name}: crop",
                f"a surface within {radius:g} mm of its nose",
                f"{len(part.faces)} triangles there",
                "Are the landmarks in the same unit and place as the mesh?",
            )
        used = np.unique(part.faces.numpy())
        new_id = np.full(len(keep), -1)
        old = part.vertices.numpy()[used]
        new_id[old] = np.arange(len(old))
        faces = new_id[self.faces[part.face_ids.numpy()]]
        return replace(self, vertices=self.vertices[old], faces=faces)

    def landmark(self, index: int) -> Array:
        """One landmark (3,).

        Raises:
            InputError: it was not annotated.
        """
        if not self.annotated[index]:
            raise InputError(
                f"{self.name}: landmark {index} of ibug68",
                "an annotated point",
                "none",
                "Add it to the scan's landmark file; see docs/evaluation.md.",
            )
        return self.landmarks[index]

    def outer_eye_distance(self) -> float:
        """Distance of the outer eye corners in mm, by which NMEs are divided."""
        return float(np.linalg.norm(self.landmark(36) - self.landmark(45)))


def common_landmarks(one: Surface, other: Surface) -> NDArray[np.int64]:
    """Indices of the landmarks that both surfaces have.

    Raises:
        InputError: fewer than three.
    """
    both = np.flatnonzero(one.annotated & other.annotated)
    if len(both) < _FEWEST_LANDMARKS:
        raise InputError(
            f"{one.name}, {other.name}: landmarks",
            f"at least {_FEWEST_LANDMARKS} that both have",
            f"{len(both)}",
            "Put a landmark file beside the scan (NAME.landmarks.json); see docs/evaluation.md.",
        )
    return both
