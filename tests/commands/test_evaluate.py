"""`selfie3d evaluate` end to end on a small set made here."""

from __future__ import annotations

import json

import numpy as np
import pytest
import typer
from scipy.io import savemat
from selfie3d.commands.evaluate import register
from selfie3d.core.errors import InputError, UnknownNameError
from selfie3d.core.image_file import write_image
from typer.testing import CliRunner


@pytest.fixture
def command():
    app = typer.Typer()
    register(app)
    return lambda *words: CliRunner().invoke(app, list(map(str, words)))


@pytest.fixture
def small(tmp_path):
    folder, points = tmp_path / "set", np.random.default_rng(0).uniform(100, 300, (3, 3, 68))
    folder.mkdir()
    for k in range(3):
        write_image(folder / f"i{k}.jpg", np.full((450, 450, 3), 90, np.uint8))
        pose = np.zeros((1, 7), np.float32)
        savemat(folder / f"i{k}.mat", {"pt3d_68": points[k], "Pose_Para": pose})
    path = tmp_path / "p.npz"
    np.savez(path, names=["i0.jpg", "i2.jpg"], landmarks_68=points[[0, 2]] + 1)
    return folder, path


def test_writes_a_report_and_says_what_failed(command, small, tmp_path):
    data, predictions = small
    out = tmp_path / "out"
    done = command(
        "evaluate", "aflw2000", "seed=1", "--data", data, "--predictions", predictions,
        "--out", out,
    )  # fmt: skip
    assert done.exit_code == 0, done.output
    assert "1 failed" in done.output
    assert "i1.jpg: not in the file" in done.output
    content = json.loads((out / "report.json").read_text())
    assert content["run"]["options"]["seed"] == 1
    assert content["failures"] == {"i1.jpg": "not in the file"}
    assert {"seconds", "versions", "machine"} <= set(content["run"])
    assert "<html" in (out / "report.html").read_text().lower()
    assert (out / "predictions.npz").is_file()


def test_refuses_what_makes_no_sense(command, small, tmp_path):
    data, predictions = small
    words = ("--data", data, "--out", tmp_path / "out", "--predictions", predictions)
    with pytest.raises(UnknownNameError, match="aflw2000"):
        raise command("evaluate", "aflw200", *words).exception
    with pytest.raises(InputError, match="both"):
        raise command("evaluate", "aflw2000", "--weights", "fit", *words).exception


def test_data_may_be_left_out_only_where_none_is_needed(command, tmp_path):
    out = tmp_path / "out"
    with pytest.raises(InputError, match="--data"):
        raise command("evaluate", "aflw2000", "--out", out).exception
    done = command("evaluate", "complexity", "networks=[dense-points]", "batches=[1]",
                   "seconds=0.01", "--out", out)  # fmt: skip
    assert done.exit_code == 0, done.output
    assert "parameters" in done.output
