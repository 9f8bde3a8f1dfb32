"""Exported networks: their error on AFLW2000-3D and their time beside torch's, on one thread.

    python benchmarks/onnx_variants.py DATA [--weights NAME|PATH] [--solved model.onnx]

DATA holds aflw2000 and aflw2000_gt; rows % 4 == 2, mean of the three bins, %. Times are processor
time of a network alone (and of a graph with its solver), the least of several rounds taken in turn.
"""

from __future__ import annotations

import argparse
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import torch
from selfie3d.evaluate.registry import PROTOCOLS, Request
from selfie3d.models import export_network, load_weights, ready_to_run
from selfie3d.models.exported.onnx_network import open_session

STORAGES = ("float32", "float16", "int8")
_ROWS = ["every=4", "offset=2", "pictures=0", "balanced_seeds=0"]


def errors(data: Path, weights: str, out: Path) -> dict[str, float]:
    """Means of the bins' means of one weights file."""
    report = PROTOCOLS.create("aflw2000", _ROWS)(Request(data, out, weights, None, []))
    return {f.table: f.value for f in report.figures if f.name == "mean of bins"}


def least(rounds: int, **works: Callable[[], object]) -> dict[str, float]:
    """Milliseconds of processor time of the quickest of `rounds` calls of each, in turn."""
    best = dict.fromkeys(works, float("inf"))
    for _ in range(rounds):
        for name, work in works.items():
            start = time.process_time()
            work()
            best[name] = min(best[name], 1e3 * (time.process_time() - start))
    return best


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("data", type=Path)
    parser.add_argument("--weights", default="default")
    parser.add_argument("--solved", type=Path)
    parser.add_argument("--rounds", type=int, default=20)
    options = parser.parse_args()
    torch.set_num_threads(1)
    weights = load_weights(options.weights)
    networks = {"torch": ready_to_run(weights.network)}
    with tempfile.TemporaryDirectory() as folder:
        found = {"torch": errors(options.data, options.weights, Path(folder, "torch"))}
        for storage in STORAGES:
            path = Path(folder, f"{storage}.onnx")
            content, apart = export_network(weights, storage)
            path.write_bytes(content)
            networks[storage] = load_weights(path).network
            print(f"{storage}: {len(content) / 1e6:.1f} MB,", *(f"{d.largest:.1e}" for d in apart))
            found[storage] = errors(options.data, str(path), Path(folder, storage))
    for name, figures in found.items():
        print(name, *(f"{table}: {value:.3f}" for table, value in figures.items()), flush=True)
    for count in (1, 8):
        images = torch.rand(count, *weights.network.input_shape)
        works = {name: lambda n=network, i=images: n(i) for name, network in networks.items()}
        if options.solved:
            session = open_session(options.solved.read_bytes())
            works["solved"] = lambda s=session, i=images: s.run(None, {"images": i.numpy()})
        with torch.inference_mode():
            times = least(options.rounds, **works)
        print(f"{count} at a time, ms each:", {k: round(v / count, 2) for k, v in times.items()})


if __name__ == "__main__":
    main()
