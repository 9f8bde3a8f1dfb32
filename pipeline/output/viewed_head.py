"""A head as the viewer's page takes it: its file, its record, its photograph.

A record may come from anybody: whatever in it is not as we write it is left out.
"""

from __future__ import annotations

import io
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from PIL import Image
from torch import Tensor

from ...geometry.camera import PerspectiveCamera
from ...geometry.crop import Crop
from ...geometry.face_model import FaceModel
from ...render.overlay import Picture, to_picture
from ..locate.cut import cut_tensor
from .pictures import PANEL, window_of

_SIDE, _MARGIN = 768, 2.3  # pixels of a photograph's square, at most; over the landmarks' extent
_RAISED = 0.05  # of the square's side: foreheads are higher than landmarks
_FARTHEST, _SMALLEST = 1e7, 1e-3  # pixels and millimetres, and scales, that are believed


@dataclass(frozen=True)
class ViewedHead:
    """One head of the viewer's page.

    Attributes:
        name: as it is shown.
        glb: the content of the file.
        scale: true millimetres per millimetre of the camera.
        facts: names and values to read.
        photo: JPEG of a square of the photograph; None where there is none.
        camera: of that square, as `PerspectiveCamera.describe`, and its size (width, height).
        model: whose vertices the file has; None where that is not known.
    """

    name: str
    glb: bytes
    scale: float = 1.0
    facts: tuple[tuple[str, str], ...] = ()
    photo: bytes | None = None
    camera: dict[str, object] | None = None
    model: FaceModel | None = None


def head_of_photo(
    name: str,
    glb: bytes,
    record: Mapping[str, Any],
    picture: NDArray[np.uint8],
    model: FaceModel | None = None,
) -> ViewedHead:
    """A head with the photograph that it was made of.

    Args:
        name: as it is shown.
        glb: the content of its file.
        record: the content of its NAME.json.
        picture: the photograph (H,W,3) uint8.
        model: whose vertices the file has.
    """
    points = _landmarks(record)
    if points is None:
        return _head(name, glb, record, None, None, model)
    crop = _square(points, (picture.shape[0], picture.shape[1]))
    cut = to_picture(cut_tensor(picture, crop)[0])
    return _head(name, glb, record, cut, crop, model)


def head_of_overlay(
    name: str,
    glb: bytes,
    record: Mapping[str, Any],
    overlay: Picture | None,
    model: FaceModel | None = None,
) -> ViewedHead:
    """A head whose photograph is cut out of its overlay picture, if that is one of ours.

    Args:
        name: as it is shown.
        glb: the content of its file.
        record: the content of its NAME.json.
        overlay: NAME_overlay.png (H,W,3), or None.
        model: whose vertices the file has.
    """
    points = _landmarks(record)
    if overlay is None or points is None or overlay.shape[0] != PANEL or overlay.shape[1] < PANEL:
        return _head(name, glb, record, None, None, model)
    return _head(name, glb, record, overlay[:, :PANEL], window_of(points), model)


def _square(points: Tensor, size: tuple[int, int]) -> Crop:
    """The square round landmarks (N,2), moved into a photograph of this height and width."""
    low, high = points.amin(0), points.amax(0)
    side = min(_MARGIN * float((high - low).max()), float(min(size)))
    x, y = ((low + high) / 2 - torch.tensor([0.0, _RAISED * side])).tolist()
    center = _between(x, side / 2, size[1] - side / 2), _between(y, side / 2, size[0] - side / 2)
    return Crop.from_square(center, side, int(min(max(side, PANEL), _SIDE)))


def _between(value: float, low: float, high: float) -> float:
    return min(max(value, low), high)


def _head(
    name: str,
    glb: bytes,
    record: Mapping[str, Any],
    cut: Picture | None,
    crop: Crop | None,
    model: FaceModel | None,
) -> ViewedHead:
    camera = None if crop is None else _camera(record, crop)
    size = _part(record, "size")
    scale = max(_number(size.get("scale")) or 1.0, _SMALLEST)
    photo = None if cut is None else _jpeg(cut)
    facts = tuple(_facts(record))
    return ViewedHead(name, glb, scale, facts, photo, camera, model)


def _facts(record: Mapping[str, Any]) -> list[tuple[str, str]]:
    """What is worth reading of a record."""
    size, image = _part(record, "size"), _part(record, "image")
    found = []
    pose = {angle: _number(_part(record, "pose_deg").get(angle)) for angle in _ANGLES}
    if angles := [f"{angle} {value:.0f}°" for angle, value in pose.items() if value is not None]:
        found.append(("Pose", ", ".join(angles)))
    if ipd := _number(size.get("ipd_mm")):
        origin = "given" if size.get("from") == "given" else "the model's guess"
        found.append(("Pupils apart", f"{ipd:.1f} mm, {origin}"))
    width, height = _number(image.get("width")), _number(image.get("height"))
    if width and height:
        found.append(("Photograph", f"{width:.0f} × {height:.0f} pixels"))
    known = {"weights": "Found by", "face_model": "Face model", "face_model_licence": "Its licence"}
    for key, label in known.items():
        if isinstance(record.get(key), str):
            found.append((label, record[key][:200]))
    return found


_ANGLES = ("pitch", "yaw", "roll")


def _camera(record: Mapping[str, Any], crop: Crop) -> dict[str, object] | None:
    """The camera of a square of the photograph; None where the record has none to go by."""
    content = _part(record, "camera")
    rotation = _array(content.get("rotation"), (3, 3))
    translation = _array(content.get("translation_mm"), (3,))
    focal, center = _number(content.get("focal_px")), _array(content.get("center_px"), (2,))
    if content.get("kind") != "perspective" or rotation is None or translation is None:
        return None
    if not focal or focal < 0 or center is None or translation[2] >= 0:
        return None
    batch = (rotation[None], translation[None], torch.tensor([focal]).double(), center[None])
    moved = PerspectiveCamera(*batch).moved(crop.matrix)
    return moved.describe() | {"size": [crop.size[1], crop.size[0]]}


def _landmarks(record: Mapping[str, Any]) -> Tensor | None:
    """Landmarks (N,2) that are there, if they span a face."""
    rows = record.get("landmarks_68")
    if not isinstance(rows, list) or len(rows) != 68:
        return None
    found = [_array(row, (3,)) for row in rows if row is not None]
    points = [row[:2] for row in found if row is not None]
    if len(points) != len(found) or len(points) < 2:
        return None
    stacked = torch.stack(points)
    extent = float((stacked.amax(0) - stacked.amin(0)).max())
    return stacked if extent > 1 else None


def _part(record: Mapping[str, Any], key: str) -> Mapping[str, Any]:
    value = record.get(key)
    return value if isinstance(value, dict) else {}


def _number(value: object) -> float | None:
    """A number of believable size; NaN is none."""
    if isinstance(value, bool) or not isinstance(value, int | float):
        return None
    return float(value) if abs(value) < _FARTHEST else None


def _array(value: object, shape: tuple[int, ...]) -> Tensor | None:
    """Finite numbers in lists of this shape, float64."""
    if not isinstance(value, list) or len(value) != shape[0]:
        return None
    if len(shape) == 1:
        numbers = [_number(v) for v in value]
        return None if None in numbers else torch.tensor(numbers, dtype=torch.float64)
    rows = [row for v in value if (row := _array(v, shape[1:])) is not None]
    return torch.stack(rows) if len(rows) == shape[0] else None


def _jpeg(picture: Picture) -> bytes:
    stream = io.BytesIO()
    Image.fromarray(picture).save(stream, "JPEG", quality=88)
    return stream.getvalue()
