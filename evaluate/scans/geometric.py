"""The geometric error of a reconstruction against a scan, by any recipe."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial

import numpy as np
from numpy.typing import NDArray

from ...core.errors import InputError
from ...core.item_failure import Failed, FailureLog, attempt
from ...core.progress import progress_bar
from ...geometry.icp import IcpResult
from .align import Aligned, Distances, align_back, align_to_scan, distances, landmark_similarity
from .recipe import Crop, Direction, Recipe
from .surface import INNER_EYES, NOSE_BOTTOM, NOSE_TIP, Array, Surface

_NOW_UP, _NOW_RADIUS = 0.3, 1.4  # of the NoW benchmark's crop


@dataclass(frozen=True)
class GeometricError:
    """The error of one pair.

    Attributes:
        value: the recipe's number, mm.
        parts: the statistic of every direction measured.
        distances: of every direction measured, with the points they belong to.
        aligned: the reconstruction where it was measured.
        truth: the (cropped) ground truth.
        nose: where the crop's centre came from.
        icp: how ICP ended, or None.
    """

    value: float
    parts: dict[str, float]
    distances: dict[str, Distances]
    aligned: Surface
    truth: Surface
    nose: str
    icp: IcpResult | None

    @property
    def converged(self) -> bool:
        """False if an ICP ran out of steps."""
        return self.icp is None or self.icp.converged


@dataclass(frozen=True)
class _Scene:
    """An aligned pair."""

    rec: Surface
    gt: Surface
    truth: Surface
    aligned: Aligned
    recipe: Recipe
    centre: Array
    radius: float

    def measure(self, direction: Direction) -> Distances:
        """One direction's distances."""
        measure, aligned = self.recipe.measure, self.aligned
        each = self.recipe.alignment.matches == "each"
        if direction == "rec2gt":
            other = self.gt if each or measure.correspondence == "known" else self.truth
            inside = self._inside(aligned.surface)
            args = (aligned.surface, aligned.searched, other, other.vertices)
            return distances(*args, measure=measure, inside=inside)
        if measure.correspondence == "known":
            inside = self._inside(self.gt)
            args = (self.gt, self.gt.vertices, aligned.surface, aligned.searched)
            return distances(*args, measure=measure, inside=inside)
        if each:
            moved = align_back(self.rec, self.truth, aligned, self.recipe.alignment)
            args = (moved, moved.vertices, self.rec, self.rec.vertices)
            return distances(*args, measure=measure, inside=None)
        args = (self.truth, self.truth.vertices, aligned.surface, aligned.searched)
        return distances(*args, measure=measure, inside=None)

    def _inside(self, surface: Surface) -> NDArray[np.bool_]:
        return np.square(surface.vertices - self.centre).sum(1) <= self.radius**2


def geometric_error(
    rec: Surface, gt: Surface, recipe: Recipe, fixed_scale: float | None = None
) -> GeometricError:
    """The error of one reconstruction.

    Args:
        rec: the reconstruction.
        gt: the ground truth, mm.
        recipe: what is computed.
        fixed_scale: the one scale for all, for recipes with `alignment.scale == "global"`.

    Raises:
        InputError: missing landmarks, nothing left after the crop, an ICP that ran away, or
            unequal meshes where known correspondence is asked for.
    """
    centre, radius, nose = crop_sphere(rec, gt, recipe.crop)
    truth = gt
    if recipe.crop.when == "before":
        truth = gt.within(centre, radius)
    aligned = align_to_scan(
        rec, gt, truth, alignment=recipe.alignment, fixed_scale=fixed_scale, sphere=(centre, radius)
    )
    if recipe.crop.when == "after":
        truth = gt.within(centre, radius)
    scene = _Scene(rec, gt, truth, aligned, recipe, centre, radius)
    found: dict[str, Distances] = {d: scene.measure(d) for d in _directions(recipe)}
    parts = {d: _statistic(f.values, recipe.measure.statistic, gt.name) for d, f in found.items()}
    return GeometricError(
        float(np.mean(list(parts.values()))),
        parts,
        found,
        aligned.surface,
        truth,
        nose,
        aligned.icp,
    )


def geometric_errors(
    pairs: Sequence[tuple[Surface, Surface]],
    recipes: Recipe | Sequence[Recipe],
    log: FailureLog | None = None,
) -> tuple[list[GeometricError | InputError], float | None]:
    """The errors of many pairs, with the one scale for all where the recipe wants one.

    Args:
        pairs: reconstruction and ground truth.
        recipes: one for all, or one for each pair.
        log: for tracebacks of what nobody foresaw.

    Returns:
        one result or the reason of its failure per pair, and the global scale or None.

    Raises:
        InputError: another number of recipes.
    """
    each = [recipes] * len(pairs) if isinstance(recipes, Recipe) else list(recipes)
    if len(each) != len(pairs):
        raise InputError("recipes", f"one, or {len(pairs)}", f"{len(each)}")
    wanted = bool(each) and each[0].alignment.scale == "global"
    scale = global_scale(pairs, each) if wanted else None
    results: list[GeometricError | InputError] = []
    with progress_bar("Aligning", len(pairs)) as advance:
        for (rec, gt), recipe in zip(pairs, each, strict=True):
            error = attempt(rec.name, partial(geometric_error, rec, gt, recipe, scale), log)
            if isinstance(error, Failed):
                ours = isinstance(error.error, InputError)
                reason = InputError(rec.name, "a mesh that can be measured", error.message)
                results.append(error.error if ours else reason)  # type: ignore[arg-type]
            else:
                results.append(error)
            advance()
    return results, scale


def named_errors(
    pairs: Mapping[str, tuple[Surface, Surface]], recipe: Recipe, failures: dict[str, str]
) -> dict[str, GeometricError]:
    """The errors of named pairs; what cannot be measured is added to the failures."""
    results, _ = geometric_errors(list(pairs.values()), recipe)
    errors: dict[str, GeometricError] = {}
    for name, result in zip(pairs, results, strict=True):
        if isinstance(result, GeometricError):
            errors[name] = result
        else:
            failures[name] = str(result)
    return errors


def global_scale(pairs: Sequence[tuple[Surface, Surface]], recipes: Sequence[Recipe]) -> float:
    """The geometric mean of the scales that every pair alone would get.

    Raises:
        InputError: no pair could be aligned.
    """
    logs = []
    for (rec, gt), recipe in zip(pairs, recipes, strict=True):
        per_mesh = replace(recipe.alignment, scale="mesh")
        try:
            centre, radius, _ = crop_sphere(rec, gt, recipe.crop)
            truth = gt.within(centre, radius) if recipe.crop.when == "before" else gt
            logs.append(
                np.log(
                    align_to_scan(
                        rec,
                        gt,
                        truth,
                        alignment=per_mesh,
                        fixed_scale=None,
                        sphere=(centre, radius),
                    ).scale
                )
            )
        except InputError:
            continue  # reported when the pair itself is measured
    if not logs:
        raise InputError("pairs", "at least one that can be aligned", f"none of {len(pairs)}")
    return float(np.exp(np.mean(logs)))


def crop_sphere(rec: Surface, gt: Surface, crop: Crop) -> tuple[Array, float, str]:
    """Centre (3,), radius in mm, and where the centre came from.

    The nose tip is the ground truth's annotation; where that lacks it, the reconstruction's
    landmark, brought over by the landmarks that both have.
    """
    if crop.centre == "now":
        bottom = gt.landmark(NOSE_BOTTOM)
        bridge = (gt.landmark(INNER_EYES[0]) + gt.landmark(INNER_EYES[1])) / 2
        reach = (gt.outer_eye_distance() + float(np.linalg.norm(bridge - bottom))) / 2
        return bottom + _NOW_UP * (bridge - bottom), _NOW_RADIUS * reach, "annotation"
    if crop.when == "none":
        return gt.vertices.mean(0), np.inf, "not used"
    if gt.annotated[NOSE_TIP]:
        return gt.landmarks[NOSE_TIP], crop.radius_mm, "annotation"
    on_truth = landmark_similarity(rec, gt, scale=True)
    tip = rec.moved(*on_truth.as_arrays()).landmark(NOSE_TIP)
    return tip, crop.radius_mm, "landmark of the reconstruction"


def _directions(recipe: Recipe) -> tuple[Direction, ...]:
    direction = recipe.measure.direction
    return ("gt2rec", "rec2gt") if direction == "sym" else (direction,)


def _statistic(values: Array, statistic: str, name: str) -> float:
    if not len(values):
        raise InputError(name, "points whose partner is not on the border", "none left")
    if statistic == "rmse":
        return float(np.sqrt(np.square(values).mean()))
    return float(np.median(values) if statistic == "median" else values.mean())
