"""What is known of a photograph, as JSON: in shards, and in files beside photographs.

    {"landmarks": {"ibug68-3d": [[x, y] or null, ...], ...}, "five_points": [[x, y], ...],
     "box": [x0, y0, x1, y1], "labels": {"name": [numbers]}}

Every key is optional, others are ignored. Points are in the photograph's pixels by our convention
(the centre of the first pixel is (0.5, 0.5)) and within 1,000,000 of it, null marks one that is not
visible. NaN, infinity, text and truth are no numbers here: a file with them is damaged.

Side files of a photograph NAME.jpg are NAME.json and NAME_skin.png, grey, white on facial skin.
They lie beside it, or at the same place under another folder.
"""

from __future__ import annotations

import json
import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ...core.errors import InputError
from ...core.given_file import read_given
from ...core.image_file import read_image
from ..batches.sample import Array, Box
from .landmark_sets import MIRRORS, point_count

_REMEDY = "The format is described in selfie3d.datasets.photographs.record."
_FARTHEST = 1_000_000  # pixels; no photograph is larger than 65,535
_DEEPEST = 8  # lists within lists
_LARGEST = 1 << 24  # bytes of a record


@dataclass(frozen=True)
class Record:
    """See the module.

    >>> Record(box=(0.0, 0.0, 9.0, 9.0)).landmarks
    {}

    Attributes:
        landmarks: (L,2), NaN where not visible. five_points: (5,2).
        box: x0,y0,x1,y1. labels: arrays by name.
    """

    landmarks: Mapping[str, Array] = field(default_factory=dict)
    five_points: Array | None = None
    box: Box | None = None
    labels: Mapping[str, Array] = field(default_factory=dict)


def parse_record(text: str | bytes, name: str) -> Record:
    """A record from JSON.

    >>> parse_record('{"box": [10, 20, 110, 140]}', "a.json").box
    (10.0, 20.0, 110.0, 140.0)

    Args:
        text: the JSON.
        name: of the file, for messages.

    Raises:
        InputError: no JSON, an unknown landmark set, a wrong number of points, NaN or infinity.
    """
    if len(text) > _LARGEST:
        raise InputError(name, f"a record of at most {_LARGEST:,} bytes", f"{len(text):,}", _REMEDY)
    try:
        content = json.loads(text, parse_constant=_refuse)
    except (ValueError, RecursionError, MemoryError) as error:
        raise InputError(name, "JSON with numbers", str(error), _REMEDY) from error
    if not isinstance(content, dict):
        raise InputError(name, "an object with landmarks or a box", "something else", _REMEDY)
    sets, labels = (_object(content, key, name) for key in ("landmarks", "labels"))
    unknown = sorted(set(sets) - set(MIRRORS))
    if unknown:
        raise InputError(name, f"landmark sets among {', '.join(MIRRORS)}", repr(unknown[0]))
    five, box = content.get("five_points"), content.get("box")
    corners = None if box is None else _numbers(box, (4,), f"{name}: box").tolist()
    return Record(
        {key: _points(value, point_count(key), f"{name}: {key}") for key, value in sets.items()},
        None if five is None else _numbers(five, (5, 2), f"{name}: five_points"),
        None if corners is None else (corners[0], corners[1], corners[2], corners[3]),
        {key: _numbers(value, None, f"{name}: {key}") for key, value in labels.items()},
    )


def format_record(record: Record) -> str:
    """The JSON of a record; coordinates are rounded to thousandths of a pixel.

    >>> format_record(Record(box=(10.0, 20.0, 110.0, 140.00049)))
    '{"box":[10.0,20.0,110.0,140.0]}'

    Args:
        record: what is known of a photograph.
    """
    content: dict[str, Any] = {}
    if record.landmarks:
        content["landmarks"] = {
            key: [None if np.isnan(p).any() else _rounded(p) for p in points]
            for key, points in record.landmarks.items()
        }
    if record.five_points is not None:
        content["five_points"] = [_rounded(point) for point in record.five_points]
    if record.box is not None:
        content["box"] = _rounded(np.array(record.box))
    if record.labels:
        content["labels"] = {key: value.tolist() for key, value in record.labels.items()}
    return json.dumps(content, allow_nan=False, separators=(",", ":"))


def read_side_files(stem: Path) -> tuple[Record, NDArray[np.uint8] | None]:
    """The record and the skin mask (H,W) of a photograph; empty and None where there is no file.

    Args:
        stem: path without suffix.

    Raises:
        InputError: a damaged file.
    """
    path, mask = Path(f"{stem}.json"), Path(f"{stem}_skin.png")
    record = Record()
    if path.exists():
        try:
            content = read_given(path, "a record", _LARGEST)
            record = parse_record(content, str(path))
        except OSError as error:
            raise InputError(str(path), "a file that can be read", str(error)) from error
    return record, read_image(mask)[..., 0] if mask.exists() else None


def _refuse(constant: str) -> float:
    raise ValueError(f"{constant} is no number")


def _object(content: Mapping[str, Any], key: str, name: str) -> Mapping[str, Any]:
    value = content.get(key, {})
    if not isinstance(value, dict):
        raise InputError(f"{name}: {key}", "an object", type(value).__name__, _REMEDY)
    return value


def _points(value: object, count: int, name: str) -> Array:
    rows = value if isinstance(value, list) else []
    filled = [[math.nan, math.nan] if row is None else row for row in rows]
    known = [row for row in rows if row is not None]
    return _numbers(filled, (count, 2), name, known)


def _numbers(
    value: object, shape: tuple[int, ...] | None, name: str, given: object = None
) -> Array:
    """An array of numbers; of `shape` where they are pixels.

    Args:
        given: those of the numbers that must be there; None for all.
    """
    _check_numbers(value if given is None else given, name)
    try:
        array = np.array(value, np.float64)
    except (TypeError, ValueError, OverflowError) as error:
        raise InputError(name, "numbers", str(error), _REMEDY) from error
    if shape is not None and array.shape != shape:
        raise InputError(name, f"shape {shape}", f"{array.shape}", _REMEDY)
    if np.isinf(array).any():
        raise InputError(name, "finite numbers", "infinity", _REMEDY)
    if shape is not None and float(np.nanmax(np.abs(array), initial=0)) > _FARTHEST:
        got = f"{np.nanmax(np.abs(array)):g}"
        raise InputError(name, f"pixels within {_FARTHEST:,} of the photograph", got, _REMEDY)
    return array


def _check_numbers(value: object, name: str, depth: int = 0) -> None:
    """Refuse null, text and true or false, which NumPy would take for numbers."""
    if isinstance(value, list) and depth < _DEEPEST:
        for item in value:
            _check_numbers(item, name, depth + 1)
    elif not isinstance(value, int | float) or isinstance(value, bool):
        got = "null" if value is None else type(value).__name__
        raise InputError(name, "finite numbers", got, _REMEDY)


def _rounded(values: Array) -> list[float]:
    return [round(float(value), 3) for value in values]
