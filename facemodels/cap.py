"""The flat base that closes the neck."""

from __future__ import annotations

import numpy as np

from .rim import Index, rim_loops


def neck_cap(quads: Index, first: int) -> tuple[Index, Index]:
    """Close the longest open rim of a surface (F,4) with a zip of quads from end to end.

    The cap has vertices of its own, copies of the rim's, so that shading breaks at the edge.

    Args:
        quads: (F,4) of the open surface.
        first: the number of the first copy.

    Returns:
        the rim's vertices (N,), whose copies get the numbers `first` to `first` + N - 1; and the
        cap's quads (N/2-1,4), counter-clockwise seen from outside.
    """
    rim = rim_loops(quads)[-1]
    copies = first + np.arange(len(rim))
    i = np.arange(len(rim) // 2 - 1)
    zipped = np.stack([copies[i + 1], copies[i], copies[-1 - i], copies[-2 - i]], 1)
    return rim, np.ascontiguousarray(zipped)
