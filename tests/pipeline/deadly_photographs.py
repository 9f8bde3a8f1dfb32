"""A reconstructor for test_folder_workers.py, in a module of its own: processes import it, too."""

from __future__ import annotations

import os
import signal
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from selfie3d.core.errors import NoFaceError
from selfie3d.detect.face import Face
from selfie3d.pipeline import folder, person_workers, photo_work
from selfie3d.pipeline.options import ReconstructOptions

FACE = Face((0.0, 0.0, 9.0, 9.0), 0.9, np.zeros((5, 2), np.float32))


@dataclass(frozen=True)
class Options(ReconstructOptions):
    """What a process unpickles, which makes it import this module."""


class Reconstructor:
    """A photograph's red says what happens: 10 no face, 20 an odd error, 30 a killed process."""

    steps = 1

    def __init__(self, options: ReconstructOptions) -> None:
        if options.texture_size == 17:
            raise NoFaceError("wrong as a whole")
        self.options = options

    def prepare_textures(self) -> None: ...

    def detect(self, picture):
        red = int(picture[0, 0, 0])
        if red == 10:
            raise NoFaceError("no face found")
        if red == 20:
            raise KeyError(lambda: 0)  # which cannot travel
        if red == 30:
            os.kill(os.getpid(), signal.SIGKILL)
        return [FACE]

    def regress(self, faces):
        return [None] * len(faces)

    def reconstruct_face(self, picture, face, on_step, start, *, textured):
        on_step()
        return face


def write_face(
    out: Path, name: str, face: Face, picture: np.ndarray, photo: str, options: object
) -> list[Path]:
    path = out / f"{name}.json"
    path.write_text("{}")
    return [path]


folder.Reconstructor = Reconstructor  # type: ignore[misc,assignment]
photo_work.write_face = write_face  # type: ignore[assignment]
person_workers.Reconstructor = Reconstructor  # type: ignore[misc,assignment]
