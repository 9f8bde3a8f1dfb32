from __future__ import annotations

import pickle

import pytest
from selfie3d.core import errors


def test_input_error_says_all_four_things():
    error = errors.InputError("points", "shape (5, 2)", "shape (4, 2)", "Give five.")
    assert str(error) == "points: expected shape (5, 2), got shape (4, 2). Give five."
    assert isinstance(error, ValueError)


def test_missing_file_error_reads_as_one_sentence():
    error = errors.MissingFileError("/a/b.npz", "The face model", "Build it.")
    assert str(error) == "The face model not found at /a/b.npz. Build it."
    assert isinstance(error, FileNotFoundError)


def test_unknown_name_without_a_near_one_gives_no_hint():
    error = errors.UnknownNameError("network", "zzz", ["b", "a"])
    assert str(error) == "unknown network 'zzz'. Known: a, b."


@pytest.mark.parametrize("name", ["InputError", "MissingFileError", "UnknownNameError"])
def test_all_are_caught_by_the_base(name):
    assert issubclass(getattr(errors, name), errors.Selfie3dError)


@pytest.mark.parametrize(
    "error",
    [
        errors.InputError("points", "shape (5, 2)", "shape (4, 2)", "Give five."),
        errors.MissingFileError("/a/b.npz", "The face model", "Build it."),
        errors.UnknownNameError("network", "zzz", ["b", "a"]),
        errors.NoFaceError("no face"),
    ],
)
def test_errors_travel_between_processes(error):
    twin = pickle.loads(pickle.dumps(error))
    assert type(twin) is type(error) and str(twin) == str(error)
    assert vars(twin) == vars(error)
