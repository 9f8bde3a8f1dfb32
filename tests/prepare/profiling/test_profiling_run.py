from __future__ import annotations

import hashlib
import io
import json
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image
from selfie3d.commands import prepare as command
from selfie3d.core.errors import InputError, MissingFileError
from selfie3d.datasets.photographs.aflw2000_fit import FittedBasis, points_of_fit
from selfie3d.datasets.photographs.record import Record
from selfie3d.datasets.shards.tar import ShardEntry, TarShards, write_tar_shard
from selfie3d.facemodels import load_face_model
from selfie3d.geometry.rotation import matrix_to_euler
from selfie3d.prepare import parts
from selfie3d.prepare.estimators import TURNED
from selfie3d.prepare.options import PrepareOptions, TurnOptions
from selfie3d.prepare.parts import Parts
from selfie3d.prepare.profiling.collection import estimated_yaws
from selfie3d.prepare.profiling.fit import FIT
from selfie3d.prepare.run import Prepared, prepare
from typer import Typer
from typer.testing import CliRunner

FIXED = TurnOptions(turns="50,95", pitch=5)


@pytest.fixture(autouse=True)
def _small_parts(monkeypatch):
    monkeypatch.setattr(parts, "PER_PART", 4)


@pytest.fixture
def shards(tmp_path, drawn_faces) -> Path:
    """Six drawn faces in a shard for training, two in one for validation."""
    return write_shards(tmp_path / "prepared", drawn_faces)


@pytest.fixture(scope="module")
def turned(tmp_path_factory, drawn_faces) -> Turned:
    """Such shards, and what `prepare turned` made of them."""
    folder = tmp_path_factory.mktemp("turned")
    root = write_shards(folder / "prepared", drawn_faces)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(parts, "PER_PART", 4)
        return Turned(root, folder / "out", prepare("turned", root, folder / "out", FIXED))


@dataclass(frozen=True)
class Turned:
    shards: Path
    out: Path
    result: Prepared


def write_shards(root: Path, drawn_faces: list) -> Path:
    root.mkdir()
    for split, chosen in (("train", drawn_faces[:6]), ("val", drawn_faces[6:8])):
        entries = []
        for number, face in enumerate(chosen):
            picture, skin = io.BytesIO(), io.BytesIO()
            Image.fromarray(face.picture).save(picture, "PNG")
            Image.fromarray((face.skin * 255).astype(np.uint8)).save(skin, "PNG")
            labels = {"identity": np.array([number]), "pose_para": np.zeros(7)}
            if split == "train":  # a whole fit, as 300W-LP has
                labels |= {"shape_para": np.zeros(199), "exp_para": np.zeros(29)}
                labels["pose_para"] = pose_of(face.points, face.picture.shape[0])
            record = Record({"ibug68-3d": face.points}, None, None, labels)
            name = f"people/{split}{number}"
            entries.append(ShardEntry(name, picture.getvalue(), ".png", record, skin.getvalue()))
        write_tar_shard(root / f"{split}-00000.tar", entries)
    return root


def mean_face() -> np.ndarray:
    """The mean face's 68 points in 3DDFA's frame, micrometres."""
    model = load_face_model()
    points = 1000 * model.landmark_points(model.mean[None], "ibug68")[0].double().numpy()
    return points - points.mean(0) + [0, -12_200, 88_900]


def pose_of(points: np.ndarray, height: int) -> np.ndarray:
    """Pose_Para (7,) of the mean face on points (68,2), least squares."""
    own, seen = mean_face(), points * [1, -1] + [0.5, height + 0.5]
    affine = np.linalg.lstsq(own - own.mean(0), seen - seen.mean(0), rcond=None)[0].T
    left, sizes, right = np.linalg.svd(affine, full_matrices=False)
    rows = left @ right
    rotation = torch.from_numpy(np.stack([*rows, np.cross(*rows)]))
    shift = seen.mean(0) - sizes.mean() * rows @ own.mean(0)
    return np.array([*matrix_to_euler(rotation).numpy(), *shift, -70.0, sizes.mean()])


def hashes(folder: Path) -> dict[str, str]:
    files = (path for path in folder.iterdir() if path.is_file() and path.name[0] != ".")
    return {path.name: hashlib.sha256(path.read_bytes()).hexdigest() for path in files}


def test_turned_shards(turned):
    out, result = turned.out, turned.result
    count = sum(result.counts.values())
    assert set(result.counts) == {"train", "val"} and count + len(result.rejects) >= 8
    assert count >= 8, result.rejects
    model = load_face_model()
    mean = model.landmark_points(model.mean[None], "ibug68")[0].double().numpy()
    for split in ("train", "val"):
        data = TarShards(out, f"{split}-*.tar")
        for row in range(len(data)):
            sample = data[row]
            assert f"/people/{split}" in sample.name and sample.picture.shape == (144, 144, 3)
            assert set(sample.landmarks) == {"ibug68-3d", "ibug68-2d"}
            assert set(sample.labels) == {
                "identity", "source/ibug68-2d", "source/ibug68-3d", "turn_deg",
                *(FIT if split == "train" else ()),
            }  # fmt: skip
            assert sample.labels["source/ibug68-3d"] == TURNED
            assert abs(sample.labels["turn_deg"][1]) <= 5
            assert sample.skin is not None
            yaw = abs(estimated_yaws(sample.landmarks["ibug68-3d"][None], mean)[0])
            assert min(abs(yaw - 50), abs(yaw - 85)) < 12  # 95 reads as 85
    assert result.passed == ["labels that do not turn along, left out: pose_para (2)"]
    manifest = json.loads((out / "manifest.json").read_text())
    assert manifest["data_set"] == "turned" and manifest["options"]["turns"] == "50,95"
    assert (out / "contact_sheet.png").is_file()
    lines = (out / "samples.tsv").read_text().splitlines()[1:]
    picture = TarShards(turned.shards, "train-*.tar")
    assert len(lines) == count and len(picture) == 6


def test_300w_lps_fit_turns_along(turned):
    """The mean face by the labels of a copy lies on its landmarks, as it did in the photograph."""
    basis = FittedBasis(mean_face(), np.zeros((68, 3, 1)), np.zeros((68, 3, 1)))
    gaps: list[list[float]] = []
    for folder in (turned.shards, turned.out):
        data, own = TarShards(folder, "train-*.tar"), []
        for row in range(len(data)):
            sample = data[row]
            fit = [sample.labels[name] for name in FIT]
            found = points_of_fit(basis, *fit, height=sample.picture.shape[0])[:, :2] - 0.5
            known = sample.landmarks["ibug68-3d"]
            size = np.ptp(known, axis=0).max()
            own.append(float(np.linalg.norm(found - known, axis=1).mean() / size))
        gaps.append(own)
    assert len(gaps[1]) >= 6 and np.mean(gaps[1]) < np.mean(gaps[0]) + 0.025
    assert max(gaps[1]) < max(gaps[0]) + 0.04


def test_interrupted_and_resumed_is_the_same(turned, tmp_path, monkeypatch):
    make, made = Parts.make, []

    def stopping(self, part, workshop):
        if len(made) % 2 == 1:
            made.append("stopped")
            raise KeyboardInterrupt
        made.append(part.name)
        return make(self, part, workshop)

    monkeypatch.setattr(Parts, "make", stopping)
    for _ in range(10):
        try:
            prepare("turned", turned.shards, tmp_path / "pieces", FIXED)
            break
        except KeyboardInterrupt:
            continue
    assert "stopped" in made
    assert hashes(tmp_path / "pieces") == hashes(turned.out)


def test_a_fit_beside_the_landmarks_is_rejected(shards, tmp_path):
    data = TarShards(shards, "val-*.tar")
    wrong = data[0].landmarks["ibug68-3d"] * [0.5, 1]
    picture = io.BytesIO()
    Image.fromarray(data[0].picture).save(picture, "PNG")
    entry = ShardEntry("wrong", picture.getvalue(), ".png", Record({"ibug68-3d": wrong}))
    bare = ShardEntry("bare", picture.getvalue(), ".png", Record())
    write_tar_shard(shards / "val-00000.tar", [entry, bare])
    result = prepare("turned", shards, tmp_path / "out", TurnOptions(turns="60", apart=0.05))
    reasons = {reject.name.split("_")[0]: reject.reason for reject in result.rejects}
    assert "off the landmarks" in reasons["wrong"]
    assert all(not sample.startswith("bare") for sample in reasons)  # its pose is not known


def test_the_command(shards, tmp_path):
    app = Typer()
    app.callback()(lambda: None)
    command.register(app)
    words = ["prepare", "turned", "--data", str(shards), "--out", str(tmp_path / "out")]
    done = CliRunner().invoke(app, [*words, "--most-turns", "1"], catch_exceptions=False)
    assert done.exit_code == 0 and "Prepared:" in done.output
    samples = (tmp_path / "out" / "samples.tsv").read_text().splitlines()[1:]
    names = [line.split("\t")[2].rsplit("_turned_", 1)[0] for line in samples]
    assert 4 <= len(names) == len(set(names))


def test_what_cannot_begin(shards, tmp_path):
    with pytest.raises(MissingFileError, match=r"train-\*\.tar.*selfie3d prepare"):
        prepare("turned", tmp_path, tmp_path / "out")
    with pytest.raises(InputError, match="TurnOptions"):
        prepare("turned", shards, tmp_path / "out", PrepareOptions())
    with pytest.raises(InputError, match="beyond those of the photographs"):
        prepare("turned", shards, tmp_path / "out", TurnOptions(turns="0"))
    wrong = (
        {"turns": "sixty"}, {"turns": "30,140"}, {"bins": "0"}, {"bins": "0,60,30"},
        {"most": 0}, {"pitch": 50}, {"apart": 0}, {"write": "files"},
    )  # fmt: skip
    for options in wrong:
        with pytest.raises(InputError, match=next(iter(options))):
            TurnOptions(**options)
