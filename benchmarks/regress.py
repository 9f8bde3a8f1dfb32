"""Time of the default regressor on one CPU thread: crop, network, solve; alone and in batches.

    python benchmarks/regress.py [--weights NAME|PATH] [--rounds N]

Without weights the network is untrained, which takes the same time.
"""

from __future__ import annotations

import argparse
import time

import numpy as np
import torch
from selfie3d.facemodels import load_face_model
from selfie3d.geometry.dense_points import PointBasis, make_layout
from selfie3d.geometry.point_solver import PointSolver
from selfie3d.models.fuse import channels_last, fuse_norms
from selfie3d.models.registry import NETWORKS
from selfie3d.models.weights import load_weights
from selfie3d.pipeline.locate.cut import cut_tensor
from selfie3d.pipeline.locate.frame import frame_of_box


def best(work, rounds: int) -> float:
    """Milliseconds of the fastest of `rounds` calls, after two for warming up."""
    times = []
    for _ in range(rounds + 2):
        start = time.perf_counter()
        work()
        times.append(time.perf_counter() - start)
    return 1e3 * min(times[2:])


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--weights")
    parser.add_argument("--rounds", type=int, default=50)
    options = parser.parse_args()
    torch.set_num_threads(1)
    model = load_face_model("default")
    if options.weights:
        weights = load_weights(options.weights)
        network, layout = weights.network, weights.layout
    else:
        layout = make_layout(model, 212)
        network = NETWORKS.create("dense-points", points=len(layout)).eval()
    size = network.input_shape[-1]
    fused = channels_last(fuse_norms(network))
    basis = PointBasis.of(model, layout)
    solver = PointSolver(basis)
    picture = np.random.default_rng(0).integers(0, 256, (3000, 4000, 3), dtype=np.uint8)
    crop = frame_of_box((1500.0, 1000.0, 2100.0, 1600.0), size)
    cutting = best(lambda: cut_tensor(picture, crop), options.rounds)
    print(f"crop of a 12 MP photograph: {cutting:.2f} ms")
    for count in (1, 32):
        images = torch.rand(count, 3, size, size).contiguous(memory_format=torch.channels_last)
        points = basis.mean.expand(count, -1, -1) * torch.tensor([1.0, -1.0, 1.0]) / 110
        sigma = torch.full(points.shape[:2], 0.01)
        with torch.inference_mode():
            seen = best(lambda x=images: fused(x), options.rounds) / count
        solved = best(lambda p=points, s=sigma: solver(p, s), options.rounds) / count
        print(f"batch of {count}: network {seen:.2f} ms, solve {solved:.2f} ms a face")


if __name__ == "__main__":
    main()
