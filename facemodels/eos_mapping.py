"""eos's tables of which vertices the 68 iBUG points are (share/ibug_to_*.txt)."""

from __future__ import annotations

import re
from pathlib import Path

from ..core.errors import InputError
from ..core.given_file import read_given_text
from ..geometry.landmarks import LandmarkSet


def read_mapping(path: Path) -> dict[int, int]:
    """eos's table of iBUG points (counted from 1) to vertices, from its TOML file.

    Raises:
        InputError: no such table.
    """
    table = read_given_text(path, "eos's table of points", 1 << 20, lenient=True).partition(
        "[landmark_mappings]"
    )[2]
    lines = re.findall(
        r"^\s*([0-9]{1,9})\s*=\s*([0-9]{1,9})", table.partition("\n[")[0], re.MULTILINE
    )
    if not lines:
        raise InputError(str(path), "lines `point = vertex` under [landmark_mappings]", "none")
    return {int(point): int(vertex) for point, vertex in lines}


def mapped_points(table: dict[int, int], count: int, path: Path) -> LandmarkSet:
    """`ibug68` of a table of points (from 1) to vertices; the others are invalid.

    Raises:
        InputError: a point or vertex that does not exist.
    """
    if not all(1 <= p <= 68 and 0 <= v < count for p, v in table.items()):
        raise InputError(str(path), f"points 1..68 and vertices 0..{count - 1}", str(table))
    ids = [table.get(point, 0) for point in range(1, 69)]
    return LandmarkSet.from_vertices("ibug68", ids, valid=[p in table for p in range(1, 69)])
