"""Where a clip is cut: a frame whose colours are other than those of the frame before."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

_LEVELS = 4  # of each colour channel
_GRID = 64  # places along either side that are looked at
_CELLS = 4  # parts of each side whose brightness is compared
_OTHER = 0.3  # share of places whose colour changed, at least
_MOVED = 0.12  # mean change of the parts' brightness, at least
_USUALLY = 4.0  # times the changes of the frames before
_FORGET = 0.15

Floats = NDArray[np.floating[Any]]


class CutFinder:
    """Tells of each frame of a clip whether another scene begins with it."""

    def __init__(self) -> None:
        self._last: tuple[Floats, Floats] | None = None
        self._usual = 0.0

    def __call__(self, picture: NDArray[np.uint8]) -> bool:
        """Whether a cut lies before this frame (H,W,3); never before the first one."""
        now, last = _sketch(picture), self._last
        self._last = now
        if last is None:
            return False
        colours = float(np.abs(now[0] - last[0]).sum()) / 2
        parts = float(np.abs(now[1] - last[1]).mean())
        cut = colours > max(_OTHER, _USUALLY * self._usual) and parts > _MOVED
        if not cut:
            self._usual += _FORGET * (colours - self._usual)
        return cut


def _sketch(picture: NDArray[np.uint8]) -> tuple[Floats, Floats]:
    """Shares of colours (64,), and the brightness of parts (4,4) in [0,1]."""
    rows, columns = (((np.arange(_GRID) + 0.5) * side / _GRID).astype(int)
                     for side in picture.shape[:2])  # fmt: skip
    small = picture[rows][:, columns].astype(np.int64)
    levels = small * _LEVELS // 256
    codes = (levels[..., 0] * _LEVELS + levels[..., 1]) * _LEVELS + levels[..., 2]
    shares = np.bincount(codes.ravel(), minlength=_LEVELS**3) / codes.size
    side = _GRID // _CELLS
    parts = small.mean(2).reshape(_CELLS, side, _CELLS, side).mean((1, 3)) / 255
    return shares, parts
