"""Tar shards: order, random access, the kept index, and archives that are damaged or hostile."""

from __future__ import annotations

import io
import json
import os
import tarfile

import numpy as np
import pytest
from PIL import Image
from selfie3d.core.errors import InputError, MissingFileError
from selfie3d.datasets.photographs.record import Record
from selfie3d.datasets.shards.tar import ShardEntry, TarShards, shard_paths, write_tar_shard
from selfie3d.datasets.shards.tar_index import read_member, tar_members


def encoded(array: np.ndarray, kind: str = "PNG") -> bytes:
    file = io.BytesIO()
    Image.fromarray(array).save(file, kind)
    return file.getvalue()


def entry(name: str, array: np.ndarray, skin: bool = False) -> ShardEntry:
    points = np.full((21, 2), np.nan)
    points[20] = [array.shape[1] / 2, 8.25]
    mask = encoded(np.full(array.shape[:2], 255, np.uint8)) if skin else None
    record = Record({"aflw21": points}, box=(1, 2, 30, 20), labels={"yaw": np.array([3.0])})
    return ShardEntry(name, encoded(array), ".png", record, mask)


@pytest.fixture
def folder(tmp_path, picture):
    for number, path in enumerate(shard_paths(tmp_path, "train", 2)):
        entries = [entry(f"sub/{number}{k}.v2", picture(24, 40, k), k == 1) for k in range(3)]
        assert write_tar_shard(path, entries) == 3
    return tmp_path


def raw_tar(path, members: list[tuple[str, bytes]], change=lambda info: info) -> None:
    with tarfile.open(path, "w") as archive:
        for name, content in members:
            info = tarfile.TarInfo(name)
            info.size = len(content)
            archive.addfile(change(info), io.BytesIO(content))


def test_samples_come_back_in_order(folder, picture):
    data = TarShards(folder)
    names = [data.row_name(row) for row in range(len(data))]
    assert names == [f"shards/train-0000{n}/sub/{n}{k}.v2" for n in range(2) for k in range(3)]
    assert data.summary == "shards: 6 photographs in 2 shards"
    sample = data[4]
    np.testing.assert_array_equal(sample.picture, picture(24, 40, 1))
    np.testing.assert_array_equal(sample.landmarks["aflw21"][20], [20, 8.25])
    assert np.isnan(sample.landmarks["aflw21"][:20]).all()
    assert sample.box == (1, 2, 30, 20)
    assert sample.skin.min() == 255 and data[3].skin is None
    np.testing.assert_array_equal(sample.labels["yaw"], [3])
    assert len(TarShards(folder, "*1.tar")) == 3
    assert len(TarShards(folder / "train-00000.tar")) == 3


def test_a_shard_is_the_same_bytes_every_time(folder, picture, tmp_path):
    again = tmp_path / "again.tar"
    write_tar_shard(again, [entry(f"sub/0{k}.v2", picture(24, 40, k), k == 1) for k in range(3)])
    assert again.read_bytes() == (folder / "train-00000.tar").read_bytes()


def test_what_a_killed_writer_left_is_no_shard(folder):
    (folder / ".train-00001.part.tar").write_bytes((folder / "train-00001.tar").read_bytes()[:700])
    assert len(TarShards(folder)) == 6


def test_the_index_is_kept_and_checked(folder):
    path = folder / "train-00000.tar"
    index = folder / ".train-00000.tar.index"
    members = tar_members(path)
    assert index.is_file()
    with tarfile.open(path) as archive:
        for member in members:
            assert read_member(path, member) == archive.extractfile(member.name).read()
    content = json.loads(index.read_text())
    content["members"] = content["members"][:1]
    index.write_text(json.dumps(content))
    assert len(tar_members(path)) == 1  # it is believed while the archive stays as it is
    os.utime(path, ns=(1, 1))
    assert tar_members(path) == members
    for damaged in ("{", "[]", '{"stamp": 1}'):
        index.write_text(damaged)
        assert tar_members(path) == members
    for change in (["a", 0, 10**9], ["a", -1, 3], ["../a", 0, 3]):
        content["stamp"] = json.loads(index.read_text())["stamp"]
        index.write_text(json.dumps({**content, "members": [change]}))
        assert tar_members(path) == members


@pytest.mark.parametrize("name", ["../a.jpg", "/a.jpg", "b/../../a.jpg", "c:\\a.jpg", "a\n.jpg"])
def test_names_that_lead_elsewhere_are_refused(tmp_path, name):
    raw_tar(tmp_path / "a.tar", [(name, b"x")])
    with pytest.raises(InputError, match="names below the archive"):
        TarShards(tmp_path)


@pytest.mark.parametrize("kind", [tarfile.SYMTYPE, tarfile.LNKTYPE, tarfile.CHRTYPE])
def test_links_and_devices_are_refused(tmp_path, kind):
    def change(info: tarfile.TarInfo) -> tarfile.TarInfo:
        info.type, info.linkname, info.size = kind, "/etc/passwd", 0
        return info

    raw_tar(tmp_path / "a.tar", [("a.jpg", b"")], change)
    with pytest.raises(InputError, match="plain files"):
        TarShards(tmp_path)


def test_a_name_twice_is_refused(tmp_path):
    raw_tar(tmp_path / "a.tar", [("a.json", b"{}"), ("a.json", b"{}")])
    with pytest.raises(InputError, match="twice"):
        TarShards(tmp_path)


@pytest.mark.parametrize("keep", [0.3, 0.8])
def test_a_cut_off_archive_is_named(folder, keep):
    path = folder / "train-00001.tar"
    whole = path.read_bytes()
    last = tar_members(path)[-1]
    path.write_bytes(whole[: int(keep * (last.offset + last.size))])
    with pytest.raises(InputError, match=r"train-00001\.tar"):
        TarShards(folder)


def test_what_is_no_tar_is_named(tmp_path):
    (tmp_path / "a.tar").write_bytes(b"something else" * 100)
    with pytest.raises(InputError, match=r"a\.tar"):
        TarShards(tmp_path)
    with tarfile.open(tmp_path / "a.tar", "w:gz") as archive:
        archive.add(__file__, "a.jpg")
    with pytest.raises(InputError, match="uncompressed"):
        TarShards(tmp_path)


def test_damaged_members_are_named(tmp_path, picture):
    good = encoded(picture(30, 30), "JPEG")
    empty = encoded(np.zeros((30, 30), np.uint8))
    raw_tar(
        tmp_path / "a.tar",
        [
            ("README.txt", b"passed over"),
            ("good.jpg", good), ("cut.jpg", good[: len(good) // 2]), ("gif.png", b"GIF89a"),
            ("json.jpg", good), ("json.json", b"{"), ("nan.jpg", good),
            ("nan.json", b'{"landmarks": {"aflw21": [[NaN, 1]]}}'),
            ("mask.jpg", good), ("mask.skin.png", empty), ("alone.json", b"{}"),
            ("out.jpg", good), ("out.json", b'{"box": [200, 200, 300, 300]}'),
        ],
    )  # fmt: skip
    data = TarShards(tmp_path)
    assert data[0].picture.shape == (30, 30, 3)
    reasons = [r"cut\.jpg: .*[Tt]runcated", r"gif\.png", r"json\.json", "NaN", "empty one",
               "alone: expected a picture", "face in the photograph"]  # fmt: skip
    assert len(data) == len(reasons) + 1
    for row, reason in enumerate(reasons, 1):
        with pytest.raises(InputError, match=reason):
            data[row]


def test_an_archive_that_shrinks_while_it_is_read(folder):
    data = TarShards(folder)
    path = folder / "train-00001.tar"
    path.write_bytes(path.read_bytes()[:600])
    with pytest.raises(InputError, match=r"train-00001\.tar: sub/10\.v2\.png.* whole member"):
        data[3]
    path.unlink()
    with pytest.raises(MissingFileError, match=r"train-00001\.tar"):
        data[3]


def test_writing_is_all_or_nothing(tmp_path, picture):
    bad = ShardEntry("b", b"", ".gif", Record())
    with pytest.raises(InputError, match=r"\.gif"):
        write_tar_shard(tmp_path / "a.tar", [entry("a", picture(8, 8)), bad])
    assert list(tmp_path.iterdir()) == []
    for path in (tmp_path, tmp_path / "none.tar"):
        with pytest.raises(MissingFileError):
            TarShards(path)


def test_every_changed_byte_of_a_sample_is_noticed(tmp_path, picture):
    path = tmp_path / "a.tar"
    write_tar_shard(path, [entry("one", picture(8, 8), skin=True)])
    whole = path.read_bytes()
    for member in tar_members(path):
        for at in range(member.offset, member.offset + member.size, 41):
            path.write_bytes(whole[:at] + bytes([whole[at] ^ 1]) + whole[at + 1 :])
            with pytest.raises(InputError, match=rf"{member.name}: expected the bytes that were"):
                read_member(path, member)
            with pytest.raises(InputError, match=r"expected the bytes that were"):
                TarShards(path)[0]
    with tarfile.open(path, "w") as archive:  # by another program
        info = tarfile.TarInfo("one.jpg")
        info.size = 3
        archive.addfile(info, io.BytesIO(b"abc"))
    assert [m.checksum for m in tar_members(path)] == [-1]
    assert read_member(path, tar_members(path)[0]) == b"abc"
