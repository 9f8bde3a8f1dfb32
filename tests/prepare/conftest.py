"""Small trees in the real layouts with faces that we drew, so that their points are known."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from itertools import cycle
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from selfie3d.datasets.synthetic.config import SyntheticConfig
from selfie3d.datasets.synthetic.faces import SyntheticFaces


@dataclass(frozen=True)
class DrawnFace:
    """A picture (144,144,3) uint8, its 68 points (68,2), its skin mask (144,144) bool."""

    picture: np.ndarray
    points: np.ndarray
    skin: np.ndarray


@pytest.fixture(scope="session")
def drawn_faces() -> list[DrawnFace]:
    """Twelve faces with most of their landmarks in sight."""
    faces = SyntheticFaces(SyntheticConfig(size=144, seed=8))
    found: list[DrawnFace] = []
    index = 0
    while len(found) < 12:
        item = faces.item(index)
        index += 1
        points = np.asarray(item.landmarks["ibug68"])[:, :2].astype(float)
        seen = np.asarray(item.visible)
        if np.ptp(points[36:46, 0]) > 30 and np.asarray(seen).mean() > 0.5:
            mask = np.asarray(item.skin_mask).astype(bool)
            found.append(DrawnFace(np.asarray(item.image), points, mask))
    return found


@pytest.fixture
def celeba_tree(tmp_path, drawn_faces) -> Callable[..., Path]:
    """CelebA as distributed, aligned photographs of 178 x 218; two of each person."""

    def make(count: int = 20) -> Path:
        root = tmp_path / "celeba"
        folders = [root / "Anno", root / "Eval", root / "Img" / "img_align_celeba"]
        for folder in folders:
            folder.mkdir(parents=True)
        names = [f"{k:06d}.jpg" for k in range(1, count + 1)]
        lines = []
        for name, face in zip(names, cycle(drawn_faces), strict=False):
            canvas = np.full((218, 178, 3), 90, np.uint8)
            canvas[37:181, 17:161] = face.picture
            Image.fromarray(canvas).save(folders[2] / name, quality=95)
            p = face.points + np.array([17, 37])
            five = [p[36:42].mean(0), p[42:48].mean(0), p[30], p[48], p[54]]
            lines.append(" ".join([name, *(str(int(v)) for v in np.ravel(five))]))
        header = "lefteye_x lefteye_y righteye_x righteye_y nose_x nose_y leftmouth_x leftmouth_y "
        text = "\n".join([str(count), header + "rightmouth_x rightmouth_y", *lines])
        (folders[0] / "list_landmarks_align_celeba.txt").write_text(text + "\n")
        people = "".join(f"{name} {700 + k // 2}\n" for k, name in enumerate(names))
        (folders[0] / "identity_CelebA.txt").write_text(people)
        train = round(0.7 * count)
        parts = "".join(
            f"{name} {0 if k < train else 1 + k // 2 % 2}\n" for k, name in enumerate(names)
        )
        (folders[1] / "list_eval_partition.txt").write_text(parts)
        return root

    return make
