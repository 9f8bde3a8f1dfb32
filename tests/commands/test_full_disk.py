"""Every writer where nothing can be written: one clear error, and nothing half written."""

from __future__ import annotations

import resource
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from selfie3d.cli import app
from typer.testing import CliRunner

COMMANDS = {
    "synth": ["synth", "--count", "2", "--size", "64", "--out"],
    "prepare": ["prepare", "folder", "--data", "DATA", "--out"],
    "evaluate": ["evaluate", "complexity", "networks=[mobilenetv2]", "--out"],
    "reconstruct": ["reconstruct", "DATA", "--out"],
}


@pytest.fixture
def model(tmp_path: Path) -> Path:
    """A face model of 20 x 20 vertices, 100 KB."""
    y, x = np.meshgrid(np.linspace(1, -1, 20), np.linspace(-1, 1, 20), indexing="ij")
    index = np.arange(400).reshape(20, 20)
    a, b, c, d = index[:-1, :-1], index[:-1, 1:], index[1:, :-1], index[1:, 1:]
    faces = np.concatenate([np.stack([a, c, b], -1), np.stack([b, c, d], -1)]).reshape(-1, 3)
    mean = np.stack([70 * x, 90 * y, 50 * np.sqrt(2.5 - x * x - y * y)], -1).reshape(-1, 3)
    path = tmp_path / "model.npz"
    identity = np.random.default_rng(0).normal(size=(20, 400, 3))
    np.savez(path, mean=mean, faces=faces, identity=identity, unit=np.array("mm"))
    return path


@pytest.mark.parametrize("name", COMMANDS)
def test_an_output_that_is_a_file(tmp_path, name, repository):
    (tmp_path / "file").write_text("in the way")
    data = tmp_path / "data"
    data.mkdir()
    (data / "a.jpg").symlink_to(repository / "pipeline" / "data" / "astronaut.jpg")
    words = [str(data) if word == "DATA" else word for word in COMMANDS[name]]
    for out in (tmp_path / "file", tmp_path / "file" / "below"):
        result = CliRunner().invoke(app, [*words, str(out)])
        assert result.exit_code == 1 and "output folder" in result.stderr, result.output
        assert result.stderr.count("\n") == 1
    assert (tmp_path / "file").read_text() == "in the way"
    assert sorted(path.name for path in tmp_path.iterdir()) == ["data", "file"]


def test_a_model_that_cannot_be_written(tmp_path, model):
    out = tmp_path / "out"
    out.mkdir()
    words = ["model", "convert", str(model), "--out", str(out / "m.npz")]
    done = subprocess.run(
        [sys.executable, "-c", "from selfie3d.cli import main; main()", *words],
        capture_output=True,
        text=True,
        preexec_fn=lambda: resource.setrlimit(resource.RLIMIT_FSIZE, (10_000, 10_000)),
    )
    assert done.returncode == 1 and "Traceback" not in done.stderr, done.stderr
    assert "m.npz: expected a file that can be written, got File too large" in done.stderr
    assert list(out.iterdir()) == []
    (tmp_path / "file").touch()
    for bad in (tmp_path / "file" / "m.npz", out):
        result = CliRunner().invoke(app, ["model", "convert", str(model), "--out", f"{bad}"])
        assert result.exit_code == 1 and result.stderr.count("\n") == 1
