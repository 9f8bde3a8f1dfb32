"""A surface in millimetres with the landmarks that it is aligned by, and its outside.

The outside is the part of a face model that can be seen from without: what a scanner would have
seen.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from functools import lru_cache

import numpy as np
import torch
from numpy.typing import NDArray

from ...core.errors import InputError
from ...geometry.camera import WeakPerspectiveCamera
from ...geometry.face_model import FaceModel
from ...geometry.mesh import face_normals
from ...geometry.rotation import euler_to_matrix
from ...geometry.topology import SubMesh, subset_mesh
from ...render.face import FaceRenderer

Array = NDArray[np.float64]

_YAWS, _PITCHES = (-80, -40, 0, 40, 80), (-40, 0, 40)
_SIZE = 768  # pixels

NOSE_TIP, NOSE_BOTTOM = 30, 33  # of `ibug68`
OUTER_EYES, INNER_EYES = (36, 45), (39, 42)
_FEWEST_LANDMARKS = 3
_FEWEST_FACES = 20


@dataclass(frozen=True)
class Surface:
    """A triangle mesh with landmarks.

    >>> from selfie3d.facemodels import load_face_model
    >>> surface = model_surface(load_face_model("default-face"), "mean")
    >>> larger = surface.moved(2.0, np.eye(3), np.zeros(3))
    >>> round(larger.outer_eye_distance() / surface.outer_eye_distance(), 3)
    2.0

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


@lru_cache(maxsize=4)
def outer_part(model: FaceModel) -> SubMesh:
    """The triangles of the mean face whose outside some of 15 views show, and their vertices.

    Sockets, the backs of the eyeballs and the inside of the mouth are left out: they are no part
    of a scan, and would be measured as errors of centimetres.
    """
    return seen_part(model.mean.numpy(), model.faces.numpy())


def seen_part(points: NDArray[np.floating], faces: NDArray[np.int64]) -> SubMesh:
    """The triangles of a mesh (V,3), (F,3) whose outside some of 15 views show.

    The mesh should look along +z with +y up, as model space.
    """
    vertices, triangles = torch.from_numpy(points).float()[None], torch.from_numpy(faces)
    centre = (vertices[0].min(0).values + vertices[0].max(0).values) / 2
    scale = 0.48 * _SIZE / float((vertices[0] - centre).norm(dim=1).max())
    seen = np.zeros(len(faces), dtype=bool)
    normals = face_normals(vertices, triangles)[0]
    renderer = FaceRenderer(triangles)
    for pitch in _PITCHES:
        for yaw in _YAWS:
            rotation = euler_to_matrix(torch.tensor([[pitch, yaw, 0.0]]) * (math.pi / 180))
            place = scale * (rotation[0] @ centre)
            shift = torch.stack([_SIZE / 2 - place[0], _SIZE / 2 + place[1]])[None]
            camera = WeakPerspectiveCamera(rotation, torch.tensor([scale]), shift)
            drawn = renderer.rasterizer.rasterize(
                camera.to_clip(vertices, (_SIZE, _SIZE)), renderer.triangles, (_SIZE, _SIZE)
            )
            ids = torch.unique(drawn.triangle[drawn.covered])
            # Through the open back and neck, inner sheets show their wrong side.
            seen[ids[(normals[ids] @ rotation[0, 2]) > 0].numpy()] = True
    return _part(faces, seen)


def model_surface(model: FaceModel, name: str = "mean face") -> Surface:
    """The mean face of a model, its outside alone, with its landmarks."""
    points = model.landmark_points(model.mean[None], "ibug68")[0].numpy()
    return outer_surface(model, name, model.mean.numpy(), points)


def outer_surface(
    model: FaceModel, name: str, vertices: NDArray[np.floating], landmarks: NDArray[np.floating]
) -> Surface:
    """The outside of a mesh of a face model, with its landmarks.

    Args:
        model: whose triangles the mesh has.
        name: for messages and reports.
        vertices: (V,3) mm.
        landmarks: (68,3) mm, the set `ibug68`.

    Returns:
        The triangles that some of 15 views of the model's mean face show.
    """
    part = outer_part(model)
    kept = vertices[part.vertices.numpy()]
    arrays = [np.asarray(a, dtype=np.float64) for a in (kept, landmarks)]
    return Surface(name, arrays[0], part.faces.numpy(), arrays[1])


def _part(faces: NDArray[np.int64], seen: NDArray[np.bool_]) -> SubMesh:
    ids = np.flatnonzero(seen)
    used, corner = np.unique(faces[ids], return_inverse=True)
    tensors = [torch.from_numpy(a) for a in (corner.reshape(-1, 3), used, ids)]
    return SubMesh(*tensors)
