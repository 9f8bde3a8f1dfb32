"""`selfie3d batch` against a plain loop of `reconstruct`, and with everything killed on the way.

    python benchmarks/batch.py speed --photos DIR --out DIR [--runs loop1,batch1,loop2,batch2]
    python benchmarks/batch.py kills --photos DIR --out DIR [--worker-kills 10] [--driver-kills 5]
    python benchmarks/batch.py full --photos DIR --out DIR --small DIR

Photographs: `batch_photos.py`. `speed` runs both ways with the same options, on one core or two,
and says photographs a second, processor time and the most memory of all processes together. `kills`
ends with a comparison with an undisturbed run, row by row. `full` does the same where the disk is
full on the way: DIR is on a small file system (mount -t tmpfs -o size=6m tmpfs DIR). Each looks
whether every photograph has its rows. Needs Linux (/proc).
"""

from __future__ import annotations

import argparse
import os
import signal
import subprocess
import sys
import time
from collections import Counter
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

_TICK = os.sysconf("SC_CLK_TCK")
_CLI = [sys.executable, "-c", "from selfie3d.cli import main; main()"]
_POINTS = ["--write", "points", "--workers", "2", "--out"]
_RUNS = {
    "loop1": ["reconstruct", "--write", "json", "--workers", "1"],
    "loop2": ["reconstruct", "--write", "json"],  # threads, one for each core
    "batch1": ["batch", "--workers", "1"],
    "batch2": ["batch", "--workers", "2"],
}
_ROOM = 1 << 20  # bytes that are free when the disk is to become full


@dataclass
class Usage:
    """Processor time and memory of a process and all that it started."""

    cpu: dict[int, float] = field(default_factory=dict)
    peak: float = 0.0

    def look(self, root: int) -> None:
        parents, seconds = {}, {}
        for entry in Path("/proc").iterdir():
            if entry.name.isdigit():
                with suppress(OSError, ValueError):
                    fields = (entry / "stat").read_text().rpartition(")")[2].split()
                    parents[int(entry.name)] = int(fields[1])
                    seconds[int(entry.name)] = (int(fields[11]) + int(fields[12])) / _TICK
        ours = [pid for pid in parents if pid in self.cpu or _below(pid, root, parents)]
        self.cpu |= {pid: seconds[pid] for pid in ours}
        self.peak = max(self.peak, sum(map(_memory, ours)))


def _memory(pid: int) -> float:
    """MB of a process; what it shares counts in parts."""
    with suppress(OSError):
        for line in Path(f"/proc/{pid}/smaps_rollup").read_text().splitlines():
            if line.startswith("Pss:"):
                return int(line.split()[1]) / 1024
    return 0.0


def _below(pid: int, root: int, parents: dict[int, int]) -> bool:
    while pid > 1 and pid != root:
        pid = parents.get(pid, 0)
    return pid == root


def timed(command: list[str]) -> tuple[float, float, float]:
    """Wall seconds, processor seconds and MB of a command."""
    usage, start = Usage(), time.perf_counter()
    quiet = subprocess.DEVNULL
    process = subprocess.Popen([*_CLI, *command], stdout=quiet, stderr=quiet)
    while process.poll() is None:
        usage.look(process.pid)
        time.sleep(0.5)
    return time.perf_counter() - start, sum(usage.cpu.values()), usage.peak


def speed(photos: Path, out: Path, runs: list[str]) -> None:
    count = sum(1 for _ in photos.iterdir())
    for name in runs:
        (command, *options), target = _RUNS[name], out / name
        wall, cpu, peak = timed([command, str(photos), *options, "--out", str(target)])
        rate = f"{count / wall:.2f} photographs/s, {1000 * cpu / count:.1f} ms of processor each"
        print(f"{name}: {wall:.1f} s, {rate}, {peak:.0f} MB", flush=True)
        if command == "batch":
            check(photos, target)


def rows(out: Path) -> list[dict]:
    import pyarrow.parquet

    files = sorted(out.glob("faces-*.parquet"))
    found = [row for file in files for row in pyarrow.parquet.read_table(file).to_pylist()]
    return [{name: value for name, value in row.items() if name != "seconds"} for row in found]


def check(photos: Path, out: Path) -> list[dict]:
    """Say whether every photograph is in the rows, each face of it once."""
    found, files = rows(out), {path.name for path in photos.iterdir()}
    faces = Counter((row["key"], row["face"]) for row in found)
    whole = {row["key"] for row in found} == files and max(faces.values()) == 1
    hostile = [row for row in found if row["key"].endswith("_hostile.jpg")]
    kinds = Counter(row["kind"] or "face" for row in hostile)
    size = sum(file.stat().st_size for file in out.glob("faces-*.parquet")) / len(found)
    print(f"  {len(files)} photographs, {len(found)} rows of {size:.0f} bytes, "
          f"each face once and none lost: {whole}; "
          f"{len({row['key'] for row in hostile})} hostile: {dict(kinds)}", flush=True)  # fmt: skip
    return found


def finders(driver: int) -> list[int]:
    """Processes of a run that find faces."""
    usage, found = Usage(), []
    usage.look(driver)
    for pid in usage.cpu:
        with suppress(OSError):
            if b"FaceActor" in Path(f"/proc/{pid}/cmdline").read_bytes():
                found.append(pid)
    return found


def kills(photos: Path, out: Path, worker_kills: int, driver_kills: int, seed: int = 0) -> None:
    rng = np.random.default_rng(seed)
    command = [*_CLI, "batch", str(photos), *_POINTS]
    subprocess.run([*command, str(out / "undisturbed")], check=True)
    disturbed, status = out / "disturbed", -1
    workers = drivers = 0
    while status:
        driver = subprocess.Popen([*command, str(disturbed)], start_new_session=True)
        due = worker_kills * (drivers + 1) // (driver_kills + 1)
        while driver.poll() is None:
            time.sleep(float(rng.uniform(2, 6)))
            if not any((disturbed / ".selfie3d" / "batch").glob("*.faces")):
                continue  # nothing is under way yet
            if workers < due:
                with suppress(OSError, ValueError):
                    os.kill(int(rng.choice(finders(driver.pid))), signal.SIGKILL)
                    workers += 1
            elif drivers < driver_kills:
                os.killpg(driver.pid, signal.SIGKILL)
                drivers += 1
                break
        status = driver.wait()
        print(f"{workers} workers and {drivers} drivers killed so far", flush=True)
    same = check(photos, out / "undisturbed") == check(photos, disturbed)
    print(f"{workers} workers and {drivers} drivers killed; rows are the same: {same}")


def full(photos: Path, out: Path, small: Path) -> None:
    """Fill a small file system but for a megabyte, run, make room, and run again."""
    command = [*_CLI, "batch", str(photos), *_POINTS]
    if not (out / "undisturbed").exists():
        subprocess.run([*command, str(out / "undisturbed")], check=True)
    ballast = small / "ballast"
    space = os.statvfs(small)
    ballast.write_bytes(bytes(space.f_bavail * space.f_frsize - _ROOM))
    failed = subprocess.run([*command, str(small / "out")], stderr=subprocess.PIPE, text=True)
    print(f"status {failed.returncode}: {failed.stderr.splitlines()[-1]}", flush=True)
    ballast.unlink()
    done = sum(1 for _ in (small / "out" / ".selfie3d" / "batch").glob("*.parquet"))
    subprocess.run([*command, str(small / "out")], check=True)
    same = check(photos, out / "undisturbed") == check(photos, small / "out")
    print(f"the disk was full after {done} groups; rows are the same: {same}")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("what", choices=("speed", "kills", "full"))
    parser.add_argument("--photos", type=Path, required=True)
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--runs", default=",".join(_RUNS))
    parser.add_argument("--worker-kills", type=int, default=10)
    parser.add_argument("--driver-kills", type=int, default=5)
    parser.add_argument("--small", type=Path)
    given = parser.parse_args()
    if given.what == "speed":
        speed(given.photos, given.out, given.runs.split(","))
    elif given.what == "full":
        full(given.photos, given.out, given.small)
    else:
        kills(given.photos, given.out, given.worker_kills, given.driver_kills)


if __name__ == "__main__":
    main()
