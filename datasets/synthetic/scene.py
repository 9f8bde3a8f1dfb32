"""One scene: a head with all that grows on it, lit, seen by a camera, drawn."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from .colours import hair_colour
from .config import SyntheticConfig
from .draw import SUPERSAMPLING, Drawing, compose, rasterize
from .extras import draw_glasses, draw_neck, draw_teeth, draw_torso
from .face import LANDMARK_SETS
from .filters import to_srgb
from .hair import draw_hair
from .head import Head
from .light import Light, cast_shadow, draw_light, fit_harmonics, shade
from .pose import View, draw_turn, draw_view
from .skin import draw_skin, skin_normals
from .surface import Surface, join, normals

Array = NDArray[np.float32]

_HIDDEN_MM = 9.0
"""A landmark counts as hidden by what lies this much nearer."""


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
    turn = draw_turn(rng)
    view = draw_view(rng, turn, marks["300w-lp"], config.size, config.margin)
    styled = rng.random() < config.hair
    coded = head.albedo(albedo)
    colour = hair_colour(rng, float(coded[head.masks.face > 0.5].mean()))
    hair = draw_hair(rng, head.scalp, points, colour) if styled else None
    roots = None if hair is None else hair.roots(head.scalp)
    skin = draw_skin(rng, head, points, coded, colour, roots,
                     beard=rng.random() < config.beard)  # fmt: skip
    sheets = [] if hair is None else hair.sheets
    if rng.random() < config.glasses:
        sheets += draw_glasses(rng, marks["ibug68"])
    resting = head.resting_landmarks(identity)
    body = [skin, *draw_teeth(rng, resting, marks["ibug68"])]
    body.append(draw_neck(points[head.neck], skin.albedo[head.neck]))
    solids = [_placed(s, view) for s in body]
    if rng.random() < 0.94:
        solids.append(draw_torso(rng, turn, view, _mean_skin(head, skin)))
    light = draw_light(rng, config.shadow)
    rough = skin_normals(rng, head, points) @ view.rotation.T
    base, over = join(solids), join([_placed(s, view) for s in sheets]) if sheets else None
    lit = _lit(light, base, over, rough, len(head.faces))
    exposure = _exposure(light, head, lit[0], rough, skin.albedo)
    drawing = _drawing(rng, head, config, view, (base, over), lit, exposure)
    in_view = {name: view.pixels(view.to_camera(p)) for name, p in marks.items()}
    return Scene(
        drawing=drawing,
        view=view,
        landmarks=in_view,
        visible=_visible(drawing, view, marks["ibug68"], config.size),
        light=_label(head, rough, lit[0] * exposure, coded),
        hair_tone=to_srgb(np.clip(colour * (0.4 + 0.8 * rng.random()), 0, 1)),
    )


def _placed(surface: Surface, view: View) -> Surface:
    return Surface(view.to_camera(surface.points), surface.faces, surface.albedo, surface.gloss,
                   surface.occlusion, surface.sheet)  # fmt: skip


def _mean_skin(head: Head, skin: Surface) -> Array:
    return skin.albedo[(head.masks.neck > 30) & (head.masks.skin > 0.5)].mean(0)


def _lit(
    light: Light, base: Surface, over: Surface | None, rough: Array, head_faces: int
) -> tuple[Array, Array | None]:
    """Linear light of the vertices of the opaque surfaces and of the sheets."""
    count = len(base.points)
    both = base if over is None else join([base, _opaque(over)])
    facing = _facing(both, rough, head_faces)
    if light.shadow > 0:
        seen = cast_shadow(light, both.points, both.faces, len(rough), head_faces)
    else:
        seen = np.ones(len(both.points), np.float32)
    values = shade(light, both.albedo, facing, both.gloss, both.occlusion, seen)
    return values[:count], None if over is None else values[count:]


def _opaque(surface: Surface) -> Surface:
    return Surface(surface.points, surface.faces, surface.albedo, surface.gloss, surface.occlusion)


def _facing(surface: Surface, rough: Array, head_faces: int) -> Array:
    """Normals: the head's as given, those of everything else turned to the camera."""
    count = len(rough)
    rest = normals(surface.points[count:], surface.faces[head_faces:] - np.int32(count))
    rest[rest[:, 2] < 0] *= -1
    return np.concatenate([rough, rest])


def _exposure(light: Light, head: Head, lit: Array, rough: Array, albedo: Array) -> float:
    """The factor that brings the skin that faces the camera to the light's display level."""
    some = np.flatnonzero(head.masks.face > 0.5)[::3]
    front = some[rough[some, 2] > 0.3]
    level = float(lit[front].mean()) if len(front) else 0.2
    darkness = (float(albedo[some].mean()) / 0.25) ** 0.5
    return light.exposure * darkness / max(level, 1e-3)


def _drawing(
    rng: np.random.Generator, head: Head, config: SyntheticConfig, view: View,
    surfaces: tuple[Surface, Surface | None], lit: tuple[Array, Array | None], exposure: float,
) -> Drawing:  # fmt: skip
    large = config.size * SUPERSAMPLING
    wide = view.zoomed(SUPERSAMPLING)
    base, over = surfaces
    is_skin = np.zeros((len(base.points), 1), np.float32)
    is_skin[: len(head.mean), 0] = head.masks.face
    values = np.concatenate([lit[0], is_skin], 1)
    clip = wide.clip(base.points, large)
    drawn = rasterize(clip, base.faces, len(head.faces), values, large)
    sheet = None
    if over is not None and over.sheet is not None and lit[1] is not None:
        values = np.concatenate([lit[1], over.sheet], 1)
        sheet = rasterize(wide.clip(over.points, large), over.faces, 0, values, large)
    return compose(rng, config.size, exposure, drawn, sheet)


def _visible(drawing: Drawing, view: View, marks: Array, size: int) -> NDArray[np.bool_]:
    """Which landmarks (68,3) of model space are neither hidden nor outside the image."""
    nearer = view.to_camera(marks) + np.array([0, 0, _HIDDEN_MM], np.float32)
    clip = view.clip(nearer, size)
    limit = clip[:, 2] / clip[:, 3]
    x, y = np.floor(view.pixels(view.to_camera(marks))[:, :2] * SUPERSAMPLING).astype(int).T
    last = len(drawing.depth) - 1
    inside = (x >= 0) & (x <= last) & (y >= 0) & (y <= last)
    return inside & (drawing.depth[np.clip(y, 0, last), np.clip(x, 0, last)] >= limit)


def _label(head: Head, rough: Array, lit: Array, coded: Array) -> Array:
    """The light label: what turns the model's albedo (V,3) into the skin's colours as seen."""
    chosen = np.flatnonzero((head.masks.face > 0.5) & (rough[:, 2] > 0))[::7]
    return fit_harmonics(rough[chosen], coded[chosen], to_srgb(np.clip(lit[chosen], 0, 1)))
