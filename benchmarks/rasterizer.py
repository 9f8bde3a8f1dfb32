"""Speed of the CPU rasterizer beside a floor, Sim3DR and PyTorch3D, as ratios within one run.

    python benchmarks/rasterizer.py [--sim3dr DIR] [--pytorch3d DIR] [--seconds 4] [--json FILE]

The competitors take turns and each one's fastest turn counts, so that other work on the machine
disturbs the ratios little. "cpu" is the calling thread's processor time, which that work disturbs
least; what two threads gain can only be seen in "wall", and only on an idle machine. `--sim3dr` is
a folder with the module Sim3DR_Cython, built from 3DDFA_V2 (github.com/cleardusk/3DDFA_V2,
Sim3DR/setup.py); `--pytorch3d` a folder to import pytorch3d from where it is not installed.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import torch
from face_mesh import clip_positions, face_mesh
from peers import floor_runs, pytorch3d_run, sim3dr_runs
from selfie3d.render.back_ends import get_rasterizer

RASTERIZER = get_rasterizer("cpu")
Runs = dict[str, Callable[[], object]]
Times = dict[str, tuple[float, float]]


def fastest(runs: Runs, seconds: float) -> Times:
    """(wall, cpu) ms of the fastest call of each, called in turns for so long, 3 rounds or more."""
    best = {name: (float("inf"), float("inf")) for name in runs}
    for run in runs.values():
        run()
    end, rounds = time.perf_counter() + seconds, 0
    while rounds < 3 or time.perf_counter() < end:
        rounds += 1
        for name, run in runs.items():
            wall, cpu = time.perf_counter(), time.thread_time()
            run()
            took = 1e3 * (time.perf_counter() - wall), 1e3 * (time.thread_time() - cpu)
            best[name] = min(best[name][0], took[0]), min(best[name][1], took[1])
    return best


def with_threads(threads: int, run: Callable[[], object]) -> Callable[[], object]:
    def call() -> None:
        torch.set_num_threads(threads)
        run()

    return call


class Scene:
    """One mesh in a batch of views, and what is measured on it."""

    def __init__(self, triangles: int, size: int, batch: int) -> None:
        vertices, self.tri = face_mesh(triangles)
        self.size, self.batch = size, batch
        self.pos = clip_positions(vertices, batch).requires_grad_()
        self.attr = torch.rand(1, len(vertices), 3).expand(batch, -1, -1).contiguous()
        self.attr.requires_grad_()
        self.weights = torch.rand(batch, size, size, 3)

    def rasterize(self) -> torch.Tensor:
        with torch.no_grad():
            return RASTERIZER.rasterize(self.pos, self.tri, (self.size, self.size))

    def train(self, antialias: bool) -> None:
        """Forward and backward to positions and vertex colours."""
        self.pos.grad = self.attr.grad = None
        rast = RASTERIZER.rasterize(self.pos, self.tri, (self.size, self.size))
        color = RASTERIZER.interpolate(self.attr, rast, self.tri)
        if antialias:
            color = RASTERIZER.antialias(color, rast, self.pos, self.tri)
        color.backward(self.weights)

    def runs(self, threads: int) -> Runs:
        runs: Runs = {
            "rasterize": self.rasterize,
            "forward+backward": lambda: self.train(antialias=False),
            "+antialias": lambda: self.train(antialias=True),
        }
        return {f"{n} x{threads}": with_threads(threads, run) for n, run in runs.items()}


def measure(scene: Scene, seconds: float, sim3dr: str | None) -> Times:
    """Milliseconds per image of ours with one and two threads, the floor and Sim3DR."""
    pos, tri = scene.pos.detach().numpy(), scene.tri.numpy()
    runs = scene.runs(1)
    if scene.batch > 2:
        runs |= scene.runs(2)
    times = fastest(runs, seconds)
    singles = floor_runs(pos[0], tri, scene.size)
    if sim3dr:
        singles |= sim3dr_runs(sim3dr, pos[0], tri, scene.size)
    one = Scene(len(tri), scene.size, 1)
    singles["rasterize, batch 1"] = with_threads(1, one.rasterize)
    per_image = {n: (w / scene.batch, c / scene.batch) for n, (w, c) in times.items()}
    return per_image | fastest(singles, seconds / 2)


def print_table(times: Times) -> None:
    """Wall and processor time of each, and the latter beside the floor's and Sim3DR's."""
    floor = times["floor"][1]
    peer = times.get("Sim3DR ids+weights", (float("nan"),) * 2)[1]
    for name, (wall, cpu) in times.items():
        row = f"  {name:24s} wall {wall:7.3f}"
        if not name.endswith("x2"):
            row += f"  cpu {cpu:7.3f}  {cpu / floor:6.2f} x floor  {cpu / peer:6.2f} x Sim3DR"
        print(row)
    for name, (wall, _) in times.items():
        if name.endswith("x2"):
            gain = times[name[:-1] + "1"][0] / wall
            print(f"  two threads, {name[:-3]}: {gain:.2f} x faster than one (wall)")


def outline_gradient(triangles: int, size: int) -> float:
    """d(covered area)/d(scale) through antialias over the truth (from 2048-pixel coverage)."""
    vertices, tri = face_mesh(triangles)

    def covered(scale: torch.Tensor, pixels: int) -> torch.Tensor:
        ones = torch.ones_like(scale)
        pos = clip_positions(vertices, 1, 0.7) * torch.stack([scale, scale, ones, ones])
        rast = RASTERIZER.rasterize(pos, tri, (pixels, pixels))
        mask = rast.covered[..., None].float()
        return RASTERIZER.antialias(mask, rast, pos, tri).sum() * (size / pixels) ** 2

    scale = torch.ones((), requires_grad=True)
    (gradient,) = torch.autograd.grad(covered(scale, size), scale)
    truth = (covered(torch.tensor(1.02), 2048) - covered(torch.tensor(0.98), 2048)) / 0.04
    return float(gradient / truth)


def first_use_seconds() -> float:
    """A fresh process's first rasterize, interpolate, antialias and backward, kernels cached."""
    code = (
        "import time, torch; start = time.perf_counter()\n"
        "from selfie3d.render.back_ends import get_rasterizer\n"
        "r = get_rasterizer(); tri = torch.tensor([[0, 1, 2]], dtype=torch.int32)\n"
        "pos = torch.rand(1, 3, 4).requires_grad_(); rast = r.rasterize(pos, tri, (8, 8))\n"
        "color = r.texture(torch.rand(1, 4, 4, 3), r.interpolate(pos[..., :2], rast, tri))\n"
        "r.antialias(color, rast, pos, tri).sum().backward()\n"
        "print(time.perf_counter() - start)"
    )
    command = [sys.executable, "-c", code]
    return min(float(subprocess.check_output(command, text=True)) for _ in range(3))


def process_ms(run: Callable[[], object], times: int) -> float:
    """Least processor time of a call in all threads: PyTorch3D starts its own."""
    taken = []
    for _ in range(times):
        start = time.process_time()
        run()
        taken.append(1e3 * (time.process_time() - start))
    return min(taken)


def beside_pytorch3d(folder: str | None, triangles: int) -> dict[str, float]:
    """Processor time in ms of forward and backward at 224 px, one mesh, one thread."""
    theirs = pytorch3d_run(folder, *face_mesh(triangles))
    if theirs is None:
        return {}
    one = Scene(triangles, 224, 1)
    cpu = {"pytorch3d": process_ms(theirs, 2), "ours": process_ms(lambda: one.train(False), 20)}
    ratio = cpu["pytorch3d"] / cpu["ours"]
    took = f"PyTorch3D {cpu['pytorch3d']:.0f} ms, {ratio:.0f} x ours"
    print(f"{triangles} triangles, forward+backward: {took}")
    return cpu


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--sim3dr")
    parser.add_argument("--pytorch3d")
    parser.add_argument("--seconds", type=float, default=4.0, help="per scene")
    parser.add_argument("--json", type=Path)
    arguments = parser.parse_args()
    report: dict[str, object] = {}
    for triangles, size, batch in [(10_000, 224, 8), (70_000, 224, 8), (70_000, 224, 32)]:
        scene = Scene(triangles, size, batch)
        covered = float(scene.rasterize().covered.float().mean())
        name = f"{triangles // 1000}k triangles, {size} px, batch {batch}"
        times = measure(scene, arguments.seconds, arguments.sim3dr)
        report[name] = {key: {"wall": wall, "cpu": cpu} for key, (wall, cpu) in times.items()}
        print(f"{name} ({covered:.0%} covered); ms per image")
        print_table(times)
    for triangles in (10_000, 70_000):
        report[f"outline gradient, {triangles}"] = ratio = outline_gradient(triangles, 224)
        print(f"d(area)/d(scale) at {triangles // 1000}k: {ratio:.4f} of the truth")
    report["first use, s"] = first_use_seconds()
    print(f"first use in a new process: {report['first use, s']:.2f} s")
    for triangles in (10_000, 70_000):
        beside = beside_pytorch3d(arguments.pytorch3d, triangles)
        report |= {f"{name}, {triangles}, ms": time for name, time in beside.items()}
    if arguments.json:
        arguments.json.write_text(json.dumps(report, indent=1))


if __name__ == "__main__":
    main()
