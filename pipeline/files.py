"""The files of one reconstructed face, as the command line writes them."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from ..core.image_file import write_image
from ..render.overlay import Picture, to_picture
from .export import write_glb, write_json, write_obj, write_whole
from .face import ReconstructedFace
from .pictures import overlay_picture, turntable_picture

_FORMAT_VERSION = 1


def write_face(
    out: Path, name: str, face: ReconstructedFace, picture: NDArray[np.uint8], photo: str
) -> list[Path]:
    """Write NAME.glb, .obj, .mtl, .png, _overlay.png, _turntable.png, and NAME.json last.

    The JSON comes last, so that where it stands the other files are whole.

    Args:
        out: an existing folder.
        name: file name without suffix.
        face: what to write.
        picture: the photograph (H,W,3) uint8.
        photo: its path, for the record.
    """
    texture = to_picture(face.texture.image)
    glb = out / f"{name}.glb"
    write_glb(glb, face.mesh())
    model = face.model
    files = [glb]
    files += write_obj(
        out / f"{name}.obj", face.vertices, model.faces, model.uv, model.uv_faces, texture
    )
    for suffix, content in (
        ("overlay", overlay_picture(face, picture)),
        ("turntable", turntable_picture(face)),
    ):
        path = out / f"{name}_{suffix}.png"
        _write_picture(path, content)
        files.append(path)
    record = out / f"{name}.json"
    write_json(record, describe(face, picture, photo, [f.name for f in files]))
    return [*files, record]


def describe(
    face: ReconstructedFace, picture: NDArray[np.uint8], photo: str, files: list[str]
) -> dict[str, object]:
    """The content of NAME.json."""
    return {
        "version": _FORMAT_VERSION,
        "image": {"path": photo, "width": picture.shape[1], "height": picture.shape[0]},
        "weights": face.weights,
        "face_model": face.model.name,
        "face_model_version": face.model.version,
        "face_model_licence": face.model.licence,
        "box": [float(x) for x in face.box],
        "score": float(face.score),
        "landmarks_68": [
            None if bool(np.isnan(p).any()) else [float(x) for x in p] for p in face.landmarks_68
        ],
        "landmark_sigma": None if face.landmark_sigma is None else face.landmark_sigma.tolist(),
        "pose_deg": face.pose_deg,
        "camera": face.camera.describe(),
        "coefficients": face.coefficients.as_lists(),
        "files": files,
    }


def _write_picture(path: Path, content: Picture) -> None:
    write_whole(path, lambda target: write_image(target, content))
