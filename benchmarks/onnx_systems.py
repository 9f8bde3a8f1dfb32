"""Networks of any kind as ONNX: size, distance from torch and time, a row of a table for each.

    python benchmarks/onnx_systems.py runs/mlanet/best.safetensors runs/sadrnet/best.safetensors ...

Each is exported in float32 and int8 and read again as a weights file. "From torch" is the largest
difference of a number over the output's largest number (or 1), on two images of noise. Times are
processor time on one thread of one image, the least of several rounds taken in turn.
"""

from __future__ import annotations

import argparse
import tempfile
from functools import partial
from pathlib import Path

import torch
from onnx_variants import least
from selfie3d.models import Difference, Weights, export_network, load_weights, ready_to_run

STORAGES = ("float32", "int8")


def farthest(found: list[Difference]) -> float:
    return max(item.largest / max(item.size, 1.0) for item in found)


def row(path: Path, weights: Weights, rounds: int) -> str:
    """One network: what each storage has, and the times of torch and of onnxruntime."""
    cells, works = [], {}
    images = torch.rand(1, *weights.network.input_shape)
    with tempfile.TemporaryDirectory() as folder:
        for storage in STORAGES:
            content, found = export_network(weights, storage)
            cells += [f"{len(content) / 1e6:.1f}", f"{farthest(found):.0e}"]
            written = Path(folder, f"{storage}.onnx")
            written.write_bytes(content)
            works[storage] = partial(load_weights(written).network, images)
        works["torch"] = partial(ready_to_run(weights.network), images)
        with torch.inference_mode():
            spent = least(rounds, **works)
    cells += [f"{spent[name]:.1f}" for name in ("torch", "float32")]
    side = weights.network.input_shape[-1]
    return " | ".join([weights.architecture, weights.kind, f"{side}", *cells])


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("weights", type=Path, nargs="+")
    parser.add_argument("--rounds", type=int, default=20)
    options = parser.parse_args()
    torch.set_num_threads(1)
    names = ["network", "output", "input", "MB", "from torch", "int8, MB", "from torch"]
    names += ["torch, ms", "ONNX, ms"]
    print(f"| {' | '.join(names)} |\n|{'---|' * len(names)}")
    for path in options.weights:
        print(f"| {row(path, load_weights(str(path)), options.rounds)} |", flush=True)


if __name__ == "__main__":
    main()
