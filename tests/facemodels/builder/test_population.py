"""The estimated figures: what their file holds, and what is refused."""

from __future__ import annotations

import json
from dataclasses import replace

import numpy as np
import pytest
from selfie3d.core.errors import InputError, MissingFileError
from selfie3d.facemodels.builder.population import (
    CARRIERS,
    Population,
    read_population,
    shipped_population,
    write_population,
)
from selfie3d.facemodels.builder.shape_space import Smooth


def some_population() -> Population:
    random = np.random.default_rng(0)
    smooth = (Smooth(45.0, 2.0, np.array([3, 7])), Smooth(10.0, 0.5, np.array([9])))
    count = 2 + 3 * 3
    return Population(
        targets=("nose/a", "nose/b"), smooth=smooth, mean=random.normal(size=count),
        factors=random.normal(size=(4, count)), rest=random.random(count),
        carried=random.normal(size=(4, 4, 3, 4)),
        frame=np.eye(3), scale=1.03, origin=np.array([0.0, 11, 3]), heads=5, seed=7,
    )  # fmt: skip


def test_what_is_written_comes_back(tmp_path):
    before = some_population()
    write_population(tmp_path / "p.npz", before)
    after = read_population(tmp_path / "p.npz")
    assert after.targets == before.targets and after.scale == before.scale
    assert [s.length for s in after.smooth] == [45, 10] and list(after.smooth[0].controls) == [3, 7]
    np.testing.assert_allclose(after.mean, before.mean, rtol=1e-6)
    np.testing.assert_allclose(after.factors, before.factors, rtol=1e-3)
    np.testing.assert_allclose(after.rest, before.rest, rtol=1e-6)
    np.testing.assert_allclose(after.carried, before.carried, rtol=1e-6)
    assert (after.heads, after.seed) == (5, 7)


@pytest.mark.parametrize("change", [
    {"mean": np.zeros(5)},
    {"factors": np.full((4, 11), np.nan)},
    {"rest": np.zeros(10)},
    {"rest": np.full(11, -1.0)},
    {"carried": np.zeros((3, 4, 3, 4))},
])  # fmt: skip
def test_arrays_that_do_not_fit_are_named(tmp_path, change):
    path = tmp_path / "p.npz"
    write_population(path, replace(some_population(), **change))
    with pytest.raises(InputError, match=next(iter(change))):
        read_population(path)


def test_damaged_files_are_named(tmp_path):
    path = tmp_path / "p.npz"
    write_population(path, some_population())
    with pytest.raises(MissingFileError, match="other"):
        read_population(tmp_path / "other.npz")
    arrays = dict(np.load(path))
    for key, value in (
        ("header", np.array("{")),
        ("header", np.array(json.dumps({"format": "something"}))),
        ("header", np.array(json.dumps({"format": "selfie3d-population-2"}))),
    ):
        np.savez(path, **(arrays | {key: value}))
        with pytest.raises(InputError, match=r"p\.npz"):
            read_population(path)
    np.savez(path, **{k: v for k, v in arrays.items() if k != "controls_1"})
    with pytest.raises(InputError, match="controls_1"):
        read_population(path)
    path.write_bytes(path.read_bytes()[:300])
    with pytest.raises(InputError, match=r"p\.npz"):
        read_population(path)


def test_the_shipped_figures_are_of_real_heads_and_say_so():
    shipped = shipped_population()
    assert shipped.heads >= 1000 and len(shipped.factors) == 100
    share = shipped.rest.sum() / (shipped.factors**2).sum()
    assert 0 < share < 1e-4  # ICT-FaceKit's heads have 100 dimensions
    assert 1.0 < shipped.scale < 1.1  # mm of a life-size head per mm of the base mesh
    assert len(CARRIERS) == shipped.carried.shape[1]
    assert np.allclose(shipped.frame @ shipped.frame.T, np.eye(3), atol=1e-6)
