"""What is answered to a photograph, inside a process that may be ended at any moment."""

from __future__ import annotations

import io
import json
import math
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from ..core.errors import InputError
from ..core.image_file import decode_image, opened_image
from ..core.picture_limits import openable
from ..pipeline.face import ReconstructedFace
from ..pipeline.output.files import describe
from ..pipeline.output.viewed_head import head_of_photo
from ..pipeline.output.viewer import viewer_page
from ..pipeline.reconstructor import Reconstructor

RECORDS, HEAD, VIEWER = "records", "head", "viewer"
"""What can be asked for: JSON of all faces, the GLB of one, the page of all."""

_NAME = "photograph"


def answer(maker: Reconstructor, kind: str, content: bytes, number: int, most: float) -> bytes:
    """The answer to an upload.

    Args:
        maker: of the faces.
        kind: RECORDS, HEAD or VIEWER.
        content: of the photograph's file.
        number: of the face whose head it is, from 1; the others are of all faces.
        most: megapixels of a photograph.

    Raises:
        NoFaceError: no face was found.
        InputError: no photograph, too large a one, or no face of this number.
    """
    picture = _picture(content, most)
    faces = maker.detect(picture)
    if kind == HEAD:
        if number > len(faces):
            raise InputError("face", f"1 to {len(faces)}, as many as were found", str(number))
        return maker.reconstruct_face(picture, faces[number - 1]).glb(maker.options.mesh)
    textured = kind == VIEWER
    starts = maker.regress([(picture, face) for face in faces])
    found = [
        maker.reconstruct_face(picture, face, start=start, textured=textured)
        for face, start in zip(faces, starts, strict=True)
    ]
    return _page(found, picture, maker) if textured else _records(found, picture)


def _picture(content: bytes, most: float) -> NDArray[np.uint8]:
    """The photograph, of no more pixels than are allowed."""
    with opened_image(_NAME, io.BytesIO(content), [f.pillow for f in openable()]) as image:
        width, height = image.size
    if width * height > most * 1e6:
        expected = f"at most {most:g} megapixels"
        raise InputError(_NAME, expected, f"{width} x {height}", "Downscale it first.")
    return decode_image(io.BytesIO(content), _NAME)


def _records(faces: Sequence[ReconstructedFace], picture: NDArray[np.uint8]) -> bytes:
    records = [describe(face, picture, _NAME, []) for face in faces]
    return json.dumps({"faces": [_plain(record) for record in records]}).encode()


def _plain(value: object) -> object:
    """The same with null for what JSON has no number for."""
    if isinstance(value, dict):
        return {key: _plain(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [_plain(item) for item in value]
    return None if isinstance(value, float) and not math.isfinite(value) else value


def _page(
    faces: Sequence[ReconstructedFace], picture: NDArray[np.uint8], maker: Reconstructor
) -> bytes:
    heads = []
    for k, face in enumerate(faces):
        shown, name = face.with_mesh(maker.options.mesh), f"Face {k + 1}"
        record = describe(face, picture, name, [])
        glb = face.glb(maker.options.mesh)
        heads.append(head_of_photo(name, glb, record, picture, shown.model))
    return viewer_page("selfie3d", heads).encode()
