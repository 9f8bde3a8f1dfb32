"""Damage every kind of file that is read from others, and see what its reader makes of it.

    python benchmarks/fuzz.py [--seconds 600] [--seed 0] [--kind NAME] [--keep DIR]
    python benchmarks/fuzz.py --kernels [--seconds 600]
    python benchmarks/fuzz.py --check

Each input is a right file with a few bytes changed, cut, doubled, or replaced by numbers that are
never right. A reader may give something (accepted) or an error of this package (clean). Anything
else is a fault: another exception, a process that ends by a signal, more than 5 seconds or more
than 1 GB. Readers work in a process of their own, one after the other, so that its end is noticed;
the input that it was busy with is kept. `--kernels` draws arrays for the compiled kernels instead,
with NaN, infinity and huge numbers among them, in code that checks every index.
"""

from __future__ import annotations

import argparse
import io
import json
import os
import random
import resource
import struct
import subprocess
import sys
import tempfile
import time
import traceback
import warnings
import zipfile
import zlib
from collections import Counter
from pathlib import Path

MOST_SECONDS, MOST_MEGABYTES = 5.0, 1000.0
NUMBERS = [
    *(struct.pack("<q", n)[:width] for n in (0, -1, 2**31 - 1, -(2**31), 2**63 - 1, 65536)
      for width in (1, 2, 4, 8)),
    *(struct.pack(">I", n) for n in (1, 2**31 - 1, 2**32 - 1)),
    *(struct.pack("<d", x) for x in (float("nan"), float("inf"), 1e300)),
    *(struct.pack("<f", x) for x in (float("nan"), -float("inf"), 3e38)),
]  # fmt: skip
WORDS = [b"nan", b"1e999", b"-1", b"0", b"99999999999999999999", b"null", b"[", b"{}", b'"x"',
         b"\xff", b"../x", b"true", b"-1e300", b"\0"]  # fmt: skip


def mutated(content: bytes, dice: random.Random) -> bytes:
    """One to four changes, half of them near one of the ends, where headers are."""
    for _ in range(dice.choice((1, 1, 1, 2, 4))):
        if not content:
            return content
        at = place(content, dice)
        change = dice.randrange(7)
        if change == 0:
            content = content[:at] + bytes([dice.randrange(256)]) + content[at + 1 :]
        elif change == 1:
            content = content[:at]
        elif change == 2:
            number = dice.choice(NUMBERS)
            content = content[:at] + number + content[at + len(number) :]
        elif change == 3:
            end = at + dice.randrange(1, 64)
            content = content[:at] + content[end:]
        elif change == 4:
            part = content[at : at + dice.randrange(1, 64)]
            content = content[:at] + part * dice.choice((2, 2, 50)) + content[at + len(part) :]
        elif change == 5:
            content = content[:at] + dice.choice(WORDS) + content[at + dice.randrange(1, 9) :]
        else:
            content = (
                content[:at] + bytes([content[at] ^ (1 << dice.randrange(8))]) + content[at + 1 :]
            )
    return content


def mutated_inside(content: bytes, dice: random.Random) -> bytes:
    """As `mutated`, but checksums and packing are made right again, so that readers go on."""
    if content.startswith(b"PK"):
        return repacked(content, dice)
    if content.startswith(b"\x89PNG"):
        return with_checksums(content, dice)
    if content[126:128] == b"IM" and content[128:129] == b"\x0f":
        packed = zlib.compress(mutated(zlib.decompress(content[136:]), dice))
        return content[:128] + struct.pack("<II", 15, len(packed)) + packed
    return mutated(content, dice)


def repacked(content: bytes, dice: random.Random) -> bytes:
    """An archive with one member changed."""
    buffer = io.BytesIO()
    with zipfile.ZipFile(io.BytesIO(content)) as old, zipfile.ZipFile(buffer, "w") as new:
        names = old.namelist()
        chosen = dice.choice(names)
        for name in names:
            part = old.read(name)
            part = mutated(part, dice) if name == chosen else part
            new.writestr(name, part, old.getinfo(name).compress_type)
    return buffer.getvalue()


def with_checksums(content: bytes, dice: random.Random) -> bytes:
    """A PNG with one chunk changed."""
    at, parts = 8, []
    while at < len(content):
        length = int.from_bytes(content[at : at + 4], "big")
        parts.append(content[at + 4 : at + 8 + length])
        at += 12 + length
    k = dice.randrange(len(parts))
    if parts[k].startswith(b"IDAT"):
        parts[k] = b"IDAT" + zlib.compress(mutated(zlib.decompress(parts[k][4:]), dice))
    else:
        parts[k] = parts[k][:4] + mutated(parts[k][4:] or b"\0", dice)
    chunks = (struct.pack(">I", len(p) - 4) + p + struct.pack(">I", zlib.crc32(p)) for p in parts)
    return content[:8] + b"".join(chunks)


def place(content: bytes, dice: random.Random) -> int:
    end = dice.random()
    reach = min(len(content), 400)
    if end < 0.3:
        return dice.randrange(reach)
    if end < 0.5:
        return len(content) - 1 - dice.randrange(reach)
    return dice.randrange(len(content))


def work(seconds: float, inputs: int, seed: int, chosen: str, folder: Path) -> None:
    """The process that reads; a line of JSON for each input: kind, outcome, seconds, megabytes."""
    from fuzz_data import data_kinds
    from fuzz_files import kinds
    from selfie3d.core.errors import Selfie3dError

    warnings.simplefilter("ignore")
    dice, end = random.Random(seed), time.monotonic() + seconds
    readers = [kind for kind in (*kinds(), *data_kinds()) if chosen in ("", kind.name)]
    base = peak()
    while time.monotonic() < end and inputs:
        inputs -= 1
        kind = dice.choice(readers)
        path = folder / kind.name
        for name, content in kind.beside:
            (folder / name).write_bytes(content)
        change = mutated_inside if dice.random() < 0.6 else mutated
        path.write_bytes(change(kind.content, dice))
        print(json.dumps([kind.name, "began", 0, 0]), flush=True)
        start, outcome = time.process_time(), "accepted"
        try:
            kind.read(path)
        except Selfie3dError:
            outcome = "clean"
        except Exception as error:  # noqa: BLE001
            traceback.print_exc()
            outcome = f"fault: {type(error).__name__}: {error}"
        spent, grown = time.process_time() - start, peak() - base
        base = max(base, peak())
        if not outcome.startswith("fault") and spent > MOST_SECONDS:
            outcome = f"fault: {spent:.1f} seconds"
        if not outcome.startswith("fault") and grown > MOST_MEGABYTES:
            outcome = f"fault: {grown:.0f} MB"
        print(json.dumps([kind.name, outcome, spent, grown]), flush=True)
        for file in folder.iterdir():
            if outcome.startswith("fault") and file == path:
                file.rename(folder.parent / f"fault-{time.monotonic_ns()}-{kind.name}")
            else:
                file.unlink()
    print(json.dumps(["", "peak", 0, peak()]), flush=True)


def peak() -> float:
    """Megabytes that the process has taken at most."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024


def check() -> list[str]:
    """Kinds whose right file is not read: damage to such a file would say nothing."""
    from fuzz_data import data_kinds
    from fuzz_files import kinds

    warnings.simplefilter("ignore")
    unread = []
    for kind in (*kinds(), *data_kinds()):
        with tempfile.TemporaryDirectory() as folder:
            for name, content in (*kind.beside, (kind.name, kind.content)):
                (Path(folder) / name).write_bytes(content)
            try:
                kind.read(Path(folder) / kind.name)
            except Exception as error:  # noqa: BLE001
                unread.append(f"{kind.name}: {type(error).__name__}: {error}")
    return unread


class Totals:
    """What came of the inputs."""

    def __init__(self) -> None:
        self.outcomes: dict[str, Counter[str]] = {}
        self.faults: list[str] = []
        self.longest, self.largest, self.peak = 0.0, 0.0, 0.0
        self.began = time.monotonic()

    def add(self, kind: str, outcome: str, seconds: float, megabytes: float) -> None:
        short = outcome.split(":")[0]
        self.outcomes.setdefault(kind, Counter())[short] += 1
        if short == "fault":
            self.faults.append(f"{kind}: {outcome}")
        self.longest, self.largest = max(self.longest, seconds), max(self.largest, megabytes)

    def count(self, outcome: str = "") -> int:
        return sum(n for c in self.outcomes.values() for o, n in c.items() if outcome in ("", o))

    def show(self) -> None:
        for kind, counts in sorted(self.outcomes.items()):
            print(f"{kind:24}", dict(counts))
        for fault in self.faults:
            print("FAULT", fault)
        spent = time.monotonic() - self.began
        print(f"{self.count()} inputs: {self.count('clean')} clean, {self.count('accepted')} "
              f"accepted, {self.count('fault')} faults; the longest took {self.longest:.2f} s, the "
              f"largest {self.largest:.0f} MB more than before; {spent:.0f} s "
              f"in all, peak of a process {self.peak:.0f} MB")  # fmt: skip


def fuzz(
    seconds: float, seed: int = 0, chosen: str = "", keep: Path | None = None, inputs: int = -1
) -> Totals:
    """Run workers one after the other until the time is over; a new one after each that dies.

    `inputs` is how many there are at most; -1 for any number.
    """
    totals, end, run = Totals(), time.monotonic() + seconds, 0
    with tempfile.TemporaryDirectory() as scratch:
        root = keep or Path(scratch)
        while run == 0 or (time.monotonic() < end and run < 100):
            folder = root / "work"
            folder.mkdir(parents=True, exist_ok=True)
            left = max(end - time.monotonic(), 0.5)
            command = [sys.executable, __file__, "--worker", str(folder), "--seconds", str(left)]
            command += ["--seed", str(seed + 1000 * run), "--kind", chosen, "--inputs", str(inputs)]
            code, last = follow(command, totals)
            if code:
                totals.add(last, f"fault: the process ended with {code}", 0, 0)
                for file in folder.iterdir():
                    name = "died" if file.name == last else "beside"
                    file.rename(root / f"{name}-{run}-{file.name}")
            run += 1
            if not code:
                break
    return totals


def follow(command: list[str], totals: Totals) -> tuple[int, str]:
    """Run a worker; its exit code, and the kind that it was busy with."""
    last = ""
    environment = os.environ | {"OMP_NUM_THREADS": "1", "NUMBA_NUM_THREADS": "1"}
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True, env=environment) as process:
        for line in process.stdout or ():
            if not line.startswith("["):
                continue
            kind, outcome, seconds, megabytes = json.loads(line)
            last = kind
            if outcome == "peak":
                totals.peak = max(totals.peak, megabytes)
            elif outcome != "began":
                totals.add(kind, outcome, seconds, megabytes)
    return process.returncode, last


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--seconds", type=float, default=600)
    parser.add_argument("--inputs", type=int, default=-1, help="at most so many")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--kind", default="", help="only this file, such as a.jpg")
    parser.add_argument("--keep", type=Path, help="folder for the inputs that were faults")
    parser.add_argument("--kernels", action="store_true")
    parser.add_argument("--check", action="store_true", help="read every right file once")
    parser.add_argument("--worker", type=Path, help=argparse.SUPPRESS)
    given = parser.parse_args()
    if given.worker:
        work(given.seconds, given.inputs, given.seed, given.kind, given.worker)
        return 0
    if given.check:
        print("\n".join(check()) or "every right file is read")
        return 0
    if given.kernels:
        from fuzz_kernels import fuzz_kernels

        return fuzz_kernels(given.seconds, given.seed)
    totals = fuzz(given.seconds, given.seed, given.kind, given.keep, given.inputs)
    totals.show()
    return 1 if totals.faults else 0


if __name__ == "__main__":
    sys.exit(main())
