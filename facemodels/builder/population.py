"""The population that faces are drawn from: estimated figures, in weights of our own shapes.

The file holds no vertex of anybody's: target names, control points by number, the mean and the
principal factors of the weights over real heads, and how eyeballs and jaws go along.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from importlib.resources import as_file, files
from pathlib import Path

import numpy as np

from ...core.errors import InputError
from ..readers.archive import read_arrays, require
from .hm08 import Array
from .pack import smallest_ints, write_npz
from .shape_space import Smooth

FORMAT = "selfie3d-population-2"
_PACKAGE = __package__.rpartition(".")[0]
CARRIERS = ("left-eye", "right-eye", "upper-jaw", "lower-jaw")
NOTICE = (
    "Statistics estimated from the identity space of ICT-FaceKit "
    "(https://github.com/ICT-VGL/ICT-FaceKit; Li et al. 2020, Learning Formation of "
    "Physically-Based Face Attributes), MIT License, Copyright (c) 2020 USC Institute for Creative "
    "Technologies; see MIT-ICT-FaceKit.txt. None of its geometry is contained."
)
EYES_BEHIND = (0.0, -0.12, -5.5)
"""ICT-FaceKit's eyeballs: centre of the spheres behind the mean of their vertices, mm."""

_NAMES = ["header", "targets", "lengths", "deviations", "mean", "factors", "rest", "carried"]


@dataclass(frozen=True)
class Population:
    """Weights of N shapes (see `shape_space`): mean (N,) and F factors of unit variance (F,N).

    Attributes:
        targets, smooth: what the shapes are.
        mean, factors, rest: weights = mean + z @ factors + sqrt(rest) * e with z, e ~ N(0,1);
            rest (N,) is the variance of each weight that the factors leave.
        carried: (F,4,3,4) affine displacements [A | t], mm in model space, that a factor gives to
            the parts of `CARRIERS` at their place in the mean head.
        frame: (3,3) rotation from ICT-FaceKit's axes to ours.
        scale: millimetres of model space per millimetre of the base mesh.
        origin: (3,) of model space in the base frame, mm.
        heads, seed: how many heads the figures come from, and the seed that drew them.
    """

    targets: tuple[str, ...]
    smooth: tuple[Smooth, ...]
    mean: Array
    factors: Array
    rest: Array
    carried: Array
    frame: Array
    scale: float
    origin: Array
    heads: int
    seed: int


def write_population(path: Path, population: Population) -> None:
    """Write the figures; weights in float32 and float16."""
    p = population
    header = {
        "format": FORMAT, "notice": NOTICE, "heads": p.heads, "seed": p.seed, "scale": p.scale,
        "origin": p.origin.tolist(), "frame": p.frame.tolist(),
    }  # fmt: skip
    arrays = {
        "header": np.array(json.dumps(header, sort_keys=True)),
        "targets": np.array(p.targets),
        "lengths": np.array([s.length for s in p.smooth], np.float32),
        "deviations": np.array([s.deviation for s in p.smooth], np.float32),
        "mean": p.mean.astype(np.float32),
        "factors": p.factors.astype(np.float16),
        "rest": p.rest.astype(np.float32),
        "carried": p.carried.astype(np.float32),
    }
    for i, level in enumerate(p.smooth):
        arrays[f"controls_{i}"] = smallest_ints(level.controls)
    write_npz(path, arrays)


def shipped_population() -> Population:
    """The figures that the default model is built from."""
    with as_file(files(_PACKAGE) / "data" / "population.npz") as path:
        return read_population(path)


def read_population(path: Path) -> Population:
    """Read what `write_population` wrote.

    Raises:
        MissingFileError: there is no such file.
        InputError: damaged, of another kind, or its arrays do not fit each other.
    """
    arrays = read_arrays(path)
    require(arrays, _NAMES, path)
    try:
        header = json.loads(str(arrays["header"]))
    except ValueError as error:
        raise InputError(f"{path}: header", "JSON", str(error)) from None
    if not isinstance(header, dict) or header.get("format") != FORMAT:
        got = header.get("format") if isinstance(header, dict) else type(header).__name__
        raise InputError(str(path), f"a population file ({FORMAT})", repr(got))
    lengths, deviations = arrays["lengths"], arrays["deviations"]
    require(arrays, [f"controls_{i}" for i in range(len(lengths))], path)
    smooth = tuple(
        Smooth(float(a), float(b), arrays[f"controls_{i}"].astype(np.int64))
        for i, (a, b) in enumerate(zip(lengths, deviations, strict=True))
    )
    targets = tuple(str(name) for name in arrays["targets"])
    count = len(targets) + 3 * sum(len(s.controls) for s in smooth)
    factors = len(arrays["factors"])
    for name, shape in (
        ("mean", (count,)),
        ("factors", (factors, count)),
        ("rest", (count,)),
        ("carried", (factors, len(CARRIERS), 3, 4)),
    ):
        _check(path, name, arrays[name], shape)
    if (arrays["rest"] < 0).any():
        raise InputError(f"{path}: rest", "variances", "a negative number")
    missing = [k for k in ("frame", "scale", "origin", "heads", "seed") if k not in header]
    if missing:
        raise InputError(f"{path}: header", f"the field {missing[0]}", "none")
    return Population(
        targets, smooth, arrays["mean"].astype(np.float64), arrays["factors"].astype(np.float64),
        arrays["rest"].astype(np.float64),
        arrays["carried"].astype(np.float64), np.array(header["frame"]), float(header["scale"]),
        np.array(header["origin"]), int(header["heads"]), int(header["seed"]),
    )  # fmt: skip


def _check(path: Path, name: str, values: np.ndarray, shape: tuple[int, ...]) -> None:
    if values.shape != shape or values.dtype.kind != "f" or not np.isfinite(values).all():
        got = f"{values.dtype} {values.shape}"
        if values.shape == shape and values.dtype.kind == "f":
            got = "NaN or infinity"
        raise InputError(f"{path}: {name}", f"finite numbers {shape}", got)
