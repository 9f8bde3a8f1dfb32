"""A photograph's face with the expression, the light or the texture of another one."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass, replace

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from ...core.errors import InputError, NoFaceError, SettingError
from ...geometry.coefficients import Coefficients
from ...render.overlay import Picture
from ..face import ReconstructedFace
from ..photo import Photo, as_picture
from ..reconstructor import Reconstructor
from ..segment.evidence import GLASSES, HAIR, Evidence
from ..studio import renderer_of
from ..texture import Texture
from .given import (
    as_light,
    is_light_file,
    is_record,
    parse_weights,
    read_expression,
    read_light,
)
from .put_back import Change, put_back
from .shading import brightening, shading_of

Expression = Photo | Mapping[str, float]
Light = Photo | Tensor


@dataclass(frozen=True)
class Sources:
    """What a face takes over, and from where; None keeps its own.

    Attributes:
        expression: a photograph; NAME.json, which `reconstruct` wrote; or weights by the names of
            `model.expression_names`, as a mapping or as "jawOpen=0.5,mouthSmileLeft=1".
        light: a photograph; a file of spherical harmonics, .json or .txt; or numbers (9,3), (1,9,3)
            as a tensor.
        texture: a photograph.
    """

    expression: Expression | None = None
    light: Light | None = None
    texture: Photo | None = None


@dataclass(frozen=True)
class Transferred:
    """What came of it.

    Attributes:
        picture: (H,W,3) uint8, the photograph with the changed face in it.
        face: the changed face, with its camera in the photograph, for files and other views.
        photograph: (H,W,3) uint8, as it was.
        shown: the photographs that something was taken from, by what it was.
    """

    picture: Picture
    face: ReconstructedFace
    photograph: Picture
    shown: dict[str, Picture]


@dataclass(frozen=True)
class _Seen:
    picture: NDArray[np.uint8]
    face: ReconstructedFace
    evidence: Evidence | None


def transfer_face(reconstructor: Reconstructor, photo: Photo, sources: Sources) -> Transferred:
    """Give the largest face of a photograph what others have, and put it back into the photograph.

    The pose stays. An expression is that of the other face, not what it adds to this one's. A
    light comes with its brightness, from where it falls in the other picture. A texture is the
    other person's skin, in this photograph's light unless another is given.

    Args:
        reconstructor: for all photographs; with texture coordinates in its face model.
        photo: as `reconstruct` takes one.
        sources: of what is taken over.

    Raises:
        SettingError: nothing is to be taken over, or the reconstructor divides light out.
        NoFaceError: a photograph without a face; the message says which.
        InputError, MissingFileError, UnknownNameError: what cannot be read, or fits no such face.
    """
    if all(given is None for given in vars(sources).values()):
        remedy = "Name a photograph: --expression, --light or --texture."
        raise SettingError("transfer", "an expression, a light or a texture", "none", remedy)
    if reconstructor.options.divide_light:
        remedy = "A transfer needs the light in the texture: leave it there."
        raise SettingError("divide_light", "False, for a transfer", "True", remedy)
    studio = _Studio(reconstructor)
    seen = studio.seen("photograph", photo)
    light = studio.light(sources.light)
    numbers = _numbers(seen.face, studio.expression(sources.expression, seen.face), light)
    other = None if sources.texture is None else studio.seen("texture", sources.texture)
    new = replace(seen.face, coefficients=numbers)
    if other is not None:
        new = replace(new, coefficients=replace(numbers, albedo=other.face.coefficients.albedo))
    wanted = shading_of(new, fitted=light is None or "light" in studio.shown)
    gain = None if light is None else brightening(shading_of(seen.face), wanted)
    if light is not None or other is not None:
        carried = seen.face if other is None else other.face
        lit = brightening(shading_of(carried), wanted)
        new = replace(new, texture=_lit(reconstructor, carried, lit))
    change = Change(seen.face, new, gain, None if other is None else _bare(other))
    picture = put_back(renderer_of(new.model), seen.picture, change, seen.evidence)
    return Transferred(picture, new, seen.picture, studio.shown)


class _Studio:
    """Reads what is given; of one photograph that gives several things once."""

    def __init__(self, reconstructor: Reconstructor) -> None:
        self.reconstructor = reconstructor
        self.shown: dict[str, Picture] = {}
        self._known: list[tuple[object, _Seen]] = []

    def seen(self, what: str, photo: Photo) -> _Seen:
        """The largest face of a photograph that gives `what`."""
        found = next((one for given, one in self._known if _same(given, photo)), None)
        if found is None:
            found = self._look(what, photo)
            self._known.append((photo, found))
        if what != "photograph":
            self.shown[what] = found.picture
        return found

    def _look(self, what: str, photo: Photo) -> _Seen:
        picture = as_picture(photo)
        try:
            face = self.reconstructor.detect(picture)[0]
        except NoFaceError as error:
            name = f" ({os.fspath(photo)})" if isinstance(photo, str | os.PathLike) else ""
            raise NoFaceError(f"{what}{name}: {error}") from error
        start = self.reconstructor.regress([(picture, face)])[0]
        made = self.reconstructor.reconstruct_face(picture, face, start=start)
        return _Seen(picture, made, self.reconstructor.evidence(picture, start))

    def expression(self, given: Expression | None, face: ReconstructedFace) -> Tensor | None:
        """Coefficients (1,Ke)."""
        if isinstance(given, str):
            given = parse_weights(given) or given
        if isinstance(given, Mapping):
            return face.animate(given).coefficients.expression
        if given is None:
            return None
        if isinstance(given, str | os.PathLike) and is_record(given):
            return read_expression(given, face.model)
        return self.seen("expression", given).face.coefficients.expression

    def light(self, given: Light | None) -> Tensor | None:
        """A light (1,9,3)."""
        if given is None or isinstance(given, Tensor):
            return None if given is None else as_light(given)
        if isinstance(given, str | os.PathLike) and is_light_file(given):
            return read_light(given)
        return self.seen("light", given).face.coefficients.light


def _bare(seen: _Seen) -> Tensor:
    """How far a face's vertices (V,) show no hair and no glasses, which are left where they are."""
    points = seen.face.camera.project(seen.face.vertices[None])[0, :, :2]
    if seen.evidence is None:
        return torch.ones(len(points))
    maps = seen.evidence.at(points)
    return 1 - maps[:, [HAIR, GLASSES]].sum(1).clamp(0, 1)


def _same(one: object, other: object) -> bool:
    """Whether both name the same photograph; arrays are compared by identity."""
    if isinstance(one, str | os.PathLike) and isinstance(other, str | os.PathLike):
        return os.fspath(one) == os.fspath(other)
    return one is other


def _numbers(
    face: ReconstructedFace, expression: Tensor | None, light: Tensor | None
) -> Coefficients:
    """A face's coefficients with another expression, another light or both."""
    given = {"expression": expression, "light": light}
    return replace(face.coefficients, **{k: v for k, v in given.items() if v is not None})


def _lit(reconstructor: Reconstructor, face: ReconstructedFace, gain: Tensor) -> Texture:
    """A face's texture under another light, whose gain (V,3) its vertices know."""
    texture = face.texture
    if texture is None:
        raise InputError("texture", "a face made with its texture", "none")
    atlas = reconstructor.textures.atlas
    factor = torch.from_numpy(atlas.map(gain)).permute(2, 0, 1)
    factor = torch.where(torch.from_numpy(atlas.mask), factor, torch.ones_like(factor))
    image = (texture.image * factor).clamp(0, 1)
    padded = image.permute(1, 2, 0).contiguous().numpy()
    atlas.pad(padded)
    return Texture(torch.from_numpy(padded).permute(2, 0, 1).contiguous(), texture.seen)
