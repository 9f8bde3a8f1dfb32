"""`selfie3d batch`: what is typed is what is done, and what came out is said."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest
from selfie3d import scale
from selfie3d.cli import app
from selfie3d.scale import BatchSummary
from typer.testing import CliRunner


@pytest.fixture
def called(monkeypatch) -> list:
    """The arguments of every run."""
    calls: list = []

    def run(*given: object) -> BatchSummary:
        calls.append(given)
        failed = {"NoFaceError": 3, "killed": 1}
        return BatchSummary(20, 17, failed, 8, 4.0, 2.0, ["2 passed over"], ["faces-00000.parquet"])

    monkeypatch.setattr(scale, "run_batch", run)
    return calls


def run(*arguments: object) -> tuple[int, str]:
    result = CliRunner().invoke(app, ["batch", *map(str, arguments)], env={"COLUMNS": "200"})
    return result.exit_code, result.output


def test_what_is_typed_is_done(called, tmp_path):
    options = ("--write", "points,glb", "--per-part", 7, "--column", "url", "--workers", 3)
    more = ("--ray-address", "auto", "--detector", "drawn", "--max-faces", 2)
    status, said = run("list.csv", "--out", tmp_path, *options, *more)
    assert status == 0, said
    ((source, out, chosen, how),) = called
    assert (source, out) == (Path("list.csv"), tmp_path)
    assert chosen.write == ("points", "glb") and chosen.heads and chosen.coefficients
    assert (chosen.per_part, chosen.column) == (7, "url")
    assert chosen.reconstruct.detector == "drawn" and chosen.reconstruct.max_faces == 2
    assert (how.workers, how.ray_address) == (3, "auto")
    assert "17 faces in 20 photographs; failed: NoFaceError 3, killed 1" in said
    assert "8 photographs in 4 s, 2.0 images/s" in said and "2 passed over" in said


def test_coefficients_by_default(called, tmp_path):
    assert run("photos", "--out", tmp_path)[0] == 0
    chosen = called[0][2]
    assert chosen.write == ("json",) and chosen.coefficients and not chosen.heads


def test_what_cannot_be_written_is_named(called, tmp_path):
    status, said = run("photos", "--out", tmp_path, "--write", "obj")
    assert status == 2 and "unknown output 'obj'" in said and "glb, json, points" in said


def test_without_ray_the_command_is_said(tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, "ray", None)
    status, said = run("photos", "--out", tmp_path / "out")
    assert status == 1 and 'pip install "selfie3d[scale]"' in said
    assert not (tmp_path / "out").exists()
