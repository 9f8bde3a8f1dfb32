"""Pictures of ICT-FaceKit's heads in a folder, and a network's neutral shapes from them.

The folder holds HHHH_V.jpg of head H in view V, `heads.npz` with what made them, and `sheet.jpg`.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import torch
from boxed_network import BoxedNetwork, HasCoefficients
from ict_heads import Registration
from ict_pictures import Painter
from ict_views import NEUTRAL, VIEWS, Views, draw_views
from numpy.typing import NDArray
from selfie3d.core.errors import InputError, MissingFileError
from selfie3d.core.image_file import read_image, write_image
from selfie3d.core.progress import progress_bar
from selfie3d.detect import get_face_detector
from selfie3d.geometry.camera import PerspectiveCamera
from selfie3d.pipeline.locate.frame import frame_of_box
from selfie3d.pipeline.network.regress import Regressor
from shape_figures import Array, shape_of
from shape_points import box_of
from shape_tables import Row

_CAMERA = ("rotation", "translation", "focal", "center")
_KNOWN = ("identity", "expression", "turns", "distance")
_SHOWN = 8  # heads of the sheet
_SCORES = ("p2s", "rigid", "vertex")
_TOGETHER = ((0,), (0, 4), (0, 2, 4, 6), tuple(range(VIEWS)))  # neutral views and expressions
Pictures = list[NDArray[np.uint8]]


def make_pictures(known: Registration, folder: Path, count: int, seed: int) -> None:
    """Draw so many heads eight times each; equal arguments and albedo give equal pictures."""
    views, painter = draw_views(known.heads, count, seed), Painter(known)
    cameras: dict[str, list[Array]] = {name: [] for name in _CAMERA}
    folder.mkdir(parents=True, exist_ok=True)
    with progress_bar("Drawing heads", count * VIEWS) as advance:
        for head in range(count):
            random = np.random.default_rng([seed, head])
            for view in range(VIEWS):
                if view % NEUTRAL == 0:
                    look = painter.look(random)
                vertices = views.of_one(known.heads, head, view)
                camera = views.camera(vertices, head, view, random)
                for name in _CAMERA:
                    cameras[name].append(getattr(camera, name)[0].numpy())
                picture = painter.photograph(vertices, look, camera, random)
                _path(folder, head, view).write_bytes(picture)
                advance()
    arrays = {name: np.array(values) for name, values in cameras.items()}
    np.savez_compressed(folder / "heads.npz", **arrays, **{k: getattr(views, k) for k in _KNOWN})
    rows = [np.hstack(pictures_of(folder, head)) for head in range(min(count, _SHOWN))]
    write_image(folder / "sheet.jpg", np.vstack(rows)[::2, ::2])


def _path(folder: Path, head: int, view: int) -> Path:
    return folder / f"{head:04d}_{view}.jpg"


def pictures_of(folder: Path, head: int) -> Pictures:
    return [read_image(_path(folder, head, view)) for view in range(VIEWS)]


def read_views(folder: Path) -> tuple[Views, list[PerspectiveCamera]]:
    """What made the folder's pictures, and the camera of each, head by head.

    Raises:
        MissingFileError: there is no such folder of pictures.
    """
    path = folder / "heads.npz"
    if not path.is_file():
        raise MissingFileError(str(path), "The drawn heads", "Draw them: shape_testbed.py make.")
    with np.load(path) as file:
        views = Views(*(file[name] for name in _KNOWN))
        arrays = [torch.from_numpy(file[name]) for name in _CAMERA]
    rows = range(views.distance.size)
    return views, [PerspectiveCamera(*(a[k : k + 1] for a in arrays)) for k in rows]


def measure_network(
    known: Registration, folder: Path, network: BoxedNetwork, boxes: str
) -> dict[str, list[Row]]:
    """Scores of the network's neutral shapes and of the mean face, over all heads of a folder.

    Args:
        boxes: "truth", round the 68 true landmarks, or "detector".
    """
    views, cameras = read_views(folder)
    count, model = len(views.identity), known.skin.model
    table = np.full((count, VIEWS, len(_SCORES)), np.nan)
    values = np.full((count, VIEWS, len(model.identity)), np.nan)
    mean = np.empty((count, len(_SCORES)))
    with progress_bar("Judging heads", count) as advance:
        for head in range(count):
            true = known.heads.vertices(views.identity[head])
            mean[head] = known.score(shape_of(model, np.zeros(0)), true)
            part = cameras[head * VIEWS : (head + 1) * VIEWS]
            for view, face in enumerate(_faces(known, folder, network, boxes, views, head, part)):
                if face is not None:
                    values[head, view] = face.coefficients.identity[0].numpy()
                    table[head, view] = known.score(shape_of(model, values[head, view]), true)
            advance()
    return {f"{count} heads in {VIEWS} drawn views, mm": _rows(mean, table, values)}


def measure_together(known: Registration, folder: Path, network: Regressor) -> dict[str, list[Row]]:
    """Scores of one shape from several views of a head: the joint one, and the mean of single ones.

    Boxes are those of the 68 true landmarks.
    """
    views, cameras = read_views(folder)
    count, model = len(views.identity), known.skin.model
    kinds = [(kind, chosen) for chosen in _TOGETHER for kind in ("joint", "mean of single")]
    table = np.empty((len(kinds), count, 1, len(_SCORES)))
    values = np.empty((len(kinds), count, 1, len(model.identity)))
    with progress_bar("Judging heads", count) as advance:
        for head in range(count):
            true, pictures = known.heads.vertices(views.identity[head]), pictures_of(folder, head)
            frames = [
                frame_of_box(box, network.size)
                for box in _boxes(known, views, head, cameras[head * VIEWS : (head + 1) * VIEWS])
            ]
            single = [face.coefficients.identity[0] for face in network.in_frames(pictures, frames)]
            for row, (kind, chosen) in enumerate(kinds):
                found = torch.stack([single[k] for k in chosen]).mean(0)
                if kind == "joint":
                    shown, crops = [pictures[k] for k in chosen], [frames[k] for k in chosen]
                    face = network.in_frames(shown, crops, one_person=True)[0]
                    found = face.coefficients.identity[0]
                values[row, head, 0] = found.numpy()
                table[row, head, 0] = known.score(shape_of(model, values[row, head, 0]), true)
            advance()
    rows = [
        _row(f"{len(chosen)} views, {kind}", table[row], values[row])
        for row, (kind, chosen) in enumerate(kinds)
    ]
    return {f"{count} heads, several views together, mm": rows}


def _boxes(
    known: Registration, views: Views, head: int, cameras: Sequence[PerspectiveCamera]
) -> list[tuple[float, float, float, float]]:
    """Round the true landmarks of each view of a head."""
    marks = [known.marks(known.place(views.of_one(known.heads, head, k))) for k in range(VIEWS)]
    return [box_of(camera, points) for camera, points in zip(cameras, marks, strict=True)]


def _faces(
    known: Registration, folder: Path, network: BoxedNetwork, boxes: str, views: Views, head: int,
    cameras: Sequence[PerspectiveCamera],
) -> list[HasCoefficients | None]:  # fmt: skip
    """One face for each view, None where the detector found none."""
    pictures = pictures_of(folder, head)
    if boxes == "truth":
        return list(network(pictures, _boxes(known, views, head, cameras)))
    if not isinstance(network, Regressor):
        raise InputError("boxes", "truth, for networks of other kinds than points", boxes)
    detector = get_face_detector()
    found = [detector.detect(picture) for picture in pictures]
    seen = [k for k, faces in enumerate(found) if len(faces)]
    points = [torch.from_numpy(found[k][0].points).float() for k in seen]
    faces: list[HasCoefficients | None] = [None] * VIEWS
    for k, face in zip(seen, network.from_points([pictures[k] for k in seen], points), strict=True):
        faces[k] = face
    return faces


def _rows(mean: Array, table: Array, values: Array) -> list[Row]:
    rows = [_row("mean face", mean[:, None], np.zeros_like(values))]
    parts = {"all": slice(None), "neutral": slice(0, NEUTRAL), "expressions": slice(NEUTRAL, None)}
    for name, part in parts.items():
        rows.append(_row(f"network, {name}", table[:, part], values[:, part]))
    return rows


def _row(name: str, table: Array, values: Array) -> Row:
    """Means of what was found; `coefficients` is their rms about the model's mean, 1 of people."""
    scores = dict(zip(_SCORES, np.nanmean(table, (0, 1)).tolist(), strict=True))
    spread = float(np.sqrt(np.nanmean(values**2)))
    return {
        "shape": name,
        **scores,
        "coefficients": spread,
        "failed": int(np.isnan(table[..., 0]).sum()),
    }
