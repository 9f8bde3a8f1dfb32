"""`selfie3d model convert`: what it prints and how it fails."""

from __future__ import annotations

import numpy as np
from selfie3d.cli import app
from selfie3d.facemodels import load_face_model
from typer.testing import CliRunner


def write_source(path):
    arrays = {
        "mean": np.array([[0, 0, 0], [1, 0, 0], [0, 1, 0], [0, 0, 1]], np.float32),
        "faces": np.array([[0, 2, 1]]),
        "identity": np.ones((3, 4, 3), np.float32),
        "origin": np.zeros(3, np.float32),
        "unit": np.array("cm"),
        "licence": np.array("only for tests"),
    }
    np.savez(path, **arrays)
    return str(path)


def test_it_says_what_it_knows(tmp_path):
    source, out = write_source(tmp_path / "mine.npz"), tmp_path / "out.npz"
    result = CliRunner().invoke(app, ["model", "convert", source, "--out", str(out)])
    assert result.exit_code == 0, result.output
    for said in ("kind: npz", "licence: only for tests", "vertices: 4", "identity: 3 (gaussian)",
                 "docs/face_model_format.md", "uv: none", str(out)):  # fmt: skip
        assert said in result.output
    assert float(load_face_model(out).mean[1, 0]) == 10
    options = ["--identity", "1", "--licence", "mine"]
    CliRunner().invoke(app, ["model", "convert", source, "--out", str(out), *options])
    assert load_face_model(out).sizes == (1, 0, 0) and load_face_model(out).licence == "mine"


def test_errors_are_messages(tmp_path):
    source, out = write_source(tmp_path / "mine.npz"), str(tmp_path / "out.npz")
    for arguments, said in (
        ([str(tmp_path / "absent"), "--out", out], "absent"),
        ([source, "--out", str(tmp_path / "out.obj")], ".npz"),
        ([source, "--out", out, "--kind", "flaem"], "Did you mean 'flame'"),
        ([source, "--out", out, "--kind", "flame"], "v_template"),
    ):
        result = CliRunner().invoke(app, ["model", "convert", *arguments])
        assert result.exit_code != 0 and said in result.output
        assert "Traceback" not in result.output
