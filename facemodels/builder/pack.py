"""The model file: plain arrays in an .npz whose bytes depend on its content only.

It also says where the vertices of the model's version 1 are now, for tables that were made on it.
"""

from __future__ import annotations

import io
import zipfile
from collections.abc import Mapping
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from ...core.whole_file import prepare_file, write_whole
from ..layout import EYE
from ..subdivide import edge_table
from .head import Head, classify
from .hm08 import LEFT_EYE, RIGHT_EYE, BaseMesh, Index
from .source import AnnySource

_EPOCH = (1980, 1, 1, 0, 0, 0)  # the earliest date a zip file can hold

GONE = 65535
"""The number that stands for a vertex that version 2 does not have: eyeballs and shoulders."""


def write_npz(path: Path, arrays: Mapping[str, NDArray], level: int = 9) -> None:
    """Write a compressed .npz without dates, so that equal arrays give equal files.

    Args:
        path: of the file.
        arrays: by name.
        level: of the compression, 1 (fast) to 9 (small).

    Raises:
        InputError: it cannot be written; nothing half written is left.
    """
    prepare_file(path)
    write_whole(path, lambda part: _write_arrays(part, arrays, level))


def _write_arrays(path: Path, arrays: Mapping[str, NDArray], level: int) -> None:
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        for name in sorted(arrays):
            buffer = io.BytesIO()
            np.lib.format.write_array(buffer, np.asarray(arrays[name], order="C"), version=(1, 0))
            entry = zipfile.ZipInfo(f"{name}.npy", date_time=_EPOCH)
            entry.compress_type = zipfile.ZIP_DEFLATED
            entry.external_attr = 0o644 << 16
            archive.writestr(entry, buffer.getvalue(), compresslevel=level)


def smallest_ints(values: NDArray[np.int64]) -> NDArray:
    """The same integers in the smallest unsigned type that holds them."""
    return values.astype(np.min_scalar_type(int(values.max())))


def version_1_vertices(mesh: BaseMesh, source: AnnySource, head: Head) -> Index:
    """The vertices of today's model (17933,) that were those of version 1's `default-head`.

    Both subdivide faces of the base mesh once: a vertex is a base vertex, an edge or a face.
    """
    part = classify(mesh, source, shoulders=True)
    eyes = np.concatenate([np.arange(e.start, e.stop) for e in (LEFT_EYE, RIGHT_EYE)])
    part[np.isin(mesh.faces, eyes).all(1)] = EYE
    faces = np.concatenate([mesh.faces[part == code] for code in range(EYE + 1)])
    keep, local = np.unique(faces, return_inverse=True)
    before = _elements(local.reshape(-1, 4), keep)
    now = {element: i for i, element in enumerate(_elements(head.quads, head.keep))}
    return np.array([now.get(element, GONE) for element in before])


def _elements(quads: Index, keep: Index) -> list[tuple[int, ...]]:
    """What each subdivided vertex stands for, in base-mesh vertices, sorted."""
    rows = [keep[:, None], keep[edge_table(quads)[0]], keep[quads]]
    return [tuple(sorted(row)) for part in rows for row in part.tolist()]
