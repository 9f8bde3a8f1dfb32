"""Damaged files of every kind that is read from others, and odd numbers for every kernel."""

from __future__ import annotations

import importlib.util
import sys
from pathlib import Path
from types import ModuleType

import pytest

FOLDER = Path(__file__).resolve().parents[1] / "benchmarks"


@pytest.fixture
def fuzz(monkeypatch) -> ModuleType:
    monkeypatch.syspath_prepend(str(FOLDER))
    spec = importlib.util.spec_from_file_location("fuzz", FOLDER / "fuzz.py")
    assert spec and spec.loader
    module = importlib.util.module_from_spec(spec)
    monkeypatch.setitem(sys.modules, "fuzz", module)
    spec.loader.exec_module(module)
    return module


def test_damaged_files_end_in_an_error_or_in_something(fuzz):
    totals = fuzz.fuzz(seconds=120, seed=1, inputs=400)
    assert not totals.faults, "\n".join(totals.faults)
    assert totals.count() == 400 and totals.count("clean") > 200 and len(totals.outcomes) > 30


def test_every_right_file_is_read(fuzz):
    assert fuzz.check() == []


def test_a_reader_that_does_anything_else_is_noticed(fuzz, tmp_path):
    """A worker that dies, and one that raises what is no error of the package."""
    totals = fuzz.Totals()
    died = [sys.executable, "-c", "import os; print('[\"a.jpg\", \"began\", 0, 0]', flush=True); "
            "os.kill(os.getpid(), 11)"]  # fmt: skip
    assert fuzz.follow(died, totals) == (-11, "a.jpg") and totals.count() == 0
    totals.add("a.jpg", "fault: ValueError: x", 0.1, 2.0)
    totals.add("a.jpg", "clean", 0.2, 1.0)
    assert totals.faults == ["a.jpg: fault: ValueError: x"]
    assert (totals.count(), totals.count("clean"), totals.longest, totals.largest) == (2, 1, 0.2, 2)


@pytest.mark.slow
def test_damaged_files_for_long(fuzz):
    totals = fuzz.fuzz(seconds=120, seed=2)
    totals.show()
    assert not totals.faults, "\n".join(totals.faults)


@pytest.mark.slow
def test_kernels_with_every_index_checked(fuzz):
    from fuzz_kernels import fuzz_kernels

    assert fuzz_kernels(seconds=30, seed=3) == 0
