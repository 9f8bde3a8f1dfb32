"""One scene: a person with all that is worn, lit, seen by a camera, drawn."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ...core.jit import kernel
from ...geometry.segments import Segment
from .assembly import Assembly, assemble
from .canvas import Canvas, Drawing, develop, seen_points, seen_vertices
from .colours import cloth_colour
from .config import SyntheticConfig
from .draw import SUPERSAMPLING, front_faces, project, rasterize
from .extras import Stance, draw_chest, draw_glasses, draw_neck, draw_stance, draw_torso
from .face import LANDMARK_SETS
from .filters import to_srgb
from .hair import draw_hair
from .harmonics import fit_harmonics
from .head import Head
from .light import Light, draw_light, find_exposure, shade
from .paint import Solids, paint_cards, paint_sheet, paint_solids
from .panorama_view import reflections
from .person import Part, Person
from .pose import Turn, View, draw_turn, draw_view
from .shadow import cast_shadow
from .shapes import Spot
from .skin.relief import rough_normals
from .skin.shading import skin_surface
from .studio import Studio
from .style import Style
from .surface import Surface, kinds_of
from .worn import Growth, grow, place_hat, put_on

Array = NDArray[Any]

_SUNK_MM = 3.0
"""Eyeballs and teeth are drawn as if this much further back, so that lids and lips cover them
in every mixture of expressions."""


_CLOTHED = 0.94


@dataclass(frozen=True)
class Scene:
    """A drawn scene and its labels; see `SyntheticFace`.

    Attributes:
        lighting: what lit it; exposure: the factor on its linear light.
        vertices_seen: (V,) bool, those of the model that nothing in the scene hides.
        vertices: (V,3) in view: pixels and depth.
    """

    drawing: Drawing
    view: View
    lighting: Light
    exposure: float
    landmarks: Mapping[str, Array]
    visible: NDArray[np.bool_]
    vertices: Array
    vertices_seen: NDArray[np.bool_]
    light: Array
    hair_tone: Array


@dataclass(frozen=True)
class _Shape:
    """A head: positions (V,3), the base mesh for assets if some are worn, landmarks."""

    points: Array
    base: Array | None
    marks: Mapping[str, Array]


@dataclass(frozen=True)
class _Set:
    """All that stands before the camera."""

    scenery: Assembly
    growth: list[Growth]


def draw_scene(
    rng: np.random.Generator, studio: Studio, person: Person, *, config: SyntheticConfig,
    expression: Array,
) -> Scene:  # fmt: skip
    """Draw a person with an expression; light, place and camera are up to chance."""
    head = studio.head
    points, level0 = head.shaped(person.identity, expression)
    base = None
    if studio.wardrobe is not None and person.style.anything:
        base = studio.wardrobe.base(level0, person.identity, expression)
    marks = {name: head.landmarks(points, name) for name in LANDMARK_SETS}
    turn = draw_turn(rng, config.turns)
    view = draw_view(rng, turn, marks["300w-lp"], size=config.size, margin=config.margin)
    shape = _Shape(points, base, marks)
    before = _set_up(rng, head, person, config, shape, turn, view)
    panorama = None
    if studio.panoramas is not None and rng.random() < config.hdri_share:
        panorama = studio.panoramas.draw(rng)
    light = draw_light(rng, config.shadow, panorama)
    relief = studio.details.valleys, person.skin.relief
    rough = rough_normals(head, *relief, points=points, rotation=view.rotation)
    lit, hair_seen = _lit(light, head, before, rough)
    scenery = before.scenery
    exposure = find_exposure(light, lit, rough, albedo=scenery.albedo, some=head.face[::3])
    painting = person.skin.painting
    solids = Solids(
        lit[: scenery.opaque], scenery.kinds[: scenery.opaque], head.corners, painting.texels,
        scenery.texture, scenery.uv,
    )  # fmt: skip
    canvas = _paint(rng, studio, config, view, before, light, lit, solids, hair_seen)
    drawing = develop(canvas, exposure)
    in_camera = {name: view.to_camera(p) for name, p in marks.items()}
    in_view = {name: view.pixels(p) for name, p in in_camera.items()}
    count = len(points)
    vertices = view.pixels(scenery.points[:count])
    return Scene(
        drawing=drawing,
        view=view,
        lighting=light,
        exposure=exposure,
        landmarks=in_view,
        visible=seen_points(drawing.depth, view, in_camera["ibug68"], in_view["ibug68"]),
        vertices=vertices,
        vertices_seen=seen_vertices(
            drawing.depth, view, scenery.points[:count], in_view=vertices, normals=rough
        ),
        light=fit_harmonics(rough, person.skin.albedo, lit, exposure=exposure, vertices=head.face),
        hair_tone=to_srgb(np.clip(person.hair * (0.4 + 0.8 * rng.random()), 0, 1)),
    )


def _set_up(
    rng: np.random.Generator, head: Head, person: Person, config: SyntheticConfig, shape: _Shape,
    turn: Turn, view: View,
) -> _Set:  # fmt: skip
    """Everything before the camera, without light."""
    points, marks, style = shape.points, shape.marks["ibug68"], person.style
    growth = []
    if shape.base is not None:
        growth = grow(style, shape.base, view, hair=person.hair, styled=person.styled)
    sheets, roots = _headdress(person, head, points)
    skin = skin_surface(
        person.chance(Part.EYES), head, points, skin=person.skin, roots=roots, marks=marks
    )
    if rng.random() < config.glasses:
        sheets = [*sheets, *draw_glasses(rng, marks)]
    end = head.neck[0]
    body = [skin, draw_neck(points[head.neck], skin.albedo[end], kinds_of([skin])[end])]
    if shape.base is not None and style.hat is not None and person.styled:
        colour = np.minimum(cloth_colour(person.chance(Part.STYLE)) * 1.5, 0.9)
        hat = place_hat(style.hat, shape.base)
        body.append(put_on(style.hat, hat, colour, Segment.HEADWEAR))
    tone = skin.albedo[head.throat].mean(0)
    placed = _clothes(rng, style, shape.base, draw_stance(rng, turn, view), tone)
    return _Set(assemble(view, body, placed, sheets), growth)


def _clothes(
    rng: np.random.Generator, style: Style, base: Array | None, stance: Stance, tone: Array
) -> list[Surface]:
    """Clothes of the assets or drawn by rule, in camera space; now and then none."""
    if base is None or style.clothes is None:
        return [draw_torso(rng, stance, tone)] if rng.random() < _CLOTHED else []
    tint = np.exp(rng.normal(-0.25, 0.25) + rng.normal(0, 0.15, 3))
    if style.clothes.texture < 0:
        tint = cloth_colour(rng)
    upright = style.clothes.asset.place(base)
    shirt = put_on(style.clothes, stance.place(upright), tint, Segment.CLOTHES)
    return [shirt, draw_chest(upright, stance, tone, tint * style.clothes.tone)]


def _headdress(person: Person, head: Head, points: Array) -> tuple[list[Surface], Spot | None]:
    """Hair or a hat that is drawn by rule, and where hair grows on the skin."""
    if not person.styled:
        return [], None
    if person.style.hair is not None:
        return [], person.style.hair.roots
    hair = draw_hair(person.chance(Part.HAIR), head.scalp, points, person.hair)
    return [] if person.style.hat is not None else hair.sheets, hair.roots(head.scalp)


def _lit(
    light: Light, head: Head, before: _Set, rough: Array
) -> tuple[NDArray[np.float32], list[Array]]:
    """Linear light (n,3) of all vertices, and how much of the first lamp each growth sees."""
    scenery = before.scenery
    sizes = [len(scenery.points), *(len(g.points) for g in before.growth)]
    if light.shadow > 0:
        starts = np.cumsum(sizes)
        casters = [scenery.faces]
        for g, start in zip(before.growth, starts, strict=False):
            if g.kind is Segment.HAIR:
                casters.append(g.triangles + np.int32(start))
        points = np.concatenate([scenery.points, *(g.points for g in before.growth)])
        seen = cast_shadow(
            light, points, head.casters, other=np.concatenate(casters), framed=len(rough)
        )
    else:
        seen = np.ones(sum(sizes), np.float32)
    parts = np.split(seen, np.cumsum(sizes)[:-1])
    lit = shade(
        light,
        scenery.albedo,
        scenery.normals(rough),
        gloss=scenery.gloss,
        occlusion=scenery.occlusion,
        open_sky=parts[0],
    )
    if light.panorama is not None:
        for eye in head.masks.eyes:
            lit[eye] += reflections(light, scenery.points, rough, eye)
    return lit, parts[1:]


def _paint(
    rng: np.random.Generator, studio: Studio, config: SyntheticConfig, view: View, before: _Set,
    light: Light, lit: Array, solids: Solids, hair_seen: list[Array],
) -> Canvas:  # fmt: skip
    head, scenery = studio.head, before.scenery
    large, opaque = config.size * SUPERSAMPLING, scenery.opaque
    points = scenery.points.copy()
    _sink(points, head.masks.inside, np.float32(_SUNK_MM))
    zoomed = view.zoomed(SUPERSAMPLING)
    screen = project(zoomed.clip(points, large), large)
    faces, source = front_faces(screen, head.faces, scenery.faces[: scenery.opaque_faces])
    canvas = Canvas.empty(large)
    layer = rasterize(screen[:opaque], faces, large, source)
    paint_solids(canvas, layer, solids, studio.textures)
    hair = [g for g in before.growth if g.kind is Segment.HAIR]
    for g, seen in zip(before.growth, hair_seen, strict=True):
        if g not in hair:
            _paint_growth(rng, canvas, zoomed, g, light, seen, studio)
    if len(scenery.sheet):
        values = np.concatenate([lit[opaque:], scenery.sheet], 1)
        faces = scenery.faces[scenery.opaque_faces :] - np.int32(opaque)
        sheet = rasterize(screen[opaque:], faces, large)
        paint_sheet(rng, canvas, sheet, values=values, kinds=scenery.kinds[opaque:])
    for g, seen in zip(before.growth, hair_seen, strict=True):
        if g in hair:
            _paint_growth(rng, canvas, zoomed, g, light, seen, studio)
    return canvas


@kernel
def _sink(points: Array, inside: Array, far: float) -> None:
    """Move points back along the rays, so that nothing moves sideways."""
    for v in inside:
        factor = np.float32(1) - far / points[v, 2]
        points[v, 0] *= factor
        points[v, 1] *= factor
        points[v, 2] *= factor


def _paint_growth(
    rng: np.random.Generator, canvas: Canvas, view: View, growth: Growth, light: Light,
    seen: Array, studio: Studio,
) -> None:  # fmt: skip
    large = len(canvas.cover)
    screen = project(view.clip(growth.points, large), large)
    paint_cards(rng, canvas, screen, cards=growth.cards(light, seen), textures=studio.textures)
