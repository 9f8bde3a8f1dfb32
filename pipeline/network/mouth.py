"""How far a network sees lips apart, as evidence for the solver.

Points of lips say it badly: their errors are as large as a closed mouth is far from a slightly open
one, and where teeth show they stay too near to each other. What the network calls teeth or the
mouth's inside has an area, which over the mouth's width is the mean height of the opening. Both
together, weighed on drawn faces of known truth, are `_AREA` and `_POINTS`. What photographs show
above that was chosen on annotated mouths of AFLW2000-3D (rows % 4 == 2, which place the landmark
readout) and by eye on 14 smiles of all rows. It belongs to the shipped weights: others ask for
other figures, which `benchmarks/mouths.py` measures.
"""

from __future__ import annotations

import torch
from torch import Tensor

from ...geometry.lip_columns import PLACES, LipColumns, LipEvidence
from ...geometry.point_solver import SolvedFaces
from ...geometry.rotation import matrix_to_euler
from ...geometry.segments import Segment
from ...models.heads.points import PointPrediction

SHUT = 1.2
"""Millimetres of seen opening below which lips touch."""

_AREA, _POINTS, _ALWAYS = 1.2, 0.35, -0.44  # opening in mm, of area over width and of points
_WIDER = 2.5  # mm that photographs show more than drawn faces, reached in `_FROM` mm above SHUT
_FROM = 2.5
_PAIRS = ((61, 67), (62, 66), (63, 65))  # of ibug68: upper and lower inner lip
_CORNERS = 48, 54
_NARROWEST = 15.0  # mm, of a mouth that its area can be divided by
_ERROR, _GROWTH, _TOUCHING = 0.3, 0.06, 0.15  # mm; over the opening; mm, of lips that touch
_SEEN, _TURNED = 0.4, 60.0  # least visibility of inner lips; largest yaw, degrees
_STEEPEST = 0.7  # smallest cosine of the pitch that shortens what is seen
_LIPS_MM = (0.0, -70.0, 33.5)


def lips_seen(
    prediction: PointPrediction, placed: SolvedFaces, marks: slice, columns: LipColumns
) -> LipEvidence | None:
    """The openings of B mouths in the columns of the model's lips; None without a segmentation.

    Args:
        prediction: of the network.
        placed: faces with about the right scale and pose, such as `PointSolver.placed` gives.
        marks: where the points of `ibug68` are among the network's.
        columns: of the face model.
    """
    if prediction.segmentation is None:
        return None
    opening = seen_opening(prediction.points[:, marks], prediction.segmentation, placed)
    shut = (opening < SHUT)[:, None]
    angles = torch.rad2deg(matrix_to_euler(placed.camera.rotation))
    upright = torch.deg2rad(angles[:, 0]).cos().clamp(min=_STEEPEST)
    middle = torch.tensor([place == 0 for place in PLACES], device=opening.device)
    error = torch.where(middle, (_ERROR + _GROWTH * opening)[:, None], torch.inf)
    error = torch.where(shut, _TOUCHING, error)
    hidden = angles[:, 1].abs() > _TURNED
    if prediction.visibility is not None:
        inner = prediction.visibility[:, marks][:, [k for pair in _PAIRS for k in pair]]
        hidden = hidden | (inner.sigmoid().mean(1) < _SEEN)
    error = torch.where(hidden[:, None], torch.inf, error)
    height = torch.where(shut, columns.touching, (opening / upright)[:, None])
    return LipEvidence(height, error)


def seen_opening(landmarks: Tensor, segmentation: Tensor, placed: SolvedFaces) -> Tensor:
    """Millimetres (B,) between the lips' middles, as they look from the camera.

    Args:
        landmarks: (B,68,2+) and segmentation (B,C,s,s) of a `PointPrediction`.
        placed: as `lips_seen`.
    """
    points, scale = landmarks[..., :2], _scale(placed)
    corners = points[:, _CORNERS[1]] - points[:, _CORNERS[0]]
    width = corners.norm(dim=1)
    down = torch.stack([-corners[:, 1], corners[:, 0]], 1) / width[:, None].clamp(min=1e-6)
    upper, lower = (points[:, list(side)] for side in zip(*_PAIRS, strict=True))
    apart = ((lower - upper).mean(1) * down).sum(1) / scale
    classes = segmentation.softmax(1)
    inside = classes[:, Segment.TEETH] + classes[:, Segment.MOUTH]
    area = 4 * inside.mean((1, 2)) / scale.square()  # the crop is 2 x 2
    height = area / (width / scale).clamp(min=_NARROWEST)
    opening = _AREA * height + _POINTS * apart + _ALWAYS
    return opening + _WIDER * ((opening - SHUT) / _FROM).clamp(0, 1)


def _scale(placed: SolvedFaces) -> Tensor:
    """Half sides of the crop per mm (B,) where the lips are."""
    camera = placed.camera
    lips = camera.rotation @ camera.rotation.new_tensor(_LIPS_MM) + camera.translation
    return camera.focal / -lips[:, 2]
