"""What has to be run on a GPU, in order, each part with its own time limit: 8 minutes at most.

    python benchmarks/gpu_checks.py --out DIR [--shards DIR] [--parts NAMES] [--rehearse]

- tests: `pytest -m gpu`, every recipe and rasterizer on CUDA.
- triton: parity of the back end `triton` with `cpu`.
- speed: benchmarks/gpu.py, milliseconds an image and a step, with the share of rendering.
- train: `selfie3d train default start=default` on SHARDS (`selfie3d synth`), or on faces drawn
  first; weights and log are left in DIR/run.

DIR/PART.log has what a part said, DIR/checks.json how each ended, written as it goes, so that what
is done is not lost when the machine is. `--rehearse` runs the same commands on the CPU at tiny
sizes, Triton by its interpreter, to find mistakes before a GPU is at hand.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import time
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
CLI = [sys.executable, "-c", "from selfie3d.cli import main; main()"]


@dataclass(frozen=True)
class Part:
    """A command and the seconds it may take."""

    command: list[str]
    limit: float


def parts(out: Path, shards: Path | None, rehearse: bool) -> dict[str, Part]:
    """Every part by its name, in order."""
    pytest = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", "--durations=10"]
    parity = [*pytest, "tests/render/test_parity.py"]
    speed = [sys.executable, "benchmarks/gpu.py", "--json", str(out / "speed.json")]
    faces = shards or out / "shards"
    train = [*CLI, "train", "default", "start=default", f"output={out / 'run'}"]
    train += [f"data.train=[{faces}]", f"data.validation={faces}"]
    count = "64" if rehearse else "4096"
    draw = [*CLI, "synth", "--size", "144", "--count", count, "--out", str(faces)]
    drawing = {} if shards else {"draw": Part(draw, 600 if rehearse else 120)}
    if rehearse:
        few = "triton-cpu and (nearer or texel or behind or outline)"
        small = ["data.batch=8", "data.validate=16", "engine.schedule.steps=2", "engine.device=cpu"]
        return {
            "tests": Part([*pytest, "tests/recipes/test_elsewhere.py"], 600),
            "triton": Part([*parity, "-m", "slow", "-k", few], 600),
            "speed": Part([*speed, "--device", "cpu", "--quick", "--parts", "render"], 600),
            **drawing,
            "train": Part([*train, *small], 600),
        }
    minutes = ["engine.schedule.minutes=2", "engine.device=cuda"]
    return {
        "tests": Part([*pytest, "-m", "gpu"], 120),
        "triton": Part([*parity, "-m", "gpu", "-k", "triton"], 60),
        "speed": Part([*speed, "--parts", "render", "step", "--seconds", "0.3"], 120),
        **drawing,
        "train": Part([*train, *minutes], 150),
    }


def run(name: str, part: Part, out: Path, rehearse: bool) -> dict[str, object]:
    """Run one part; its output goes to a file, its end is returned."""
    environment = dict(os.environ, TRITON_INTERPRET="1") if rehearse else dict(os.environ)
    start, status = time.monotonic(), "passed"
    with (out / f"{name}.log").open("w", encoding="utf-8") as log:
        try:
            done = subprocess.run(
                part.command, cwd=ROOT, stdout=log, stderr=subprocess.STDOUT, env=environment,
                timeout=part.limit, check=False,
            )  # fmt: skip
            status = "passed" if done.returncode == 0 else f"failed, status {done.returncode}"
        except subprocess.TimeoutExpired:
            status = f"stopped after {part.limit:.0f} s"
    return {"end": status, "seconds": round(time.monotonic() - start, 1)}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--shards", type=Path)
    parser.add_argument("--parts", nargs="+", choices=["tests", "triton", "speed", "draw", "train"])
    parser.add_argument("--rehearse", action="store_true", help="on the CPU, tiny")
    options = parser.parse_args()
    out = options.out.resolve()
    out.mkdir(parents=True, exist_ok=True)
    shards = options.shards.resolve() if options.shards else None
    report: dict[str, object] = {}
    for name, part in parts(out, shards, options.rehearse).items():
        if options.parts and name not in options.parts:
            continue
        report[name] = run(name, part, out, options.rehearse)
        print(name, report[name], flush=True)
        (out / "checks.json").write_text(json.dumps(report, indent=1), encoding="utf-8")


if __name__ == "__main__":
    main()
