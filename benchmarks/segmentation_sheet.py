"""Photographs beside what the network says that every pixel shows, to count mistakes by eye.

    python benchmarks/segmentation_sheet.py PHOTOGRAPHS... --out DIR [--count N] [--weights W]

PHOTOGRAPHS are files or folders; 60 of them or N, evenly spread, are shown with their largest face:
the photograph, and beside it the classes in the colours of the overlay. Writes DIR/sheet_K.png with
15 photographs each and DIR/names.txt with their names in the sheets' order; photographs without a
face are named and left out.
"""

from __future__ import annotations

import argparse
from pathlib import Path

import numpy as np
import torch
from selfie3d.core.errors import NoFaceError
from selfie3d.core.image_file import list_images, read_image, write_image
from selfie3d.core.progress import progress_bar
from selfie3d.pipeline import ReconstructOptions, Reconstructor
from selfie3d.pipeline.locate.cut import cut_tensor
from selfie3d.pipeline.output.pictures import tinted_picture, window_of
from selfie3d.render.overlay import contact_sheet, to_picture

PER_SHEET, COLUMNS, CELL = 15, 6, 384


def judged_pictures(maker: Reconstructor, path: Path) -> list[np.ndarray]:
    """The largest face of a photograph, and its classes.

    Raises:
        NoFaceError: nothing was found.
    """
    picture = read_image(path)
    face = maker.reconstruct_face(picture, maker.detect(picture)[0], textured=False)
    points = torch.from_numpy(face.landmarks_68[:, :2])
    crop = window_of(points[~points.isnan().any(1)], wider=1.3)
    cut = to_picture(cut_tensor(picture, crop)[0])
    if face.segments is None:
        raise SystemExit("These weights have no segmentation.")
    return [cut, tinted_picture(cut, face.segments, crop)]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("photographs", type=Path, nargs="+")
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--count", type=int, default=60)
    parser.add_argument("--weights", default="default")
    arguments = parser.parse_args()
    arguments.out.mkdir(parents=True, exist_ok=True)
    maker = Reconstructor(ReconstructOptions(weights=arguments.weights, max_faces=1))
    paths = list_images(arguments.photographs)
    chosen = np.linspace(0, len(paths) - 1, min(arguments.count, len(paths))).round().astype(int)
    shown, names = [], []
    with progress_bar("Photographs", len(chosen)) as advance:
        for index in chosen:
            try:
                shown += judged_pictures(maker, paths[index])
                names.append(paths[index].name)
            except NoFaceError:
                print(f"{paths[index]}: no face")
            advance()
    for first in range(0, len(shown), 2 * PER_SHEET):
        sheet = contact_sheet(shown[first : first + 2 * PER_SHEET], COLUMNS, CELL)
        write_image(arguments.out / f"sheet_{first // PER_SHEET // 2}.png", sheet)
    (arguments.out / "names.txt").write_text("\n".join(names) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
