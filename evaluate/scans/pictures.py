"""From the errors of scans to the metrics, items and pictures of a report.

The pictures are heat maps: the measured mesh from three sides, coloured by its error.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence

import numpy as np
import torch
from numpy.typing import NDArray

from ...facemodels import load_face_model
from ...geometry.align import Similarity
from ...geometry.camera import WeakPerspectiveCamera
from ...geometry.mesh import vertex_normals
from ...geometry.rotation import euler_to_matrix
from ...render.face import FaceRenderer
from ...render.overlay import strip, to_picture
from ..report.report import Metric, Picture
from .align import landmark_similarity
from .geometric import GeometricError
from .surface import Surface, model_surface

_STOPS = np.array([(40, 70, 160), (90, 190, 220), (245, 240, 190), (240, 140, 60), (160, 20, 40)])
_VIEWS = ((0.0, 45.0), (0.0, 0.0), (0.0, -45.0))
_BAR = 46  # pixels of the colour bar
_UNMEASURED = 0.55  # grey of vertices that were not measured


def heat_map(
    error: GeometricError, title: str, to_front: Similarity | None = None, limit: float = 5.0
) -> Picture:
    """Three views of the measured mesh, coloured by the distance, with a bar of colours.

    Args:
        error: what was measured; the ground truth is drawn where its distances are known, else
            the reconstruction.
        title: of the picture.
        to_front: brings the ground truth into model space, so that yaw 0 is frontal.
        limit: mm at which the last colour is reached.
    """
    direction = next(iter(error.distances))
    measured = error.distances[direction]
    surface = error.truth if direction == "gt2rec" else error.aligned
    values = np.full(len(surface.vertices), np.nan)
    values[measured.ids] = measured.values
    if to_front is not None:
        surface = surface.moved(*to_front.as_arrays())
    views = [_view(surface, values, view, limit, 320) for view in _VIEWS]
    picture = np.concatenate([strip(views), _bar(limit, 320)], 1)
    caption = (
        f"{direction}, {error.value:.2f} mm; blue 0, red {limit:g} mm and more; grey: not measured"
    )
    return Picture(title, picture, caption)


def colours(values: NDArray[np.floating], limit: float) -> NDArray[np.float64]:
    """Colours (N,3) in [0,1] of errors (N,) in mm; grey where NaN."""
    place = np.clip(np.nan_to_num(values) / limit, 0, 1) * (len(_STOPS) - 1)
    ramp = [np.interp(place, np.arange(len(_STOPS)), _STOPS[:, c]) for c in range(3)]
    painted = np.stack(ramp, 1) / 255
    painted[np.isnan(values)] = _UNMEASURED
    return painted


def _view(
    surface: Surface,
    values: NDArray[np.floating],
    view: tuple[float, float],
    limit: float,
    size: int,
) -> NDArray[np.uint8]:
    rotation = euler_to_matrix(torch.tensor([[*view, 0.0]]) * (math.pi / 180))
    vertices = torch.from_numpy(surface.vertices).float()[None]
    seen_values = ~np.isnan(values)
    middle = torch.from_numpy(surface.vertices[seen_values].mean(0)).float()
    reach = float(np.abs(surface.vertices[seen_values] - middle.numpy()).max())
    scale = 0.46 * size / reach
    centre = rotation[0] @ middle
    place = torch.stack([size / 2 - scale * centre[0], size / 2 + scale * centre[1]])[None]
    camera = WeakPerspectiveCamera(rotation, torch.tensor([scale]), place)
    faces = torch.from_numpy(surface.faces)
    normals = vertex_normals(camera.to_camera(vertices), faces)
    shade = 0.55 + 0.45 * normals[..., 2:].abs()
    painted = torch.from_numpy(colours(values, limit)).float()[None] * shade
    with torch.no_grad():
        seen = FaceRenderer(faces)(vertices, camera, (size, size), albedo=painted)
        return to_picture(seen.over(torch.ones_like(seen.image))[0])


def _bar(limit: float, height: int) -> NDArray[np.uint8]:
    """The colours from the limit (top) to 0, with numbers."""
    from PIL import Image, ImageDraw

    values = np.linspace(limit, 0, height - 20)
    bar = np.full((height, _BAR, 3), 255, np.uint8)
    bar[10:-10, 4:16] = (255 * colours(values, limit)).astype(np.uint8)[:, None]
    canvas = Image.fromarray(bar)
    pen = ImageDraw.Draw(canvas)
    for share in (0.0, 0.5, 1.0):
        y = 10 + (1 - share) * (height - 21)
        pen.text((19, y - 5), f"{share * limit:g}", fill=(0, 0, 0))
    return np.asarray(canvas)


def spread_metric(
    table: str, name: str, values: Sequence[float] | NDArray[np.floating], unit: str, **facts: str
) -> Metric:
    """Mean and population standard deviation of the finite values; NaN where there is none."""
    array = np.asarray(values, dtype=np.float64)
    array = array[~np.isnan(array)]
    if not len(array):
        return Metric(table, name, float("nan"), unit, 0, None, **facts)
    return Metric(table, name, float(array.mean()), unit, len(array), float(array.std()), **facts)


def error_pictures(
    errors: Mapping[str, GeometricError], scans: Mapping[str, Surface], most: int = 6
) -> list[Picture]:
    """Heat maps of the best and the worst errors by name.

    Args:
        errors: by prediction.
        scans: the ground truth of each prediction.
        most: heat maps in all.
    """
    mean = model_surface(load_face_model())
    names = sorted(errors, key=lambda name: errors[name].value)
    chosen = names if len(names) <= most else names[: most // 2] + names[-(most - most // 2) :]
    pictures = []
    for name in chosen:
        front = landmark_similarity(scans[name], mean, scale=False)
        pictures.append(heat_map(errors[name], f"error of {name}", front))
    return pictures


def icp_facts(errors: Mapping[str, GeometricError]) -> dict[str, object]:
    """How the alignments ended, and where the crops' centres came from."""
    ended = [e.icp for e in errors.values() if e.icp is not None]
    noses = [e.nose for e in errors.values()]
    return {
        "ICP runs": len(ended),
        "ICP not converged within its steps": sum(not e.converged for e in ended),
        "ICP steps, most": max((e.iterations for e in ended), default=0),
        "nose tip from": {kind: noses.count(kind) for kind in sorted(set(noses))},
    }
