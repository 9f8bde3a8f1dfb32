"""The endless set of synthetic faces: item i of a seed, drawn from nothing but these two."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from ...core.errors import InputError
from ...core.jit import kernel
from ...geometry.face_model import FaceModel
from ...geometry.segments import Segment
from . import filters
from .background import draw_background
from .canvas import Drawing
from .chance import one_of
from .coefficients import draw_expression
from .config import SyntheticConfig
from .degrade import degrade_picture, draw_border, to_bytes
from .face import SyntheticFace
from .occluders import draw_occluder
from .panorama_view import panorama_background
from .person import draw_person
from .places import read_backgrounds
from .scene import Scene, draw_scene
from .studio import Studio

_COMPANY = 0.07


class SyntheticFaces:
    """Draws synthetic faces; item i is the same on any number of workers and in any order.

    >>> faces = SyntheticFaces(SyntheticConfig(size=64, seed=3))
    >>> face = faces.item(0)
    >>> face.image.shape, sorted(face.landmarks)
    ((64, 64, 3), ['300w-lp', 'ibug68'])

    Args:
        config: what they are made of.
        model: the face model `default`, if it is loaded already.

    Attributes:
        problems: files of the folders of backgrounds, assets and panoramas that could not be used,
            and why.

    Raises:
        InputError: another model, no picture in the folder of backgrounds, or nothing that can be
            used in that of assets or panoramas.
        MissingFileError: there is no such folder.
    """

    def __init__(self, config: SyntheticConfig, model: FaceModel | None = None) -> None:
        self.config = config
        self.studio = Studio.of(config, model)
        self.head = self.studio.head
        self.photographs, unusable = read_backgrounds(config.backgrounds)
        self.problems = (*self.studio.problems, *unusable)

    def item(self, index: int) -> SyntheticFace:
        """Face `index` (0 or more) of this seed."""
        if index < 0:
            raise InputError("index", "0 or more", str(index))
        config = self.config
        number = index // config.views
        person = draw_person(number, self.studio, config)
        rng = np.random.default_rng([config.seed, index])
        expression = draw_expression(rng, self.head.model.expression_names)
        scene = draw_scene(rng, self.studio, person, config=config, expression=expression)
        image, segmentation = self._photograph(rng, scene)
        view = scene.view
        return SyntheticFace(
            image=image,
            person=number,
            identity=person.identity,
            expression=expression,
            albedo=person.albedo,
            light=scene.light,
            rotation=view.rotation,
            translation=view.translation,
            focal=view.focal,
            centre=view.centre,
            landmarks=scene.landmarks,
            visible=scene.visible & _free(segmentation, scene.landmarks["ibug68"]),
            visible_vertices=scene.vertices_seen & _free(segmentation, scene.vertices),
            skin_mask=(scene.drawing.skin > 0.5) & (segmentation != Segment.OCCLUDER),
            segmentation=segmentation,
        )

    def _photograph(
        self, rng: np.random.Generator, scene: Scene
    ) -> tuple[NDArray[np.uint8], NDArray[np.uint8]]:
        """The picture, and its segmentation map: borders and what is put in front are occluders."""
        config, drawing = self.config, scene.drawing
        behind = self._place(rng, scene)
        if rng.random() < _COMPANY:
            behind = _add_company(rng, drawing, behind)
        image = np.empty((config.size, config.size, 3), np.float32)
        _lay_over(drawing.colour, drawing.coverage, behind, image)
        segmentation = drawing.segmentation.copy()
        if rng.random() < config.occluder:
            skin, hair = _tones(drawing, scene)
            texture, mask = draw_occluder(
                rng, scene.landmarks["ibug68"], skin, hair=hair, size=config.size
            )
            image = image + mask[..., None] * (texture - image)
            segmentation[mask >= 0.5] = int(Segment.OCCLUDER)
        poor = rng.random() < config.degradation
        picture = degrade_picture(rng, image.astype(np.float32)) if poor else to_bytes(image)
        if rng.random() < config.border:
            segmentation[~draw_border(rng, picture)] = int(Segment.OCCLUDER)
        return picture, segmentation

    def _place(self, rng: np.random.Generator, scene: Scene) -> NDArray[np.float32]:
        """What stands behind."""
        config, light = self.config, scene.lighting
        if light.panorama is not None:
            return panorama_background(
                rng, light, scene.exposure, view=scene.view, size=config.size
            )
        if rng.random() < config.background:
            return draw_background(rng, config.size, self.photographs)
        flat = rng.uniform(0, 1, 3).astype(np.float32)
        return np.broadcast_to(flat, (config.size, config.size, 3))


def _add_company(rng: np.random.Generator, drawing: Drawing, behind: NDArray) -> NDArray:
    """Somebody else at the edge of the picture: a mirrored, recoloured copy, out of focus."""
    size = len(behind)
    layer = np.concatenate([drawing.colour, drawing.coverage[..., None]], 2)[:, ::-1]
    angle, scale = rng.normal(0, 0.3), rng.uniform(0.6, 1.4)
    c, s = np.cos(angle) * scale, np.sin(angle) * scale
    away = one_of(rng, (-1, 1)) * rng.uniform(0.45, 0.8) * size, rng.normal(0, 0.2) * size
    centre = np.array([size / 2 + away[0], size / 2 + away[1]])
    shift = size / 2 - np.array([[c, -s], [s, c]]) @ centre
    matrix = np.array([[c, -s, shift[0]], [s, c, shift[1]]])
    frame = np.zeros((3 * size, 3 * size, 4), np.float32)
    frame[size : 2 * size, size : 2 * size] = layer
    matrix[:, 2] += size
    copy = filters.warp(frame, matrix, size)
    if rng.random() < 0.7:
        copy = filters.blur(copy, rng.uniform(0.4, 3))
    tint = np.clip(np.exp(rng.normal(0, 0.3) + rng.normal(0, 0.08, 3)), 0, 1.3)
    return (copy[..., :3] * tint + (1 - copy[..., 3:]) * behind).astype(np.float32)


def _tones(drawing: Drawing, scene: Scene) -> tuple[NDArray, NDArray]:
    """sRGB-coded colours of the skin in the picture, and of its hair."""
    skin = drawing.skin > 0.9
    tone = drawing.colour[skin].mean(0) if skin.any() else np.array([0.6, 0.45, 0.4])
    return tone, scene.hair_tone


@kernel
def _lay_over(colour: NDArray, coverage: NDArray, behind: NDArray, out: NDArray) -> None:
    """A premultiplied picture (H,W,3) over what lies behind."""
    for r in range(len(out)):
        for c in range(out.shape[1]):
            clear = np.float32(1) - coverage[r, c]
            out[r, c, 0] = colour[r, c, 0] + clear * behind[r, c, 0]
            out[r, c, 1] = colour[r, c, 1] + clear * behind[r, c, 1]
            out[r, c, 2] = colour[r, c, 2] + clear * behind[r, c, 2]


def _free(segmentation: NDArray[np.uint8], points: NDArray) -> NDArray[np.bool_]:
    """Which points (N,3) lie in the picture where nothing is put in front."""
    out = np.empty(len(points), np.bool_)
    _look_up(segmentation, points, np.uint8(Segment.OCCLUDER), out)
    return out


@kernel
def _look_up(segmentation: NDArray, points: NDArray, covered: int, out: NDArray) -> None:
    zero, size = np.float32(0), np.float32(len(segmentation))
    for n in range(len(points)):
        x, y = points[n, 0], points[n, 1]
        inside = (x >= zero) & (x < size) & (y >= zero) & (y < size)
        column, row = np.uint64(x if inside else zero), np.uint64(y if inside else zero)
        out[n] = inside & (segmentation[row, column] != covered)
