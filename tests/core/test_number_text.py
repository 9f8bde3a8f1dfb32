"""Numbers as text beside Python's own formatting."""

from __future__ import annotations

import numpy as np
import pytest
from selfie3d.core.errors import InputError
from selfie3d.core.number_text import rows_as_text


@pytest.mark.parametrize("decimals", [1, 4, 6])
def test_floats_are_pythons(decimals) -> None:
    random = np.random.default_rng(decimals)
    numbers = random.normal(size=(500, 3)) * 10.0 ** random.integers(-7, 6, (500, 1))
    lines = rows_as_text(numbers, "v ", "  \n", decimals=decimals).decode().splitlines()
    assert len(lines) == 500
    for line, row in zip(lines, numbers, strict=True):
        mark, *parts = line.split()
        assert mark == "v" and [len(p.partition(".")[2]) for p in parts] == [decimals] * 3
        assert np.allclose([float(p) for p in parts], row, rtol=0, atol=0.5000001 * 10.0**-decimals)
        # Python writes -0.0 where a small negative number is rounded away.
        told = [f"{x:.{decimals}f}" for x in row]
        same = [a == b or b == f"-{a}" for a, b in zip(parts, told, strict=True)]
        assert all(same)


def test_integers_and_marks() -> None:
    rows = np.array([[1, 20, 300], [0, -7, 99999999]], np.int32)
    assert rows_as_text(rows, "f ", "/ \n") == b"f 1/20 300\nf 0/-7 99999999\n"
    assert rows_as_text(np.zeros((0, 2)), "", " \n") == b""


@pytest.mark.parametrize("bad", [np.nan, np.inf, -1e12])
def test_what_has_no_digits_is_refused(bad) -> None:
    with pytest.raises(InputError, match="numbers"):
        rows_as_text(np.array([[1.0, bad]]), "", " \n", decimals=4)
    with pytest.raises(InputError, match="after"):
        rows_as_text(np.ones((2, 3)), "", " \n")
