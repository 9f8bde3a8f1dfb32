"""Processes of the package's own look for unreachable objects rarely."""

from __future__ import annotations

import gc

import pytest
from selfie3d.core.collector import collect_rarely


@pytest.fixture
def usual():
    usual = gc.get_threshold()
    yield usual
    gc.set_threshold(*usual)


def test_what_is_made_by_ten_thousands_starts_no_search(usual):
    gc.collect()
    collect_rarely()
    before = gc.get_stats()[0]["collections"]
    kept = [[] for _ in range(50_000)]
    assert gc.get_stats()[0]["collections"] == before and len(kept) == 50_000
    gc.set_threshold(*usual)
    kept += [[] for _ in range(50_000)]
    assert gc.get_stats()[0]["collections"] > before
