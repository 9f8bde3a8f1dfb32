"""Random heads from MakeHuman's targets, aligned and compressed into symmetric PCA modes."""

from __future__ import annotations

import json
from dataclasses import dataclass
from importlib.resources import files

import numpy as np
from numpy.typing import NDArray

from .head import FACE, Head
from .hm08 import Array, Index, read_target
from .pca import symmetric_pca
from .source import AnnySource

Weights = NDArray[np.float32]
SAMPLES, SEED, MODES = 4000, 0, 120
_OPPOSITES = (("decr", "incr"), ("down", "up"), ("backward", "forward"))
_SIDE_CORRELATION = 0.95


@dataclass(frozen=True)
class Identity:
    """mean (V,3), basis (K,V,3) dm per standard deviation, explained (K,) cumulative share."""

    mean: Array
    basis: NDArray[np.float32]
    explained: Array
    scale: float


def build_identity(head: Head, source: AnnySource) -> Identity:
    """4,000 random heads -> similarity Procrustes on the facial mask -> weighted PCA.

    The mean and the modes are exactly symmetric or antisymmetric under the mirror. `scale` is the
    mean factor by which alignment resized the heads; displacements made on the base mesh follow it.
    """
    names, shapes = load_targets(head, source)
    weights = sample_weights(SAMPLES, np.random.default_rng(SEED), names)
    heads = synthesise(head, shapes, weights)
    on_face = np.flatnonzero(head.used_by(FACE))
    aligned, scales = heads, np.ones(SAMPLES)
    for _ in range(2):
        reference = aligned.mean(0, dtype=np.float64)
        reference = (reference + reflect(reference, head.mirror)) / 2
        aligned, scales = procrustes(heads, reference, on_face)
    weight = np.full(len(head.keep), 0.35)
    weight[on_face] = 1.0
    mean, basis, explained = symmetric_pca(aligned, head.mirror, weight, MODES, reflect)
    return Identity(mean, basis, explained, float(scales.mean()))


def reflect(points: NDArray, mirror: Index) -> NDArray:
    """Mirror image of points or displacements (...,V,3) in the plane x = 0."""
    return points[..., mirror, :] * np.array([-1, 1, 1], points.dtype)


def load_targets(head: Head, source: AnnySource) -> tuple[list[str], NDArray[np.float32]]:
    """Names of the targets that random heads draw on, and their displacements (N,V,3)."""
    names = list(_macro_mix(1, np.random.default_rng(0)))
    for name, (mate, _) in _local_spreads(source).items():
        for side in _sides(name):
            names += [_on_side(n, side) for n in (name, mate) if n]
    folder = "mpfb2/targets/"
    known = set(source.names(folder))
    names = [n for n in names if f"{folder}{n}.target.gz" in known]
    shapes = [read_target(source, f"{folder}{n}.target.gz")[head.keep] for n in names]
    return names, np.stack(shapes)


def sample_weights(count: int, rng: np.random.Generator, names: list[str]) -> Weights:
    """Random target weights (count, len(names)): people of all kinds, then local variation."""
    column = {name: i for i, name in enumerate(names)}
    weights = np.zeros((count, len(names)), np.float32)
    for name, value in _macro_mix(count, rng).items():
        if name in column:
            weights[:, column[name]] = value
    for name, (mate, sigma) in _spread_table(names).items():
        common = rng.normal(size=count)
        for side in _sides(name):
            value = common
            if len(_sides(name)) == 2:
                own = np.sqrt(1 - _SIDE_CORRELATION**2) * rng.normal(size=count)
                value = _SIDE_CORRELATION * common + own
            value = np.clip(value * sigma, -1, 1)
            weights[:, column[_on_side(name, side)]] = np.maximum(-value if mate else value, 0)
            if mate:
                weights[:, column[_on_side(mate, side)]] = np.maximum(value, 0)
    return weights


def synthesise(head: Head, shapes: NDArray[np.float32], weights: Weights) -> NDArray[np.float32]:
    """Heads (N,V,3) in dm of target weights (N,K)."""
    offsets = weights @ shapes.reshape(len(shapes), -1)
    return head.base.astype(np.float32) + offsets.reshape(len(weights), -1, 3)


def procrustes(
    heads: NDArray[np.float32], reference: Array, index: Index
) -> tuple[NDArray[np.float32], Array]:
    """Each head moved, turned and scaled onto `reference`, judged on `index`; and the scales."""
    centre = reference[index].mean(0)
    target = reference[index] - centre
    out, scales = np.empty_like(heads), np.empty(len(heads))
    for i, head in enumerate(heads):
        middle = head[index].mean(0, dtype=np.float64)
        own = head[index] - middle
        u, s, vt = np.linalg.svd(own.T @ target)
        flip = np.array([1, 1, np.sign(np.linalg.det(u @ vt))])
        scales[i] = (s * flip).sum() / (own**2).sum()
        out[i] = (head - middle) @ (u * flip) @ vt * scales[i] + centre
    return out, scales


def _macro_mix(count: int, rng: np.random.Generator) -> dict[str, Array]:
    """Weights of MakeHuman's macro targets: ancestry x sex x age, and build."""
    male, age = rng.beta(0.35, 0.35, count), rng.uniform(18, 80, count)
    ancestry = rng.dirichlet([0.5] * 3, count)
    muscle, fat = (np.clip(rng.normal(0.5, 0.2, count), 0, 1) for _ in range(2))
    sexes = {"female": 1 - male, "male": male}
    ages = _between(age, {"child": 10, "young": 25, "old": 90})
    muscles = _between(muscle, {"minmuscle": 0, "averagemuscle": 0.5, "maxmuscle": 1})
    builds = _between(fat, {"minweight": 0, "averageweight": 0.5, "maxweight": 1})
    mix: dict[str, Array] = {}
    for sex, a in sexes.items():
        for years, b in ages.items():
            for k, people in enumerate(("african", "asian", "caucasian")):
                mix[f"macrodetails/{people}-{sex}-{years}"] = a * b * ancestry[:, k]
            for m, c in muscles.items():
                for w, d in builds.items():
                    mix[f"macrodetails/universal-{sex}-{years}-{m}-{w}"] = a * b * c * d
    return mix


def _between(value: Array, knots: dict[str, float]) -> dict[str, Array]:
    """Piecewise-linear shares of the knots around each value."""
    places = list(knots.values())
    hats = np.eye(len(places))
    return {name: np.interp(value, places, hats[i]) for i, name in enumerate(knots)}


Spreads = dict[str, tuple[str | None, float]]


def _spread_table(names: list[str]) -> Spreads:
    table = _stored_spreads()
    table.update(_ear_spreads([n for n in names if n.startswith("ears/")]))
    return table


def _local_spreads(source: AnnySource) -> Spreads:
    folder = "mpfb2/targets/"
    found = source.names(folder + "ears/")
    table = _stored_spreads()
    table.update(_ear_spreads([n[len(folder) :].removesuffix(".target.gz") for n in found]))
    return table


def _stored_spreads() -> Spreads:
    """Target pairs with spreads fitted to the covariance of a scan-derived model."""
    text = files(__package__).joinpath("shape_spreads.json").read_text()
    return {name: (mate, sigma) for name, (mate, sigma) in json.loads(text).items()}


def _ear_spreads(names: list[str]) -> Spreads:
    table: Spreads = {}
    for name in names:
        if not name.startswith("ears/l-"):
            continue
        pair = [(low, high) for low, high in _OPPOSITES if name.endswith("-" + low)]
        if pair:
            low, high = pair[0]
            table[name] = (name.removesuffix(low) + high, 0.3)
        elif "shape" in name:
            table[name] = (None, 0.15)
    return table


def _sides(name: str) -> str:
    return "lr" if "/l-" in name else "l"


def _on_side(name: str, side: str) -> str:
    return name.replace("/l-", f"/{side}-")
