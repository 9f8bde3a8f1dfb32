"""A group of photographs: rows as `reconstruct` writes them, failures of their own, once each."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from selfie3d.core.item_failure import FailureLog
from selfie3d.core.whole_file import FullError, prepare_state
from selfie3d.datasets.labelled.places import Place
from selfie3d.datasets.shards.tar_index import read_member, tar_members
from selfie3d.pipeline import ReconstructOptions, reconstruct_paths
from selfie3d.scale import decode
from selfie3d.scale.decode import Read, packed, read_group, tries_of, unpacked
from selfie3d.scale.fragments import Fragments
from selfie3d.scale.options import BatchOptions, state_of
from selfie3d.scale.work import FaceWork

pytest.importorskip("pyarrow", reason='needs pip install "selfie3d[scale]"')
SMALL = ReconstructOptions(texture_size=64)


@pytest.fixture(scope="module")
def photos(tmp_path_factory, repository: Path) -> Path:
    """The demo's portrait, the same twice in a row, one without a face, one that is none."""
    root = tmp_path_factory.mktemp("photos")
    portrait = Image.open(repository / "pipeline" / "data" / "astronaut.jpg").convert("RGB")
    portrait.save(root / "a.png")
    two = Image.new("RGB", (2 * portrait.width, portrait.height))
    two.paste(portrait, (0, 0))
    two.paste(portrait, (portrait.width, 0))
    two.save(root / "b.png")
    Image.new("RGB", (64, 64), "grey").save(root / "c.png")
    (root / "d.png").write_text("no picture")
    return root


def places(root: Path) -> list[Place]:
    return [Place(path.name, str(path)) for path in sorted(root.iterdir())]


def read(root: Path) -> list[Read]:
    return [decode.read_one(place, FailureLog()) for place in places(root)]


def started(out: Path, *write: str) -> FaceWork:
    prepare_state(out, *state_of(out).relative_to(out).parts)
    return FaceWork(out, BatchOptions(write, SMALL))


def rows(out: Path, group: str = "00000-000") -> list[dict]:
    import pyarrow.parquet

    return pyarrow.parquet.read_table(state_of(out) / f"{group}.parquet").to_pylist()


@pytest.fixture(scope="module")
def done(photos: Path, tmp_path_factory) -> Path:
    out = tmp_path_factory.mktemp("done")
    said = started(out, "json", "glb")("00000-000", 10, places(photos), read(photos))
    kinds = {"NoFaceError": 1, "InputError": 1}
    assert json.loads(said) == {"photographs": 4, "faces": 3, "kinds": kinds}
    return out


def test_rows_are_what_reconstruct_writes(done, photos, tmp_path):
    reconstruct_paths([photos], tmp_path, options=ReconstructOptions(write=("json",)))
    by_name = {("a.png", 1): "a", ("b.png", 1): "b", ("b.png", 2): "b_2"}
    found = {(row["key"], row["face"]): row for row in rows(done) if row["kind"] is None}
    assert found.keys() == by_name.keys()
    for key, name in by_name.items():
        row, record = found[key], json.loads((tmp_path / f"{name}.json").read_text())
        points = np.array(record["landmarks_68"])
        assert np.abs(np.reshape(row["landmarks"], (68, 3)) - points).max() < 0.01
        assert row["sigmas"] == pytest.approx(record["landmark_sigma"], rel=1e-3)
        assert row["box"] == pytest.approx(record["box"]) and row["error"] is None
        for angle in ("pitch", "yaw", "roll"):
            assert row[angle] == pytest.approx(record["pose_deg"][angle], abs=0.01)
        camera = record["camera"]
        assert row["focal"] == pytest.approx(camera["focal_px"], rel=1e-4)
        assert row["rotation"] == pytest.approx(np.ravel(camera["rotation"]), abs=1e-3)
        for part in ("identity", "expression", "albedo", "light"):
            expected = np.ravel(record["coefficients"][part])
            assert np.abs(np.array(row[part]) - expected).max() < 0.01, part
        assert row["width"] == record["image"]["width"] and row["seconds"] > 0


def test_failures_are_rows(done):
    failed = [row for row in rows(done) if row["kind"]]
    assert [(row["key"], row["face"], row["kind"]) for row in failed] == [
        ("c.png", 0, "NoFaceError"),
        ("d.png", 0, "InputError"),
    ]
    assert "no face" in failed[0]["error"] and failed[0]["landmarks"] is None


def test_heads_are_in_the_tar(done):
    tar = done / "heads-00000-000.tar"
    members = tar_members(tar)
    names = [f"{tar.name}/{m.name}" for m in members]
    assert names == [row["glb"] for row in rows(done) if row["kind"] is None]
    plain = ["0000000010_1.glb", "0000000011_1.glb", "0000000011_2.glb"]
    assert [member.name for member in members] == plain
    assert all(read_member(tar, member)[:4] == b"glTF" for member in members)


def test_points_alone_are_the_same_points(done, photos, tmp_path):
    started(tmp_path, "points")("00000-000", 10, places(photos), read(photos))
    for row, full in zip(rows(tmp_path), rows(done), strict=True):
        assert row.keys() < full.keys() and "identity" not in row
        if row["kind"] is None:
            assert row["landmarks"] == pytest.approx(full["landmarks"], abs=0.02)
            assert row["sigmas"] == pytest.approx(full["sigmas"])
            assert row["score"] == full["score"]


def test_a_group_that_is_written_is_not_done_again(done, photos):
    before = (state_of(done) / "00000-000.parquet").stat().st_mtime_ns
    said = started(done, "json", "glb")("00000-000", 10, places(photos), [])
    assert json.loads(said)["faces"] == 3
    assert (state_of(done) / "00000-000.parquet").stat().st_mtime_ns == before


def test_who_ended_two_processes_is_left_alone(photos, tmp_path):
    work = started(tmp_path, "points")
    notes = state_of(tmp_path) / "00000-000.faces"
    notes.write_text("start\n0\n" * 2)
    work("00000-000", 0, places(photos)[:2], read(photos)[:2])
    found = rows(tmp_path)
    assert [row["kind"] for row in found] == ["killed", None, None] and not notes.exists()


def test_a_full_disk_ends_the_run(photos, tmp_path, monkeypatch):
    import errno

    def full(*args: object, **options: object) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr("pyarrow.parquet.write_table", full)
    with pytest.raises(FullError, match="No space left"):
        started(tmp_path, "points")("00000-000", 0, places(photos)[2:3], read(photos)[2:3])
    assert not list(state_of(tmp_path).glob("*.parquet"))


def test_pictures_travel_as_they_are(photos, tmp_path, monkeypatch):
    monkeypatch.setattr(decode, "BUDGET", 900_000)  # of which a.png takes the most
    found = read_group(places(photos), tries_of(tmp_path, "g", "read"), FailureLog())
    columns = packed(found)
    back = unpacked(columns, memoryview(columns.pop("pixels")))
    _same(found, back)
    assert [one.picture is None for one in back] == [False, True, True, True]
    assert [one.kind for one in back] == ["", "", "", ""]  # the rest is read by the second stage
    monkeypatch.undo()
    found = read_group(places(photos), tries_of(tmp_path, "g", "read"), FailureLog())
    columns = packed(found)
    _same(found, unpacked(columns, memoryview(columns.pop("pixels"))))
    assert [one.kind for one in found] == ["", "", "", "InputError"]


def test_reading_imports_no_torch():
    """Ray starts processes for it again and again."""
    code = "import sys, selfie3d.scale.decode; print('torch' in sys.modules, 'PIL' in sys.modules)"
    said = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert said.stdout.split() == ["False", "True"]


def _same(found: Sequence[Read], back: Sequence[Read]) -> None:
    for one, other in zip(found, back, strict=True):
        assert (one.kind, one.message) == (other.kind, other.message)
        assert (one.picture is None) == (other.picture is None)
        assert one.picture is None or np.array_equal(one.picture, other.picture)


def test_parts_are_put_together_once(tmp_path):
    import pyarrow as pa

    state = prepare_state(tmp_path, "state")
    fragments = Fragments(tmp_path, state, heads=True)
    for group in "ab":
        rows_of = [{"key": f"{group}{n}", "kind": None} for n in range(3)]
        table = pa.Table.from_pylist(rows_of, schema=pa.schema([("key", "str"), ("kind", "str")]))
        fragments.write(group, table, [(f"{group}.glb", group.encode())])
    assert fragments.counts("a") == {"kinds": [None] * 3} and fragments.counts("c") is None
    fragments.close(7, ["a", "b"])
    keys = pa.parquet.read_table(tmp_path / "faces-00007.parquet").column("key").to_pylist()
    assert keys == ["a0", "a1", "a2", "b0", "b1", "b2"]
    assert [m.name for m in tar_members(tmp_path / "heads-a.tar")] == ["a.glb"]
    assert fragments.is_closed(7) and not list(state.iterdir())
    fragments.close(7, ["a", "b"])  # as after a kill between the two


def test_a_damaged_fragment_is_done_again(tmp_path):
    fragments = Fragments(tmp_path, tmp_path, heads=False)
    (tmp_path / "g.parquet").write_bytes(b"")
    assert fragments.counts("g") is None
