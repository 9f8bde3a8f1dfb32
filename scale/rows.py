"""The rows of results: one for each face, and one for each photograph that gave none."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import fields
from typing import Any

import numpy as np

from ..core.extra import import_extra
from ..geometry.coefficients import Coefficients
from ..pipeline import PredictedFace

Row = dict[str, Any]

_FLOATS = {"box": 4, "landmarks": 204, "sigmas": 68, "rotation": 9, "translation": 3, "centre": 2}
"""Columns of float32 of fixed length; landmarks are (68,3) row by row, rotations (3,3)."""
_COEFFICIENTS = tuple(field.name for field in fields(Coefficients))


def schema(coefficients: bool) -> Any:  # noqa: ANN401  (a pyarrow schema)
    """The columns of results.

    Args:
        coefficients: whether the faces' coefficients are among them.
    """
    pa = import_extra("pyarrow", "scale")
    columns: list[tuple[str, Any]] = [
        ("key", pa.string()), ("face", pa.int32()), ("width", pa.int32()), ("height", pa.int32()),
        ("score", pa.float32()), ("pitch", pa.float32()), ("yaw", pa.float32()),
        ("roll", pa.float32()), ("focal", pa.float32()),
    ]  # fmt: skip
    columns += [(name, pa.list_(pa.float32(), size)) for name, size in _FLOATS.items()]
    if coefficients:
        columns += [(name, pa.list_(pa.float32())) for name in _COEFFICIENTS]
    texts = ("glb", "face_model", "version", "kind", "error")
    columns += [(name, pa.string()) for name in texts]
    return pa.schema([*columns, ("seconds", pa.float32())])


def face_row(
    key: str, number: int, face: PredictedFace, size: tuple[int, int], *, coefficients: bool
) -> Row:
    """What is kept of a face.

    Args:
        key: of the photograph.
        number: of the face in it, counted from 1, the largest first.
        face: the face.
        size: width and height of the photograph, pixels.
        coefficients: keep these, too.
    """
    camera = face.perspective
    sigmas = getattr(face, "landmark_sigma", None)
    row: Row = {
        "key": key,
        "face": number,
        "width": size[0],
        "height": size[1],
        "box": _floats(face.box),
        "landmarks": _floats(face.landmarks_68),
        "sigmas": None if sigmas is None else _floats(sigmas),
        **face.pose_deg,
        "focal": float(camera.focal[0]),
        "rotation": _floats(camera.rotation[0]),
        "translation": _floats(camera.translation[0]),
        "centre": _floats(camera.center[0]),
        "face_model": face.model.name,
    }
    if coefficients:
        known = vars(face.coefficients)
        row |= {name: _floats(known[name].detach()[0]) for name in _COEFFICIENTS}
    return row


def failed_row(key: str, kind: str, message: str) -> Row:
    """The row of a photograph without a face.

    Args:
        key: of the photograph.
        kind: name of the error, such as "NoFaceError"; `tries.KILLED` where it ended processes.
        message: what went wrong, for people.
    """
    return {"key": key, "face": 0, "kind": kind, "error": message}


def table_of(rows: Sequence[Mapping[str, Any]], coefficients: bool) -> Any:  # noqa: ANN401
    """Rows as a pyarrow table with all columns; what a row does not say is null.

    Args:
        rows: of `face_row` and `failed_row`.
        coefficients: as `schema`.
    """
    pa = import_extra("pyarrow", "scale")
    return pa.Table.from_pylist(list(rows), schema=schema(coefficients))


def _floats(values: Any) -> np.ndarray:  # noqa: ANN401  (numbers in any container)
    return np.asarray(values, np.float32).reshape(-1)
