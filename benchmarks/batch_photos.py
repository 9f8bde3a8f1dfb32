"""Photographs for `batch.py`: drawn heads, other pictures, and files that are no photographs.

    python benchmarks/batch_photos.py --out DIR --count 20000 [--like FOLDER ...] [--hostile 1000]

600 different heads in places, 144 to 400 pixels; these under other names, every fourth a picture of
the other folders, until there are enough; the hostile ones are among them and end in _hostile.jpg.
"""

from __future__ import annotations

import argparse
import zlib
from pathlib import Path

import numpy as np
from PIL import Image

_DRAWN, _SIZES = 600, (144, 192, 256, 320, 400)  # heads, pixels of a picture's side
_PICTURES = (".jpg", ".png")


def make_photos(out: Path, count: int, like: list[Path], hostile: int) -> None:
    out.mkdir(parents=True, exist_ok=True)
    names = [f"{k:06d}" for k in range(count)]
    np.random.default_rng(1).shuffle(names)  # large and small, drawn and taken, mixed
    first, others, last = np.split(names, [min(_DRAWN, count - hostile), count - hostile])
    draw(out, first)
    drawn = [out / f"{name}.jpg" for name in first]
    taken = [p for folder in like for p in sorted(folder.rglob("*")) if p.suffix in _PICTURES]
    for number, name in enumerate(others):
        pictures, k = (taken, number // 4) if taken and number % 4 == 0 else (drawn, number)
        source = pictures[k % len(pictures)]
        link(source, out / f"{name}{source.suffix}")
    spoil(out, drawn, last)


def draw(out: Path, names: list[str]) -> None:
    """Different heads in places, in pictures of several sizes."""
    from selfie3d.datasets import SyntheticConfig, SyntheticFaces

    for part, size in enumerate(_SIZES):
        config = SyntheticConfig(size=size, seed=5 + part, margin=2.0 + part / 4, turns=0.4)
        faces = SyntheticFaces(config)
        for k, name in enumerate(names[part :: len(_SIZES)]):
            if not (out / f"{name}.jpg").exists():
                Image.fromarray(faces.item(k).image).save(out / f"{name}.jpg", quality=92)


def link(source: Path, target: Path) -> None:
    """A picture under another name; two links to one file count as two photographs."""
    if not target.exists():
        same_disk = source.stat().st_dev == target.parent.stat().st_dev
        (target.hardlink_to if same_disk else target.symlink_to)(source.resolve())


def spoil(out: Path, drawn: list[Path], names: list[str]) -> None:
    """Damaged, cut, noise, empty, 4 gigapixels in 200 bytes, and a drawing: a sixth of each."""
    rng, bomb = np.random.default_rng(1), huge()
    for k, name in enumerate(names):
        whole = np.frombuffer(drawn[k % len(drawn)].read_bytes(), np.uint8)
        damaged = whole.copy()
        damaged[rng.integers(0, whole.size, 20)] = rng.integers(0, 256, 20)
        cut, noise = whole[: rng.integers(whole.size)], rng.integers(0, 256, 999, np.uint8)
        kinds = (damaged, cut, noise, b"", bomb, b"<svg xmlns='http://www.w3.org/2000/svg'/>")
        (out / f"{name}_hostile.jpg").write_bytes(bytes(kinds[k % len(kinds)]))


def huge() -> bytes:
    """A PNG that says that it has 65,535 x 65,535 pixels."""
    side = (65535).to_bytes(4, "big")
    parts = ((b"IHDR", side + side + b"\x08\2\0\0\0"), (b"IDAT", zlib.compress(bytes(1 << 16))))
    return b"\x89PNG\r\n\x1a\n" + b"".join(chunk(*part) for part in (*parts, (b"IEND", b"")))


def chunk(name: bytes, content: bytes) -> bytes:
    checksum = zlib.crc32(name + content).to_bytes(4, "big")
    return len(content).to_bytes(4, "big") + name + content + checksum


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--count", type=int, default=2000)
    parser.add_argument("--like", type=Path, nargs="*", default=[])
    parser.add_argument("--hostile", type=int, default=0)
    given = parser.parse_args()
    make_photos(given.out, given.count, given.like, given.hostile)


if __name__ == "__main__":
    main()
