"""The faces of a folder of results as one table on disk, whose rows are read in any order.

Parquet is packed and cannot be read row by row. So the faces are written once more, unpacked, into
faces.arrow, which all processes of a machine map and none loads.
"""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any

from ...core.errors import InputError
from ...core.extra import import_extra
from ...core.whole_file import prepare_state, write_whole
from .inputs import read_columns, read_inputs

_NAME, _STAMP = "faces.arrow", b"selfie3d"
_STATE = (".selfie3d", "labelled")
_PLACE = ("where", "offset", "size", "checksum")


def map_faces(folder: Path) -> Any:  # noqa: ANN401  (a pyarrow table)
    """The rows of all faces, in order, with where their photographs lie; mapped, not loaded.

    Args:
        folder: results of `selfie3d batch`; finished parts are taken.

    Raises:
        InputError: no finished part, a damaged file, or a folder that cannot be written to.
        MissingFileError: the package pyarrow is not installed.
    """
    arrow = import_extra("pyarrow", "scale")
    files = sorted(folder.glob("faces-*.parquet"))
    if not files:
        remedy = "Run selfie3d batch with --out of this folder first."
        got = "no faces-*.parquet"
        raise InputError(str(folder), "results of selfie3d batch", got, remedy)
    stamp = json.dumps(
        [[file.name, file.stat().st_size, file.stat().st_mtime_ns] for file in files]
    )
    path = prepare_state(folder, *_STATE) / _NAME
    table = _mapped(path)
    if table is None or table.schema.metadata.get(_STAMP) != stamp.encode():
        write_whole(path, lambda part: _unpack(folder, files, part, stamp), shared=True)
        table = _mapped(path)
    if table is None:
        raise InputError(str(path), "a table that can be read", arrow.__version__, "Remove it.")
    return table


def _mapped(path: Path) -> Any:  # noqa: ANN401
    """The table of a file; None where there is none, or a damaged one."""
    arrow = import_extra("pyarrow", "scale")
    try:
        table = import_extra("pyarrow.ipc", "scale").open_file(arrow.memory_map(str(path)))
        whole = table.read_all()
    except (arrow.ArrowException, OSError, ValueError):
        return None
    return whole if whole.schema.metadata else None


def _unpack(folder: Path, files: list[Path], target: Path, stamp: str) -> None:
    arrow, ipc = (import_extra(f"pyarrow{part}", "scale") for part in ("", ".ipc"))
    compute = import_extra("pyarrow.compute", "scale")
    inputs = read_inputs(folder)
    rows = {key: row for row, key in enumerate(inputs.column("key").to_pylist())}
    writer = None
    try:
        for file in files:
            table = read_columns(file)
            table = table.filter(compute.is_null(table.column("kind")))
            at = [rows.get(key, -1) for key in table.column("key").to_pylist()]
            if -1 in at:
                got = "one of another photograph"
                raise InputError(str(file), "rows of the inputs in the same folder", got)
            places = inputs.select(list(_PLACE)).take(arrow.array(at, arrow.int64()))
            for name in _PLACE:
                table = table.append_column(f"place_{name}", places.column(name))
            table = table.replace_schema_metadata({_STAMP: stamp})
            writer = writer or ipc.new_file(os.fspath(target), table.schema)
            writer.write_table(table.combine_chunks())
    finally:
        if writer is not None:
            writer.close()
