"""Lights and expressions out of files and words."""

from __future__ import annotations

import os
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from ...core.errors import InputError
from ...core.text_files import read_json, read_text_numbers
from ...geometry.face_model import FaceModel

_LIGHT_FILES = (".json", ".txt")
_LIGHT_TEXT = "a light: nine rows of red, green and blue, or of one number"
_BRIGHTEST = 100.0  # of a light's numbers: beyond, it is in other units
_LIGHT_SHAPES = ((9, 3), (9,), (1, 9, 3))


def is_record(given: object) -> bool:
    """Whether a path names a record, NAME.json of `selfie3d reconstruct`."""
    return isinstance(given, str | os.PathLike) and Path(os.fspath(given)).suffix == ".json"


def is_light_file(given: object) -> bool:
    """Whether a path names a file of spherical harmonics."""
    if not isinstance(given, str | os.PathLike):
        return False
    return Path(os.fspath(given)).suffix in _LIGHT_FILES


def read_light(path: str | os.PathLike[str]) -> Tensor:
    """A light (1,9,3) out of a file: .json, a record of `reconstruct` or {"light": ...}, or .txt.

    Nine rows of red, green and blue, in the order and the constants of `geometry.sh`; nine numbers
    alone are a white light.

    Args:
        path: of the file.

    Raises:
        InputError: no such file, or no light in it.
    """
    file = Path(path)
    if file.suffix == ".json":
        return as_light(_of_record(file, "light"), str(file))
    return as_light(read_text_numbers(file, _LIGHT_TEXT), str(file))


def as_light(values: object, name: str = "light") -> Tensor:
    """Numbers (9,3), (1,9,3) or (9,) as a light (1,9,3).

    Args:
        values: an array, a tensor or nested lists. name: of what is at fault, for messages.

    Raises:
        InputError: another shape, not finite, or without an ambient part above 0.
    """
    remedy = "geometry/conventions.md has order and constants of the nine harmonics."
    try:
        light = torch.as_tensor(np.asarray(values, np.float32))
    except (TypeError, ValueError) as error:
        raise InputError(name, "9 x 3 numbers, or 9", str(error), remedy) from error
    if tuple(light.shape) not in _LIGHT_SHAPES:
        raise InputError(name, "9 x 3 numbers, or 9", f"{tuple(light.shape)}", remedy)
    light = light[:, None].expand(9, 3) if light.ndim == 1 else light.reshape(9, 3)
    if not bool(torch.isfinite(light).all()) or float(light.abs().max()) > _BRIGHTEST:
        raise InputError(name, f"finite numbers within {_BRIGHTEST:g}", "others", remedy)
    if not float(light[0].min()) > 0:
        got = f"{float(light[0].min()):g}"
        raise InputError(f"{name}: the first row", "an ambient light above 0", got, remedy)
    return light[None].clone()


def read_expression(path: str | os.PathLike[str], model: FaceModel) -> Tensor:
    """Expression coefficients (1,Ke) out of a record that `reconstruct` wrote.

    Args:
        path: NAME.json. model: that the face has.

    Raises:
        InputError: no such file, no record, or one of another face model.
    """
    file = Path(path)
    content = read_json(file, "the record of a face")
    if content.get("face_model") != model.name:
        got = repr(content.get("face_model"))
        raise InputError(f"{file}: face_model", f"{model.name!r}, as the photograph's", got)
    values = _of_record(file, "expression")
    try:
        found = torch.as_tensor(np.asarray(values, np.float32)).reshape(1, -1)
    except (TypeError, ValueError) as error:
        raise InputError(f"{file}: expression", "numbers", str(error)) from error
    if found.shape[1] != len(model.expression) or not bool(torch.isfinite(found).all()):
        expected = f"{len(model.expression)} finite numbers"
        raise InputError(f"{file}: expression", expected, f"{found.shape[1]}")
    return found


def parse_weights(text: str) -> dict[str, float] | None:
    """ "jawOpen=0.5,mouthSmileLeft=1" as weights; None of text without "=".

    Args:
        text: names and weights.

    Raises:
        InputError: a part that is no name and number.
    """
    if "=" not in text:
        return None
    found = {}
    for part in text.split(","):
        name, _, value = part.partition("=")
        try:
            found[name.strip()] = float(value)
        except ValueError as error:
            raise InputError("expression", "NAME=WEIGHT,...", repr(part)) from error
    return found


def _of_record(file: Path, name: str) -> object:
    """A value of a record's coefficients, or of the file itself."""
    content = read_json(file, "a light or the record of a face")
    coefficients = content.get("coefficients")
    within = coefficients if isinstance(coefficients, dict) else content
    if name not in within:
        expected = f"{name!r}, itself or in `coefficients`"
        raise InputError(str(file), expected, ", ".join(map(str, content)) or "nothing")
    return within[name]
