"""Fit any face models to annotated photographs: landmark error and processor time of each.

    python benchmarks/face_models.py DATA --model default --model ict.npz --out DIR [--aflw 12]

DATA holds the research collections photos_lm68, photos_lm51 and aflw2000; what is not there is
skipped. The optimiser works alone, from the detector's five points. Errors are mean distances in %
of sqrt(w*h) of the annotated points, over those of the set `ibug68` that the model has: the jaw
points of 300-W follow the outline, so that models without a jaw have an easier task; `inner` leaves
the jaw out for all. Writes overlay and turntable of the photographs annotated by hand.
"""

from __future__ import annotations

import argparse
import json
import time
from pathlib import Path

import numpy as np
from annotated import Annotated, aflw2000_frontal, hand_annotated
from photographs import annotated_face
from selfie3d.core.image_file import read_image, write_image
from selfie3d.pipeline.options import ReconstructOptions
from selfie3d.pipeline.output.pictures import overlay_picture, turntable_picture
from selfie3d.pipeline.reconstructor import Reconstructor

JAW = 17


def error_percent(points: np.ndarray, item: Annotated, first: int = 0) -> float:
    """Mean distance of points (68,2) from `first` on, % of sqrt(w*h) of all annotated ones."""
    width, height = np.ptp(item.points, axis=0)
    distance = np.linalg.norm(points[item.rows] - item.points, axis=1)
    return float(100 * np.nanmean(distance[item.rows >= first]) / np.sqrt(width * height))


def measure(maker: Reconstructor, items: list[Annotated], out: Path | None) -> dict[str, object]:
    rows, seconds = [], []
    for item in items:
        picture = read_image(item.path)
        face = annotated_face(maker, picture, item)
        if face is None:
            continue
        start = time.process_time()
        result = maker.reconstruct_face(picture, face)
        seconds.append(time.process_time() - start)
        points = result.landmarks_68[:, :2]
        rows.append((error_percent(points, item), error_percent(points, item, JAW)))
        if out is not None:
            write_image(out / f"{item.path.stem}_overlay.png", overlay_picture(result, picture))
            write_image(out / f"{item.path.stem}_turntable.png", turntable_picture(result))
    every, inner = np.array(rows).mean(0).round(2).tolist() if rows else (None, None)
    return {
        "photographs": len(items),
        "faces": len(rows),
        "error": every,
        "inner": inner,
        "processor seconds a face": round(float(np.mean(seconds)), 2) if seconds else None,
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("data", type=Path)
    parser.add_argument("--model", action="append", required=True, help="a name or a path; again")
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--aflw", type=int, default=12, help="frontal images of aflw2000")
    arguments = parser.parse_args()
    sets = {"hand": list(hand_annotated(arguments.data))}
    if arguments.aflw:
        sets["aflw2000 frontal"] = list(aflw2000_frontal(arguments.data, arguments.aflw))
    for name in arguments.model:
        maker = Reconstructor(ReconstructOptions(name, texture_size=256, weights="fit"))
        folder = arguments.out / Path(name).stem
        folder.mkdir(parents=True, exist_ok=True)
        for which, items in sets.items():
            figures = measure(maker, items, folder if which == "hand" else None)
            print(json.dumps({"model": name, "set": which, **figures}), flush=True)


if __name__ == "__main__":
    main()
