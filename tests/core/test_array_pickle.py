"""Pickles by strangers: every array comes through, and nothing else does."""

from __future__ import annotations

import os
import pickle

import numpy as np
import pytest
from selfie3d.core.array_pickle import read_pickled_arrays
from selfie3d.core.errors import InputError, MissingFileError

ARRAYS = {
    "mean": np.arange(6, dtype=np.float32).reshape(2, 3),
    "columns": np.asfortranarray(np.arange(6.0).reshape(2, 3)),
    "big": np.arange(4, dtype=">i4"),
    "flags": np.array([True, False]),
    "empty": np.zeros((0, 3)),
    "number": np.float64(2.5),
    "plain": 3,
    "list": [1, 2.5],
}


@pytest.mark.parametrize("protocol", range(pickle.HIGHEST_PROTOCOL + 1))
def test_every_protocol_gives_the_arrays_back(tmp_path, protocol):
    path = tmp_path / "a.pkl"
    path.write_bytes(pickle.dumps(ARRAYS, protocol))
    found = read_pickled_arrays(path)
    assert found.keys() == ARRAYS.keys()
    for name, value in ARRAYS.items():
        np.testing.assert_array_equal(found[name], value)
        assert found[name].shape == np.shape(value)


def test_python_2_wrote_text(tmp_path):
    """Its strings of bytes are read as text; the names of NumPy's modules are the old ones."""
    state = (
        b"(dp0\nS'mean'\np1\ncnumpy.core.multiarray\n_reconstruct\np2\n(cnumpy\nndarray\np3\n(I0\n"
        b"tp4\nS'b'\np5\ntp6\nRp7\n(I1\n(I2\ntp8\ncnumpy\ndtype\np9\n(S'f4'\np10\nI0\nI1\ntp11\n"
        b"Rp12\n(I3\nS'<'\np13\nNNNI-1\nI-1\nI0\ntp14\nbI00\n"
        b"S'\\x00\\x00\\x80?\\x00\\x00\\x00\\xc0'\np15\ntp16\nbs."
    )
    path = tmp_path / "a.pkl"
    path.write_bytes(state)
    np.testing.assert_array_equal(read_pickled_arrays(path)["mean"], np.float32([1, -2]))


class Attack:
    def __init__(self, marker):
        self.marker = marker

    def __reduce__(self):
        return os.mkdir, (self.marker,)


def objects():
    array = np.empty(1, object)
    array[0] = "text"
    return array


@pytest.mark.parametrize("protocol", [0, 2, 5])
def test_functions_are_not_called(tmp_path, protocol):
    marker, path = tmp_path / "made", tmp_path / "a.pkl"
    path.write_bytes(pickle.dumps({"mean": Attack(str(marker))}, protocol))
    with pytest.raises(InputError, match=r"(posix|nt)\.mkdir"):
        read_pickled_arrays(path)
    assert not marker.exists()


@pytest.mark.parametrize(
    "content",
    [
        {"a": objects()},
        {"a": np.array(["text"])},
        {"a": np.array([(1, 2.0)], dtype=[("x", "i4"), ("y", "f8")])},
        {"a": np.array(["2020-01-01"], "datetime64[D]")},
        {"a": {"b": 1}},
        {"a": "text"},
        {1: np.ones(2)},
        [np.ones(2)],
        {},
        {"a": np.ma.masked_array([1.0], [True])},
    ],
)
def test_what_is_no_array_of_numbers_is_refused(tmp_path, content):
    path = tmp_path / "a.pkl"
    path.write_bytes(pickle.dumps(content))
    with pytest.raises(InputError, match="nothing else"):
        read_pickled_arrays(path)


def test_a_shape_that_does_not_fit_its_bytes_is_refused(tmp_path):
    """In NumPy's own unpickling a forged shape is its business; here it is compared first."""
    content = pickle.dumps({"a": np.arange(3, dtype=np.float64)}, 2)
    path = tmp_path / "a.pkl"
    path.write_bytes(content.replace(b"K\x03\x85", b"K\x7f\x85", 1))
    with pytest.raises(InputError, match="bytes for an array"):
        read_pickled_arrays(path)


@pytest.mark.parametrize("length", [0, 1, 20, 60])
def test_damaged_files_are_named(tmp_path, length):
    path = tmp_path / "a.pkl"
    path.write_bytes(pickle.dumps(ARRAYS)[:length])
    with pytest.raises(InputError, match="damaged"):
        read_pickled_arrays(path)


def test_a_missing_file_is_named(tmp_path):
    with pytest.raises(MissingFileError, match=r"absent\.pkl"):
        read_pickled_arrays(tmp_path / "absent.pkl")
