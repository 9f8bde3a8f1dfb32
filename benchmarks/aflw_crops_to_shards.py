"""AFLW's 120 px crops as shards: python benchmarks/aflw_crops_to_shards.py DATA OUT.

DATA holds aflw_crops120.tar, NAME.jpg of 120 x 120 pixels each, and annotations.npz with names (N,)
and points21 (N,21,2) in crop pixels, NaN where not visible. The points' frame is ours, the centre
of the first pixel at (0.5, 0.5): over 2,858 eyes of faces with a yaw below 15 degrees the dark part
of an eye lies 0.05 +- 0.02 px to the left of its annotated middle; another frame would put it half
a pixel to a side. (Up and down, lashes and brows hide such a difference.)

Points outside [-30, 150] are dropped. Every 40th photograph goes to val-00000.tar, the others to
train-NNNNN.tar; each has the landmarks "aflw21" and the box that 3DDFA's crop was made from. AFLW
is for research only: neither the shards nor weights trained on them may be passed on.
"""

from __future__ import annotations

import argparse
import tarfile
from collections.abc import Iterator
from pathlib import Path

import numpy as np
from selfie3d.core.errors import InputError, MissingFileError
from selfie3d.datasets.photographs.record import Record
from selfie3d.datasets.shards.tar import ShardEntry, shard_paths, write_tar_shard

SIDE = 120
LOW, HIGH = -30, 150
APART = 40
PER_SHARD = 2000
INNER = tuple(float(v) for v in SIDE / 2 * (1 + np.array([-1, -1, 1, 1]) * 0.5**0.5))


def read(folder: Path) -> dict[str, Record]:
    """What is known of each crop, by file name; crops without one visible point are left out."""
    path = folder / "annotations.npz"
    if not path.is_file():
        raise MissingFileError(str(path), "The annotation of the crops", "See the module.")
    with np.load(path, allow_pickle=False) as content:
        names, points = content["names"].tolist(), content["points21"].astype(np.float64)
    if points.shape != (len(names), 21, 2):
        raise InputError(str(path), f"points21 of shape ({len(names)},21,2)", str(points.shape))
    outside = ((points < LOW) | (points > HIGH)).any(2)
    points[outside] = np.nan
    print(f"{len(names)} crops, {int(outside.sum())} points dropped")
    return {
        name: Record({"aflw21": own}, box=INNER)
        for name, own in zip(names, points, strict=True)
        if np.isfinite(own).all(1).any()
    }


def entries(folder: Path, records: dict[str, Record], names: list[str]) -> Iterator[ShardEntry]:
    with tarfile.open(folder / "aflw_crops120.tar", "r:") as archive:
        for name in names:
            member = archive.extractfile(name)
            if member is None:
                raise InputError(str(folder), f"a picture named {name}", "another thing")
            yield ShardEntry(Path(name).stem, member.read(), ".jpg", records[name])


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("data", type=Path)
    parser.add_argument("out", type=Path)
    options = parser.parse_args()
    records = read(options.data)
    names = sorted(records)
    kept = names[::APART]
    train = [name for k, name in enumerate(names) if k % APART]
    parts = [train[at : at + PER_SHARD] for at in range(0, len(train), PER_SHARD)]
    options.out.mkdir(parents=True, exist_ok=True)
    paths = [*shard_paths(options.out, "train", len(parts)), *shard_paths(options.out, "val", 1)]
    for path, part in zip(paths, [*parts, kept], strict=True):
        print(path, write_tar_shard(path, entries(options.data, records, part)))


if __name__ == "__main__":
    main()
