"""What `selfie3d prepare` does to photographs: skin masks, time of its stages and of the loaders.

    python benchmarks/preparation.py skin POOL [--count 500] [--sheet FILE]
    python benchmarks/preparation.py stages PHOTO... [--sheet FILE]
    python benchmarks/preparation.py loaders POOL [--items 100000]

POOL is a folder of `selfie3d synth --out POOL --count 3000 --size 144`. `skin` compares the masks
that the colours give, in the landmarks of the truth and in those of our own network, with the ones
that were drawn, by fifths of the skin's lightness (CIE L* of the face's albedo, before any light).
`stages` prepares photographs one after the other on one thread. `loaders` writes a thousand faces
of POOL as a shard, makes batches of it, and reads it again and again, looking at the memory.
"""

from __future__ import annotations

import argparse
import io
import os
import tempfile
import time
from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from PIL import Image
from selfie3d.core.errors import Selfie3dError
from selfie3d.core.image_file import read_image, write_image
from selfie3d.datasets.batches.crops import crop_of
from selfie3d.datasets.batches.photo_augment import PhotoAugmentConfig
from selfie3d.datasets.batches.sample import FaceSample
from selfie3d.datasets.photographs.record import Record
from selfie3d.datasets.photographs.rendered import RenderedPhotographs
from selfie3d.datasets.shards.source import BatchOrder, FaceLoader
from selfie3d.datasets.shards.tar import ShardEntry, TarShards, write_tar_shard
from selfie3d.detect import get_face_detector
from selfie3d.detect.skin import skin_mask
from selfie3d.facemodels import load_face_model
from selfie3d.prepare.estimators import OwnEstimator
from selfie3d.prepare.work import cut_picture, mask_bytes, picture_bytes, window_round
from selfie3d.render.overlay import draw_landmarks, to_image, to_picture

Array = NDArray[np.float64]
CELL, SIZE, BATCH = 240, 512, 32
TINT = np.array([40, 200, 60])


def lightness(model, sample: FaceSample) -> float:
    """CIE L* (0..100) of the mean albedo of a face's skin, from sRGB under D65."""
    skin = model.region("skin").bool()
    albedo = model.albedo(sample.truth.coefficients)[0][skin].clamp(0, 1).double()
    linear = torch.where(albedo <= 0.04045, albedo / 12.92, ((albedo + 0.055) / 1.055) ** 2.4)
    weights = torch.tensor([0.2126, 0.7152, 0.0722], dtype=torch.float64)
    y = float((linear @ weights).mean())
    return 116 * y ** (1 / 3) - 16 if y > (6 / 29) ** 3 else y * (29 / 3) ** 3


def overlap(found: NDArray, true: NDArray) -> tuple[float, float, float]:
    """Intersection over union, precision and recall of masks, in percent."""
    a, b = found > 127, true > 127
    both = (a & b).sum()
    return tuple(100 * both / max(n, 1) for n in ((a | b).sum(), a.sum(), b.sum()))


def measure_skin(pool: Path, count: int, sheet: Path | None) -> None:
    data = RenderedPhotographs(pool)
    model = load_face_model("default")
    own = OwnEstimator()
    rows, cells = [], []
    for row in np.unique(np.linspace(0, len(data) - 1, count).astype(int)).tolist():
        try:
            sample = data[row]
        except Selfie3dError:
            continue  # a face drawn without visible skin
        points = sample.landmarks["ibug68-3d"]
        box = np.stack([points.min(0), points.max(0)])
        guessed = own([sample.picture], [box])[0].landmarks["ibug68-3d"]
        masks = [skin_mask(sample.picture, known) for known in (points, guessed)]
        scores = [overlap(mask, sample.skin) for mask in masks]
        turn = sample.truth.camera.rotation[0, 0, 2].clamp(-1, 1).asin().abs().rad2deg()
        rows.append((lightness(model, sample), float(turn), *scores[0], *scores[1]))
        shown = (np.zeros_like(sample.skin), sample.skin, masks[0])
        cells.append((scores[0][0], np.hstack([tinted(sample.picture, m) for m in shown])))
    print_skin(np.array(rows))
    if sheet is not None:
        cells.sort(key=lambda cell: cell[0])
        chosen = np.linspace(0, len(cells) - 1, 40).astype(int)
        write_image(sheet, grid([cells[k][1] for k in chosen], 4))


def print_skin(table: Array) -> None:
    order = np.argsort(table[:, 0])
    parts = {f"fifth {n}": part for n, part in enumerate(np.array_split(order, 5), 1)}
    turned = table[:, 1]
    parts |= {
        "turned less than 30 degrees": np.flatnonzero(turned < 30),
        "30 to 60": np.flatnonzero((turned >= 30) & (turned < 60)),
        "60 and more": np.flatnonzero(turned >= 60),
        "all": order,
    }
    print("| faces | L* | number | IoU mean | median | worst tenth | precision | recall | IoU, own")
    for name, part in parts.items():
        own = table[part]
        if not len(own):
            continue
        low, high = own[:, 0].min(), own[:, 0].max()
        print(
            f"| {name} | {low:.0f}-{high:.0f} | {len(own)} | {own[:, 2].mean():.1f} "
            f"| {np.median(own[:, 2]):.1f} | {np.percentile(own[:, 2], 10):.1f} "
            f"| {own[:, 3].mean():.1f} | {own[:, 4].mean():.1f} | {own[:, 5].mean():.1f} |"
        )


def tinted(picture: NDArray, mask: NDArray) -> NDArray[np.uint8]:
    """The picture, green where the mask is."""
    weight = 0.4 * (mask > 127)[..., None]
    return (picture * (1 - weight) + TINT * weight).astype(np.uint8)


def grid(cells: Sequence[NDArray[np.uint8]], columns: int) -> NDArray[np.uint8]:
    """Cells of one size, row by row, on black."""
    missing = -len(cells) % columns
    filled = [*cells, *[np.zeros_like(cells[0])] * missing]
    rows = [np.hstack(filled[k : k + columns]) for k in range(0, len(filled), columns)]
    return np.vstack(rows)


class Clock:
    """Wall and processor seconds by stage."""

    def __init__(self) -> None:
        self.seconds: dict[str, list[float]] = {}

    def __call__(self, stage: str, work: Callable, *arguments):
        wall, processor = time.perf_counter(), time.process_time()
        result = work(*arguments)
        known = self.seconds.setdefault(stage, [0.0, 0.0])
        known[0] += time.perf_counter() - wall
        known[1] += time.process_time() - processor
        return result


def measure_stages(photos: Sequence[Path], sheet: Path | None) -> None:
    torch.set_num_threads(1)
    detector, own, clock = get_face_detector(), OwnEstimator(), Clock()
    warm = read_image(photos[0])
    detector.detect(warm)
    own([warm], [np.array([[0.0, 0], [64, 64]])])
    skin_mask(warm, np.random.default_rng(0).uniform(0, 60, (68, 2)))
    pictures = [clock("read", read_image, photo) for photo in photos]
    faces = [clock("detect", detector.detect, picture) for picture in pictures]
    found = [(p, f[0]) for p, f in zip(pictures, faces, strict=True) if f]
    estimates = clock("landmarks", own, [p for p, _ in found], [f.points for _, f in found])
    points = [estimate.landmarks["ibug68-3d"] for estimate in estimates]
    masks = [clock("skin", skin_mask, p, k) for (p, _), k in zip(found, points, strict=True)]
    with tempfile.TemporaryDirectory() as folder:
        entries = [
            clock("cut and encode", entry, str(k), picture, known, mask)
            for k, ((picture, _), known, mask) in enumerate(zip(found, points, masks, strict=True))
        ]
        clock("write the shard", write_tar_shard, Path(folder) / "train-00000.tar", entries)
    megapixels = np.mean([p.shape[0] * p.shape[1] for p in pictures]) / 1e6
    print(f"{len(photos)} photographs of {megapixels:.2f} megapixels, {len(found)} with a face")
    print("| stage | images/s | images per processor second |")
    for stage, (wall, processor) in clock.seconds.items():
        print(f"| {stage} | {len(found) / wall:.1f} | {len(found) / max(processor, 1e-9):.1f} |")
    whole = np.sum(list(clock.seconds.values()), 0)
    print(f"| all | {len(found) / whole[0]:.1f} | {len(found) / whole[1]:.1f} |")
    if sheet is not None:
        shown = zip(found, points, masks, strict=True)
        write_image(sheet, grid([face_cell(p, known, mask) for (p, _), known, mask in shown], 5))


def entry(name: str, picture: NDArray, points: Array, mask: NDArray) -> ShardEntry:
    """The photograph cut round the face, brought down and encoded."""
    box = (*points.min(0).tolist(), *points.max(0).tolist())
    x0, y0, x1, y1 = window_round(box, picture.shape[1], picture.shape[0])
    cut, scale = cut_picture(picture, (x0, y0, x1, y1), SIZE)
    part, _ = cut_picture(np.repeat(mask[..., None], 3, 2), (x0, y0, x1, y1), SIZE)
    moved = (points - np.array([x0, y0])) * scale
    content, suffix = picture_bytes(cut, None)
    return ShardEntry(name, content, suffix, Record({"ibug68-3d": moved}), mask_bytes(part[..., 0]))


def face_cell(picture: NDArray, points: Array, mask: NDArray) -> NDArray[np.uint8]:
    """The face, and beside it the face with its mask and points."""
    box = (*points.min(0).tolist(), *points.max(0).tolist())
    crop = crop_of("sadrnet", FaceSample("face", picture, box=box), CELL)
    views = [crop.warp(to_image(p))[0][0] for p in (picture, tinted(picture, mask))]
    plain, marked = (to_picture(view) for view in views)
    drawn = draw_landmarks(marked, crop.to_crop(torch.from_numpy(points)).numpy())
    return np.hstack([plain, drawn])


def jpeg(picture: NDArray) -> bytes:
    stream = io.BytesIO()
    Image.fromarray(picture).save(stream, "JPEG", quality=95)
    return stream.getvalue()


def write_pool(pool: Path, folder: Path, count: int = 1000) -> TarShards:
    data = RenderedPhotographs(pool)
    entries = []
    for row in range(min(count, len(data))):
        try:
            sample = data[row]
        except Selfie3dError:
            continue
        record = Record(sample.landmarks, labels={"identity": np.array([float(row)])})
        picture = jpeg(sample.picture)
        entries.append(ShardEntry(f"{row:05d}", picture, ".jpg", record, mask_bytes(sample.skin)))
    write_tar_shard(folder / "train-00000.tar", entries)
    return TarShards(folder)


def resident_mb() -> float:
    """Memory of this process, MB."""
    pages = int(Path("/proc/self/statm").read_text().split()[1])
    return pages * os.sysconf("SC_PAGE_SIZE") / 1e6


def measure_loaders(pool: Path, items: int) -> None:
    torch.set_num_threads(1)
    with tempfile.TemporaryDirectory() as folder:
        data = write_pool(pool, Path(folder))
        print("| readers | images/s in batches of 32 at 128 px | per processor second |")
        for readers in (1, 2):
            order = BatchOrder("tight", PhotoAugmentConfig(), 128, BATCH, 1)
            source = FaceLoader([data], [1.0], order, threads=readers)
            next(source)
            wall, processor, batches = time.perf_counter(), time.process_time(), 40
            for _ in range(batches):
                next(source)
            wall, processor = time.perf_counter() - wall, time.process_time() - processor
            count = batches * BATCH
            print(f"| {readers} | {count / wall:.0f} | {count / processor:.0f} |")
        start = time.perf_counter()
        print(f"memory before: {resident_mb():.0f} MB")
        for item in range(1, items + 1):
            data[item % len(data)]
            if item % max(1, items // 5) == 0:
                rate = item / (time.perf_counter() - start)
                print(f"after {item:,} samples: {resident_mb():.0f} MB, {rate:.0f} samples/s")


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parts = parser.add_subparsers(dest="part", required=True)
    skin = parts.add_parser("skin")
    skin.add_argument("pool", type=Path)
    skin.add_argument("--count", type=int, default=500)
    skin.add_argument("--sheet", type=Path)
    stages = parts.add_parser("stages")
    stages.add_argument("photos", nargs="+", type=Path)
    stages.add_argument("--sheet", type=Path)
    loaders = parts.add_parser("loaders")
    loaders.add_argument("pool", type=Path)
    loaders.add_argument("--items", type=int, default=100_000)
    options = parser.parse_args()
    if options.part == "skin":
        torch.set_num_threads(1)
        measure_skin(options.pool, options.count, options.sheet)
    elif options.part == "stages":
        measure_stages(options.photos, options.sheet)
    else:
        measure_loaders(options.pool, options.items)


if __name__ == "__main__":
    main()
