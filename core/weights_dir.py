"""Where files that have to be downloaded by the user are looked for, and what they are."""

from __future__ import annotations

import importlib.util
import os
from dataclasses import dataclass
from pathlib import Path

from .errors import MissingFileError, UnknownNameError

VARIABLE = "SELFIE3D_WEIGHTS"

_FAN = "https://www.adrianbulat.com/downloads/python-fan/"
_FAN_LICENCE = "BSD-3-Clause (face-alignment)"
_FACENET = "https://github.com/timesler/facenet-pytorch/releases/download/v2.2.9/"


@dataclass(frozen=True)
class WeightFile:
    """A file that is not shipped: what it is for, where it comes from, under which licence.

    `instead` is another file that does the same; `package` is an installed package, and the folder
    in it, where the file is looked for last; `extra` is ours that installs it.
    """

    name: str
    purpose: str
    source: str
    licence: str
    instead: str = ""
    package: tuple[str, str] | None = None
    extra: str = ""


KNOWN_WEIGHTS: dict[str, WeightFile] = {
    file.name: file
    for file in (
        WeightFile(
            "2DFAN4-cd938726ad.zip",
            "68 landmarks, 2D contour (FAN, file of face-alignment up to 1.4)",
            _FAN + "2DFAN4-cd938726ad.zip",
            _FAN_LICENCE,
            "2DFAN4-11f355bf06.pth.tar",
        ),
        WeightFile(
            "3DFAN4-4a694010b9.zip",
            "68 landmarks, 3D contour (FAN, file of face-alignment up to 1.4)",
            _FAN + "3DFAN4-4a694010b9.zip",
            _FAN_LICENCE,
            "3DFAN4-7835d9f11d.pth.tar",
        ),
        WeightFile(
            "2DFAN4-11f355bf06.pth.tar",
            "68 landmarks, 2D contour (FAN, file of face-alignment 1.5, which it needs)",
            _FAN + "2DFAN4-11f355bf06.pth.tar",
            _FAN_LICENCE,
            "2DFAN4-cd938726ad.zip",
        ),
        WeightFile(
            "3DFAN4-7835d9f11d.pth.tar",
            "68 landmarks, 3D contour (FAN, file of face-alignment 1.5, which it needs)",
            _FAN + "3DFAN4-7835d9f11d.pth.tar",
            _FAN_LICENCE,
            "3DFAN4-4a694010b9.zip",
        ),
        WeightFile(
            "s3fd-619a316812.pth",
            "face boxes for FAN (S3FD)",
            _FAN + "s3fd-619a316812.pth",
            _FAN_LICENCE,
        ),
        WeightFile(
            "resnet50-0676ba61.pth",
            "start of MLANet's training (ResNet-50 on ImageNet)",
            "https://download.pytorch.org/models/resnet50-0676ba61.pth",
            "BSD-3-Clause (torchvision); trained on ImageNet, whose images are for research only",
        ),
        WeightFile(
            "backbone.pth",
            "face recognition (ArcFace)",
            "https://github.com/deepinsight/insightface/tree/master/recognition/arcface_torch",
            "non-commercial research only (InsightFace)",
        ),
        WeightFile(
            "LightCNN_29Layers_checkpoint.pth.tar",
            "face recognition (LightCNN-29)",
            "https://github.com/AlfredXiangWu/LightCNN",
            "MIT (LightCNN); trained on MS-Celeb-1M",
        ),
        WeightFile(
            "20180402-114759-vggface2.pt",
            "face recognition (InceptionResnetV1)",
            _FACENET + "20180402-114759-vggface2.pt",
            "MIT (facenet-pytorch); trained on VGGFace2",
        ),
        WeightFile(
            "dlib_face_recognition_resnet_model_v1.dat",
            "face recognition (dlib's ResNet)",
            "https://pypi.org/project/face-recognition-models",
            "public domain, CC0 1.0 (Davis King); trained on FaceScrub, VGGFace and others",
            package=("face_recognition_models", "models"),
            extra="identity",
        ),
    )
}


def weight_folders(explicit: str | Path | None = None) -> list[Path]:
    """The folders looked in, first to last: `explicit`, $SELFIE3D_WEIGHTS, the user's cache."""
    chosen = [explicit, os.environ.get(VARIABLE) or None]
    cache = Path.home() / ".cache" / "selfie3d" / "weights"
    return [Path(folder).expanduser() for folder in chosen if folder is not None] + [cache]


def find_weight(file_name: str, explicit: str | Path | None = None) -> Path:
    """The path of a file the user had to download.

    Args:
        file_name: a key of `KNOWN_WEIGHTS`.
        explicit: the folder given with `--weights-dir`, looked in first.

    Raises:
        UnknownNameError: no such file is known.
        MissingFileError: it is in none of the folders, nor in the package that brings it; the
            message names source and licence.
    """
    if file_name not in KNOWN_WEIGHTS:
        raise UnknownNameError("weights file", file_name, list(KNOWN_WEIGHTS))
    file, folders = KNOWN_WEIGHTS[file_name], weight_folders(explicit)
    for folder in [*folders, *_package_folders(file)]:
        if (folder / file_name).is_file():
            return folder / file_name
    install = f'pip install "selfie3d[{file.extra}]" brings it. Or: get' if file.extra else "Get"
    raise MissingFileError(
        " or ".join(str(folder / file_name) for folder in folders),
        f"{file_name}, {file.purpose},",
        f"{install} it from {file.source} (licence: {file.licence}) and put it into {folders[0]}, "
        f"or name its folder with --weights-dir or ${VARIABLE}.",
    )


def _package_folders(file: WeightFile) -> list[Path]:
    """Where the package that brings a file keeps it; nothing of the package is run."""
    if file.package is None:
        return []
    name, folder = file.package
    spec = importlib.util.find_spec(name)
    places = None if spec is None else spec.submodule_search_locations
    return [Path(place) / folder for place in places or []]
