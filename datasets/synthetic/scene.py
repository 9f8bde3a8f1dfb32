"""One scene: a head with all that grows on it, lit, seen by a camera, drawn."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from .assembly import Assembly, assemble
from .colours import hair_colour
from .compose import Drawing, compose
from .config import SyntheticConfig
from .draw import SUPERSAMPLING, front_faces, project, rasterize
from .extras import draw_glasses, draw_neck, draw_torso
from .face import LANDMARK_SETS
from .filters import to_srgb
from .hair import draw_hair
from .harmonics import fit_harmonics
from .head import Head
from .light import Light, draw_light, find_exposure, shade
from .pose import View, draw_turn, draw_view
from .shadow import cast_shadow
from .skin import draw_skin, skin_normals

Array = NDArray[np.float32]

_HIDDEN_MM = 10.0
"""A landmark counts as hidden by what lies this much nearer."""

_SUNK_MM = 3.0
"""Eyeballs and teeth are drawn as if this much further back, so that lids and lips cover them
in every mixture of expressions."""


@dataclass(frozen=True)
class Scene:
    """A drawn scene and its labels; see `SyntheticFace`."""

    drawing: Drawing
    view: View
    landmarks: Mapping[str, Array]
    visible: NDArray[np.bool_]
    light: Array
    hair_tone: Array


def draw_scene(
    rng: np.random.Generator, head: Head, config: SyntheticConfig,
    identity: Array, expression: Array, albedo: Array,
) -> Scene:  # fmt: skip
    """Draw a head with these coefficients; everything else is up to chance."""
    points = head.vertices(identity, expression)
    marks = {name: head.landmarks(points, name) for name in LANDMARK_SETS}
    turn = draw_turn(rng, config.turns)
    view = draw_view(rng, turn, marks["300w-lp"], config.size, config.margin)
    styled = rng.random() < config.hair
    coded = head.albedo(albedo)
    colour = hair_colour(rng, head.tone(albedo))
    hair = draw_hair(rng, head.scalp, points, colour) if styled else None
    roots = None if hair is None else hair.roots(head.scalp)
    skin = draw_skin(rng, head, points, coded, colour, roots, marks["ibug68"],
                     beard=rng.random() < config.beard)  # fmt: skip
    sheets = [] if hair is None else hair.sheets
    if rng.random() < config.glasses:
        sheets = [*sheets, *draw_glasses(rng, marks["ibug68"])]
    body = [skin, draw_neck(points[head.neck], skin.albedo[head.neck[0]])]
    tone = skin.albedo[head.throat].mean(0)
    torso = draw_torso(rng, turn, view, tone) if rng.random() < 0.94 else None
    scenery = assemble(view, body, torso, sheets)
    light = draw_light(rng, config.shadow)
    rough = skin_normals(rng, head, points, view.rotation)
    lit = _lit(light, head, scenery, rough)
    exposure = find_exposure(light, lit, rough, skin.albedo, head.face[::3])
    drawing = _drawing(rng, head, config, view, scenery, lit, exposure)
    in_camera = {name: view.to_camera(p) for name, p in marks.items()}
    in_view = {name: view.pixels(p) for name, p in in_camera.items()}
    return Scene(
        drawing=drawing,
        view=view,
        landmarks=in_view,
        visible=_visible(drawing, view, in_camera["ibug68"], in_view["ibug68"], config.size),
        light=fit_harmonics(rough, coded, lit, exposure, head.face),
        hair_tone=to_srgb(np.clip(colour * (0.4 + 0.8 * rng.random()), 0, 1)),
    )


def _lit(light: Light, head: Head, scenery: Assembly, rough: Array) -> Array:
    """Linear light (n,3) of all vertices."""
    if light.shadow > 0:
        seen = cast_shadow(light, scenery.points, head.casters, scenery.faces, len(rough))
    else:
        seen = np.ones(len(scenery.points), np.float32)
    return shade(light, scenery.albedo, scenery.normals(rough), scenery.gloss, scenery.occlusion,
                 seen)  # fmt: skip


def _drawing(
    rng: np.random.Generator, head: Head, config: SyntheticConfig, view: View,
    scenery: Assembly, lit: Array, exposure: float,
) -> Drawing:  # fmt: skip
    large, opaque = config.size * SUPERSAMPLING, scenery.opaque
    points, inside = scenery.points.copy(), head.masks.inside
    points[inside] *= 1 - _SUNK_MM / points[inside, 2:]  # along the rays: nothing moves sideways
    screen = project(view.zoomed(SUPERSAMPLING).clip(points, large), large)
    values = np.zeros((opaque, 4), np.float32)
    values[:, :3] = lit[:opaque]
    values[: len(head.mean), 3] = head.masks.face
    faces = front_faces(screen, head.faces, scenery.faces[: scenery.opaque_faces])
    base = rasterize(screen[:opaque], faces, large), values
    sheet = None
    if len(scenery.sheet):
        values = np.concatenate([lit[opaque:], scenery.sheet], 1)
        faces = scenery.faces[scenery.opaque_faces :] - np.int32(opaque)
        sheet = rasterize(screen[opaque:], faces, large), values
    return compose(rng, config.size, exposure, base, sheet)


def _visible(
    drawing: Drawing, view: View, in_camera: Array, in_view: Array, size: int
) -> NDArray[np.bool_]:
    """Which landmarks (68,3) are neither hidden nor outside the image."""
    clip = view.clip(in_camera + np.array([0, 0, _HIDDEN_MM], np.float32), size)
    limit = clip[:, 2] / clip[:, 3]
    x, y = np.floor(in_view[:, :2] * SUPERSAMPLING).astype(int).T
    last = len(drawing.depth) - 1
    inside = (x >= 0) & (x <= last) & (y >= 0) & (y <= last)
    return inside & (drawing.depth[np.clip(y, 0, last), np.clip(x, 0, last)] >= limit)
