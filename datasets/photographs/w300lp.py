"""300W-LP: 61,225 photographs, most of them turned by a fitted model, and their mirror images.

Zhu et al., Face Alignment Across Large Poses: A 3D Solution, CVPR 2016. Research use only; from
http://www.cbsr.ia.ac.cn/users/xiangyuzhu/projects/3DDFA/main.htm. As distributed, in ROOT or
ROOT/300W_LP:

    AFW/NAME_K.jpg, NAME_K.mat    450 x 450; K = 0 is the photograph itself, 1.. are turned further
    AFW_Flip/NAME_K.jpg, .mat     their mirror images; also HELEN, IBUG, LFPW and theirs
    landmarks/AFW/NAME_K_pts.mat  pts_2d (68,2) on the visible outline, pts_3d (68,2) on the jaw

The frame is MATLAB's, the centre of the first pixel at (1, 1); landmarks/ is read so too. Traps:

- pt2d (2,68) of a turned image is that of the photograph *before* it was turned (issue 192 of
  cleardusk/3DDFA), so it is used for K = 0 alone; the others have points in landmarks/ only.
- pt2d in *_Flip is the original's with x -> 451 - x and the points still in the original's order:
  the left-right permutation is applied here. Points in landmarks/ are read for the original and
  mirrored here as well.
- Pose_Para, Shape_Para and Exp_Para in *_Flip were fitted to the mirror image; they need nothing.

Labels, as in the file: "pose_para" (7,), "shape_para" (199,), "exp_para" (29,); how they make a
face stands in `points_of_fit`.
"""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import numpy as np

from ...core.choices import check_choice
from ...core.errors import InputError, MissingFileError
from ...core.image_file import read_image
from ..batches.sample import Array, Box, FaceSample, checked
from .aflw2000 import read_mat, to_pixels
from .aflw2000_fit import points_of_fit, read_basis, rotation_of_pose
from .landmark_sets import mirrored_points
from .record import read_side_files
from .splits import split_by_name

SUBSETS = ("AFW", "HELEN", "IBUG", "LFPW")
_COUNTS = {"AFW": 5207, "HELEN": 37676, "IBUG": 1786, "LFPW": 16556}
_FLIP = "_Flip"
Split = Literal["all", "train", "val"]
_REMEDY = (
    "300W-LP is for research only; get it from "
    "http://www.cbsr.ia.ac.cn/users/xiangyuzhu/projects/3DDFA/main.htm."
)
_SHAPES: dict[str, tuple[int, ...]] = {
    "pt2d": (2, 68), "Pose_Para": (1, 7), "Shape_Para": (199, 1), "Exp_Para": (29, 1)
}  # fmt: skip
# Middle of the box round the 68 points, model micrometres, and its longer side: measured on the
# fits of AFLW2000-3D, where it is within 3.5 % of the side for half of the faces, 13 % for 99 %.
_MIDDLE = (0.0, -18_100.0, 60_900.0)
_SIDE = 144_000.0


@dataclass(frozen=True)
class W300LPOptions:
    """Which images of 300W-LP are taken.

    Attributes:
        subsets: of `SUBSETS`.
        flipped: take the *_Flip folders as well.
        basis: an .npz with the 68 rows of the fit's basis (see `read_basis`): gives ibug68-3d where
            landmarks/ does not.
        prepared: folder of side files (see `datasets/photographs/record.py`), laid out as ROOT.
        split: "all", or "train" and "val": a share of the photographs, each with all that was
            turned or mirrored from it.
        held_out: that share.

    Raises:
        InputError: an unknown subset or split, or no share between 0 and 1.
    """

    subsets: Sequence[str] = SUBSETS
    flipped: bool = True
    basis: str = ""
    prepared: str = ""
    split: Split = "all"
    held_out: float = 0.05

    def __post_init__(self) -> None:
        check_choice("split", self.split, Split)
        if not 0 < self.held_out < 1:
            raise InputError("held_out", "a share between 0 and 1", str(self.held_out))
        if set(self.subsets) - set(SUBSETS) or not self.subsets:
            raise InputError("subsets", f"some of {', '.join(SUBSETS)}", repr(list(self.subsets)))


_EVERYTHING = W300LPOptions()


class W300LP:
    """The images that are there, subset by subset, in alphabetical order.

    Args:
        root: see the module.
        options: which images, and what else is known of them.

    Raises:
        MissingFileError: not one of the subsets' folders, or no image in them.
        InputError: a basis that does not have 68 points.
    """

    name = "300w-lp"

    def __init__(self, root: str | Path, options: W300LPOptions = _EVERYTHING) -> None:
        subsets, flipped, split = options.subsets, options.flipped, options.split
        inner = Path(root) / "300W_LP"
        self._root = inner if inner.is_dir() else Path(root)
        self._side = Path(options.prepared) if options.prepared else None
        self._basis = read_basis(Path(options.basis)) if options.basis else None
        if self._basis is not None and len(self._basis.mean) != 68:
            raise InputError("basis", "68 points", str(len(self._basis.mean)))
        folders = [s + flip for s in subsets for flip in (("", _FLIP) if flipped else ("",))]
        self._missing = [name for name in folders if not (self._root / name).is_dir()]
        present = [name for name in folders if name not in self._missing]
        self._rows = [(name, stem) for name in present for stem in _stems(self._root / name)]
        if not self._rows:
            what = f"300W-LP ({', '.join(folders)} with .jpg and .mat files)"
            raise MissingFileError(str(root), what, _REMEDY)
        if split != "all":
            held_out = options.held_out
            kept = [r for r in self._rows if split_by_name(photograph_of(*r), held_out) == split]
            if not kept:
                raise InputError("held_out", f"photographs in {split!r}", f"none with {held_out:g}")
            self._rows = kept
        self._split = split
        self._expected = sum(_COUNTS[name.removesuffix(_FLIP)] for name in folders)

    @property
    def summary(self) -> str:
        """How many of the images are there, and which folders are not."""
        text = f"300w-lp: {len(self)} of {self._expected} images"
        text += f", split {self._split}" if self._split != "all" else ""
        if self._missing:
            text += f"; no {', '.join(self._missing)}"
        if not (self._root / "landmarks").is_dir():
            text += "; no landmarks/, so that turned images have no 2D points"
        return text

    def __len__(self) -> int:
        return len(self._rows)

    def row_name(self, row: int) -> str:
        """ "set/file" of a row."""
        return "/".join((self.name, *self._rows[row]))

    def __getitem__(self, row: int) -> FaceSample:
        """Image `row`; see `FaceDataset`."""
        folder, stem = self._rows[row]
        path = self._root / folder / f"{stem}.jpg"
        if not path.is_file():
            raise MissingFileError(str(path), "An image of 300W-LP", _REMEDY)
        mat = read_mat(path.with_suffix(".mat"), _SHAPES, _REMEDY)
        picture = read_image(path)
        record, skin = read_side_files((self._side or self._root) / folder / stem)
        landmarks = self._landmarks(folder, stem, mat["pt2d"].T, picture.shape[1])
        labels = {
            "pose_para": mat["Pose_Para"][0],
            "shape_para": mat["Shape_Para"][:, 0],
            "exp_para": mat["Exp_Para"][:, 0],
        }
        if self._basis is not None and "ibug68-3d" not in landmarks:
            fit = (mat["Pose_Para"][0], mat["Shape_Para"][:, 0], mat["Exp_Para"][:, 0])
            points = points_of_fit(self._basis, *fit, height=picture.shape[0])
            landmarks["ibug68-3d"] = to_pixels(points)[:, :2]
        sample = FaceSample(
            self.row_name(row),
            picture,
            {**landmarks, **record.landmarks},
            record.five_points,
            record.box or _box(mat["Pose_Para"][0], picture.shape[0]),
            skin,
            labels={**labels, **record.labels},
        )
        return checked(sample)

    def _landmarks(self, folder: str, stem: str, pt2d: Array, width: int) -> dict[str, Array]:
        """What the files say in their own order and frame, in ours."""
        flipped = folder.endswith(_FLIP)
        path = self._root / "landmarks" / folder.removesuffix(_FLIP) / f"{stem}_pts.mat"
        if path.is_file():
            mat = read_mat(path, {"pts_2d": (68, 2), "pts_3d": (68, 2)}, _REMEDY)
            named = {"ibug68-2d": mat["pts_2d"], "ibug68-3d": mat["pts_3d"]}
            points = {key: to_pixels(value) for key, value in named.items()}
        elif stem.endswith("_0"):
            original = pt2d * [-1, 1] + [width + 1, 0] if flipped else pt2d
            points = {"ibug68-2d": to_pixels(original)}
        else:
            return {}
        if flipped:
            return {key: mirrored_points(key, value, width) for key, value in points.items()}
        return points


def photograph_of(folder: str, stem: str) -> str:
    """The photograph that an image of 300W-LP was turned or mirrored from.

    >>> photograph_of("AFW_Flip", "AFW_134212_1_3")
    'AFW/AFW_134212_1'

    Args:
        folder: of the image, such as "AFW" or "AFW_Flip".
        stem: of the file's name.

    Returns:
        "subset/name".
    """
    return f"{folder.removesuffix(_FLIP)}/{stem.rpartition('_')[0] or stem}"


def _stems(folder: Path) -> list[str]:
    return sorted(name[:-4] for name in os.listdir(folder) if name.endswith(".jpg"))


def _box(pose: Array, height: int) -> Box:
    """About the box of the 68 points, from Pose_Para alone."""
    x, y, _ = pose[6] * rotation_of_pose(*pose[:3]) @ np.array(_MIDDLE) + pose[3:6]
    x, y, half = x - 0.5, height + 0.5 - y, pose[6] * _SIDE / 2
    return float(x - half), float(y - half), float(x + half), float(y + half)
