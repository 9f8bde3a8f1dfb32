"""Where a person looks: irises found in the photograph, and the model's eyes turned to them.

A network that sees a face in 112 pixels has four for an iris. Here each eye's opening is cut out at
half a millimetre per pixel, and the iris is the disc whose brightness differs most from the white
round it: of all places the one where two levels, inside the disc and outside, explain most of the
variance of brightness (Fisher's criterion). Both eyes look the same way but for a little.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.nn import functional

from ...geometry.camera import PerspectiveCamera
from ...geometry.coefficients import Coefficients
from ...geometry.crop import Crop
from ...geometry.face_model import FaceModel
from ..locate.cut import cut_tensor

_PER_MM = 2.0  # pixels of the cut-out eyes
_REACH = 18.0  # mm to each side of an eye's middle
_FURTHEST = 9.0  # mm that an iris may be from where it is at rest
_EXPECTED = 6.0  # mm, spread of that way
_APART = 1.5  # mm, spread of an eye's own way round that of both
_DOUBT = 0.15  # share of the variance that has to be explained for a way of one spread
_CLOSED = 2.5  # mm between lids, below which no iris is looked for
_LEAST = 0.2  # of the variance, below which an iris is not believed
_SEEN = 0.25  # of its disc that must lie in the opening
_LIDS = (range(42, 48), range(36, 42))  # of ibug68, the left eye first
_UNITS = (("Out", "In"), ("In", "Out"))  # to larger x and to smaller, of the left and the right eye


@dataclass(frozen=True)
class ModelEye:
    """One eye of the model.

    Attributes:
        mean: (7+n,3) mm: six points of `ibug68` on the lids, the pupil, vertices of the iris.
        modes: (Ki+Ke,7+n,3) mm per unit of the identity and expression coefficients.
        first: Ki, the row of the first expression's mode.
        aside: numbers of the expressions that turn it to larger x and to smaller.
        upright: of those that turn it up and down.
    """

    mean: Tensor
    modes: Tensor
    first: int
    aside: tuple[int, int]
    upright: tuple[int, int]

    @property
    def rows(self) -> list[int]:
        """Expressions that turn it."""
        return [*self.aside, *self.upright]


class GazeFinder:
    """Turns the eyes of solved faces to where they look in their photographs.

    Args:
        model: with the units `eyeLook...` and the regions of eyes; others are left as they are.
    """

    def __init__(self, model: FaceModel) -> None:
        self._eyes = eyes_of(model)

    def __call__(
        self, picture: NDArray[np.uint8], coefficients: Coefficients, camera: PerspectiveCamera
    ) -> Tensor:
        """The expression (1,Ke) with the eyes turned; as it was where no iris can be seen.

        Args:
            picture: RGB (H,W,3).
            coefficients: of one face. camera: to the photograph's pixels.
        """
        expression = coefficients.expression.clone()
        if not self._eyes or not bool(torch.isfinite(expression).all()):
            return expression
        still = expression.clone()
        still[:, [row for eye in self._eyes for row in eye.rows]] = 0
        values = torch.cat([coefficients.identity, still], 1)[0]
        views = [_View.of(picture, eye, values, camera) for eye in self._eyes]
        ways = _ways([view.score for view in views])
        if ways is None:
            return expression
        for eye, view, way in zip(self._eyes, views, ways, strict=True):
            _turn(still, eye, view.steps, way)
        return still


@dataclass(frozen=True)
class _View:
    """An eye cut out of a photograph.

    Attributes:
        score: (s,s) of iris centres at ways from rest, rows down; None of an eye that is shut.
        steps: (4,2) mm in the picture's plane by which turning units move the pupil.
    """

    score: Tensor | None
    steps: Tensor

    @classmethod
    def of(
        cls, picture: NDArray[np.uint8], eye: ModelEye, values: Tensor, camera: PerspectiveCamera
    ) -> _View:
        """The eye of a face that looks straight on, of coefficients (Ki+Ke,)."""
        body = eye.mean + torch.einsum("k,kpc->pc", values, eye.modes)
        pupil, scale = body[6], _scale(camera, body[6])
        turned = pupil + eye.modes[[eye.first + row for row in eye.rows], 6]
        seen = camera.project(torch.cat([body[:7], turned])[None])[0, :, :2].double()
        lids, rest = seen[:6], seen[6]
        steps = (seen[7:] - rest) / scale
        height = (lids[[4, 5]] - lids[[2, 1]]).norm(dim=1).mean() / scale
        if not bool(torch.isfinite(seen).all()) or height < _CLOSED:
            return cls(None, steps)
        size, zoom = int(2 * _REACH * _PER_MM), _PER_MM / scale
        matrix = torch.cat([torch.eye(2).double() * zoom, (size / 2 - rest * zoom)[:, None]], 1)
        crop = Crop(matrix, (size, size))
        radius = float((body[7:] - pupil)[:, :2].norm(dim=1).max()) * _PER_MM
        opening = _inside(crop.to_crop(lids), size)
        return cls(_scores(cut_tensor(picture, crop), opening, radius), steps)


def _scores(patch: Tensor, opening: Tensor, radius: float) -> Tensor:
    """Share of the variance of brightness in the opening that a dark disc there explains (h,w)."""
    bright = patch[0].mean(0)
    weight = opening.to(bright)
    total = weight.sum().clamp(min=1)
    bright = (bright - (bright * weight).sum() / total) * weight
    variance = bright.square().sum() / total
    reach = int(radius) + 1
    y, x = torch.meshgrid(*[torch.arange(-reach, reach + 1.0)] * 2, indexing="ij")
    disc = (radius + 0.5 - (x * x + y * y).sqrt()).clamp(0, 1)[None, None]
    both = torch.stack([weight, bright])[:, None]
    count, level = functional.conv2d(both, disc, padding=reach)[:, 0]
    outside = (total - count).clamp(min=1)
    darker = -level / count.clamp(min=1) - level / outside  # both means, as their sum is 0
    share = count * outside / total.square() * darker * darker.abs() / variance.clamp(min=1e-6)
    return torch.where(count >= _SEEN * disc.sum(), share, -1.0)


def _ways(seen: list[Tensor | None]) -> list[Tensor] | None:
    """The way (2,) mm of each eye's iris from rest, right and down; None where none is found.

    Args:
        seen: scores (s,s) of each eye, None of one that is shut, which goes where the other does.
    """
    scores = [score for score in seen if score is not None]
    if not scores:
        return None
    size = scores[0].shape[0]
    along = (torch.arange(size) + 0.5 - size / 2) / _PER_MM
    y, x = torch.meshgrid(along, along, indexing="ij")
    far = x.square() + y.square()
    doubt = _DOUBT * far / _EXPECTED**2
    together = torch.stack(scores).mean(0) - doubt
    together = torch.where(far <= _FURTHEST**2, together, -torch.inf)
    best = together.argmax()
    if float(torch.stack(scores).mean(0).flatten()[best]) < _LEAST:
        return None
    middle = torch.stack([x.flatten()[best], y.flatten()[best]])
    near = _DOUBT * ((x - middle[0]).square() + (y - middle[1]).square()) / _APART**2
    ways = []
    for score in seen:
        if score is None:
            ways.append(middle)
            continue
        own = (score - near).argmax()
        ways.append(torch.stack([x.flatten()[own], y.flatten()[own]]))
    return ways


def _turn(expression: Tensor, eye: ModelEye, steps: Tensor, way: Tensor) -> None:
    """Set the weights of an eye's units so that its pupil goes that way."""
    goal = way.double()
    aside = 0 if float(goal @ steps[0]) > float(goal @ steps[1]) else 1
    upright = 2 if float(goal @ steps[2]) > float(goal @ steps[3]) else 3
    pair = steps[[aside, upright]].T
    weights = torch.linalg.lstsq(pair, goal[:, None]).solution[:, 0].clamp(0, 1)
    rows = eye.rows[aside], eye.rows[upright]
    for row, weight in zip(rows, weights, strict=True):
        expression[0, row] = weight.to(expression)


def eyes_of(model: FaceModel) -> list[ModelEye]:
    """Both eyes, the left one first; none of a model without what turns or tells them."""
    names = {name: k for k, name in enumerate(model.expression_names)}
    sides = ("Left", "Right")
    units = [f"eyeLook{way}{side}" for way in ("Out", "In", "Up", "Down") for side in sides]
    if any(unit not in names for unit in units) or not {"pupil", "iris"} <= set(model.regions):
        return []
    found = []
    for side, (larger, smaller), lids in zip(sides, _UNITS, _LIDS, strict=True):
        own = model.mean[:, 0] > 0 if side == "Left" else model.mean[:, 0] < 0
        found.append(
            ModelEye(
                _points(model, model.mean[None], own, lids)[0],
                torch.cat(
                    [
                        _points(model, basis, own, lids) - _points(model, 0 * basis, own, lids)
                        for basis in (model.identity, model.expression)
                    ]
                ),
                len(model.identity),
                (names[f"eyeLook{larger}{side}"], names[f"eyeLook{smaller}{side}"]),
                (names[f"eyeLookUp{side}"], names[f"eyeLookDown{side}"]),
            )
        )
    return found


def _points(model: FaceModel, vertices: Tensor, own: Tensor, lids: range) -> Tensor:
    """The points (B,7+n,3) of `ModelEye` on meshes (B,V,3)."""
    marks = model.landmark_points(vertices)[:, lids.start : lids.stop]
    pupil = vertices[:, model.regions["pupil"] & own].mean(1, keepdim=True)
    return torch.cat([marks, pupil, vertices[:, model.regions["iris"] & own]], 1)


def _scale(camera: PerspectiveCamera, point: Tensor) -> float:
    """Pixels per mm at a point of the model."""
    away = camera.rotation[0] @ point + camera.translation[0]
    return float(camera.focal[0] / -away[2])


def _inside(polygon: Tensor, size: int) -> Tensor:
    """Which pixels (size,size) lie in a convex polygon (n,2) of either winding."""
    along = torch.arange(size, dtype=torch.float64) + 0.5
    y, x = torch.meshgrid(along, along, indexing="ij")
    after = polygon.roll(-1, 0)
    edge = after - polygon
    side = edge[:, 0, None, None] * (y - polygon[:, 1, None, None]) - edge[:, 1, None, None] * (
        x - polygon[:, 0, None, None]
    )
    return (side >= 0).all(0) | (side <= 0).all(0)
