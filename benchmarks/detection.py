"""Time of face detection, and the memory and time of reading very large photographs.

python benchmarks/detection.py [PHOTO] [--threads 2] [--detectors mtcnn drawn] [--large]

PHOTO is a photograph with one face (default: the demo's); it is scaled to 0.25, 1, 4 and 12
megapixels. --large also reads files at the limit of 200 megapixels, each in its own process (up
to 3 GB of memory, a minute). What detectors find is measured by detection_found.py.
"""

from __future__ import annotations

import argparse
import multiprocessing
import resource
import statistics
import tempfile
import time
from pathlib import Path

import numpy as np
import torch
from PIL import Image
from selfie3d.core.image_file import MAX_MEGAPIXELS, read_image
from selfie3d.detect import get_face_detector

EXAMPLE = Path(__file__).resolve().parents[1] / "pipeline" / "data" / "astronaut.jpg"


def time_detection(photo: np.ndarray, name: str, repeats: int = 9) -> None:
    detector = get_face_detector(name)
    height, width = photo.shape[:2]
    noise = np.random.default_rng(0).integers(0, 256, (1000, 1000, 3), dtype=np.uint8)
    images = {"1 MP of noise, no face": noise}
    for megapixels in (0.25, 1, 4, 12):
        scale = (megapixels * 1e6 / (width * height)) ** 0.5
        size = (round(width * scale), round(height * scale))
        images[f"{megapixels} MP"] = np.asarray(Image.fromarray(photo).resize(size))
    for title, image in images.items():
        faces = detector.detect(image)
        times, spent = [], []
        for _ in range(repeats):
            start, begun = time.perf_counter(), time.process_time()
            detector.detect(image)
            times.append(1000 * (time.perf_counter() - start))
            spent.append(1000 * (time.process_time() - begun))
        print(
            f"{name}, {title}: {len(faces)} face(s), median {statistics.median(times):.0f} ms, "
            f"fastest {min(times):.0f} ms, of the processor {min(spent):.0f} ms"
        )


def read_large(path: Path, name: str) -> None:
    start = time.perf_counter()
    shape = read_image(path).shape
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1e6
    print(f"{name} {shape}: {time.perf_counter() - start:.1f} s, peak memory {peak:.1f} GB")


def time_reading(folder: Path) -> None:
    side = int((MAX_MEGAPIXELS * 1e6) ** 0.5)
    tile = np.random.default_rng(0).integers(0, 256, (side, 1, 4), dtype=np.uint8)
    exif = Image.Exif()
    exif[0x0112] = 6
    for mode, suffix in [("RGB", "jpg"), ("RGBA", "png"), ("L", "jpg")]:
        path = folder / f"{mode}.{suffix}"
        image = Image.fromarray(np.repeat(tile, side, axis=1)).convert(mode)
        image.save(path, exif=exif, compress_level=1, progressive=mode == "RGB")
        del image
        name = f"{mode} {suffix}, turned by EXIF"
        reader = multiprocessing.get_context("spawn").Process(target=read_large, args=(path, name))
        reader.start()
        reader.join()
        path.unlink()


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("photo", nargs="?", type=Path, default=EXAMPLE)
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--detectors", nargs="+", default=["mtcnn", "drawn"])
    parser.add_argument("--large", action="store_true")
    arguments = parser.parse_args()
    torch.set_num_threads(arguments.threads)
    for name in arguments.detectors:
        time_detection(read_image(arguments.photo), name)
    if arguments.large:
        with tempfile.TemporaryDirectory() as folder:
            time_reading(Path(folder))


if __name__ == "__main__":
    main()
