"""The table of a person in a clip: a row for every frame that shows the face (CSV)."""

from __future__ import annotations

import math
import os
from collections.abc import Iterable, Sequence
from contextlib import suppress
from pathlib import Path

from ...core.whole_file import unwritable
from ...geometry.face_model import FaceModel
from ...geometry.rotation import matrix_to_euler
from .clip_camera import in_clip_camera
from .moment import Moment

_POSE = ("pitch_deg", "yaw_deg", "roll_deg", "x_mm", "y_mm", "z_mm")


class TableFile:
    """A CSV that is written row by row; it appears when it is closed.

    Args:
        path: its folder exists.
        columns: their names.
    """

    def __init__(self, path: Path, columns: Sequence[str]) -> None:
        self._path, self._partial = path, path.with_name(f".{path.stem}.part{path.suffix}")
        try:
            self._file = open(self._partial, "w", encoding="utf-8", newline="")  # noqa: SIM115
        except OSError as error:
            raise unwritable(path, error) from error
        self.add(columns)

    def add(self, values: Iterable[object]) -> None:
        """Write a row of numbers and words without commas.

        Raises:
            InputError: it cannot be written.
        """
        try:
            self._file.write(",".join(map(str, values)) + "\n")
        except OSError as error:
            raise unwritable(self._path, error) from error

    def close(self) -> None:
        """Finish the file.

        Raises:
            InputError: it cannot be written.
        """
        try:
            self._file.close()
            os.replace(self._partial, self._path)
        except OSError as error:
            raise unwritable(self._path, error) from error

    def discard(self) -> None:
        """Leave no file."""
        with suppress(OSError):
            self._file.close()
        with suppress(OSError):
            self._partial.unlink(missing_ok=True)


def table_columns(model: FaceModel) -> list[str]:
    """Names of the columns: frame, time, pose, error, expressions, landmarks, light.

    Expressions without names are numbered.
    """
    names = list(model.expression_names)
    names += [f"expression_{k}" for k in range(len(names), len(model.expression))]
    places = [f"{axis}{k}" for k in range(68) for axis in "xyz"]
    light = [f"light{k}_{channel}" for k in range(9) for channel in "rgb"]
    return ["frame", "time_s", *_POSE, "focal_px", "error_px", *names, *places, *light]


def table_row(moment: Moment, model: FaceModel, size: tuple[int, int]) -> list[str]:
    """A person in a frame, in the order of `table_columns`.

    Args:
        moment: the person.
        model: the face model.
        size: (width, height) of the frame, pixels.
    """
    angles = (matrix_to_euler(moment.camera.rotation)[0] * (180 / math.pi)).tolist()
    _, place = in_clip_camera(moment.pose, moment.focal, size)
    landmarks = moment.landmarks(model).ravel().tolist()
    return [
        str(moment.frame),
        f"{moment.time:.4f}",
        *(f"{value:.3f}" for value in (*angles, *place.tolist())),
        f"{moment.focal:.2f}",
        f"{moment.error:.3f}",
        *(f"{value:.4f}" for value in moment.expression.tolist()),
        *("" if math.isnan(value) else f"{value:.2f}" for value in landmarks),
        *(f"{value:.4f}" for value in moment.coefficients.light[0].ravel().tolist()),
    ]
