"""Time and memory of the CPU rasterizer against batch, resolution and triangles, as two figures.

    python benchmarks/problem_size.py [--out docs/images] [--seconds 2] [--json FILE] [--quick]

Forward and backward with antialiasing, to positions and vertex colours, one thread. One size varies
at a time; the others are 8 images, 224 pixels, 70k triangles. Every size has a process of its own,
forked when the kernels are loaded: time is the processor time of the fastest call, memory the
growth of the process's peak, with inputs and gradients. Linux only.
"""

from __future__ import annotations

import argparse
import json
import multiprocessing
import resource
import time
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import torch
from face_mesh import clip_positions, face_mesh
from log_chart import Panel, write_chart
from selfie3d.render.back_ends import get_rasterizer

MIB = 2**20


@dataclass(frozen=True)
class Problem:
    batch: int = 8
    pixels: int = 224
    triangles: int = 70_000


TINY = Problem(1, 16, 200)
SIZES: dict[str, Sequence[int]] = {
    "batch": (1, 2, 4, 8, 16, 32, 64, 128),
    "pixels": (64, 128, 224, 384, 512),
    "triangles": (5_000, 10_000, 25_000, 70_000, 150_000, 300_000),
}
QUICK: dict[str, Sequence[int]] = {
    "batch": (1, 2),
    "pixels": (32, 64),
    "triangles": (2_000, 4_000),
}
TITLES = {"batch": "images", "pixels": "pixels along a side", "triangles": "triangles"}


class Work:
    """What is measured."""

    def __init__(self, problem: Problem) -> None:
        vertices, self.tri = face_mesh(problem.triangles)
        self.size = problem.pixels, problem.pixels
        self.pos = clip_positions(vertices, problem.batch).requires_grad_()
        self.colours = torch.rand(problem.batch, len(vertices), 3).requires_grad_()
        self.weights = torch.rand(problem.batch, *self.size, 3)
        self.rasterizer = get_rasterizer("cpu")

    def __call__(self) -> None:
        self.pos.grad = self.colours.grad = None
        rast = self.rasterizer.rasterize(self.pos, self.tri, self.size)
        image = self.rasterizer.interpolate(self.colours, rast, self.tri)
        image = self.rasterizer.antialias(image, rast, self.pos, self.tri)
        image.backward(self.weights)


def _measure(problem: Problem, seconds: float, pipe: Any) -> None:
    Work(TINY)()  # what a first call alone needs
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    work = Work(problem)
    work()
    memory = 1024 * (resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before)
    best, rounds, end = float("inf"), 0, time.perf_counter() + seconds
    while rounds < 3 or time.perf_counter() < end:
        start = time.process_time()
        work()
        best, rounds = min(best, time.process_time() - start), rounds + 1
    pipe.send((1e3 * best, memory / MIB))


def measure(problem: Problem, seconds: float) -> tuple[float, float]:
    """Milliseconds of a call, and MiB."""
    fork = multiprocessing.get_context("fork")
    here, there = fork.Pipe(duplex=False)
    process = fork.Process(target=_measure, args=(problem, seconds, there))
    process.start()
    there.close()
    found: tuple[float, float] = here.recv()
    process.join()
    return found


def sweep(sizes: dict[str, Sequence[int]], start: Problem, seconds: float) -> dict[str, list]:
    """Rows (size, ms, MiB) by what varies."""
    rows: dict[str, list] = {name: [] for name in sizes}
    known: dict[Problem, tuple[float, float]] = {}
    for name, values in sizes.items():
        for value in values:
            problem = replace(start, **{name: value})
            known[problem] = known.get(problem) or measure(problem, seconds)
            rows[name].append((value, *known[problem]))
            ms, mib = known[problem]
            print(f"{name} {value}: {ms:.1f} ms, {ms / problem.batch:.2f} an image, {mib:.0f} MiB")
    return rows


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--out", type=Path, default=Path("docs/images"))
    parser.add_argument("--seconds", type=float, default=2.0, help="per size")
    parser.add_argument("--json", type=Path)
    parser.add_argument("--quick", action="store_true", help="small sizes, to try this file")
    options = parser.parse_args()
    torch.set_num_threads(1)
    Work(TINY)()  # loads or compiles the kernels
    start = Problem(1, 32, 2_000) if options.quick else Problem()
    rows = sweep(QUICK if options.quick else SIZES, start, options.seconds)
    options.out.mkdir(parents=True, exist_ok=True)
    fixed = f"{start.batch} images, {start.pixels} px, {start.triangles // 1000}k triangles"
    for column, (file, unit) in enumerate([("time", "ms, one thread"), ("memory", "MiB, peak")], 1):
        panels = [Panel(TITLES[name], [(r[0], r[column]) for r in rows[name]]) for name in rows]
        title = f'Rasterizer "cpu", forward + backward + antialias: {unit}. Otherwise {fixed}.'
        write_chart(options.out / f"rasterizer_{file}.png", title, panels)
    if options.json:
        options.json.write_text(json.dumps(rows, indent=1))


if __name__ == "__main__":
    main()
