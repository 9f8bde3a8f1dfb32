"""Images a second of the synthetic faces, everything on: python benchmarks/synthetic.py.

Each process draws its own share of one seed after a warm-up that compiles and loads. The last
column is processor time, which other work on the machine changes less than the rate.
"""

from __future__ import annotations

import argparse
import multiprocessing
import time

import torch
from selfie3d.datasets.synthetic.config import SyntheticConfig
from selfie3d.datasets.synthetic.faces import SyntheticFaces

WARM_UP = 20


def draw(first: int, count: int, size: int, barrier) -> tuple[float, float]:
    """Seconds that one process takes for `count` faces, by the clock and of the processor."""
    torch.set_num_threads(1)
    faces = SyntheticFaces(SyntheticConfig(size=size, seed=1))
    for index in range(WARM_UP):
        faces.item(index)
    barrier.wait()
    start, used = time.perf_counter(), time.process_time()
    for index in range(first, first + count):
        faces.item(index)
    return time.perf_counter() - start, time.process_time() - used


def measure(processes: int, count: int, size: int) -> tuple[float, float]:
    """Images a second of all processes together, and milliseconds of one processor for each."""
    context = multiprocessing.get_context("spawn")
    with context.Manager() as manager:
        barrier = manager.Barrier(processes)
        with context.Pool(processes) as pool:
            jobs = [(n * count, count, size, barrier) for n in range(processes)]
            clock, used = zip(*pool.starmap(draw, jobs, chunksize=1), strict=True)
    return processes * count / max(clock), 1e3 * sum(used) / (processes * count)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--count", type=int, default=600, help="faces of each process")
    parser.add_argument("--sizes", type=int, nargs="+", default=[112, 128, 144])
    parser.add_argument("--processes", type=int, nargs="+", default=[1, 2])
    options = parser.parse_args()
    print("| size, px | processes | images/s | processor ms/image |\n|---|---|---|---|")
    for size in options.sizes:
        for processes in options.processes:
            rate, used = measure(processes, options.count, size)
            print(f"| {size} | {processes} | {rate:.0f} | {used:.1f} |", flush=True)


if __name__ == "__main__":
    main()
