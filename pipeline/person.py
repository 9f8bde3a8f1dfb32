"""Several photographs of one person: one identity and texture, a pose and expression for each."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import partial

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from ..core.errors import InputError, NoFaceError, SettingError
from ..core.item_failure import Failed, FailureLog, attempt
from ..detect.face import Face
from ..geometry.mesh import vertex_normals
from .face import ReconstructedFace
from .network.found import FoundFace
from .photo import Photo, as_picture
from .reconstructor import Reconstructor
from .texture import Texture
from .texture.merge import merge_textures

_MOUTH, _EYES = (
    ("lips", "mouth", "mouth_interior"),
    ("eyelids", "left_eye", "right_eye", "cavities"),
)
_ALONE = (*_MOUTH, *_EYES, "neck", "scalp")
"""Regions that come from one photograph: what moves, hair, and clothes' edges."""

_FEWEST = 2


@dataclass(frozen=True)
class ReconstructedPerson:
    """One person in several photographs.

    Attributes:
        faces: one for each photograph that shows a face, in the order they were given: the same
            identity, albedo and texture, each with its own camera, expression and light.
        photographs: which of the given photographs each is from, counted from 0.
        best: which of `faces` is seen best: the texture has its tone, hair, eyes and mouth.
        failed: photographs without a face, counted from 0, and why.
    """

    faces: list[ReconstructedFace]
    photographs: list[int]
    best: int
    failed: dict[int, str]

    @property
    def face(self) -> ReconstructedFace:
        """The one that is seen best."""
        return self.faces[self.best]


@dataclass(frozen=True)
class _Seen:
    """A photograph with the largest face in it."""

    number: int
    picture: NDArray[np.uint8]
    face: Face


def reconstruct_person(
    reconstructor: Reconstructor,
    photos: Sequence[Photo],
    log: FailureLog | None = None,
    *,
    strict: bool = False,
    found: Sequence[Face | Failed] | None = None,
) -> ReconstructedPerson:
    """The person who is the largest face of each photograph.

    Nothing checks that it is the same person: of two people the shape lies between.

    Args:
        reconstructor: with a network's weights, and without `refine`.
        photos: two or more, each as `reconstruct` takes one.
        log: for tracebacks of what nobody foresaw.
        strict: raise what is wrong with the first photograph that shows no face.
        found: the face of each photograph, or why there is none, where that is known already.

    Raises:
        SettingError: the optimiser was asked for, which knows single photographs only.
        InputError: fewer than two photographs were given.
        NoFaceError: fewer than two of them show a face; the message says what is wrong with which.
    """
    if reconstructor.regressor is None or reconstructor.options.refine:
        remedy = "Leave out --refine and --weights fit."
        raise SettingError("same person", "a network alone", repr(reconstructor.name), remedy)
    if len(photos) < _FEWEST:
        raise InputError("photographs of one person", "2 or more", str(len(photos)))
    known = [None] * len(photos) if found is None else found
    seen, failed = _seen(reconstructor, photos, known, log, strict)
    if len(seen) < _FEWEST:
        reasons = "; ".join(f"photograph {k + 1}: {why}" for k, why in failed.items())
        raise NoFaceError(
            f"{len(seen)} of {len(photos)} photographs of one person shows a face, and 2 are needed"
            f" ({reasons}). Reconstruct a single photograph without --same-person."
        )
    pictures, detected = [one.picture for one in seen], [one.face for one in seen]
    starts = reconstructor.regressor.of_one_person(pictures, detected)
    faces = [_face(reconstructor, *pair) for pair in zip(seen, starts, strict=True)]
    faces, best = as_one_person(reconstructor, faces)
    return ReconstructedPerson(faces, [one.number for one in seen], best, failed)


def _seen(
    reconstructor: Reconstructor,
    photos: Sequence[Photo],
    known: Sequence[Face | Failed | None],
    log: FailureLog | None,
    strict: bool,
) -> tuple[list[_Seen], dict[int, str]]:
    """The photographs that show a face, and what is wrong with the others."""
    seen, failed = [], {}
    for number, (photo, face) in enumerate(zip(photos, known, strict=True)):
        one: _Seen | Failed
        if isinstance(face, Failed):
            one = face
        else:
            look = partial(_look, reconstructor, number, photo, face)
            one = attempt(f"photograph {number + 1}", look, log)
        if not isinstance(one, Failed):
            seen.append(one)
        elif strict:
            raise one.error
        else:
            failed[number] = one.message
    return seen, failed


def _look(reconstructor: Reconstructor, number: int, photo: Photo, face: Face | None) -> _Seen:
    picture = as_picture(photo)
    return _Seen(number, picture, face or largest_face(reconstructor, picture))


def largest_face(reconstructor: Reconstructor, photo: Photo) -> Face:
    """The largest face that a photograph shows; raises what `Reconstructor` raises without one."""
    return reconstructor.detect(as_picture(photo))[0]


def _face(reconstructor: Reconstructor, seen: _Seen, start: FoundFace) -> ReconstructedFace:
    return reconstructor.reconstruct_face(seen.picture, seen.face, start=start)


def as_one_person(
    reconstructor: Reconstructor, faces: list[ReconstructedFace]
) -> tuple[list[ReconstructedFace], int]:
    """The faces with the mean of their albedos and one texture, and which is seen best.

    Args:
        reconstructor: that made them.
        faces: of one person, with textures.
    """
    atlas = reconstructor.textures.atlas
    scales = [_pixels_per_mm(face) for face in faces]
    views = []
    for face, scale in zip(faces, scales, strict=True):
        sharp = min(scale / max(scales), 1.0) ** 0.5
        views.append(atlas.map(_facing(face).clamp(min=0)) * sharp)
    textures = [face.texture for face in faces if face.texture is not None]
    shown = [texture.seen[0].numpy() * view for texture, view in zip(textures, views, strict=True)]
    best = int(np.argmax([part.sum() for part in shown]))
    order = [best, *(k for k in range(len(faces)) if k != best)]
    alone = torch.zeros(len(faces[0].model.mean), dtype=torch.bool)
    for name in _ALONE:
        alone |= faces[0].model.regions.get(name, torch.zeros_like(alone))
    texture: Texture = merge_textures(
        [textures[k] for k in order],
        [views[k] for k in order],
        (atlas.map(alone.float()) > 0) | (atlas.part > 0) | (atlas.hairy > 0),
    )
    albedo = torch.cat([face.coefficients.albedo for face in faces]).mean(0, keepdim=True)
    same = [
        replace(face, coefficients=replace(face.coefficients, albedo=albedo), texture=texture)
        for face in faces
    ]
    return same, best


def _facing(face: ReconstructedFace) -> Tensor:
    """Cosine (V,) between normals and the way to the camera."""
    body = face.camera.to_camera(face.vertices[None])
    normals = vertex_normals(body, face.model.faces)
    return (normals * -torch.nn.functional.normalize(body, dim=-1)).sum(-1)[0]


def _pixels_per_mm(face: ReconstructedFace) -> float:
    """Of the photograph, at the model's origin."""
    return float(face.camera.focal[0] / face.camera.translation[0].norm())
