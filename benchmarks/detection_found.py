"""Faces that detectors find, how well they frame them, and what they take for faces.

python benchmarks/detection_found.py aflw DATA [--rows all] [--detectors drawn mtcnn]
python benchmarks/detection_found.py photographs DATA
python benchmarks/detection_found.py empty --hdri DIR [--count 600] [--seed 1]

aflw: AFLW2000-3D; a face is found if the middle of the annotated points lies in a box and the
box's area is a fifth to five times theirs. Framing: of the square that the pipeline would cut,
against the square round the annotated points seen at the same roll: distance of the middles over
the side, and the ratio of the sides. "choices" are the rows % 4 == 2, on which settings may be
chosen, "reported" the rows % 4 == 0. photographs: counts in the collections photos_*. empty:
pictures without faces: views of panoramas, painted places, surfaces.
"""

from __future__ import annotations

import argparse
import json
import time
from collections.abc import Iterable
from pathlib import Path

import numpy as np
import torch
from PIL import Image
from selfie3d.core.image_file import list_images, read_image
from selfie3d.datasets.photographs.aflw2000 import read_aflw2000, to_pixels
from selfie3d.datasets.synthetic.panorama import read_panoramas
from selfie3d.datasets.synthetic.places import draw_place
from selfie3d.detect.detectors import get_face_detector
from selfie3d.detect.face import Face, FaceDetector
from selfie3d.geometry.crop import FRAME_PER_BOX
from selfie3d.pipeline.locate.frame import frame_of_face

BINS = {"0-30": (0, 30), "30-60": (30, 60), "60-90": (60, 400)}
ROWS = {"all": (0, 2), "choices": (2,), "reported": (0,)}
SIZES = (384, 640, 1024)


def framing(face: Face, points: np.ndarray) -> tuple[float, float]:
    """Distance of the middles, % of the right side, and side over the right side."""
    crop = frame_of_face(face, 100)
    inside = crop.to_crop(torch.from_numpy(points)).numpy()
    low, high = inside.min(0), inside.max(0)
    side = float((high - low).max()) * FRAME_PER_BOX
    return float(100 * np.linalg.norm((low + high) / 2 - 50) / side), 100 / side


def face_of(found: Iterable[Face], points: np.ndarray) -> Face | None:
    """The found face that is the annotated one."""
    low, high = points.min(0), points.max(0)
    x, y = (low + high) / 2
    area = float(np.prod(high - low))
    for face in found:
        x0, y0, x1, y1 = face.box
        if x0 < x < x1 and y0 < y < y1 and area / 5 < face.area < area * 5:
            return face
    return None


def run_aflw(detector: FaceDetector, data: Path, rows: str, limit: int) -> dict[str, object]:
    annotations = read_aflw2000(data)
    yaw = np.abs(annotations.yaw_fitted)
    chosen = [k for k in range(len(yaw)) if annotations.has_image[k] and k % 4 in ROWS[rows]]
    found, errors, extra, spent, missed = [], [], 0, 0.0, []
    for k in chosen[: limit or None]:
        points = to_pixels(annotations.points[k].T)[:, :2]
        picture = read_image(annotations.image_path(k))
        start = time.process_time()
        faces = detector.detect(picture)
        spent += time.process_time() - start
        face = face_of(faces, points)
        extra += len(faces) - (face is not None)
        found.append((yaw[k], face is not None))
        if face is None:
            missed.append(annotations.names[k])
        else:
            errors.append((yaw[k], *framing(face, points)))
    return _summary(np.array(found, float), np.array(errors), extra, spent) | {"missed": missed}


def _summary(found: np.ndarray, errors: np.ndarray, extra: int, spent: float) -> dict[str, object]:
    out: dict[str, object] = {
        "photographs": len(found),
        "found %": round(100 * found[:, 1].mean(), 2),
        "other boxes": extra,
        "processor ms": round(1000 * spent / len(found), 1),
    }
    for name, (low, high) in {"all": (0, 400), **BINS}.items():
        mine = (found[:, 0] >= low) & (found[:, 0] < high if high < 400 else True)
        own = errors[(errors[:, 0] >= low) & (errors[:, 0] < high if high < 400 else True)]
        if len(own):
            scale = np.abs(np.log(own[:, 2]))
            out[name] = {
                "found %": round(100 * found[mine, 1].mean(), 2),
                "middle %, median": round(float(np.median(own[:, 1])), 2),
                "middle %, 90th": round(float(np.quantile(own[:, 1], 0.9)), 2),
                "side, median": round(float(np.median(own[:, 2])), 3),
                "side off %, median": round(100 * float(np.median(scale)), 2),
                "side off %, 90th": round(100 * float(np.quantile(scale, 0.9)), 2),
            }
    return out


def run_photographs(detector: FaceDetector, data: Path) -> dict[str, object]:
    out: dict[str, object] = {}
    for folder in ("photos_plain", "photos_lm68", "photos_lm68/dlib", "photos_lm5", "photos_lm51",
                   "photos_id"):  # fmt: skip
        if not (data / folder).is_dir():
            continue
        counts = {}
        paths = (
            sorted((data / folder).rglob("*"))
            if folder == "photos_id"
            else list_images([data / folder])
        )
        for path in paths:
            if path.suffix.lower() in (".jpg", ".jpeg", ".png"):
                counts[path.name] = len(detector.detect(read_image(path)))
        out[folder] = {
            "photographs": len(counts), "with a face": sum(n > 0 for n in counts.values()),
            "faces": sum(counts.values()), "none in": [k for k, n in counts.items() if not n],
            "several in": {k: n for k, n in counts.items() if n > 1},
        }  # fmt: skip
    return out


def run_empty(
    detector: FaceDetector, hdri: Path | None, count: int, seed: int, out: Path | None
) -> dict[str, object]:
    panoramas = read_panoramas(hdri) if hdri else None
    boxes, pictures, scores = 0, 0, []
    for number in range(count):
        rng = np.random.default_rng([seed, number])
        picture = draw_place(rng, SIZES[number % len(SIZES)], panoramas)
        faces = detector.detect(picture)
        boxes, pictures = boxes + len(faces), pictures + bool(faces)
        scores += [round(face.score, 2) for face in faces]
        if faces and out is not None:
            out.mkdir(parents=True, exist_ok=True)
            Image.fromarray(picture).save(out / f"{number}.png")
    return {"pictures": count, "with a box": pictures, "boxes": boxes, "scores": sorted(scores)}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("what", choices=("aflw", "photographs", "empty"))
    parser.add_argument("data", nargs="?", type=Path)
    parser.add_argument("--detectors", nargs="+", default=["drawn", "mtcnn"])
    parser.add_argument("--rows", choices=ROWS, default="all")
    parser.add_argument("--limit", type=int, default=0)
    parser.add_argument("--hdri", type=Path)
    parser.add_argument("--count", type=int, default=600)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--out", type=Path, help="folder for pictures with wrong boxes")
    arguments = parser.parse_args()
    torch.set_num_threads(1)
    for name in arguments.detectors:
        detector = get_face_detector(name)
        if arguments.what == "aflw":
            report = run_aflw(detector, arguments.data, arguments.rows, arguments.limit)
        elif arguments.what == "photographs":
            report = run_photographs(detector, arguments.data)
        else:
            report = run_empty(
                detector, arguments.hdri, arguments.count, arguments.seed, arguments.out
            )
        print(json.dumps({name: report}, indent=1), flush=True)


if __name__ == "__main__":
    main()
