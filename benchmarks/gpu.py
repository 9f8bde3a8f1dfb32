"""Everything that is worth knowing about a GPU, in one run and a few minutes, as Markdown tables.

    python benchmarks/gpu.py [--device cuda|cpu] [--quick] [--json FILE] [--parts render scale step]

- render: milliseconds an image of forward + backward + antialias at 25k and 70k triangles, 224 px,
  batches of 8, 32 and 128: our back ends, nvdiffrast called directly, PyTorch3D called directly.
- scale: the same back ends against batch, resolution and triangles, with the GPU's peak memory.
- step: images a second of the engine's steps of `mlanet` (batch 32, 224 px) and `default`, and the
  share of rendering, for every back end that is there.

What is not installed, or does not work, is said and left out. Needs torch with CUDA; nvdiffrast and
PyTorch3D as docs/gpu.md has them. `--device cpu --quick` tries this file where there is no GPU.
"""

from __future__ import annotations

import argparse
import json
import platform
import tempfile
import time
from collections.abc import Callable
from importlib import metadata
from pathlib import Path
from statistics import median
from typing import Any

import torch
from gpu_rendering import Image, Scene, available
from gpu_step import Training, measure, settings

PIXELS = 224
RENDER = [(t, b) for t in (25_000, 70_000) for b in (8, 32, 128)]
SCALE = {
    "batch": (1, 2, 4, 8, 16, 32, 64, 128),
    "pixels": (64, 128, 224, 384, 512),
    "triangles": (5_000, 10_000, 25_000, 70_000, 150_000, 300_000),
}
SLOW = {"our cpu", "our pytorch3d"}
"""Left out beyond a batch of 32: their figures an image no longer change."""


class Bench:
    """Times calls on one device.

    Args:
        device: cpu or cuda. seconds: for each figure.
    """

    def __init__(self, device: torch.device, seconds: float) -> None:
        self.device, self.seconds = device, seconds
        self.on_gpu = device.type == "cuda"

    def wait(self) -> None:
        if self.on_gpu:
            torch.cuda.synchronize(self.device)

    def milliseconds(self, run: Callable[[], object]) -> float:
        """The median of so many calls as fit in, 5 or more, after two that do not count."""
        run()
        run()
        taken: list[float] = []
        end = time.perf_counter() + self.seconds
        while len(taken) < 5 or time.perf_counter() < end:
            self.wait()
            start = time.perf_counter()
            run()
            self.wait()
            taken.append(1e3 * (time.perf_counter() - start))
        return median(taken)

    def drawing(self, image: Image, triangles: int, pixels: int, batch: int) -> dict[str, Any]:
        """Milliseconds an image and the peak of the device's memory; why not, if it fails."""
        try:
            scene = Scene(triangles, pixels, batch, self.device)
            if self.on_gpu:
                torch.cuda.reset_peak_memory_stats(self.device)
            ms = self.milliseconds(lambda: scene.learn(image)) / batch
        except RuntimeError as error:
            return {"failed": str(error).splitlines()[0][:120]}
        peak = torch.cuda.max_memory_allocated(self.device) / 2**20 if self.on_gpu else None
        return {"ms": ms, "MiB": peak}


def cell(found: dict[str, Any]) -> str:
    if "failed" in found:
        return f"failed: {found['failed']}"
    memory = "" if found["MiB"] is None else f" ({found['MiB']:.0f} MiB)"
    return f"{found['ms']:.3g}{memory}"


def table(head: list[str], rows: list[list[str]]) -> None:
    for row in [head, ["---"] * len(head), *rows]:
        print("| " + " | ".join(row) + " |", flush=True)
    print()


def render(bench: Bench, methods: dict[str, Image], quick: bool) -> dict[str, Any]:
    """Every method at the sizes of training."""
    sizes = [(500, 2)] if quick else RENDER
    pixels = 32 if quick else PIXELS
    print(f"ms an image, forward + backward + antialias, {pixels} px\n")
    report: dict[str, Any] = {}
    rows = []
    for name, image in methods.items():
        cells = [name]
        for triangles, batch in sizes:
            if name in SLOW and batch > 32:
                cells.append("")
                continue
            found = bench.drawing(image, triangles, pixels, batch)
            report[f"{name}, {triangles} triangles, batch {batch}"] = found
            cells.append(cell(found))
        rows.append(cells)
    table(["", *(f"{t:,} triangles, batch {b}" for t, b in sizes)], rows)
    return report


def scale(bench: Bench, methods: dict[str, Image], quick: bool) -> dict[str, Any]:
    """Batch, resolution and triangles, one at a time."""
    sizes = {name: v[:2] for name, v in SCALE.items()} if quick else SCALE
    start = {"batch": 2 if quick else 8, "pixels": PIXELS, "triangles": 70_000}
    start |= {"pixels": 32, "triangles": 500} if quick else {}
    report: dict[str, Any] = {}
    for varied, values in sizes.items():
        print(f"ms an image against {varied}; else {start}\n")
        rows = []
        for name, image in methods.items():
            chosen = [v for v in values if not (varied == "batch" and name in SLOW and v > 32)]
            cells = [name]
            for value in chosen:
                found = bench.drawing(image, **{**start, varied: value})
                report[f"{name}, {varied} {value}"] = found
                cells.append(cell(found))
            rows.append(cells + [""] * (len(values) - len(chosen)))
        table(["", *map(str, values)], rows)
    return report


def steps(bench: Bench, methods: dict[str, Image], quick: bool) -> dict[str, Any]:
    """The engine's own steps, by configuration, back end and precision."""
    back_ends = [n.removeprefix("our ") for n in methods if n.startswith("our ")]
    kinds = ["float32"] if quick or not bench.on_gpu else ["float32", "bfloat16"]
    cases = [("mlanet", 32, back_end, kind) for back_end in back_ends for kind in kinds]
    cases += [("default", 128, "", kind) for kind in kinds]
    report: dict[str, Any] = {}
    with tempfile.TemporaryDirectory() as folder:
        for name, full, back_end, kind in cases:
            batch = 2 if quick else full
            words = settings(name, Path(folder) / "faces", batch, kind, quick)
            words += [f"rasterizer={back_end}"] if back_end else []
            key = f"{name}, {back_end or 'renders nothing'}, {kind}, batch {batch}"
            try:
                training = Training(name, words, bench.device, Path(folder))
                found: dict[str, Any] = measure(training, bench.milliseconds)
            except RuntimeError as error:
                found = {"failed": str(error).splitlines()[0][:120]}
            report[key] = found
            told = [f"{k} {v if k == 'failed' else format(v, '.3g')}" for k, v in found.items()]
            print(f"{key}: {', '.join(told)}", flush=True)
    print()
    return report


def machine(device: torch.device) -> str:
    """What this ran on."""
    parts = [platform.platform(), f"torch {torch.__version__}"]
    for package in ("nvdiffrast", "pytorch3d", "numba"):
        try:
            parts.append(f"{package} {metadata.version(package)}")
        except metadata.PackageNotFoundError:
            parts.append(f"no {package}")
    if device.type == "cuda":
        found = torch.cuda.get_device_properties(device)
        memory = f"{found.total_memory / 2**30:.0f} GiB"
        parts.append(f"{found.name}, {memory}, CUDA {torch.version.cuda}")
    return "; ".join(parts)


PARTS = {"render": render, "scale": scale, "step": steps}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--device", default="cuda", choices=["cuda", "cpu"])
    parser.add_argument("--parts", nargs="+", default=list(PARTS), choices=list(PARTS))
    parser.add_argument("--seconds", type=float, default=1.0, help="for each figure")
    parser.add_argument("--quick", action="store_true", help="tiny sizes, to try this file")
    parser.add_argument("--json", type=Path)
    options = parser.parse_args()
    if options.device == "cuda" and not torch.cuda.is_available():
        raise SystemExit("torch sees no CUDA device; --device cpu --quick tries this file without")
    device = torch.device(options.device)
    print(machine(device) + "\n")
    methods, missing = available()
    for name, why in missing.items():
        print(f"{name}: left out. {why}")
    print()
    bench = Bench(device, 0.01 if options.quick else options.seconds)
    report: dict[str, Any] = {"machine": machine(device), "missing": missing}
    for part in options.parts:
        report[part] = PARTS[part](bench, methods, options.quick)
    if options.json:
        options.json.write_text(json.dumps(report, indent=1))


if __name__ == "__main__":
    main()
