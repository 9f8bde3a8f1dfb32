"""Images a second of the synthetic faces, everything on.

    python benchmarks/synthetic.py [--assets DIR] [--hdri DIR]

By rule, and with assets and panoramas where folders of them are named. Each process draws its own
share of one seed after a warm-up that compiles and loads. The last column is processor time, which
other work on the machine changes less than the rate.
"""

from __future__ import annotations

import argparse
import multiprocessing
import time

import torch
from selfie3d.core.collector import collect_rarely
from selfie3d.datasets.synthetic.config import SyntheticConfig
from selfie3d.datasets.synthetic.faces import SyntheticFaces

WARM_UP = 20


def draw(first: int, count: int, config: SyntheticConfig, barrier) -> tuple[float, float]:
    """Seconds that one process takes for `count` faces, by the clock and of the processor."""
    torch.set_num_threads(1)
    collect_rarely()  # as in every process of `selfie3d synth`
    faces = SyntheticFaces(config)
    for index in range(WARM_UP):
        faces.item(index)
    barrier.wait()
    start, used = time.perf_counter(), time.process_time()
    for index in range(first, first + count):
        faces.item(index)
    return time.perf_counter() - start, time.process_time() - used


def measure(processes: int, count: int, config: SyntheticConfig) -> tuple[float, float]:
    """Images a second of all processes together, and milliseconds of one processor for each."""
    context = multiprocessing.get_context("spawn")
    with context.Manager() as manager:
        barrier = manager.Barrier(processes)
        with context.Pool(processes) as pool:
            jobs = [(n * count, count, config, barrier) for n in range(processes)]
            clock, used = zip(*pool.starmap(draw, jobs, chunksize=1), strict=True)
    return processes * count / max(clock), 1e3 * sum(used) / (processes * count)


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--count", type=int, default=600, help="faces of each process")
    parser.add_argument("--sizes", type=int, nargs="+", default=[112, 128, 144])
    parser.add_argument("--processes", type=int, nargs="+", default=[1, 2])
    parser.add_argument("--assets", default="", help="a folder of assets: measure with them, too")
    parser.add_argument("--hdri", default="", help="a folder of panoramas: the same")
    options = parser.parse_args()
    folders = {"by rule": {}}
    if options.assets or options.hdri:
        folders["with assets"] = {"assets": options.assets, "hdri": options.hdri}
    print("| drawn | size, px | processes | images/s | processor ms/image |\n|---|---|---|---|---|")
    for name, where in folders.items():
        for size in options.sizes:
            for processes in options.processes:
                config = SyntheticConfig(size=size, seed=1, **where)
                rate, used = measure(processes, options.count, config)
                print(f"| {name} | {size} | {processes} | {rate:.0f} | {used:.1f} |", flush=True)


if __name__ == "__main__":
    main()
