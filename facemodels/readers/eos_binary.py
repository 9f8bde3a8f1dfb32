"""The content of eos's binary files: cereal archives of a MorphableModel or of blendshapes.

Layout: github.com/patrikhuber/eos, include/eos/morphablemodel: MorphableModel.hpp (versions 1 to 4
of `serialize`), PcaModel.hpp, ExpressionModel.hpp, Blendshape.hpp.

Cereal's binary archives are little-endian and have no header: numbers as they lie in memory; a
vector or text as its uint64 length and its items; an optional as one byte (1: nothing) and the
value; a variant as the int32 of its kind and the value (uscilab.github.io/cereal). An Eigen matrix
is int32 rows, int32 columns and its floats column by column (eos,
include/eos/morphablemodel/io/eigen_cerealisation.hpp). Every length is checked against the file's.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

import numpy as np
from numpy.typing import NDArray

from ...core.errors import InputError
from ...core.given_file import read_given
from ..layout import basis_of

_MOST = 1 << 31  # bytes; no model is larger

Value = TypeVar("Value")
WHAT = "a model saved by eos, version 1 to 4"
VERSIONS = (1, 2, 3, 4)


class CerealReader:
    """Reads one value after another.

    Args:
        path: the archive.
        what: what it should be, for messages.
    """

    def __init__(self, path: Path, what: str) -> None:
        self.path, self.what, self.at = path, what, 0
        self.content = read_given(path, what, _MOST)

    def numbers(self, dtype: str, count: int) -> NDArray[Any]:
        """`count` numbers of the type `dtype`."""
        kind = np.dtype(dtype).newbyteorder("<")
        end = self.at + count * kind.itemsize
        if count < 0 or end > len(self.content):
            raise self.damaged(f"it ends at byte {len(self.content)}, {end} are needed")
        values = np.frombuffer(self.content, kind, count, self.at)
        self.at = end
        return values

    def number(self, dtype: str) -> int:
        """One whole number."""
        return int(self.numbers(dtype, 1)[0])

    def matrix(self) -> NDArray[np.float32]:
        """An Eigen matrix (rows, columns) of float32."""
        rows, columns = self.number("i4"), self.number("i4")
        if rows < 0 or columns < 0:
            raise self.damaged(f"a matrix of {rows} x {columns}")
        return self.numbers("f4", rows * columns).reshape(columns, rows).T

    def rows(self, dtype: str, width: int) -> NDArray[Any]:
        """A vector of arrays of `width` numbers, as (N, width)."""
        count = self.number("u8")
        return self.numbers(dtype, count * width).reshape(count, width)

    def text(self) -> str:
        """A string."""
        length = self.number("u8")
        return self.numbers("u1", length).tobytes().decode("utf-8", "replace")

    def given(self) -> bool:
        """Whether an optional value follows."""
        flag = self.number("u1")
        if flag > 1:
            raise self.damaged(f"a flag of {flag}")
        return flag == 0

    def finish(self) -> None:
        """Raise unless everything was read."""
        if self.at != len(self.content):
            raise self.damaged(f"{len(self.content) - self.at} bytes too many")

    def damaged(self, reason: str) -> InputError:
        """The error that says where reading stopped making sense."""
        return InputError(str(self.path), self.what, f"something else or a damaged file ({reason})")


@dataclass(frozen=True)
class Pca:
    """mean (3V,1), basis (3V,K) of unit columns, variances (K,1), triangles (F,3)."""

    mean: NDArray
    basis: NDArray
    variances: NDArray
    triangles: NDArray

    def modes(self, count: int, path: Path) -> NDArray[np.float32]:
        """(K,V,3) per standard deviation."""
        return basis_of(
            "basis", self.basis, np.sqrt(np.abs(self.variances)), count=count, path=path
        )


@dataclass(frozen=True)
class EosContent:
    """Everything in a model's file; empty arrays where there is nothing."""

    version: int
    shape: Pca
    colour: Pca
    expression: Pca | dict[str, NDArray]
    points: dict[str, int]
    uv: NDArray
    uv_faces: NDArray


def read_eos(path: Path) -> EosContent:
    """Everything in an eos model.

    Raises:
        InputError: damaged, truncated, or of another version.
    """
    reader = CerealReader(path, WHAT)
    version = reader.number("u4")
    if version not in VERSIONS:
        raise InputError(str(path), WHAT, f"version {version}", "Save it with a newer eos.")
    shape, colour = _pca(reader), _pca(reader)
    expression: Pca | dict[str, NDArray] = {}
    if version > 1 and reader.given():
        expression = _pca(reader) if _variant(reader) == 0 else blendshapes(reader)
    points = _named(reader) if version > 2 and reader.given() else {}
    uv = reader.rows("f8", 2)
    uv_faces = reader.rows("i4", 3) if version > 3 else np.zeros((0, 3), np.int32)
    reader.finish()
    return EosContent(version, shape, colour, expression, points, uv, uv_faces)


def _pca(reader: CerealReader) -> Pca:
    return Pca(reader.matrix(), reader.matrix(), reader.matrix(), reader.rows("i4", 3))


def _variant(reader: CerealReader) -> int:
    """ExpressionModel.hpp: 0 is a PcaModel, 1 are blendshapes."""
    kind = reader.number("i4")
    if kind not in (0, 1):
        raise reader.damaged(f"an expression model of kind {kind}")
    return kind


def blendshapes(reader: CerealReader) -> dict[str, NDArray]:
    """A vector of named deformations (3V,1)."""
    return _by_name(reader, reader.matrix)


def _named(reader: CerealReader) -> dict[str, int]:
    return _by_name(reader, lambda: reader.number("i4"))


def _by_name(reader: CerealReader, read: Callable[[], Value]) -> dict[str, Value]:
    found: dict[str, Value] = {}
    for _ in range(_counted(reader)):
        name = reader.text()
        if name in found:
            raise reader.damaged(f"{name!r} twice")
        found[name] = read()
    return found


def _counted(reader: CerealReader) -> int:
    """A number of items, each of at least 8 bytes."""
    count = reader.number("u8")
    if count > len(reader.content) // 8:
        raise reader.damaged(f"{count} items")
    return count
