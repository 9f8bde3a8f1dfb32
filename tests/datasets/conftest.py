"""Small trees of photographs in the layouts of the real data sets."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from scipy.io import savemat


@pytest.fixture(scope="session")
def face_68() -> np.ndarray:
    """(68,2) in [0,1], any 68 different points; 36-45 are eyes, 30 the nose, 48 and 54 a mouth."""
    points = np.random.default_rng(68).uniform(0.25, 0.75, (68, 2))
    angle = np.linspace(-1.4, 1.4, 17)
    points[:17] = np.stack([0.5 + 0.42 * np.sin(angle), 0.5 + 0.4 * np.cos(angle)], 1)
    points[[36, 39, 42, 45]] = [[0.3, 0.4], [0.42, 0.4], [0.58, 0.4], [0.7, 0.4]]
    points[[30, 48, 54]] = [[0.5, 0.58], [0.36, 0.75], [0.64, 0.75]]
    return points


@pytest.fixture(scope="session")
def picture() -> Callable[..., np.ndarray]:
    """A smooth picture without any symmetry, (H,W,3) uint8."""

    def make(height: int, width: int, seed: int = 0) -> np.ndarray:
        y, x = np.mgrid[0:height, 0:width]
        phase = np.random.default_rng(seed).uniform(0, 6, 3)
        waves = [np.sin(x / 17 + p) + np.cos(y / 13 + k * p) for k, p in enumerate(phase)]
        return (128 + 60 * np.stack(waves, 2)).astype(np.uint8)

    return make


@pytest.fixture
def celeba_tree(tmp_path, picture) -> Callable[..., Path]:
    """CelebA as distributed, with `count` photographs of either kind."""

    def make(count: int = 5, kind: str = "img_align_celeba") -> Path:
        root = tmp_path / "celeba"
        folders = [root / "Anno", root / "Eval", root / "Img" / kind]
        for folder in folders:
            folder.mkdir(parents=True, exist_ok=True)
        names = [f"{k:06d}.jpg" for k in range(1, count + 1)]
        aligned = kind == "img_align_celeba"
        size = (218, 178) if aligned else (300, 260)
        for k, name in enumerate(names):
            Image.fromarray(picture(*size, k)).save(folders[2] / name, quality=95)
        header = "lefteye_x lefteye_y righteye_x righteye_y nose_x nose_y leftmouth_x leftmouth_y "
        header += "rightmouth_x rightmouth_y"
        rows = [f"{n} 69  {109 + k} 106 113 77 142 73 152 108 154" for k, n in enumerate(names)]
        stem = "list_landmarks_align_celeba" if aligned else "list_landmarks_celeba"
        lines = [str(count), header, *rows]
        (folders[0] / f"{stem}.txt").write_text("\n".join(lines) + "\n")
        boxes = [f"{n}    40  60 110 140" for n in names]
        text = "\n".join([str(count), "image_id x_1 y_1 width height", *boxes])
        (folders[0] / "list_bbox_celeba.txt").write_text(text)
        people = "\n".join(f"{n} {100 + k}" for k, n in enumerate(names))
        (folders[0] / "identity_CelebA.txt").write_text(people)
        parts = "\n".join(f"{n} {(0, 0, 0, 1, 2)[k % 5]}" for k, n in enumerate(names))
        (folders[1] / "list_eval_partition.txt").write_text(parts + "\n")
        return root

    return make


@pytest.fixture
def w300lp_tree(tmp_path, picture, face_68) -> Callable[..., Path]:
    """300W-LP as distributed: AFW and AFW_Flip, two images (K = 0 and 1) of one photograph each.

    The points of image K are moved by 7 K pixels; pt2d stays that of K = 0, as in the real files.
    """

    def make(landmarks: bool = True) -> Path:
        root = tmp_path / "300W_LP"
        first = face_68 * 200 + [120, 150]  # 1-based pixels of the photograph itself
        for k in range(2):
            image = picture(450, 450, k)
            for folder, flipped in (("AFW", False), ("AFW_Flip", True)):
                (root / folder).mkdir(parents=True, exist_ok=True)
                stem = root / folder / f"AFW_1_{k}"
                shown = image[:, ::-1] if flipped else image
                Image.fromarray(shown).save(f"{stem}.jpg", quality=95)
                pt2d = first * [-1, 1] + [451, 0] if flipped else first  # the order stays
                yaw = (-1 if flipped else 1) * (0.1 + 0.3 * k)
                savemat(
                    f"{stem}.mat",
                    {
                        "pt2d": pt2d.T,
                        "Pose_Para": np.float32([[-0.1, yaw, 0.05, 225, 200, -70, 0.0012]]),
                        "Shape_Para": np.linspace(-1, 1, 199)[:, None] * 1e5,
                        "Exp_Para": np.linspace(-1, 1, 29)[:, None],
                        "roi": np.int16([[1, 1, 450, 450]]),
                    },
                )
            if landmarks:
                (root / "landmarks" / "AFW").mkdir(parents=True, exist_ok=True)
                outline = first + np.array([7 * k, 0])
                both = {"pts_2d": outline, "pts_3d": outline + np.array([0, 2])}
                savemat(root / "landmarks" / "AFW" / f"AFW_1_{k}_pts.mat", both)
        return root

    return make
