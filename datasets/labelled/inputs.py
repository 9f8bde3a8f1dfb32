"""The photographs of a folder of results of `selfie3d batch`: inputs-NNNNN.parquet, in order."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

from ...core.errors import InputError
from ...core.extra import import_extra
from .places import Place

_COLUMNS = ("key", "where", "offset", "size", "checksum")


def input_files(folder: Path) -> list[Path]:
    """The lists of inputs in a folder, the first first; each run that found new ones wrote one."""
    return sorted(folder.glob("inputs-[0-9][0-9][0-9][0-9][0-9].parquet"))


def read_inputs(folder: Path) -> Any:  # noqa: ANN401  (a pyarrow table)
    """All inputs of a folder, as a pyarrow table with the columns of `Place`.

    Raises:
        InputError: no list of inputs, or a damaged one.
        MissingFileError: the package pyarrow is not installed.
    """
    arrow = import_extra("pyarrow", "scale")
    parts = [read_columns(file, _COLUMNS) for file in input_files(folder)]
    if not parts:
        remedy = "Run selfie3d batch with --out of this folder first."
        raise InputError(str(folder), "results of selfie3d batch", "no inputs-*.parquet", remedy)
    return arrow.concat_tables(parts).combine_chunks()


def read_columns(path: Path, columns: tuple[str, ...] = ()) -> Any:  # noqa: ANN401
    """Columns of a Parquet file, as a pyarrow table.

    Args:
        path: of the file.
        columns: their names; none: all.

    Raises:
        InputError: damaged, without one of them, or with types that are no plain ones: these are
            other packages', and some of them would unpickle what a stranger wrote.
    """
    arrow, parquet = (import_extra(f"pyarrow{sub}", "scale") for sub in ("", ".parquet"))
    expected = f"a Parquet file with {', '.join(columns) or 'plain columns'}"
    try:
        schema = parquet.read_schema(path)
        odd = [field.name for field in schema if isinstance(field.type, arrow.BaseExtensionType)]
        missing = [name for name in columns if name not in schema.names]
        if odd or missing:
            got = f"types of others ({odd[0]})" if odd else f"none of {', '.join(missing)}"
            raise InputError(str(path), expected, got)
        return parquet.read_table(path, columns=list(columns) or None, partitioning=None)
    except InputError:
        raise
    except (arrow.ArrowException, OSError, ValueError) as error:
        first = (str(error).splitlines() or [type(error).__name__])[0]
        raise InputError(str(path), expected, first, "Get or make it again.") from error


def place_of(inputs: Any, row: int) -> Place:  # noqa: ANN401
    """Where input `row` lies.

    Args:
        inputs: what `read_inputs` gives.
        row: counted from 0.
    """
    values = {name: inputs.column(name)[row].as_py() for name in _COLUMNS}
    return Place(**{**values, "where": os.fsdecode(values["where"])})
