"""ICP of 50,000 points on a surface of 50,000 points: seconds, ratios, and the pose's error.

    python benchmarks/icp.py [--points 50000] [--runs 5]

Compares with small_gicp where that is installed (`pip install small_gicp`).
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Callable
from statistics import median

import numpy as np
from scipy.spatial.transform import Rotation
from selfie3d.geometry.icp import IcpOptions, iterative_closest_point


def sheet(count: int) -> tuple[np.ndarray, np.ndarray]:
    """A face-sized bumpy sheet of about `count` points in mm, and its triangles."""
    side = round(count**0.5)
    y, x = np.meshgrid(np.linspace(-80, 80, side), np.linspace(-60, 60, side), indexing="ij")
    z = 45 * np.exp(-((x - 8) ** 2 + (y + 5) ** 2) / 900) + 6 * np.sin(x / 9) * np.cos(y / 13)
    z -= 0.006 * x**2 + 0.004 * y**2
    i = np.arange(side * side).reshape(side, side)
    a, b, c, d = i[:-1, :-1], i[:-1, 1:], i[1:, 1:], i[1:, :-1]
    faces = np.concatenate((np.stack((a, b, c), -1), np.stack((a, c, d), -1))).reshape(-1, 3)
    return np.stack((x, y, z), -1).reshape(-1, 3), faces


def seconds(run: Callable[[], object], count: int) -> float:
    times = []
    for _ in range(count):
        start = time.perf_counter()
        run()
        times.append(time.perf_counter() - start)
    return median(times)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--points", type=int, default=50_000)
    parser.add_argument("--runs", type=int, default=5)
    given = parser.parse_args()
    points, faces = sheet(given.points)
    rng = np.random.default_rng(0)
    rotation = Rotation.from_rotvec([0.09, -0.08, 0.07]).as_matrix()
    shift = np.array([4.0, -3.0, 3.0])
    weights = rng.dirichlet((1, 1, 1), given.points)
    inside = np.einsum(
        "nk,nkc->nc", weights, points[faces[rng.integers(0, len(faces), given.points)]]
    )
    source = (inside - shift) @ rotation
    print(f"{len(source)} points on {len(points)}, {len(faces)} triangles; median of {given.runs}")
    for name, options in {
        "planes": {"kind": "point-to-plane"},
        "planes, scale": {"kind": "point-to-plane", "scale": True},
        "planes, 10 % trimmed": {"kind": "point-to-plane", "trim": 0.1},
        "surface points": {"kind": "point-to-point", "tolerance": 1e-4},
    }.items():
        chosen = IcpOptions(**options)
        found = iterative_closest_point(source, points, faces, options=chosen)
        took = seconds(
            lambda o=chosen: iterative_closest_point(source, points, faces, options=o), given.runs
        )
        off = np.abs(found.similarity.apply_array(source) - inside).max()
        print(
            f"{name:22s} {took:6.2f} s  {found.iterations:3d} steps  converged {found.converged}"
            f"  largest distance to the truth {off:.2g} mm"
        )
    peer(points, source, inside, given.runs)


def peer(points: np.ndarray, source: np.ndarray, inside: np.ndarray, runs: int) -> None:
    try:
        import small_gicp
    except ImportError:
        print("small_gicp is not installed")
        return

    def align():
        return small_gicp.align(
            points,
            source,
            registration_type="PLANE_ICP",
            downsampling_resolution=0.01,
            max_correspondence_distance=20.0,
            num_threads=1,
        )

    matrix = align().T_target_source
    off = np.abs(source @ matrix[:3, :3].T + matrix[:3, 3] - inside).max()
    took = seconds(align, runs)
    print(f"{'small_gicp, 1 thread':22s} {took:6.2f} s  largest distance to the truth {off:.2g} mm")


if __name__ == "__main__":
    main()
