"""A server on this machine under load: requests a second, p95, memory; and 300 hostile uploads.

    python benchmarks/serve_load.py PHOTO [--seconds 60] [--clients 4] [--hostile 300]

Starts `selfie3d serve` and ends it. Memory is that of its processes (Linux).
"""

from __future__ import annotations

import argparse
import io
import os
import signal
import socket
import struct
import subprocess
import sys
import tempfile
import threading
import time
import zlib
from collections import Counter
from functools import cache
from pathlib import Path

import httpx
import numpy as np
from PIL import Image


def free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as found:
        return int(found.getsockname()[1])


PORT = free_port()
ADDRESS = f"http://127.0.0.1:{PORT}"
SLOW = 6.0  # seconds that slow senders are given here


def memory_mb(root: int) -> float:
    """Resident memory of a process and those below it."""
    parents = {}
    for entry in Path("/proc").glob("[0-9]*"):
        try:
            fields = (entry / "stat").read_text().rpartition(")")[2].split()
            parents[int(entry.name)] = int(fields[1]), int(fields[21])
        except OSError:
            continue
    family, grown = {root}, True
    while grown:
        found = {pid for pid, (parent, _) in parents.items() if parent in family}
        grown = not found <= family
        family |= found
    return sum(parents[p][1] for p in family if p in parents) * os.sysconf("SC_PAGE_SIZE") / 1e6


def is_healthy() -> bool:
    try:
        return httpx.get(f"{ADDRESS}/health").status_code == 200
    except httpx.HTTPError:
        return False


def files_of(root: Path) -> set[str]:
    return {str(path) for path in root.rglob("*")}


def load(photo: bytes, clients: int, seconds: float, path: str) -> tuple[list[float], Counter]:
    """Times and statuses of clients that ask one after the other."""
    end, times, statuses = time.time() + seconds, [], Counter()

    def work() -> None:
        with httpx.Client(timeout=120) as client:
            while time.time() < end:
                start = time.perf_counter()
                answer = client.post(ADDRESS + path, content=photo)
                times.append(time.perf_counter() - start)
                statuses[answer.status_code] += 1

    threads = [threading.Thread(target=work) for _ in range(clients)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return times, statuses


def png(width: int, height: int, rows: bytes = b"") -> bytes:
    """A PNG that declares a size."""

    def chunk(kind: bytes, data: bytes) -> bytes:
        return (
            struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))
        )

    head = struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    body = chunk(b"IHDR", head) + chunk(b"IDAT", zlib.compress(rows, 9)) + chunk(b"IEND", b"")
    return b"\x89PNG\r\n\x1a\n" + body


@cache
def large() -> tuple[bytes, bytes, bytes]:
    """A bomb of 39 megapixels, a size beyond everything, and one beyond the limit."""
    bomb = png(8000, 4900, b"\0" * (8000 * 3 + 1) * 4900)
    return bomb, png(60000, 60000), png(7000, 6000, b"\0" * 21_000)


def hostile(photo: bytes, k: int) -> tuple[str, bytes, dict[str, str]]:
    """Upload number k: its kind, its content, its headers."""
    rng = np.random.default_rng(k)
    form = {"content-type": "multipart/form-data; boundary=cut"}
    damaged = bytearray(photo)
    for at in rng.integers(0, len(photo), 30):
        damaged[at] = int(rng.integers(0, 256))
    name = ("../../../etc/passwd", "..\\x", "/etc/shadow", "a\0b", "x" * 5000)[k % 5]
    part = f'--cut\r\nContent-Disposition: form-data; name="photo"; filename="{name}"\r\n\r\n'
    kinds = [
        ("bomb", large()[0], {}),
        ("huge size", large()[1], {}),
        ("over 40 MP", large()[2], {}),
        ("truncated", photo[: int(rng.integers(1, len(photo)))], {}),
        ("damaged", bytes(damaged), {}),
        ("noise", rng.bytes(5000), {}),
        ("empty", b"", {}),
        (
            "SVG",
            b'<svg xmlns="http://www.w3.org/2000/svg"><image href="file:///etc/passwd"/></svg>',
            {},
        ),
        ("polyglot", photo[:20] + b"<script>alert(1)</script>" + photo[20:], {}),
        ("HTML in a GIF", b"GIF89a" + b"<html><script>1</script>" * 20, {}),
        ("EPS", b"%!PS-Adobe-3.0 EPSF\n%%BoundingBox: 0 0 9 9\n(/etc/passwd) run", {}),
        ("zip", b"PK\3\4" + bytes(3000), {}),
        ("pickle", b"cos\nsystem\n(S'id'\ntR.", {}),
        ("path as a name", part.encode() + photo + b"\r\n--cut--\r\n", form),
        ("form without end", part.encode() + photo, form),
        ("many parts", (part.encode() + b"x\r\n") * 500 + b"--cut--\r\n", form),
        ("too large", bytes(21_000_000), {}),
        ("encoded", zlib.compress(bytes(10**6)), {"content-encoding": "deflate"}),
    ]
    return kinds[k % len(kinds)]


def send_all(photo: bytes, count: int) -> Counter:
    """Statuses of hostile uploads, by kind."""
    found: Counter = Counter()
    for k in range(count):
        kind, content, headers = hostile(photo, k)
        try:
            answer = httpx.post(
                f"{ADDRESS}/api/faces", content=content, headers=headers, timeout=60
            )
            found[kind, answer.status_code] += 1
        except httpx.HTTPError as error:
            found[kind, type(error).__name__] += 1
    return found


def slow_senders(count: int) -> list[socket.socket]:
    """Connections that promise a photograph and send a byte."""
    made = []
    for _ in range(count):
        sender = socket.create_connection(("127.0.0.1", PORT))
        sender.sendall(b"POST /api/faces HTTP/1.1\r\nHost: x\r\nContent-Length: 1000\r\n\r\n\xff")
        made.append(sender)
    return made


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("photo", type=Path)
    parser.add_argument("--seconds", type=float, default=60)
    parser.add_argument("--clients", type=int, default=4)
    parser.add_argument("--hostile", type=int, default=300)
    options = parser.parse_args()
    photo = options.photo.read_bytes()
    small = io.BytesIO()
    Image.open(io.BytesIO(photo)).convert("RGB").save(small, "JPEG")
    with tempfile.TemporaryDirectory() as folder:
        code = "from selfie3d.cli import main; main()"
        words = ["serve", "--port", str(PORT), "--upload-seconds", str(SLOW)]
        surroundings = os.environ | {"TMPDIR": folder}
        server = subprocess.Popen([sys.executable, "-c", code, *words], env=surroundings)
        try:
            measure(options, small.getvalue(), server, Path(folder))
        finally:
            server.send_signal(signal.SIGINT)
            server.wait(30)


def measure(
    options: argparse.Namespace, photo: bytes, server: subprocess.Popen, folder: Path
) -> None:
    pid = server.pid
    while not is_healthy():
        if server.poll() is not None:
            raise SystemExit(f"the server ended with {server.returncode}")
        time.sleep(0.5)
    print(f"begun: {memory_mb(pid):.0f} MB")
    for path in ("/api/faces", "/api/head.glb"):
        times, statuses = load(photo, options.clients, options.seconds / 2, path)
        p95 = np.percentile(times, 95)
        rate = len(times) / (options.seconds / 2)
        print(f"{path}: {rate:.2f} a second, p95 {p95:.2f} s, {dict(statuses)}", end=", ")
        print(f"{memory_mb(pid):.0f} MB", flush=True)
    before = files_of(folder)
    for (kind, status), count in sorted(send_all(photo, options.hostile).items(), key=str):
        print(f"  {kind}: {count} x {status}")
    senders = slow_senders(20)
    start = time.perf_counter()
    answer = httpx.post(f"{ADDRESS}/api/faces", content=photo, timeout=60)
    print(f"beside 20 slow senders: {answer.status_code} in {time.perf_counter() - start:.1f} s")
    time.sleep(SLOW + 2)
    print("slow senders got:", Counter(s.recv(12) for s in senders))
    print(f"after: {memory_mb(pid):.0f} MB, new files: {sorted(files_of(folder) - before)}")


if __name__ == "__main__":
    main()
