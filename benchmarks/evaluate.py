"""How long scoring takes: 68 points of 2,000 images, dense points of 1,000 faces.

    python benchmarks/evaluate.py [--dense 1000] [--vertices 45000] [--json FILE]

On arrays made here; the figures are those of the protocol `aflw2000` without reading photographs.
Targets: 2,000 x 68 points in under 2 s, 1,000 x 45,000 points in under 60 s.
"""

from __future__ import annotations

import argparse
import json
import time
from pathlib import Path

import numpy as np
from selfie3d.evaluate.metrics.dense import dense_errors
from selfie3d.evaluate.metrics.landmarks import (
    aligned,
    box_size,
    centre_depth,
    eye_distance,
    landmark_nme,
    yaw_bins,
)
from selfie3d.evaluate.metrics.mean_metrics import binned_metrics


def score_landmarks(count: int) -> float:
    """Seconds for 2D, 3D and shape, bins and ten balanced subsets by two splits."""
    random = np.random.default_rng(0)
    truth = random.uniform(50, 400, (count, 68, 3))
    given, bins = truth + random.normal(0, 3, truth.shape), yaw_bins(random.uniform(-90, 90, count))
    aligned(given[:2], truth[:2])  # imports
    start = time.perf_counter()
    size = box_size(truth)
    errors = [
        landmark_nme(given[..., :2], truth[..., :2], size),
        landmark_nme(centre_depth(given), centre_depth(truth), size),
        landmark_nme(aligned(given, truth), truth, eye_distance(truth)),
    ]
    for values in errors * 2:
        binned_metrics("table", values, bins, seeds=10)
    return time.perf_counter() - start


def score_dense(faces: int, vertices: int) -> float:
    """Seconds for 2D, 3D and shape of so many faces; the arrays are made outside the clock."""
    random = np.random.default_rng(0)
    truth = random.uniform(50, 400, (vertices, 3)).astype(np.float32)
    given = truth + random.normal(0, 3, truth.shape).astype(np.float32)
    start = time.perf_counter()
    for _ in range(faces):
        dense_errors(given, truth, 90.0)
    return time.perf_counter() - start


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--dense", type=int, default=1000, help="faces")
    parser.add_argument("--vertices", type=int, default=45000)
    parser.add_argument("--json", type=Path)
    arguments = parser.parse_args()
    seconds = {
        "2000 x 68 points": round(score_landmarks(2000), 3),
        f"{arguments.dense} x {arguments.vertices} points": round(
            score_dense(arguments.dense, arguments.vertices), 2
        ),
    }
    print(json.dumps(seconds, indent=1))
    if arguments.json:
        arguments.json.write_text(json.dumps(seconds, indent=1))


if __name__ == "__main__":
    main()
