"""The vertices of MakeHuman's base mesh that hair, brows, lashes, teeth and clothes hang on.

Only drawing needs them; they lie in a file beside the default face model's.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from importlib.resources import as_file, files
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from ..core.errors import InputError, MissingFileError
from ..geometry.face_model import SHIPPED_VERSION
from .readers.archive import read_arrays, require

_NAMES = ["version", "head_ids", "ids", "mean", "identity", "expression", "notice"]
_REMEDY = "Make it with the face model: selfie3d model build (see docs/face_model_format.md)."


@dataclass(frozen=True)
class DrawingVertices:
    """H helper vertices that move with the default face model, and the head's own numbers.

    Attributes:
        head_ids: (V0,) the base mesh's numbers of the head's vertices before subdivision.
        ids: (H,) those of the helpers.
        mean: (H,3) mm in model space; identity: (Ki,H,3); expression: (Ke,H,3) mm per unit.
    """

    head_ids: NDArray[np.int64]
    ids: NDArray[np.int64]
    mean: NDArray[np.float32]
    identity: NDArray[np.float32]
    expression: NDArray[np.float32]

    def positions(self, identity: NDArray, expression: NDArray) -> NDArray[np.float32]:
        """The helpers (H,3) of a face with coefficients (Ki,) and (Ke,), mm in model space."""
        moved = np.tensordot(identity, self.identity, 1) + np.tensordot(
            expression, self.expression, 1
        )
        return (self.mean + moved).astype(np.float32)


def load_drawing_vertices(path: Path | None = None) -> DrawingVertices:
    """The helper vertices of a file; None is the shipped one.

    Raises:
        MissingFileError: there is no such file.
        InputError: it is damaged, or of another version of the face model.
    """
    if path is not None:
        return _read(path)
    with as_file(files(__package__) / "data" / "default_drawing.npz") as shipped:
        return _read(shipped)


def _read(path: Path) -> DrawingVertices:
    if not path.is_file():
        raise MissingFileError(str(path), "The file of vertices for drawing", _REMEDY)
    arrays = read_arrays(path)
    require(arrays, _NAMES, path)
    version = arrays["version"]
    if version.shape != () or version.dtype.kind not in "iu" or int(version) != SHIPPED_VERSION:
        expected = f"vertices of version {SHIPPED_VERSION} of the face model"
        raise InputError(str(path), expected, f"version {version}", _REMEDY)
    ids, head = arrays["ids"], arrays["head_ids"]
    _check(path, "ids", ids, (None,), "iu")
    _check(path, "head_ids", head, (None,), "iu")
    for name in ("mean", "identity", "expression"):
        shape = (len(ids), 3) if name == "mean" else (None, len(ids), 3)
        _check(path, name, arrays[name], shape, "f")
    return DrawingVertices(
        head.astype(np.int64), ids.astype(np.int64), *_floats(arrays, "mean", "identity",
                                                              "expression")
    )  # fmt: skip


def _floats(arrays: Mapping[str, NDArray], *names: str) -> list[NDArray[np.float32]]:
    return [arrays[name].astype(np.float32) for name in names]


def _check(
    path: Path, name: str, values: NDArray, shape: tuple[int | None, ...], kinds: str
) -> None:
    fits = values.ndim == len(shape) and all(
        want is None or want == size for want, size in zip(shape, values.shape, strict=True)
    )
    if not fits or values.dtype.kind not in kinds:
        wanted = ", ".join("any" if size is None else str(size) for size in shape)
        raise InputError(f"{path}: {name}", f"shape ({wanted})", f"{values.dtype} {values.shape}")
    if values.dtype.kind == "f" and not np.isfinite(values).all():
        raise InputError(f"{path}: {name}", "finite numbers", "NaN or infinity")
