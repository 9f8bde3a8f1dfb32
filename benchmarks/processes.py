"""Images per second of one training process against two or more, on this machine's CPU.

    python benchmarks/processes.py [--steps N] [--batch N] [--processes 1 2] [--rounds N]
                                   [--synchronise]

The recipe of the default network on faces that are drawn first, in the same batches; a process has
one thread; for comparison, one process with all threads. The figure is that of log.jsonl between
the first fifth of the run and its end, so that starting up does not count, and the best of some
rounds, in each of which every choice has its turn.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import tempfile
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]


def train(out: Path, processes: int, threads: int, options: argparse.Namespace) -> None:
    """A run of so many processes with so many threads each."""
    steps, batch = options.steps, options.batch
    own = {
        "output": out,
        "network.size": 96,
        "network.width": 32,
        "network.blocks": "[1,2,2,2]",
        "data.draw": 2 * batch,
        "data.validate": 8,
        "data.batch": batch,
        "engine.threads": threads,
        "engine.prefetch": 1,
        "engine.sync_batch_norm": str(options.synchronise).lower(),
        "engine.log_every": steps // 5,
        "engine.schedule.steps": steps,
    }
    words = [f"{name}={value}" for name, value in own.items()]
    launch = ["-m", "torch.distributed.run", "--standalone", "--nproc-per-node", str(processes)]
    start = [] if processes == 1 else launch
    command = [sys.executable, *start, str(ROOT / "train.py"), "smoke", *words]
    environment = dict(os.environ, OMP_NUM_THREADS=str(threads))
    subprocess.run(command, env=environment, check=True, capture_output=True)


def speed(out: Path) -> tuple[float, dict[str, float]]:
    """Images per second after the first logged steps, and the shares of a step's time."""
    lines = [json.loads(line) for line in (out / "log.jsonl").read_text().splitlines()]
    first, *_, last = (line for line in lines if line["kind"] == "training")
    seconds = 60 * (last["minutes"] - first["minutes"])
    shares = json.loads((out / "summary.json").read_text())["shares"]
    return (last["seen"] - first["seen"]) / seconds, shares


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--steps", type=int, default=30)
    parser.add_argument("--batch", type=int, default=64, help="of a step, over all processes")
    parser.add_argument("--processes", type=int, nargs="+", default=[1, 2])
    parser.add_argument("--synchronise", action="store_true", help="batch normalisation")
    parser.add_argument("--rounds", type=int, default=3)
    options = parser.parse_args()
    choices = [*((count, 1) for count in options.processes), (1, os.cpu_count() or 1)]
    best: dict[tuple[int, int], tuple[float, dict[str, float]]] = {}
    for _ in range(options.rounds):
        for choice in choices:
            with tempfile.TemporaryDirectory() as folder:
                train(Path(folder), *choice, options)
                best[choice] = max(best.get(choice, (0.0, {})), speed(Path(folder)), key=first_of)
    alone = best[choices[0]][0]
    for (processes, threads), (found, shares) in best.items():
        parts = ", ".join(f"{name} {100 * share:.0f} %" for name, share in shares.items())
        speed_up = f"{found:.1f} images/s, {found / alone:.2f} x"
        print(f"{processes} processes x {threads} threads: {speed_up} ({parts})")


def first_of(pair: tuple[float, object]) -> float:
    return pair[0]


if __name__ == "__main__":
    main()
