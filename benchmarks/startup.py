"""How long things take from the first second, each in a fresh process.

    python benchmarks/startup.py [--against CHECKOUT] [--rounds 3] [--first] [--data ROOT]

Wall and processor seconds of the fastest of some rounds; with another checkout both take turns, and
the last column is its processor time over ours. `--first` also measures a first use, with nothing
compiled yet. `--data` is a folder with AFLW2000-3D, for the evaluation.
"""

from __future__ import annotations

import argparse
import os
import resource
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
PHOTO = ROOT / "pipeline" / "data" / "astronaut.jpg"
MAKE = "from selfie3d import Reconstructor"
CLI = "from selfie3d.cli import main; main()"
Seconds = tuple[float, float]


def main() -> None:
    """Command line."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--against", type=Path, help="another checkout, to compare with")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--first", action="store_true", help="also the first use")
    parser.add_argument("--data", type=Path, help="a folder with AFLW2000-3D: also the evaluation")
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        roots = [path for path in (ROOT, arguments.against) if path]
        checkouts = [checkout(Path(folder) / str(n), path) for n, path in enumerate(roots)]
        head = ["", "wall s", "CPU s", "other wall s", "other CPU s", "ratio"]
        head = head if arguments.against else head[:3]
        print(f"| {' | '.join(head)} |\n|{'---|' * len(head)}")
        for name, work in works(Path(folder), arguments).items():
            rounds = 1 if name.startswith(("first", "evaluate")) else arguments.rounds
            times = [fastest(found) for found in alternate(work, checkouts, rounds)]
            print(row(name, times), flush=True)


def works(folder: Path, arguments: argparse.Namespace) -> dict[str, Callable[[Path], Seconds]]:
    """What is measured: functions of the folder that is imported from."""
    found = {
        "import torch": lambda path: timed(path, ["-c", "import torch"]),
        "import selfie3d": lambda path: timed(path, ["-c", "import selfie3d"]),
        "selfie3d --help": lambda path: timed(path, ["-c", CLI, "--help"]),
        "Reconstructor()": lambda path: within(path, MAKE, "Reconstructor()"),
        "selfie3d reconstruct": lambda path: reconstruct(path, folder),
    }
    if arguments.first:
        found["first selfie3d reconstruct"] = lambda path: first(path, folder)
    if arguments.data:
        words = ["-c", CLI, "evaluate", "aflw2000", "--data", str(arguments.data.resolve())]
        words += ["--out", str(folder / "out")]
        found["evaluate aflw2000"] = lambda path: timed(path, words)
    return found


def checkout(place: Path, path: Path) -> Path:
    """A new folder in which a checkout is the package `selfie3d`."""
    place.mkdir()
    (place / "selfie3d").symlink_to(path.resolve(), target_is_directory=True)
    return place


def alternate(
    work: Callable[[Path], Seconds], checkouts: list[Path], rounds: int
) -> list[list[Seconds]]:
    """Times of each checkout, which take turns after a round that does not count."""
    warm = rounds > 1
    times: list[list[Seconds]] = [[] for _ in checkouts]
    for number in range(rounds + warm):
        for found, path in zip(times, checkouts, strict=True):
            seconds = work(path)
            if number >= warm:
                found.append(seconds)
    return times


def fastest(times: list[Seconds]) -> Seconds:
    """The least wall and the least processor time."""
    return min(wall for wall, _ in times), min(cpu for _, cpu in times)


def row(name: str, times: list[Seconds]) -> str:
    """A row of the table."""
    cells = [f"{seconds:.2f}" for pair in times for seconds in pair]
    if len(times) > 1:
        cells.append(f"{times[1][1] / max(times[0][1], 1e-9):.1f}")
    return f"| {name} | " + " | ".join(cells) + " |"


def timed(path: Path, words: list[str], **environment: str) -> Seconds:
    """Wall and processor seconds of a Python process, its children included."""
    before, start = resource.getrusage(resource.RUSAGE_CHILDREN), time.perf_counter()
    run(path, words, **environment)
    wall, after = time.perf_counter() - start, resource.getrusage(resource.RUSAGE_CHILDREN)
    return wall, after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime


def within(path: Path, before: str, code: str) -> Seconds:
    """Wall and processor seconds of some code, without what comes before it."""
    program = (
        f"{before}\nimport time\nstart = time.perf_counter(), time.process_time()\n{code}\n"
        "print(time.perf_counter() - start[0], time.process_time() - start[1])"
    )
    wall, cpu = run(path, ["-c", program]).split()[-2:]
    return float(wall), float(cpu)


def reconstruct(path: Path, folder: Path, **environment: str) -> Seconds:
    """`selfie3d reconstruct PHOTO`, everything written."""
    with tempfile.TemporaryDirectory(dir=folder) as out:
        return timed(path, ["-c", CLI, "reconstruct", str(PHOTO), "--out", out], **environment)


def first(path: Path, folder: Path) -> Seconds:
    """The same with nothing compiled."""
    with tempfile.TemporaryDirectory(dir=folder) as cache:
        return reconstruct(path, folder, NUMBA_CACHE_DIR=cache)


def run(path: Path, words: list[str], **environment: str) -> str:
    """What a Python process prints, which imports from `path`."""
    known = os.environ | {"PYTHONPATH": str(path)} | environment
    done = subprocess.run(
        [sys.executable, *words], env=known, cwd=path, capture_output=True, text=True, check=False
    )
    if done.returncode:
        raise SystemExit(f"{words}: {done.stderr[-2000:]}")
    return done.stdout


if __name__ == "__main__":
    main()
