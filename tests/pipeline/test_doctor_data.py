from __future__ import annotations

import json

import pytest
import selfie3d.pipeline.about.doctor
from PIL import Image
from selfie3d.cli import app
from selfie3d.core.errors import InputError
from selfie3d.datasets.photographs.registry import DATASETS
from selfie3d.pipeline.about.doctor import Check
from selfie3d.pipeline.about.doctor_data import FOLDERS, examine_data
from typer.testing import CliRunner


@pytest.fixture
def shelf(tmp_path):
    """A folder with LFW, with FFHQ whose points are damaged, and with an empty CelebA."""
    person = tmp_path / "lfw" / "Ann_Lee"
    person.mkdir(parents=True)
    Image.new("RGB", (250, 250)).save(person / "Ann_Lee_0001.jpg")
    thumbs = tmp_path / "FFHQ" / "thumbnails128x128"
    thumbs.mkdir(parents=True)
    Image.new("RGB", (128, 128)).save(thumbs / "00000.png")
    (tmp_path / "FFHQ" / "ffhq-dataset-v2.json").write_text(json.dumps({"0": {"image": 1}}))
    (tmp_path / "CelebA" / "Anno").mkdir(parents=True)
    return tmp_path


def test_data_sets_below_a_folder(shelf):
    checks = {check.name: check for check in examine_data(shelf)}
    assert set(checks) == set(FOLDERS) <= set(DATASETS.names())
    assert checks["lfw"].found.startswith("1 photographs of 1 people")
    assert str(shelf) in checks["lfw"].found
    assert not checks["ffhq"].found and checks["ffhq"].remedy.startswith("damaged: ")
    assert str(shelf / "CelebA") in checks["celeba"].remedy  # the folder that is there is named
    assert "mmlab" in checks["celeba"].remedy and "tugraz" in checks["aflw"].remedy
    assert not any(check.broken for check in checks.values())  # none is required


def test_a_data_set_itself(shelf):
    checks = {check.name: check for check in examine_data(shelf / "lfw")}
    assert checks["lfw"].found.startswith("1 photographs")
    with pytest.raises(InputError, match="--data"):
        examine_data(shelf / "none")


def test_the_command_lists_them_when_asked(shelf, monkeypatch):
    monkeypatch.setattr(
        selfie3d.pipeline.about.doctor,
        "examine",
        lambda weights_dir: [Check("Required", "numpy", "1")],
    )
    result = CliRunner().invoke(app, ["doctor", "--data", str(shelf)])
    assert result.exit_code == 0
    assert "Data sets" in result.stdout and "tugraz" in result.stdout
    assert "Data sets" not in CliRunner().invoke(app, ["doctor"]).stdout
    missing = CliRunner().invoke(app, ["doctor", "--data", str(shelf / "none")])
    assert missing.exit_code != 0
