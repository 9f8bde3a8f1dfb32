"""What the solver makes of the true points of ICT-FaceKit's heads: the network's best case.

Points are those of the layout that a network predicts, projected from where the face model's
vertices lie on the heads, with true depth, in the frames in which a network would see them.
"""

from __future__ import annotations

from copy import copy
from dataclasses import dataclass, replace

import numpy as np
import torch
from ict_heads import Registration
from ict_views import Views
from selfie3d.core.progress import progress_bar
from selfie3d.geometry.camera import PerspectiveCamera
from selfie3d.geometry.dense_points import PointBasis, PointLayout, make_layout, points_of
from selfie3d.geometry.face_model import FaceModel
from selfie3d.geometry.point_solver import PointSolver, SolverConfig
from selfie3d.pipeline.locate.frame import frame_of_box
from shape_figures import INSIDE, Array, JudgedSkin, shape_of, similarity
from shape_tables import Row
from torch import Tensor

_COUNT = 212  # vertices beside the landmarks, where no network says which
_SHOWN = (0, 1)  # neutral views that are solved: frontal, and from a side
_LENGTH = 30.0  # mm over which errors agree
_DEPTH = 1.5  # errors in depth over those in x and y
_MEAN_OF_2D = 1.2533  # mean length of an error in x and y over its standard deviation
_SIDE = 96  # pixels of a crop; only ratios matter


@dataclass(frozen=True)
class TruePoints:
    """N views: points (N,P,3) in half sides of their crops, what 1 % of the box is there (N,)."""

    points: Tensor
    percent: Array

    def noisy(self, percent: float, close: Array, seed: int = 1) -> tuple[Tensor, Tensor]:
        """Points with errors that agree among neighbours, and the sizes a network would tell.

        Args:
            percent: mean error in x and y, % of the root of the landmarks' box.
            close: (P,P) covariance of the points' errors.
        """
        random = np.random.default_rng(seed)
        errors = np.einsum(
            "pq,nqc->npc", np.linalg.cholesky(close), random.normal(size=self.points.shape)
        )
        size = percent * self.percent
        errors *= size[:, None, None] / _MEAN_OF_2D * np.array([1, 1, _DEPTH])
        sigma = torch.from_numpy(size).float()[:, None].expand(self.points.shape[:2])
        return self.points + torch.from_numpy(errors).float(), sigma.clamp_min(1e-4)


def face_layout(model: FaceModel) -> PointLayout:
    """The landmarks and vertices spread over the mask of the face."""
    mask = copy(model)
    hidden = torch.ones(len(model.mean), dtype=torch.bool)
    hidden[torch.from_numpy(JudgedSkin.of(model, INSIDE).ids)] = False
    mask.regions = {**model.regions, "cavities": hidden}
    return make_layout(mask, _COUNT)


def measure_points(known: Registration, views: Views, layout: PointLayout) -> dict[str, list[Row]]:
    """p2s and vertex distance of solved points: perfect, and with 2 % of correlated noise."""
    model, heads = known.skin.model, known.heads
    true = true_points(known, views, layout)
    placed = torch.from_numpy(known.place(heads.mean)).float()[None]
    close = nearness(points_of(model, layout, placed)[0].double().numpy())
    standard = SolverConfig()
    given = {"perfect": (0.0, standard), "2 % correlated noise": (2.0, standard)}
    given["2 % correlated noise, solver's noise 10"] = (2.0, replace(standard, noise=10.0))
    rows: list[Row] = []
    with progress_bar("Judging solved points", len(given) * len(true.points)) as advance:
        for name, (percent, config) in given.items():
            solver = PointSolver(PointBasis.of(model, layout), config)
            solved, scores = solver(*true.noisy(percent, close)).identity, []
            for k, identity in enumerate(solved.numpy()):
                head = heads.vertices(views.identity[k // len(_SHOWN)])
                scores.append(known.score(shape_of(model, identity), head))
                advance()
            p2s, _, vertex = np.mean(scores, 0)
            free = solved[:, solver.columns[solver.columns < len(model.identity)]]
            spread = float(free.square().mean().sqrt())
            rows.append(
                {"points": name, "p2s": float(p2s), "vertex": float(vertex), "coefficients": spread}
            )
    return {f"{len(layout)} true points of {len(true.points)} views, mm": rows}


def nearness(points: Array) -> Array:
    """Covariance (P,P) of errors that agree over 30 mm."""
    square = np.square(points[:, None] - points[None]).sum(-1)
    return np.exp(-square / (2 * _LENGTH**2)) + 1e-6 * np.eye(len(points))


def true_points(known: Registration, views: Views, layout: PointLayout) -> TruePoints:
    """The layout's points in the views of `_SHOWN` of all heads."""
    random = np.random.default_rng(7)
    found = []
    count = len(views.identity)
    with progress_bar("Projecting heads", count) as advance:
        for head in range(count):
            for view in _SHOWN:
                vertices = views.of_one(known.heads, head, view)
                camera = views.camera(vertices, head, view, random)
                found.append(_seen(known, vertices, camera, layout))
            advance()
    points, percent = zip(*found, strict=True)
    return TruePoints(torch.from_numpy(np.array(points)).float(), np.array(percent))


def _seen(
    known: Registration, vertices: Array, camera: PerspectiveCamera, layout: PointLayout
) -> tuple[Array, float]:
    """Points (P,3) as `PointPrediction` has them, and 1 % of the box's root in the same unit."""
    model, placed = known.skin.model, known.place(vertices)
    mean = model.mean[known.near].double().numpy()
    pose = similarity(mean, placed[known.near])
    own = torch.from_numpy(pose.back(placed)).float()[None]
    points = pose.apply(points_of(model, layout, own)[0].double().numpy())
    both = torch.from_numpy(np.concatenate([points, pose.translation[None]])).float()[None]
    seen = camera.project(both)[0].double().numpy()
    depth = camera.to_camera(both)[0, :, 2].double().numpy()
    box = box_of(camera, known.marks(placed))
    crop, half = frame_of_box(box, _SIDE), _SIDE / 2
    plane = crop.to_crop(torch.from_numpy(seen[:-1, :2])).numpy() / half - 1
    per_mm = float(camera.focal[0]) / -depth[-1] * crop.scale / half
    root = np.sqrt((box[2] - box[0]) * (box[3] - box[1])) * crop.scale / half
    return np.concatenate([plane, (depth[:-1] - depth[-1])[:, None] * per_mm], 1), root / 100


def box_of(camera: PerspectiveCamera, marks: Array) -> tuple[float, float, float, float]:
    """The box round landmarks (68,3) in a camera's picture."""
    known = marks[~np.isnan(marks).any(1)]
    plane = camera.project(torch.from_numpy(known).float()[None])[0, :, :2].double().numpy()
    (x0, y0), (x1, y1) = plane.min(0), plane.max(0)
    return float(x0), float(y0), float(x1), float(y1)
