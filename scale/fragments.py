"""What workers write, group by group, and how it becomes the files of a part.

Everything is written whole or not at all, and doing a group again gives the same. So a group is
done where its fragment is there, and a part where its Parquet file is.
"""

from __future__ import annotations

import os
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any

from ..core.errors import InputError
from ..core.extra import import_extra
from ..core.whole_file import write_whole
from ..datasets.labelled.inputs import read_columns
from ..datasets.shards.tar import write_tar_files

Files = Sequence[tuple[str, bytes]]


class Fragments:
    """The fragments and the finished parts of a folder of results.

    Args:
        out: the folder.
        state: folder of our own notes in it.
        heads: whether parts have tar files of heads as well.
    """

    def __init__(self, out: Path, state: Path, heads: bool) -> None:
        self._out, self._state, self._heads = out, state, heads

    def table_of_part(self, part: int) -> Path:
        """Where the rows of a part are."""
        return self._out / f"faces-{part:05d}.parquet"

    def tar_of_group(self, group: str) -> Path:
        """Where the heads of a group are, if there are any: 16 are some 80 MB, and stay as is."""
        return self._out / f"heads-{group}.tar"

    def is_closed(self, part: int) -> bool:
        """Whether a part is done."""
        return self.table_of_part(part).is_file()

    def counts(self, group: str) -> dict[str, Any] | None:
        """What an earlier try at a group gave: the column "kind" of its rows; None: nothing."""
        path = self._table(group)
        if not path.is_file():
            return None
        try:
            return {"kinds": read_columns(path, ("kind",)).column("kind").to_pylist()}
        except InputError:  # a machine that lost its power after the file had got its name
            return None

    def write(self, group: str, table: Any, heads: Files) -> None:  # noqa: ANN401
        """Write what a group gave.

        Args:
            group: its name.
            table: its rows, a pyarrow table.
            heads: GLBs with their names.

        Raises:
            InputError: it cannot be written.
        """
        if self._heads:  # first: where the rows are, the heads are, too
            write_tar_files(self.tar_of_group(group), heads, shared=True)
        _write_table(self._table(group), table)

    def close(self, part: int, groups: Sequence[str]) -> None:
        """Put the fragments of a part together into its Parquet file, and remove them.

        Args:
            part: its number.
            groups: names of its groups, in order; all are done.

        Raises:
            InputError: a fragment is damaged, or the files cannot be written.
        """
        if not self.is_closed(part):
            arrow = import_extra("pyarrow", "scale")
            tables = [read_columns(self._table(group)) for group in groups]
            _write_table(self.table_of_part(part), arrow.concat_tables(tables))
        self.sweep(groups)

    def sweep(self, groups: Sequence[str]) -> None:
        """Remove the fragments of a part that is done."""
        for group in groups:
            with suppress(OSError):
                self._table(group).unlink(missing_ok=True)

    def _table(self, group: str) -> Path:
        return self._state / f"{group}.parquet"


def _write_table(path: Path, table: Any) -> None:  # noqa: ANN401
    parquet = import_extra("pyarrow.parquet", "scale")

    def write(target: Path) -> None:
        parquet.write_table(table, os.fspath(target), compression="zstd")

    write_whole(path, write, shared=True)
