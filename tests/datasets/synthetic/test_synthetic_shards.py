"""Shards hold what was drawn, are continued, and are read in place."""

from __future__ import annotations

import json

import numpy as np
import pytest
import typer
from selfie3d.commands.synth import register
from selfie3d.core.errors import InputError, MissingFileError
from selfie3d.datasets.synthetic import shards
from selfie3d.datasets.synthetic.config import SyntheticConfig
from selfie3d.datasets.synthetic.faces import SyntheticFaces
from selfie3d.datasets.synthetic.shard_index import index_checksum
from selfie3d.datasets.synthetic.shards import open_shards, shard_path, write_shards
from selfie3d.geometry.face_model import SHIPPED_VERSION
from typer.testing import CliRunner

CONFIG = SyntheticConfig(size=48, seed=11)


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    path = tmp_path_factory.mktemp("shards")
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(shards, "FACES_PER_SHARD", 4)
        write_shards(path, CONFIG, 10)
    return path


def test_shards_hold_the_items(folder):
    faces, stored = SyntheticFaces(CONFIG), open_shards(folder)
    assert len(stored) == 10
    for index in (0, 5, 9):
        face = faces.item(index)
        np.testing.assert_array_equal(stored.rows("image", [index])[0], face.image)
        for name in ("identity", "expression", "albedo", "light", "rotation", "visible"):
            np.testing.assert_array_equal(stored.rows(name, [index])[0], getattr(face, name))
        for name, marks in face.landmarks.items():
            np.testing.assert_array_equal(stored.rows(f"landmarks_{name}", [index])[0], marks)
        mask = np.unpackbits(stored.rows("skin_mask", [index])[0], axis=1).astype(bool)
        np.testing.assert_array_equal(mask, face.skin_mask)


def test_rows_come_in_the_order_asked_for(folder):
    stored = open_shards(folder)
    everything = stored.all("image")
    chosen = [9, 0, 4, 4, 7]
    np.testing.assert_array_equal(stored.rows("image", chosen), everything[chosen])
    with pytest.raises(InputError, match="indices"):
        stored.rows("image", [10])
    with pytest.raises(InputError, match="name"):
        stored.rows("colour", [0])


def test_shards_are_plain_npz(folder):
    stored = open_shards(folder)
    with np.load(shard_path(folder, 1), allow_pickle=False) as archive:
        assert set(archive.files) == {*stored.names, "checksums"}
        for name in stored.names:
            np.testing.assert_array_equal(archive[name], stored.arrays(name)[1])


def test_a_second_run_draws_only_what_is_missing(folder, monkeypatch):
    monkeypatch.setattr(shards, "FACES_PER_SHARD", 4)
    before = {n: shard_path(folder, n).stat().st_mtime_ns for n in range(3)}
    content = shard_path(folder, 1).read_bytes()
    shard_path(folder, 1).unlink()
    write_shards(folder, CONFIG, 10)
    assert open_shards(folder).all("focal").shape == (10,)
    for number in (0, 2):
        assert shard_path(folder, number).stat().st_mtime_ns == before[number]
    with np.load(shard_path(folder, 1)) as again:
        np.testing.assert_array_equal(again["image"], open_shards(folder).arrays("image")[1])
    assert len(shard_path(folder, 1).read_bytes()) == len(content)
    assert not list(folder.glob("*.part"))


def test_workers_change_nothing(folder, tmp_path, monkeypatch):
    """Whatever the number of workers and the division into shards."""
    write_shards(tmp_path, CONFIG, 10, workers=2)
    for name in ("image", "landmarks_ibug68"):
        np.testing.assert_array_equal(
            open_shards(tmp_path).all(name), open_shards(folder).all(name)
        )


def test_another_set_is_refused(folder):
    with pytest.raises(InputError, match="Choose another folder"):
        write_shards(folder, SyntheticConfig(size=48, seed=12), 10)


def test_a_set_from_before_a_setting_existed_goes_on(tmp_path):
    write_shards(tmp_path, CONFIG, 2)
    path = tmp_path / "index.json"
    index = json.loads(path.read_text())
    assert index["checksum"] == index_checksum(index)
    del index["config"]["turns"], index["checksum"]
    path.write_text(json.dumps(index))
    write_shards(tmp_path, CONFIG, 2)
    assert json.loads(path.read_text())["config"]["turns"] == 1
    path.write_text(json.dumps(index))
    with pytest.raises(InputError, match="Choose another folder"):
        write_shards(tmp_path, SyntheticConfig(size=48, seed=11, turns=0.4), 2)


@pytest.mark.parametrize(
    "named", [{"face_model": "default-head"}, {"face_model": "default", "face_model_version": 1}]
)
def test_faces_of_another_face_model_are_refused(folder, tmp_path, named):
    index = json.loads((folder / "index.json").read_text())
    assert (index["face_model"], index["face_model_version"]) == ("default", SHIPPED_VERSION)
    del index["face_model_version"], index["checksum"]
    (tmp_path / "index.json").write_text(json.dumps(index | named))
    shard_path(tmp_path, 0).symlink_to(shard_path(folder, 0))
    with pytest.raises(InputError, match=r"drawn for version 1.*Draw them anew"):
        open_shards(tmp_path)
    with pytest.raises(InputError, match="Draw them anew"):
        write_shards(tmp_path, CONFIG, 10)


def test_what_is_missing_or_damaged_is_named(folder, tmp_path):
    with pytest.raises(MissingFileError, match=r"index\.json"):
        open_shards(tmp_path)
    (tmp_path / "index.json").write_text((folder / "index.json").read_text())
    with pytest.raises(MissingFileError, match="shard"):
        open_shards(tmp_path)
    shard_path(tmp_path, 0).write_bytes(shard_path(folder, 0).read_bytes()[:1000])
    with pytest.raises(InputError, match="shard-00000"):
        open_shards(tmp_path)
    with pytest.raises(InputError, match="count"):
        write_shards(tmp_path, CONFIG, 0)


def test_the_command_writes_shards_index_and_sheet(tmp_path):
    app = typer.Typer()
    app.callback()(lambda: None)
    register(app)
    out = tmp_path / "out"
    result = CliRunner().invoke(
        app, ["synth", "--out", str(out), "--count", "13", "--seed", "4", "--size", "48"]
    )
    assert result.exit_code == 0, result.output
    assert "13 faces in 1 shard" in result.output
    index = json.loads((out / "index.json").read_text())
    assert (index["count"], index["config"]["seed"], index["config"]["size"]) == (13, 4, 48)
    assert (out / "contact_sheet.png").stat().st_size > 10_000
