"""HDF5 by strangers: values that lie in the file, and nothing else."""

from __future__ import annotations

import resource

import numpy as np
import pytest
from selfie3d.core.errors import InputError
from selfie3d.facemodels.convert import convert_model
from selfie3d.facemodels.readers.hdf5 import dataset_names, read_datasets
from selfie3d.facemodels.readers.source import Source

h5py = pytest.importorskip("h5py")
VALUES = np.arange(12, dtype=np.float32).reshape(3, 4)


def test_plain_packed_and_text(tmp_path):
    path = tmp_path / "a.h5"
    with h5py.File(path, "w") as file:
        file["plain"], file["text"], file["group/number"] = VALUES, np.bytes_("abc"), np.float32(2)
        file["word"] = "Ä"
        file.create_dataset("gzip", data=VALUES, compression="gzip", shuffle=True, fletcher32=True)
        file.create_dataset("lzf", data=VALUES, compression="lzf")
        file.create_dataset("even", data=np.zeros(1_000_000, np.uint8), compression="gzip")
    names = ["plain", "gzip", "lzf", "text", "word", "group/number", "even", "other", "group"]
    assert dataset_names(path) == set(names[:-2])
    found = read_datasets(path, names)
    assert set(found) == set(names[:-2])
    for name in names[:3]:
        np.testing.assert_array_equal(found[name], VALUES)
    assert str(found["text"]) == "abc" and str(found["word"]) == "Ä"
    assert float(found["group/number"]) == 2 and not found["even"].any()


def sparse(file) -> None:
    file.create_dataset("a", (300_000_000,), "f4", chunks=(1_000_000,))


def packed_bomb(file) -> None:
    zeros = np.zeros(1 << 20, np.uint8)
    made = file.create_dataset("a", (1 << 28,), "u1", chunks=(1 << 20,), compression="gzip")
    for at in range(0, 1 << 28, 1 << 20):
        made[at : at + (1 << 20)] = zeros


def external(file) -> None:
    file.create_dataset("a", (16,), "u1", external=[("/etc/passwd", 0, 16)])


def virtual(file) -> None:
    layout = h5py.VirtualLayout((4,), "u1")
    layout[:] = h5py.VirtualSource("other.h5", "b", (4,))
    file.create_virtual_dataset("a", layout)


def objects(file) -> None:
    file.create_dataset("a", data=[b"a", b"bc"], dtype=h5py.string_dtype())


def records(file) -> None:
    file["a"] = np.zeros(2, [("x", "f4"), ("y", "i4")])


@pytest.mark.parametrize(
    "make, problem",
    [
        (sparse, "of which the file holds 0"),
        (packed_bomb, "268,435,456 bytes, of which the file holds"),
        (external, "lie in another one"),
        (virtual, "lie in another one"),
        (objects, "numbers or a text"),
        (records, "numbers or a text"),
    ],
)
def test_values_that_do_not_lie_in_the_file(tmp_path, make, problem):
    with h5py.File(tmp_path / "a.h5", "w") as file:
        make(file)
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    with pytest.raises(InputError, match=rf"a\.h5: a: .*{problem}"):
        read_datasets(tmp_path / "a.h5", ["a"])
    assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before < 100_000  # KiB


def test_links_to_other_files_are_not_followed(tmp_path):
    with h5py.File(tmp_path / "b.h5", "w") as file:
        file["group/b"] = VALUES
    with h5py.File(tmp_path / "a.h5", "w") as file:
        file["a"] = h5py.ExternalLink("b.h5", "group/b")
        file["group"] = h5py.ExternalLink("b.h5", "group")
        file["soft"] = h5py.SoftLink("/a")
    assert read_datasets(tmp_path / "a.h5", ["a", "group/b", "soft"]) == {}


def test_matlab_7_3_is_named_as_what_it_is(tmp_path):
    path = tmp_path / "01_MorphableModel.mat"
    with h5py.File(path, "w", userblock_size=512) as file:
        file["shapeMU"] = VALUES
    content = path.read_bytes()
    path.write_bytes(b"MATLAB 7.3 MAT-file".ljust(124) + b"\x00\x02IM" + content[128:])
    with pytest.raises(InputError, match=r"version 7\.3.*-v7"):
        convert_model(Source(path), tmp_path / "out.npz")


@pytest.mark.parametrize("length", [1, 100, 700])
def test_damaged_files(tmp_path, length):
    with h5py.File(tmp_path / "a.h5", "w") as file:
        file["a"] = VALUES
    content = (tmp_path / "a.h5").read_bytes()
    (tmp_path / "a.h5").write_bytes(content[:length])
    for read in (dataset_names, lambda path: read_datasets(path, ["a"])):
        with pytest.raises(InputError, match=r"a\.h5"):
            read(tmp_path / "a.h5")
