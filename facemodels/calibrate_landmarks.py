"""Calibrate the default model's landmarks to a data set's own landmark convention.

    python -m selfie3d.facemodels.calibrate_landmarks AFLW2000-3D.pts68.npy AFLW2000-3D.pose.npy OUT

300W-LP and AFLW2000-3D annotate 68 points of Basel's mesh; several lie elsewhere than the same
points on our anatomy. The set `300w-lp` is `ibug68` plus one constant offset per point in the
face's frame: the mean residual of best fits, which is bookkeeping of a data set and trains nothing.
Rows % 4 == 2 calibrate, rows % 4 == 0 report.
"""

from __future__ import annotations

import argparse
import json
from dataclasses import replace
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from ..core.whole_file import write_json
from ..geometry.landmarks import IBUG68_MIRROR
from .landmark_fit import (
    LandmarkBasis,
    bin_means,
    fit_landmarks,
    landmark_basis,
    next_version,
    nme_percent,
)
from .registry import load_face_model

Array = NDArray[np.float64]
_ROUNDS = 4


def calibrate_offsets(basis: LandmarkBasis, annotations: Array) -> Array:
    """Offsets (68,3) mm, symmetric, that make best fits of annotations (N,68,3) unbiased."""
    offset = np.zeros_like(basis.mean)
    for _ in range(_ROUNDS):
        shifted = replace(basis, mean=basis.mean + offset)
        offset = offset + fit_landmarks(shifted, annotations).residual.mean(0)
    mirrored = offset[list(IBUG68_MIRROR)] * [-1, 1, 1]
    return (offset + mirrored) / 2


def report(basis: LandmarkBasis, annotations: Array, yaw_degrees: Array) -> dict[str, object]:
    """NME % of best fits: by yaw bin, over all faces, and in 3D."""
    fitted = fit_landmarks(basis, annotations).points
    error = nme_percent(fitted, annotations)
    return {
        "bins": [round(v, 2) for v in bin_means(error, yaw_degrees)],
        "mean": round(float(error.mean()), 2),
        "3d": round(float(nme_percent(fitted, annotations, 3).mean()), 2),
    }


def calibrate(annotations: Path, yaw: Path, out: Path) -> dict[str, object]:
    """Calibrate on rows % 4 == 2 of pts68 (N,3,68), y down; write `out`; return the figures."""
    points = np.load(annotations).astype(np.float64).transpose(0, 2, 1) * [1, -1, 1]
    degrees = np.load(yaw)
    model = load_face_model("default")
    bases = {"mean face": landmark_basis(model, rigid=True), "fitted": landmark_basis(model)}
    offset = calibrate_offsets(bases["fitted"], points[2::4])
    figures: dict[str, object] = {}
    for name, basis in bases.items():
        figures[name] = report(basis, points[::4], degrees[::4])
        moved = replace(basis, mean=basis.mean + offset)
        figures[f"{name}, calibrated"] = report(moved, points[::4], degrees[::4])
    content = {
        "name": "300w-lp",
        "version": next_version(),
        "base": "ibug68",
        "contour": "3d",
        "source": f"{annotations.name}, rows % 4 == 2; reported on rows % 4 == 0",
        "nme_percent": figures,
        "offset_mm": np.round(offset, 2).tolist(),
    }
    write_json(out, content)
    return figures


def main() -> None:
    """Command line."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("annotations", type=Path, help="(N,3,68) .npy, pixels, y down")
    parser.add_argument("yaw", type=Path, help="(N,) .npy, degrees")
    parser.add_argument("out", type=Path, help="the JSON file to write")
    arguments = parser.parse_args()
    figures = calibrate(arguments.annotations, arguments.yaw, arguments.out)
    print(json.dumps(figures, indent=1))


if __name__ == "__main__":
    main()
