"""`selfie3d batch` against a plain loop of `reconstruct`, and with everything killed on the way.

    python benchmarks/batch.py photos --out DIR --count 20000 [--like FOLDER ...] [--hostile 1000]
    python benchmarks/batch.py speed --photos DIR --out DIR [--workers 1,2]
    python benchmarks/batch.py kills --photos DIR --out DIR [--worker-kills 10] [--driver-kills 5]

`photos` draws faces, links the pictures of other folders under new names, and damages some files.
`speed` runs both ways with the same options and says photographs a second, processor time and the
most memory of all processes together. `kills` ends with a comparison with an undisturbed run, row
by row. Needs Linux (/proc).
"""

from __future__ import annotations

import argparse
import os
import signal
import subprocess
import sys
import time
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
from PIL import Image

_TICK = os.sysconf("SC_CLK_TCK")
_CLI = [sys.executable, "-c", "from selfie3d.cli import main; main()"]


def make_photos(out: Path, count: int, like: list[Path], hostile: int) -> None:
    from selfie3d.datasets import SyntheticConfig, SyntheticFaces

    out.mkdir(parents=True, exist_ok=True)
    pictures = sorted(
        p for folder in like for p in folder.rglob("*") if p.suffix in (".jpg", ".png")
    )
    half = count // 2 if pictures else 0
    for k in range(half):
        source = pictures[k % len(pictures)]
        target = out / f"like_{k:06d}{source.suffix}"
        if not target.exists():
            os.link(source, target) if _same_disk(source, out) else target.symlink_to(source)
    faces = SyntheticFaces(SyntheticConfig(size=256, seed=5, margin=2.0))
    drawn = min(count - half, 500)
    for k in range(drawn):
        Image.fromarray(faces.item(k).image).save(out / f"drawn_{k:06d}.jpg", quality=92)
    for k in range(drawn, count - half):
        os.link(out / f"drawn_{k % drawn:06d}.jpg", out / f"drawn_{k:06d}.jpg")
    rng = np.random.default_rng(1)
    for k in range(hostile):
        content = bytearray((out / f"drawn_{k % drawn:06d}.jpg").read_bytes())
        for at in rng.integers(0, len(content), 20):
            content[at] = rng.integers(256)
        cut = content[: rng.integers(len(content))] if k % 2 else content
        (out / f"hostile_{k:06d}.jpg").write_bytes(bytes(cut))


def _same_disk(a: Path, b: Path) -> bool:
    return a.stat().st_dev == b.stat().st_dev


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
    process = subprocess.Popen([*_CLI, *command], stdout=subprocess.DEVNULL)
    while process.poll() is None:
        usage.look(process.pid)
        time.sleep(0.5)
    return time.perf_counter() - start, sum(usage.cpu.values()), usage.peak


def speed(photos: Path, out: Path, workers: list[int]) -> None:
    count = sum(1 for _ in photos.iterdir())
    runs = {"reconstruct, a plain loop": ["reconstruct", str(photos), "--write", "json"]}
    runs |= {f"batch, {n} workers": ["batch", str(photos), "--workers", str(n)] for n in workers}
    for number, (name, command) in enumerate(runs.items()):
        wall, cpu, peak = timed([*command, "--out", str(out / f"run{number}")])
        rate = f"{count / wall:.2f} photographs/s, {1000 * cpu / count:.0f} ms of processor each"
        print(f"{name}: {wall:.1f} s, {rate}, {peak:.0f} MB", flush=True)


def rows(out: Path) -> list[dict]:
    import pyarrow.parquet

    files = sorted(out.glob("faces-*.parquet"))
    found = [row for file in files for row in pyarrow.parquet.read_table(file).to_pylist()]
    return [{name: value for name, value in row.items() if name != "seconds"} for row in found]


def finders() -> list[int]:
    found = []
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit():
            with suppress(OSError):
                if b"FaceActor" in (entry / "cmdline").read_bytes():
                    found.append(int(entry.name))
    return found


def kills(photos: Path, out: Path, worker_kills: int, driver_kills: int, seed: int = 0) -> None:
    rng = np.random.default_rng(seed)
    command = [*_CLI, "batch", str(photos), "--write", "points", "--workers", "2", "--out"]
    subprocess.run([*command, str(out / "undisturbed")], check=True)
    disturbed = out / "disturbed"
    workers = drivers = 0
    while True:
        driver = subprocess.Popen([*command, str(disturbed)], start_new_session=True)
        end = drivers < driver_kills
        while driver.poll() is None:
            time.sleep(float(rng.uniform(2, 6)))
            state = disturbed / ".selfie3d" / "batch"
            at_work = list(state.glob("*.faces"))
            if at_work and workers < worker_kills * (drivers + 1) / (driver_kills + 1):
                with suppress(OSError, ValueError):
                    os.kill(int(rng.choice(finders())), signal.SIGKILL)
                    workers += 1
            elif at_work and end:
                os.killpg(driver.pid, signal.SIGKILL)
                drivers += 1
                break
        if driver.wait() == 0:
            break
    same = rows(out / "undisturbed") == rows(disturbed)
    print(f"{workers} workers and {drivers} drivers killed; rows are the same: {same}")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("what", choices=("photos", "speed", "kills"))
    parser.add_argument("--photos", type=Path)
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--count", type=int, default=2000)
    parser.add_argument("--like", type=Path, nargs="*", default=[])
    parser.add_argument("--hostile", type=int, default=0)
    parser.add_argument("--workers", default="1,2")
    parser.add_argument("--worker-kills", type=int, default=10)
    parser.add_argument("--driver-kills", type=int, default=5)
    given = parser.parse_args()
    if given.what == "photos":
        make_photos(given.out, given.count, given.like, given.hostile)
    elif given.what == "speed":
        speed(given.photos, given.out, [int(n) for n in given.workers.split(",")])
    else:
        kills(given.photos, given.out, given.worker_kills, given.driver_kills)


if __name__ == "__main__":
    main()
