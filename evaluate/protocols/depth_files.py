"""Depth maps in files: the truth of the protocol `depth-normal`, and predictions in its layout.

NAME.npz holds `depth` (H,W) along the viewing axis in any unit, 0 or NaN where there is no
surface; `focal` in pixels; and perhaps `center` (2,) in pixels, else the middle of the picture,
`mask` (H,W), the pixels that count, and `box` (4,), x0, y0, x1, y1 round the face's landmarks.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from ...core.errors import InputError, MissingFileError
from ...core.npz_file import NpzArrays
from ..metrics.depth import covered, normals_of_depth

_LAYOUT = "Layout: NAME.npz with depth (H,W) and focal, beside NAME.png or NAME.jpg."


@dataclass(frozen=True)
class DepthMap:
    """A depth map with the camera that saw it.

    Attributes:
        depth: (H,W); NaN where there is no surface.
        focal: pixels. center: principal point, pixels.
        mask: (H,W), pixels that count.
        box: (x0,y0,x1,y1) round the landmarks, or None.
    """

    depth: NDArray[np.float64]
    focal: float
    center: tuple[float, float]
    mask: NDArray[np.bool_]
    box: tuple[float, float, float, float] | None = None

    def normals(self) -> NDArray[np.float64]:
        """(H,W,3) of the seen surface, NaN where there is none."""
        return normals_of_depth(self.depth, self.focal, self.center)


def list_depth_maps(folder: Path) -> list[str]:
    """Names of the truth files of a folder, sorted.

    Raises:
        MissingFileError: there are none.
    """
    names = sorted(path.stem for path in folder.glob("*.npz")) if folder.is_dir() else []
    if not names:
        raise MissingFileError(str(folder / "*.npz"), "Depth maps", _LAYOUT)
    return names


def read_depth_map(path: Path) -> DepthMap:
    """Read one file.

    Raises:
        MissingFileError: there is none.
        InputError: it is damaged, or an array is missing, of a wrong shape or without a surface.
    """
    if not path.exists():
        raise MissingFileError(str(path), "The depth map", _LAYOUT)
    arrays = NpzArrays(path, "a whole .npz of arrays")
    depth = _array(path, arrays, "depth", (None, None))
    seen = covered(depth)
    if not seen.any():
        raise InputError(f"{path}: depth", "a surface: finite values above 0", "none")
    height, width = depth.shape
    mask = _array(path, arrays, "mask", depth.shape) > 0 if "mask" in arrays else seen
    center = _array(path, arrays, "center", (2,)) if "center" in arrays else None
    box = _array(path, arrays, "box", (4,)) if "box" in arrays else None
    focal = float(_array(path, arrays, "focal", ()))
    if not focal > 0:
        raise InputError(f"{path}: focal", "a positive number of pixels", str(focal))
    return DepthMap(
        np.where(seen, depth, np.nan),
        focal,
        (width / 2, height / 2) if center is None else (float(center[0]), float(center[1])),
        mask,
        None if box is None else (float(box[0]), float(box[1]), float(box[2]), float(box[3])),
    )


def _array(
    path: Path, arrays: Mapping[str, NDArray], name: str, shape: tuple[int | None, ...]
) -> NDArray[np.float64]:
    if name not in arrays:
        raise InputError(str(path), f"an array {name}", ", ".join(arrays) or "none", _LAYOUT)
    array = arrays[name]
    fits = len(shape) == array.ndim and all(
        want in (None, have) for want, have in zip(shape, array.shape, strict=True)
    )
    if not fits or array.dtype.kind not in "fiub":
        wanted = "(" + ", ".join("any" if n is None else str(n) for n in shape) + ")"
        got = f"{array.dtype} {array.shape}"
        raise InputError(f"{path}: {name}", f"numbers of shape {wanted}", got)
    return array.astype(np.float64)
