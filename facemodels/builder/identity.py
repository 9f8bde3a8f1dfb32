"""People in the space of our shapes, compressed into symmetric modes of real heads' size.

Two thirds of a face's variance come from the population of real heads (population.py), one third
from MakeHuman's age, ancestry and build about the same mean, so that people outside the first
sample stay possible. Covariances are summed up exactly, from factors: nobody is drawn but for the
small rest of the population's variance and for MakeHuman's weights.

People are compared in the middle of the face, whatever moves, turns or enlarges the head: modes
that held a move, a turn or a change of size of it would be worth something else to everyone who
fits faces, depending on how the pose is taken out.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy import sparse

from ..subdivide import catmull_clark
from .carried import MM_PER_DM, Carried
from .head import CAVITY, FACE, SKIN, Head
from .hm08 import LEFT_EYE, RIGHT_EYE, TEETH, Array, Index
from .population import CARRIERS, Population
from .settle import seal_lips
from .shape_space import ShapeSpace, build_shape_space, symmetric_pca
from .source import AnnySource
from .surface import landmark_vertices
from .targets import macro_targets, macro_weights, read_targets

_RADIUS, _EAR = 95.0, 0.3  # mm round the tip of the nose; of the ears' mask
_NOSE_TIP = 30
_RIDGE = 1e-3  # mm^2 a vertex, next to nothing

SEED, MODES = 1, 120
_MACRO_SAMPLES, _REST_SAMPLES = 4000, 150  # random weights
_MACRO_SHARE = 1 / 3
_LARGE, _ROUNDS = 40, 3
_LEAST_SHARE = 0.3  # of a mode's variance: below it the mode is not one of the first population
_REST_WEIGHT, _HELPER_WEIGHT = 0.35, 0.0
_ARM = 20.0  # mm, of the probes that say how a carrier moves
_PROBES = 6
_GROWTH_RIDGE = 50.0  # mm^2
_LOWER_TEETH, _UPPER_TEETH = slice(14992, 15060), slice(15060, TEETH.stop)


class Middle:
    """The skin within 95 mm of the nose's tip, without ears, at level 1; N vertices.

    Args:
        head: the level-0 head, V vertices.
        points: (P,3) mm, the mean head's V vertices and others that go along after them.
    """

    def __init__(self, head: Head, points: Array) -> None:
        matrix, quads = catmull_clark(head.quads, len(head.keep))
        skin = np.unique(quads[np.tile(head.part, 4) == FACE])
        fine = matrix @ points[: len(head.keep)]
        tip = fine[landmark_vertices(head)[_NOSE_TIP]]
        near = np.linalg.norm(fine[skin] - tip, axis=1) < _RADIUS
        skin = skin[near & ((matrix @ head.masks["ears"])[skin] < _EAR)]
        self._rows: sparse.csr_matrix = matrix[skin].astype(np.float32)
        arms = points - fine[skin].mean(0)
        moves = [np.tile(axis, (len(points), 1)) for axis in np.eye(3)]
        turns = [np.cross(axis, arms) for axis in np.eye(3)]
        self._free = np.stack([*moves, *turns, arms]).astype(np.float32)

    def of(self, moved: NDArray) -> Array:
        """Displacements (K,3N) of the middle of the face under those (K,P,3) of all points."""
        flat = np.swapaxes(moved[:, : self._rows.shape[1]], 0, 1)
        there = self._rows @ flat.reshape(len(flat), -1)
        return np.swapaxes(there.reshape(-1, *flat.shape[1:]), 0, 1).reshape(len(moved), -1)

    def aligned(self, moved: NDArray[np.float32]) -> NDArray[np.float32]:
        """Displacements (K,P,3) without the move, turn and change of size that is in them."""
        rows = self.of(self._free).astype(np.float64)
        share = np.linalg.solve(rows @ rows.T, rows @ self.of(moved).T)
        change = share.T.astype(np.float32) @ self._free.reshape(len(self._free), -1)
        return moved - change.reshape(moved.shape)

    def deviations(self, basis: NDArray[np.float32], people: NDArray[np.float32]) -> Array:
        """Standard deviations (K,) of the coefficients of best fits of modes (K,P,3) to people.

        Args:
            people: (F,P,3), factors of unit variance.
        """
        rows = self.of(basis).astype(np.float64)
        ridge = _RIDGE * rows.shape[1] / 3 * np.eye(len(rows))
        coefficients = np.linalg.solve(rows @ rows.T + ridge, rows @ self.of(people).T)
        return np.sqrt((coefficients**2).sum(1))


@dataclass(frozen=True)
class Identity:
    """mean (V+H,3) and basis (K,V+H,3) mm in model space, helpers last; motions of the carriers.

    explained (K,) cumulative share of the variance; motions (K,P,3,4) affine displacements of the
    four carriers of `population`.
    """

    mean: Array
    basis: NDArray[np.float32]
    explained: Array
    motions: Array


def build_identity(
    head: Head,
    carried: Carried,
    population: Population,
    source: AnnySource,
    anchors: Array,
) -> Identity:
    """Weighted PCA of the people's covariance, each mode in standard deviations of real heads.

    Args:
        anchors: (4,3) mm in model space, where the carriers' parts lie in the mean head.
    """
    space = build_shape_space(source, carried, population.targets, population.smooth)
    mean = to_model(population, carried.points + space.moved(population.mean))
    mean = (mean + reflect(mean, carried.mirror)) / 2
    middle = Middle(head, np.concatenate([mean, *(_probe_points(a) for a in anchors)]))
    real = middle.aligned(_real_factors(space, population, anchors))
    rest = middle.aligned(_rest_factors(space, population, real.shape[1]))
    macro = middle.aligned(_macro_factors(carried, population, source, mean, anchors))
    on_face = np.flatnonzero(head.used_by(FACE))
    share = _MACRO_SHARE * _spread(middle, real) / _spread(middle, macro)
    parts = [np.sqrt(1 - _MACRO_SHARE) * real, np.sqrt(1 - _MACRO_SHARE) * rest]
    factors = np.concatenate([*parts, np.sqrt(share) * macro]).astype(np.float32)
    people = np.sqrt(np.float32(len(factors))) * np.concatenate([factors, -factors])
    mirror = np.concatenate([carried.mirror, len(mean) + _probe_mirror()])
    weight = np.zeros(len(mirror))
    weight[: carried.head] = _REST_WEIGHT
    weight[on_face] = 1.0
    _, basis, explained = symmetric_pca(people, mirror, weight, MODES, reflect)
    seal_lips(head, mean[: carried.head], basis)
    _rescale(basis, middle, real)
    motions = _read_probes(basis[:, len(mean) :], anchors)
    basis = basis[:, : len(mean)]
    motions[:, :2] = _eye_motions(head, mean, basis, anchors)
    return Identity(mean, basis, explained, motions)


def _rescale(basis: NDArray[np.float32], middle: Middle, real: NDArray[np.float32]) -> None:
    """Give modes the unit of one standard deviation of real people's coefficients, in place."""
    deviation = middle.deviations(basis, real)
    basis *= np.where(deviation**2 < _LEAST_SHARE, 1.0, deviation)[:, None, None]
    for _ in range(_ROUNDS):  # small modes weigh less now, which the large ones feel
        basis[:_LARGE] *= middle.deviations(basis, real)[:_LARGE, None, None]


def to_model(population: Population, points: Array) -> Array:
    """Points (...,3) of the base frame in model space."""
    return (points - population.origin) * population.scale


def reflect(points: NDArray, mirror: Index) -> NDArray:
    """Mirror image of points or displacements (...,V,3) in the plane x = 0."""
    return points[..., mirror, :] * np.array([-1, 1, 1], points.dtype)


def _spread(middle: Middle, factors: NDArray[np.float32]) -> float:
    """Summed variance of people of such factors (F,P,3) in the middle of the face."""
    return float((middle.of(factors).astype(np.float64) ** 2).sum())


def _real_factors(space: ShapeSpace, population: Population, anchors: Array) -> NDArray[np.float32]:
    """Displacements (F,V+H+probes,3) of each factor of the population."""
    moved = space.moved(population.factors) * np.float32(population.scale)
    probes = np.stack([_probes(motion, anchors) for motion in population.carried])
    return np.concatenate([moved, probes.astype(np.float32)], 1)


def _rest_factors(space: ShapeSpace, population: Population, points: int) -> NDArray[np.float32]:
    """Displacements (R,V+H+probes,3) of random people's differences beyond the factors.

    Carriers stay: what is left of each weight says nothing of them.
    """
    draws = np.random.default_rng(SEED).standard_normal((_REST_SAMPLES, len(space)))
    draws *= np.sqrt(population.rest / _REST_SAMPLES)
    moved = space.moved(draws) * np.float32(population.scale)
    still = np.zeros((_REST_SAMPLES, points - moved.shape[1], 3), np.float32)
    return np.concatenate([moved, still], 1)


def _macro_factors(
    carried: Carried, population: Population, source: AnnySource, mean: Array, anchors: Array
) -> NDArray[np.float32]:
    """Displacements (M,V+H+probes,3) of the factors of random ages, ancestries and builds."""
    mix = macro_weights(_MACRO_SAMPLES, np.random.default_rng(SEED))
    names = macro_targets(source)
    weights = np.stack([mix[name] for name in names], 1)
    variance, ways = np.linalg.eigh(np.cov(weights.T))
    scores = (ways * np.sqrt(np.maximum(variance, 0))).T.astype(np.float32)
    shapes = read_targets(source, carried.ids, names) * np.float32(MM_PER_DM * population.scale)
    moved = (scores @ shapes.reshape(len(names), -1)).reshape(-1, *shapes.shape[1:])
    probes = np.concatenate(
        [
            _follow(moved[:, ids], mean[ids], anchors[k], ball=k < 2)
            for k, ids in enumerate(_carrier_helpers(carried))
        ],
        1,
    )
    return np.concatenate([moved, probes.astype(np.float32)], 1)


def _eye_motions(head: Head, mean: Array, basis: NDArray[np.float32], anchors: Array) -> Array:
    """Affine motions (K,2,3,4) that keep the eyeballs' surfaces at the margins of their lids.

    Real eyeballs' own statistics would leave gaps: our lids are fits. Each moves by c and grows by
    a share g, so that along the directions n_i to the margin's points n_i d_i = n_i c + g r_i; all
    points lie in front, hence the ridge on g.
    """
    margin = np.flatnonzero(head.used_by(CAVITY) & head.used_by(FACE, SKIN))
    out = np.zeros((len(basis), 2, 3, 4))
    for k, side in enumerate((1, -1)):
        ring = margin[mean[margin, 0] * side > 0]
        arms = mean[ring] - anchors[k]
        radius = np.linalg.norm(arms, axis=1)
        ways = arms / radius[:, None]
        rows = np.concatenate([ways, radius[:, None]], 1)
        ridge = len(ring) * np.diag([0, 0, 0, _GROWTH_RIDGE])
        along = np.einsum("vi,kvi->vk", ways, basis[:, ring].astype(float))
        solved = np.linalg.solve(rows.T @ rows + ridge, rows.T @ along).T
        growth = solved[:, 3, None, None] * np.eye(3)
        out[:, k, :, :3] = growth
        out[:, k, :, 3] = solved[:, :3] - growth @ anchors[k]
    return out


def _carrier_helpers(carried: Carried) -> list[Index]:
    """The base mesh's own eyeballs and rows of teeth, in the order of `CARRIERS`."""
    return [carried.helpers(s) for s in (LEFT_EYE, RIGHT_EYE, _UPPER_TEETH, _LOWER_TEETH)]


def _follow(moved: NDArray, points: Array, anchor: Array, ball: bool) -> Array:
    """Displacements (N,6,3) of the probes of a part whose points (M,3) move by (N,M,3)."""
    arms = points - points.mean(0)
    shift = moved.mean(1)
    if ball:
        grow = (moved * arms).sum((1, 2)) / (arms**2).sum()
        change = grow[:, None, None] * np.eye(3)
    else:
        change = np.swapaxes(np.linalg.pinv(arms) @ (moved - shift[:, None]), 1, 2)
    at = _probe_points(anchor)
    return shift[:, None] + (at - anchor) @ np.swapaxes(change, 1, 2)


def _probe_points(anchor: Array) -> Array:
    return anchor + _ARM * np.concatenate([np.eye(3), -np.eye(3)])


def _probes(motion: Array, anchors: Array) -> Array:
    """Displacements (4*6,3) of the probes under affine motions (4,3,4)."""
    points = [_probe_points(anchor) for anchor in anchors]
    return np.concatenate([p @ m[:, :3].T + m[:, 3] for p, m in zip(points, motion, strict=True)])


def _probe_mirror() -> Index:
    """The mirror twins of the probes: eyes change sides, +x and -x change places."""
    within = np.array([3, 1, 2, 0, 4, 5])
    return np.concatenate([k * _PROBES + within for k in (1, 0, 2, 3)])


def _read_probes(moved: NDArray, anchors: Array) -> Array:
    """Affine motions (K,4,3,4) of displacements (K,4*6,3) of the probes."""
    probes = moved.reshape(len(moved), len(CARRIERS), 2, 3, 3).astype(np.float64)
    change = np.swapaxes(probes[:, :, 0] - probes[:, :, 1], 2, 3) / (2 * _ARM)
    shift = probes.mean((2, 3)) - np.einsum("kpij,pj->kpi", change, anchors)
    return np.concatenate([change, shift[..., None]], 3)
