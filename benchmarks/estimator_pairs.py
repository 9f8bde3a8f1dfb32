"""How well the presets follow the true error, on faces whose true error is known.

The motive is "3D Face Reconstruction Error Decomposed" (arXiv 2505.18025): estimators that guess
correspondence by nearest points can follow the true error badly. Pairs of faces of one model are
made, the true error is the distance of corresponding vertices after their best similarity, and
every preset scores the same pair without being told what corresponds.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np
import torch
from numpy.typing import NDArray
from scipy.spatial.transform import Rotation
from scipy.stats import pearsonr, spearmanr
from selfie3d.core.errors import InputError
from selfie3d.core.progress import progress_bar
from selfie3d.evaluate.protocols.florence20 import FLORENCE20
from selfie3d.evaluate.protocols.micc_presets import PRESETS
from selfie3d.evaluate.protocols.now import NOW
from selfie3d.evaluate.scans.geometric import geometric_error
from selfie3d.evaluate.scans.recipe import Alignment, Crop, Measure, Recipe
from selfie3d.evaluate.scans.surface import Surface, outer_surface
from selfie3d.geometry.face_model import FaceModel

MIDDLE = "middle half"
"""Pairs whose true error lies in the middle half: methods that are compared are alike."""
KINDS = ("identity", "expression", "pose", "re-meshed")
TRUE = Recipe(
    "true error",
    Crop("before", radius_mm=95),
    Alignment("known", scale="mesh"),
    Measure("known", "mean", "gt2rec"),
    source="corresponding vertices after their best similarity",
)
_NONRIGID = Recipe(
    "nicp",
    Crop("before", radius_mm=95),
    Alignment("nonrigid", scale="mesh", matches="gt", distance="plane"),
    Measure("surface", "mean", "gt2rec"),
    source="correspondence by non-rigid ICP",
)
_LANDMARKS = Recipe(
    "landmarks",
    Crop("before", radius_mm=95),
    Alignment("landmarks", scale="mesh"),
    Measure("surface", "mean", "gt2rec"),
    source="alignment by landmarks alone",
)
ESTIMATORS: dict[str, Recipe] = {
    **{name: replace(recipe, registered=False) for name, recipe in PRESETS.items()},
    "florence20": FLORENCE20,
    "now": replace(NOW, measure=replace(NOW.measure, statistic="mean")),
    "landmarks": _LANDMARKS,
    "nicp": _NONRIGID,
}
"""The presets, on the made faces as they are; genova's one scale is 1, that of the model."""


@dataclass(frozen=True)
class FacePair:
    """A face, a prediction of it, and the same prediction with the truth's vertices.

    Attributes:
        kind: one of `KINDS`.
        truth: the ground truth.
        prediction: what is scored.
        corresponding: the prediction before it was re-meshed.
    """

    kind: str
    truth: Surface
    prediction: Surface
    corresponding: Surface


def make_pairs(model: FaceModel, count: int, seed: int = 0) -> Iterator[FacePair]:
    """Pairs of faces, a quarter of each kind.

    - identity: another neutral face, part of the way from the truth.
    - expression: the same and an expression left in.
    - pose: the same as identity, with landmarks off by 2 to 6 mm, so that alignment starts adrift.
    - re-meshed: the same as identity, with other vertices: no common topology.

    Args:
        model: of both faces.
        count: pairs in all.
        seed: of the random generator.
    """
    rng = np.random.default_rng(seed)
    for number in range(count):
        kind = KINDS[number % len(KINDS)]
        identity = rng.normal(size=model.sizes[0])
        strength = rng.uniform(0.1, 1.0)
        other = identity + strength * (rng.normal(size=model.sizes[0]) - identity)
        expression = np.zeros(model.sizes[1])
        if kind == "expression":
            chosen = rng.choice(model.sizes[1], 3, replace=False)
            expression[chosen] = rng.uniform(0.1, 0.7, 3)
        truth = _face(model, f"truth {number}", identity, np.zeros_like(expression))
        close = _face(model, f"face {number}", other, expression)
        close = _drift(close, rng)
        prediction = close
        if kind == "pose":
            noise = rng.normal(size=close.landmarks.shape) * rng.uniform(2, 6)
            prediction = replace(close, landmarks=close.landmarks + noise)
        elif kind == "re-meshed":
            prediction = remeshed(close, rng)
        yield FacePair(kind, truth, prediction, close)


def remeshed(surface: Surface, rng: np.random.Generator) -> Surface:
    """The same surface with other vertices: its triangles' centres, in another order.

    Every triangle is divided into three at a random inner point and the first corner of a quarter
    of the triangles is cut off by the middle of an edge; the old vertices stay, re-ordered.
    """
    faces, vertices = surface.faces, surface.vertices
    weights = rng.dirichlet((4.0, 4.0, 4.0), len(faces))
    centres = np.einsum("fk,fkc->fc", weights, vertices[faces])
    ids = len(vertices) + np.arange(len(faces))
    parts = [np.stack((faces[:, k], faces[:, (k + 1) % 3], ids), 1) for k in range(3)]
    order = rng.permutation(len(vertices) + len(faces))
    place = np.argsort(order)
    every = np.concatenate((vertices, centres))[order]
    return replace(surface, vertices=every, faces=place[np.concatenate(parts)])


def score_pairs(
    pairs: Sequence[FacePair], estimators: Mapping[str, Recipe] | None = None
) -> tuple[NDArray[np.float64], dict[str, NDArray[np.float64]]]:
    """The true errors (N,) in mm, and every estimator's, NaN where it failed."""
    recipes = ESTIMATORS if estimators is None else estimators
    true = np.array([geometric_error(p.corresponding, p.truth, TRUE).value for p in pairs])
    found = {name: np.full(len(pairs), np.nan) for name in recipes}
    with progress_bar("Scoring pairs", len(pairs) * len(recipes)) as advance:
        for row, pair in enumerate(pairs):
            for name, recipe in recipes.items():
                try:
                    error = geometric_error(pair.prediction, pair.truth, recipe, fixed_scale=1.0)
                    found[name][row] = error.value
                except InputError:
                    pass  # stays NaN and is counted as failed
                advance()
    return true, found


@dataclass(frozen=True)
class Agreement:
    """How an estimator follows the true error.

    Attributes:
        estimator, kind: which, over which pairs.
        pearson, spearman: correlation with the true error.
        ratio: median of estimate over truth.
        count, failed: pairs.
    """

    estimator: str
    kind: str
    pearson: float
    spearman: float
    ratio: float
    count: int
    failed: int


def agreements(
    kinds: Sequence[str], true: NDArray[np.float64], found: Mapping[str, NDArray[np.float64]]
) -> list[Agreement]:
    """Correlations by estimator, over all pairs, by kind, and over the middle half."""
    owner = np.array(kinds)
    rows = []
    for name, values in found.items():
        for kind in ("all", *dict.fromkeys(kinds), MIDDLE):
            mine = _chosen(kind, owner, true)
            good = mine & ~np.isnan(values)
            x, y = true[good], values[good]
            enough = len(x) >= 3
            rows.append(
                Agreement(
                    name,
                    kind,
                    float(pearsonr(x, y)[0]) if enough else float("nan"),
                    float(spearmanr(x, y)[0]) if enough else float("nan"),
                    float(np.median(y / x)) if enough else float("nan"),
                    int(mine.sum()),
                    int((mine & np.isnan(values)).sum()),
                )
            )
    return rows


def _chosen(kind: str, owner: NDArray, true: NDArray[np.float64]) -> NDArray[np.bool_]:
    if kind == "all":
        return np.ones(len(owner), dtype=bool)
    if kind == MIDDLE:
        low, high = np.quantile(true, (0.25, 0.75))
        return (true >= low) & (true <= high)
    return np.asarray(owner == kind)


def _face(
    model: FaceModel, name: str, identity: NDArray[np.float64], expression: NDArray[np.float64]
) -> Surface:
    values = replace(
        model.zero_coefficients(),
        identity=torch.from_numpy(identity).float()[None],
        expression=torch.from_numpy(expression).float()[None],
    )
    with torch.no_grad():
        vertices = model.vertices(values)
        points = model.landmark_points(vertices, "ibug68")
    return outer_surface(model, name, vertices[0].numpy(), points[0].numpy())


def _drift(surface: Surface, rng: np.random.Generator) -> Surface:
    """Another frame, so that no estimator gains from a common one; the scale stays."""
    rotation = Rotation.from_rotvec(rng.normal(size=3) * 0.3).as_matrix()
    return surface.moved(1.0, rotation, rng.normal(size=3) * 50)
