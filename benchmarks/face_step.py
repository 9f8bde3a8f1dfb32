"""Where the time of a training step goes, for recipes that render.

    python benchmarks/face_step.py PHOTOS [--recipes mlanet mobile_facernet] [--batch 8]

PHOTOS is a folder of photographs with side files, such as benchmarks/overfit.py leaves. The least
of three, in milliseconds an image, of: reading and cropping, network forward and backward, and all
behind the network (coefficients to surface, rasterizer, losses) forward and backward. The identity
term is off: its weights are the user's to bring.
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Callable
from pathlib import Path

import torch
from selfie3d.core.config import load_config
from selfie3d.recipes.faces.recipe import FaceTrainConfig, build_face_task
from selfie3d.recipes.faces.task import FaceTask
from selfie3d.train import find_config

ROUNDS = 3


def least(run: Callable[[], object]) -> tuple[float, float]:
    """Wall and processor milliseconds of the fastest call."""
    taken = []
    for _ in range(ROUNDS):
        wall, cpu = time.perf_counter(), time.process_time()
        run()
        taken.append((1e3 * (time.perf_counter() - wall), 1e3 * (time.process_time() - cpu)))
    return min(wall for wall, _ in taken), min(cpu for _, cpu in taken)


def build(recipe: str, photos: Path, batch: int) -> FaceTask:
    one = f"[{{name: folder, root: '{photos}'}}]"
    settings = [f"data.train={one}", f"data.validation={one}", f"data.batch={batch}"]
    off = ["loss.identity=0", *(["network.options.imagenet=''"] if recipe == "mlanet" else [])]
    return build_face_task(load_config(FaceTrainConfig, find_config(recipe), [*settings, *off]))


def measure(task: FaceTask) -> dict[str, tuple[float, float]]:
    """Stage to milliseconds of a batch."""
    batch = next(task.source)
    network = task.network.train()
    outputs = network(batch.images).detach()

    def learn() -> None:
        network(batch.images).sum().backward()

    def behind() -> None:
        leaf = outputs.clone().requires_grad_()
        terms = task.losses(lambda images: leaf, batch)
        torch.stack(list(terms.values())).sum().backward()

    return {
        "data": least(lambda: next(task.source)),
        "network": least(learn),
        "surface, raster, losses": least(behind),
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("photos", type=Path)
    parser.add_argument("--recipes", nargs="*", default=["mlanet", "mobile_facernet"])
    parser.add_argument("--batch", type=int, default=8)
    parser.add_argument("--threads", type=int, default=2)
    arguments = parser.parse_args()
    torch.set_num_threads(arguments.threads)
    for recipe in arguments.recipes:
        found = measure(build(recipe, arguments.photos, arguments.batch))
        wall = sum(wall for wall, _ in found.values()) / arguments.batch
        print(f"{recipe}: {1e3 / wall:.1f} images/s, {arguments.threads} threads")
        for stage, (walls, cpu) in found.items():
            each = f"wall {walls / arguments.batch:.1f}, processor {cpu / arguments.batch:.1f}"
            print(f"  {stage}: {each} ms an image")


if __name__ == "__main__":
    main()
