"""Shards that anybody may have made, and bytes that have changed since they were written."""

from __future__ import annotations

import json
import zipfile

import numpy as np
import pytest
from selfie3d.core.errors import InputError
from selfie3d.datasets.shards.dense import open_rendered
from selfie3d.datasets.synthetic.shard_file import CHECKSUMS, map_shard, write_shard
from selfie3d.datasets.synthetic.shard_index import VERSION, index_checksum, read_index
from selfie3d.datasets.synthetic.shards import _ARRAYS, open_shards, shard_path
from selfie3d.geometry.face_model import SHIPPED_VERSION

INDEX = {
    "version": VERSION,
    "face_model": "default",
    "face_model_version": SHIPPED_VERSION,
    "config": {},
    "faces_per_shard": 3,
    "count": 3,
}


def faces(count: int = 3) -> dict[str, np.ndarray]:
    """What a shard holds, of no face."""
    rng = np.random.default_rng(0)
    sizes = {"image": (8, 8, 3), "light": (9, 3), "translation": (3,), "centre": (2,),
             "identity": (4,), "expression": (3,), "albedo": (2,), "visible": (68,),
             "visible_vertices": (5,), "skin_mask": (8, 1), "segmentation": (8, 4)}  # fmt: skip
    arrays = {
        name: rng.integers(0, 9, (count, *size)).astype(
            np.uint8 if name in ("skin_mask", "visible_vertices") else _ARRAYS[name]
        )
        for name, size in sizes.items()
    }
    arrays["rotation"] = np.tile(np.eye(3, dtype=np.float32), (count, 1, 1))
    arrays["focal"] = np.full(count, 500, np.float32)
    arrays["person"] = np.arange(count, dtype=np.int32)
    for name in ("ibug68", "300w-lp"):
        arrays[f"landmarks_{name}"] = rng.random((count, 68, 3)).astype(np.float32)
    return arrays


@pytest.fixture
def folder(tmp_path):
    (tmp_path / "index.json").write_text(json.dumps(INDEX))
    write_shard(shard_path(tmp_path, 0), faces())
    return tmp_path


def replace(folder, **arrays) -> None:
    """Write the shard as NumPy would, without checksums."""
    path = shard_path(folder, 0)
    np.savez(path, **(faces() | arrays))  # type: ignore[arg-type]


def read_everything(folder) -> None:
    opened = open_shards(folder)
    for name in opened.names:
        opened.all(name)
    open_rendered([folder])


def test_rows_have_checksums(folder):
    read_everything(folder)
    arrays = map_shard(shard_path(folder, 0))
    assert arrays[CHECKSUMS].shape == (3, len(arrays) - 1)
    for name, array in faces().items():
        np.testing.assert_array_equal(open_shards(folder).all(name), array)


def test_every_flipped_byte_is_noticed(folder):
    """Wherever it lies, but for places that mean nothing (dates, padding of headers)."""
    path = shard_path(folder, 0)
    whole = path.read_bytes()
    with zipfile.ZipFile(path) as archive:
        members = {m.filename: m for m in archive.infolist()}
    unnoticed = []
    for name, member in members.items():
        start = member.header_offset + 30 + len(name) + 20
        for at in (start + 60, *range(start + 128, start + member.file_size, 37)):
            path.write_bytes(whole[:at] + bytes([whole[at] ^ 1]) + whole[at + 1 :])
            try:
                read_everything(folder)
            except InputError:
                continue
            unnoticed.append((name, at - start))
    assert {place for _, place in unnoticed} <= {60}  # within the dictionary's spaces


def test_a_flipped_byte_is_named_with_shard_row_and_array(folder):
    path = shard_path(folder, 0)
    content = path.read_bytes()
    at = content.index(faces()["image"][1].tobytes())
    path.write_bytes(content[:at] + bytes([content[at] ^ 64]) + content[at + 1 :])
    opened = open_shards(folder)
    assert opened.rows("image", [0, 2]).shape == (2, 8, 8, 3)
    with pytest.raises(InputError, match=r"shard-00000\.npz.*row 1 of image.*synth again"):
        opened.rows("image", [2, 1])


def test_every_flipped_bit_of_the_index_is_noticed(folder):
    """Or changes nothing that is read: spaces between its entries."""
    path, config = folder / "index.json", {"size": 144, "turns": 1.0, "hair": 0.94}
    index = INDEX | {"config": config}
    index["checksum"] = index_checksum(index)
    whole = json.dumps(index, indent=1).encode()
    path.write_bytes(whole)
    read_everything(folder)
    noticed = 0
    for at in range(len(whole)):
        for bit in range(8):
            path.write_bytes(whole[:at] + bytes([whole[at] ^ (1 << bit)]) + whole[at + 1 :])
            try:
                assert read_index(folder) == index, (at, bit)
            except InputError:
                noticed += 1
    assert noticed > 8 * len("".join(whole.decode().split())) * 0.99


def test_a_changed_index_is_named(folder):
    path, index = folder / "index.json", INDEX | {"count": 30}
    path.write_text(json.dumps(index | {"checksum": index_checksum(INDEX)}))
    with pytest.raises(InputError, match=r"index\.json.*another one.*remove its line 'checksum'"):
        open_shards(folder)
    path.write_text(json.dumps(index))  # as earlier versions wrote it
    assert open_shards(folder).index["count"] == 30


def test_shards_without_checksums_are_read(folder):
    replace(folder)
    read_everything(folder)


@pytest.mark.parametrize(
    "name, array, problem",
    [
        ("image", np.full((3, 8, 8, 3), None), "pickled Python objects"),
        ("identity", np.full((3, 4), None), "pickled Python objects"),
        ("image", np.zeros((3, 8, 8, 3), np.float32), "image: expected 4 sizes of uint8"),
        ("image", np.zeros((3, 64), np.uint8), "image: expected 4 sizes of uint8"),
        ("focal", np.zeros(3, np.int64), "focal: expected 1 sizes of floats"),
        ("focal", np.zeros((), np.float32), "focal: expected 1 sizes"),
        ("person", np.zeros(3, "M8[s]"), "person: expected .* dates"),
        ("landmarks_ibug68", np.zeros(3, "S5"), "landmarks_ibug68: expected"),
        ("visible", np.zeros((2, 68), np.bool_), r"as many rows in every array, got \[2, 3\]"),
        ("image", np.zeros((3, 8, 8, 3), np.uint8, order="F"), "row by row"),
        ("rotation", np.zeros((3, 3, 3), np.float32), "rotation: expected rotations"),
        ("rotation", np.full((3, 3, 3), np.nan, np.float32), "rotation: expected finite"),
        ("rotation", np.tile(np.diag([1, 1, -1.0]), (3, 1, 1)).astype("f4"), "rotations"),
        ("focal", np.zeros(3, np.float32), "focal length above 0"),
        ("translation", np.full((3, 3), np.inf, np.float32), "translation: expected finite"),
    ],
)
def test_other_arrays_are_refused(folder, name, array, problem):
    replace(folder, **{name: array})
    with pytest.raises(InputError, match=problem):
        read_everything(folder)


def test_packed_and_missing_arrays_are_refused(folder):
    path = shard_path(folder, 0)
    np.savez_compressed(path, **faces())  # type: ignore[arg-type]
    with pytest.raises(InputError, match="packed or encrypted"):
        open_shards(folder)
    np.savez(path, focal=np.ones(3, np.float32))
    with pytest.raises(InputError, match="the arrays of a shard, got focal"):
        open_shards(folder)
    write_shard(shard_path(folder, 0), faces())
    more = faces()
    del more["segmentation"]
    write_shard(shard_path(folder, 1), more)
    with pytest.raises(InputError, match=r"shard-00001.*others \(segmentation\)"):
        open_shards(folder)


@pytest.mark.parametrize(
    "text, problem",
    [
        ("[]", "JSON of a list"),
        ('{"version": 2, "config": 3, "count": 1, "faces_per_shard": 4}', "face_model: expected"),
        (json.dumps(INDEX | {"config": 3}), "config: expected what was drawn, got 3"),
        (json.dumps(INDEX | {"count": "x"}), "count: expected"),
        (json.dumps(INDEX | {"count": True}), "count: expected"),
        ("\x00\x01{", "no JSON"),
        ("", "empty"),
    ],
)
def test_other_indexes_are_refused(folder, text, problem):
    (folder / "index.json").write_text(text)
    with pytest.raises(InputError, match=r"index\.json.*" + problem):
        open_shards(folder)


def test_drawing_goes_on_beside_shards_without_checksums(folder):
    replace(folder)
    write_shard(shard_path(folder, 1), faces())
    assert len(open_shards(folder)) == 6 and CHECKSUMS not in open_shards(folder).names
