"""Every metric of arrays in every type of numbers: the same figures as in float64.

A public function of evaluate/metrics without a case here fails `test_nothing_is_left_out`.
"""

from __future__ import annotations

import dataclasses
import importlib
import inspect
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import selfie3d.evaluate.metrics as package
from numpy.typing import NDArray
from selfie3d.core.errors import InputError

WITHOUT = {"weighted_mean", "balanced_subset"}
"""Of Python's own numbers, and of row numbers."""
TYPES = (np.float16, np.float32, np.float64, np.uint8, np.int16, np.int64)


def whole(*shape: int, most: int = 120) -> NDArray[np.float64]:
    """Whole numbers that every type holds."""
    return np.random.default_rng(sum(shape)).integers(1, most, shape).astype(np.float64)


def pair(*shape: int) -> dict[str, NDArray[Any]]:
    return {"predicted": whole(*shape), "truth": whole(*shape)[::-1]}


def angles(n: int) -> dict[str, NDArray[Any]]:
    return {"predicted": whole(n, 3), "truth": whole(n, 3)[::-1]}


SEEN = np.ones((3, 40, 40), bool)
CASES: dict[str, Callable[[int], dict[str, Any]]] = {
    "landmarks.box_size": lambda n: {"points": whole(4, n, 3)},
    "landmarks.landmark_nme": lambda n: {**pair(4, n, 3), "size": whole(4)},
    "landmarks.centre_depth": lambda n: {"points": whole(4, n, 3)},
    "landmarks.aligned": lambda n: pair(4, n, 3),
    "landmarks.eye_distance": lambda n: {"landmarks": whole(4, 68, 3)},
    "landmarks.cumulative": lambda n: {"errors": whole(n), "limits": np.linspace(0, 100, 11)},
    "landmarks.yaw_bins": lambda n: {"yaw_deg": whole(n)},
    "landmarks.bin_means": lambda n: {"errors": whole(n), "bins": np.arange(n) % 3},
    "pose.angle_errors": angles,
    "pose.geodesic_errors": angles,
    "pose.within_range": lambda n: {"truth": whole(n, 3)},
    "pose.locked": lambda n: {"errors": whole(n, 3)},
    "pose.mean_errors": lambda n: {"errors": whole(n, 3)},
    "depth.covered": lambda n: {"depth": whole(3, n, n)},
    "depth.side": lambda n: {**pair(3, 40, 40), "mask": SEEN},
    "depth.mad": lambda n: {**pair(3, 40, 40, 3), "mask": SEEN},
    "depth.normals_of_depth": lambda n: {
        "depth": whole(40, 40), "focal": 90.0, "center": (20, 20)},
}  # fmt: skip


def function(name: str) -> Callable[..., Any]:
    module, own = name.split(".")
    found: Callable[..., Any] = getattr(
        importlib.import_module(f"selfie3d.evaluate.metrics.{module}"), own
    )
    return found


def numbers(found: Any) -> NDArray[np.float64]:
    parts = dataclasses.astuple(found) if dataclasses.is_dataclass(found) else (found,)
    return np.concatenate([np.asarray(part, np.float64).reshape(-1) for part in parts])


def test_nothing_is_left_out():
    names = set()
    for path in Path(package.__file__).parent.glob("*.py"):
        content = importlib.import_module(f"selfie3d.evaluate.metrics.{path.stem}")
        if path.stem in ("landmarks", "pose", "depth"):  # the others are of tensors or of tables
            own = [f for f in vars(content).values() if inspect.isfunction(f)]
            own = [f for f in own if f.__module__ == content.__name__ and f.__name__[0] != "_"]
            names |= {f"{path.stem}.{f.__name__}" for f in own if f.__name__ not in WITHOUT}
    assert names == set(CASES)


@pytest.mark.parametrize("name", CASES)
@pytest.mark.parametrize("dtype", TYPES)
def test_figures_are_those_of_exact_numbers(name, dtype):
    for count in (10, 70_000 if name.startswith("landmarks.") else 3_000):
        if "depth" in name and count > 10:
            continue
        given = CASES[name](count)
        typed = {
            key: value.astype(dtype)
            if isinstance(value, np.ndarray) and key not in ("bins", "mask", "limits")
            else value
            for key, value in given.items()
        }
        found, expected = function(name)(**typed), function(name)(**given)
        assert numbers(found).size and not np.isnan(numbers(found)).all()
        np.testing.assert_allclose(numbers(found), numbers(expected), rtol=1e-9, atol=1e-9)


@pytest.mark.parametrize("name", ["box_size", "landmark_nme", "centre_depth", "aligned"])
def test_what_is_no_number_is_named(name):
    given = CASES[f"landmarks.{name}"](9)
    key = next(iter(given))
    for bad in (given[key].astype("U5"), given[key].astype(object), given[key] > 5):
        with pytest.raises(InputError, match=f"{key}: expected numbers"):
            function(f"landmarks.{name}")(**(given | {key: bad}))
