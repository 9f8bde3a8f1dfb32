"""Reading dlib's serialised networks: numbers, texts and tensors, each of a bounded size.

The layout was read off dlib's public sources (`dlib/serialize.h`, `dlib/dnn`). An integer is a byte
that says how many bytes follow (bit 7: negative), least significant first; a real number is two of
them, mantissa and binary exponent; a text is its length and its bytes; a tensor is a version, four
sizes and float32. Nothing of the file is run, and nothing is allocated that was not expected.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from ...core.errors import InputError
from ...core.given_file import open_given

_LONGEST_NUMBER = 8  # bytes
_NEGATIVE = 0x80
_FARTHEST_EXPONENT = 1023
_TENSOR_VERSION, _ALIAS_VERSION = 2, 1
_REMEDY = "Get the file again from the package it came with."


class DlibFile:
    """The content of a .dat file, read from its start.

    Args:
        path: of the file.
        expected: what should be in it, for messages.
        largest: bytes that it may have.

    Raises:
        MissingFileError: there is no such file.
        InputError: it is larger, or no plain file.
    """

    def __init__(self, path: str | Path, expected: str, largest: int) -> None:
        self.path, self.expected, self.at = str(path), expected, 0
        with open_given(path, expected) as stream:
            self.content = stream.read(largest + 1)
        if len(self.content) > largest:
            raise self.error(f"more than {largest} bytes")

    def error(self, got: str) -> InputError:
        """What to raise when the content is something else."""
        return InputError(self.path, self.expected, got, _REMEDY)

    def integer(self) -> int:
        """The next integer."""
        head = self._bytes(1)[0]
        size = head & 0x7F
        if not 1 <= size <= _LONGEST_NUMBER:
            raise self.error(f"no number at byte {self.at - 1}")
        value = int.from_bytes(self._bytes(size), "little")
        return -value if head & _NEGATIVE else value

    def real(self) -> float:
        """The next real number, finite."""
        start, mantissa, exponent = self.at, self.integer(), self.integer()
        if abs(exponent) > _FARTHEST_EXPONENT:
            raise self.error(f"a number that is not finite at byte {start}")
        try:
            return math.ldexp(mantissa, exponent)
        except OverflowError as error:
            raise self.error(f"a number that is not finite at byte {start}") from error

    def flag(self) -> bool:
        """The next truth value."""
        value = self._bytes(1)
        if value not in (b"0", b"1"):
            raise self.error(f"neither yes nor no at byte {self.at - 1}")
        return value == b"1"

    def expect(self, what: str, *wanted: int) -> None:
        """Read these integers; `what` they are stands in the message when others come."""
        start = self.at
        got = tuple(self.integer() for _ in wanted)
        if got != wanted:
            raise self.error(f"{what} {list(got)} in place of {list(wanted)} at byte {start}")

    def expect_text(self, wanted: str) -> None:
        """Read this text."""
        start, length = self.at, self.integer()
        if length != len(wanted) or self._bytes(length) != wanted.encode():
            raise self.error(f"no {wanted!r} at byte {start}")

    def tensor(self, shape: Sequence[int]) -> Tensor:
        """The next tensor, of this shape and with finite values."""
        self.expect("a tensor of version and sizes", _TENSOR_VERSION, *shape)
        start, count = self.at, math.prod(shape)
        values = np.frombuffer(self._bytes(4 * count), "<f4").astype(np.float32)
        if not np.isfinite(values).all():
            raise self.error(f"numbers that are not finite after byte {start}")
        return torch.from_numpy(values.reshape(tuple(shape)))

    def alias(self, shape: Sequence[int]) -> None:
        """The shape of a part of a tensor, which says nothing that is not known."""
        self.expect("a part of version and sizes", _ALIAS_VERSION, *shape)

    def end(self) -> None:
        """Check that nothing is left."""
        if left := len(self.content) - self.at:
            raise self.error(f"{left} bytes more")

    def _bytes(self, count: int) -> bytes:
        end = self.at + count
        if end > len(self.content):
            raise self.error(f"an end after {len(self.content)} bytes")
        part, self.at = self.content[self.at : end], end
        return part
