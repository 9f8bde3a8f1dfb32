"""Draws docs/images/failures.jpg: drawn faces that were not found, or found and wrong, once.

    python docs/site/failures.py

The faces were looked for among the first 240 of a seed with heads turned to any side and something
before every second one. Numbers under the pictures are printed; docs/limits.md has them.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw
from selfie3d import ReconstructOptions, Reconstructor
from selfie3d.core import NoFaceError
from selfie3d.datasets import SyntheticConfig, SyntheticFaces

OUT = Path(__file__).resolve().parents[1] / "images" / "failures.jpg"
SIDE = 256
Picture = NDArray[np.uint8]
Change = Callable[[Picture], Picture]


def small(pixels: int) -> Change:
    """A picture of so few pixels."""
    return lambda picture: np.asarray(Image.fromarray(picture).resize((pixels, pixels), 1))


def one_lamp(picture: Picture) -> Picture:
    """The left half far too bright, the right one nearly black."""
    left = np.arange(SIDE)[None, :, None] < SIDE / 2
    return np.clip(picture * np.where(left, 3.5, 0.03), 0, 255).astype(np.uint8)


CASES: tuple[tuple[str, int, Change | None], ...] = (
    ("profile", 21, None),
    ("a hat in profile", 42, None),
    ("a hand before an eye", 23, None),
    ("one hard lamp", 4, one_lamp),
    ("20 pixels wide", 4, small(20)),
    ("24 pixels wide", 5, small(24)),
    ("burnt-out light and glasses", 201, None),
    ("a head thrown back", 209, None),
    ("lying, in the dark", 175, None),
    ("a hand before the mouth", 135, None),
)
"""What is shown: a word, the face's number, what is done to its picture."""


def tile(picture: Picture, points: list[NDArray], truth: NDArray) -> Picture:
    """The picture with what was found (white) and the truth (green)."""
    factor = SIDE / picture.shape[1]
    image = Image.fromarray(picture).resize((SIDE, SIDE), Image.Resampling.NEAREST)
    draw = ImageDraw.Draw(image)
    for marks, colour in [*((p * factor, "#ffffff") for p in points), (truth, "#00e060")]:
        for x, y in marks if points else ():
            draw.ellipse((x - 1.5, y - 1.5, x + 1.5, y + 1.5), fill=colour)
    return np.asarray(image)


def main() -> None:
    """Write the sheet, five to a row, and print what came of each."""
    config = SyntheticConfig(
        size=SIDE, seed=77, margin=1.7, degradation=0.0, border=0.0, occluder=0.5
    )
    faces, maker = SyntheticFaces(config), Reconstructor(ReconstructOptions(texture_size=64))
    tiles = []
    for word, number, change in CASES:
        face = faces.item(number)
        picture, truth = face.image, face.landmarks["ibug68"][:, :2]
        picture = picture if change is None else change(picture)
        try:
            points = [found.landmarks_68[:, :2] for found in maker(picture)]
        except NoFaceError:
            points = []
        size = float(np.sqrt(np.prod(np.ptp(truth, axis=0))))
        scaled = [p * SIDE / picture.shape[1] for p in points]
        errors = [100 * np.linalg.norm(p - truth, axis=1).mean() / size for p in scaled]
        print(f"{word}: {f'{min(errors):.1f} %' if errors else 'not found'}")
        tiles.append(tile(picture, points, truth))
    rows = [np.concatenate(tiles[k : k + 5], 1) for k in range(0, len(tiles), 5)]
    Image.fromarray(np.concatenate(rows)).save(OUT, quality=88)


if __name__ == "__main__":
    main()
