"""What a face model holds, in numbers and pictures."""

from __future__ import annotations

from pathlib import Path

from ...core.errors import InputError
from ...core.image_file import write_image
from ...core.whole_file import prepare_folder, write_whole
from ...facemodels import load_face_model
from ...geometry.face_model import FaceModel
from ...geometry.landmarks import LandmarkSet
from ...render.overlay import Picture
from ..fit.model import five_points
from .model_pictures import ModelPictures


def describe_model(model: FaceModel) -> dict[str, object]:
    """Counts, kinds and spread of a model.

    Returns:
        plain values; `identity_spread_mm` is the root mean square distance of a random vertex
        (identity drawn from N(0,1)) to the mean face over the region `face`.
    """
    face = model.region("face")
    spread = model.identity[:, face].square().sum((0, 2)).mean().sqrt()
    return {
        "name": model.name,
        "version": model.version or "none",
        "licence": model.licence,
        "source": model.source,
        "vertices": len(model.mean),
        "triangles": len(model.faces),
        "identity": f"{len(model.identity)} ({model.identity_kind})",
        "expression": f"{len(model.expression)} ({model.expression_kind})",
        "albedo": len(model.albedo_basis),
        "identity_spread_mm": round(float(spread), 2),
        "landmark_sets": {k: _describe_landmarks(v) for k, v in model.landmarks.items()},
        "fitting": _describe_fitting(model),
        "regions": {k: int(v.sum()) for k, v in model.regions.items()},
        "symmetric": model.mirror is not None,
        "uv": f"{len(model.uv)} coordinates" if len(model.uv) > 1 else "none",
    }


def write_model_info(name_or_path: str, out: Path) -> dict[str, object]:
    """Write pictures of a model; see `ModelPictures.all`.

    Args:
        name_or_path: a registered face model or a file.
        out: folder of the pictures, made if it is not there.

    Returns:
        What `describe_model` says, and under "pictures" the files.
    """
    model = load_face_model(name_or_path)
    prepare_folder(out)
    files = []
    for name, picture in ModelPictures(model).all().items():
        path = out / f"{name}.png"
        _write(path, picture)
        files.append(str(path))
    return {**describe_model(model), "pictures": files}


def _describe_fitting(model: FaceModel) -> str:
    """Whether photographs can be fitted with the model, or what it lacks."""
    try:
        five_points(model, model.mean[None])
    except InputError as error:
        return f"not possible: {error}"
    return "possible"


def _describe_landmarks(points: LandmarkSet) -> str:
    text = f"{int(points.valid.sum())} of {len(points)} ({points.contour})"
    return f"{text}, version {points.version}" if points.version else text


def _write(path: Path, picture: Picture) -> None:
    write_whole(path, lambda target: write_image(target, picture))
