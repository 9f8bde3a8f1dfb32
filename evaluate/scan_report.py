"""From the errors of scans to the figures, items and pictures of a report."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
from numpy.typing import NDArray

from ..facemodels import load_face_model
from .geometric import GeometricError
from .geometric_align import landmark_similarity
from .geometric_picture import heat_map
from .geometric_surface import Surface
from .outer_surface import model_surface
from .report import Figure, Picture


def spread_figure(
    table: str, name: str, values: Sequence[float] | NDArray[np.floating], unit: str, **facts: str
) -> Figure:
    """Mean and population standard deviation of the finite values; NaN where there is none."""
    array = np.asarray(values, dtype=np.float64)
    array = array[~np.isnan(array)]
    if not len(array):
        return Figure(table, name, float("nan"), unit, 0, None, **facts)
    return Figure(table, name, float(array.mean()), unit, len(array), float(array.std()), **facts)


def error_pictures(
    errors: Mapping[str, GeometricError], scans: Mapping[str, Surface], most: int = 6
) -> list[Picture]:
    """Heat maps of the best and the worst errors by name.

    Args:
        errors: by prediction.
        scans: the ground truth of each prediction.
        most: heat maps in all.
    """
    mean = model_surface(load_face_model())
    names = sorted(errors, key=lambda name: errors[name].value)
    chosen = names if len(names) <= most else names[: most // 2] + names[-(most - most // 2) :]
    pictures = []
    for name in chosen:
        front = landmark_similarity(scans[name], mean, scale=False)
        pictures.append(heat_map(errors[name], f"error of {name}", front))
    return pictures


def icp_facts(errors: Mapping[str, GeometricError]) -> dict[str, object]:
    """How the alignments ended, and where the crops' centres came from."""
    ended = [e.icp for e in errors.values() if e.icp is not None]
    noses = [e.nose for e in errors.values()]
    return {
        "ICP runs": len(ended),
        "ICP not converged within its steps": sum(not e.converged for e in ended),
        "ICP steps, most": max((e.iterations for e in ended), default=0),
        "nose tip from": {kind: noses.count(kind) for kind in sorted(set(noses))},
    }
