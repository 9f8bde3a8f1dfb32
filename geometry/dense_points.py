"""A few hundred points of a face model: what a network predicts and a face is solved from.

A `PointLayout` names the points (landmark sets, then vertices), so that it can travel in the
header of a weights file; a `PointBasis` holds the model restricted to them, linear as the model is.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

from ..core.errors import InputError
from .checks import check_shape
from .face_model import FaceModel
from .landmarks import IBUG68_MIRROR

_LISTS = ("landmark_sets", "vertices", "mirror")  # fields of `PointLayout`
_HIDDEN = ("mouth", "left_eye", "right_eye", "cavities")  # inside the face or no skin


@dataclass(frozen=True)
class PointLayout:
    """Which points of a face model, in order: every landmark set's 68, then single vertices.

    >>> layout = PointLayout("default", ("ibug68",), vertices=(7, 9), mirror=(1, 0))
    >>> len(layout), layout.landmarks("ibug68"), layout.permutation[-2:].tolist()
    (70, slice(0, 68, None), [69, 68])

    Attributes:
        face_model: name of the model they belong to.
        landmark_sets: names of its 68-point sets.
        vertices: vertex ids, closed under the model's mirror.
        mirror: the vertices' mirror images, as indices of `vertices`.
    """

    face_model: str
    landmark_sets: tuple[str, ...]
    vertices: tuple[int, ...]
    mirror: tuple[int, ...]

    def __len__(self) -> int:
        return 68 * len(self.landmark_sets) + len(self.vertices)

    def landmarks(self, name: str) -> slice:
        """Where the 68 points of the set `name` lie.

        Raises:
            InputError: the layout has no such set.
        """
        if name not in self.landmark_sets:
            raise InputError("landmark set", f"one of {self.landmark_sets}", repr(name))
        start = 68 * self.landmark_sets.index(name)
        return slice(start, start + 68)

    def describe(self) -> dict[str, Any]:
        """The layout as plain values, for JSON."""
        lists = {name: list(getattr(self, name)) for name in _LISTS}
        return {"face_model": self.face_model, **lists}

    @classmethod
    def restore(cls, content: Mapping[str, Any]) -> PointLayout:
        """The layout of which `describe` returned this.

        Raises:
            KeyError: an entry is missing.
        """
        return cls(content["face_model"], *(tuple(content[name]) for name in _LISTS))

    @property
    def permutation(self) -> Tensor:
        """(N,) int64: point i of a mirrored face is point permutation[i] of the face."""
        jaw_to_jaw = torch.tensor(IBUG68_MIRROR)
        count = len(self.landmark_sets)
        parts = [jaw_to_jaw + 68 * k for k in range(count)]
        return torch.cat([*parts, torch.tensor(self.mirror, dtype=torch.int64) + 68 * count])


@dataclass(frozen=True)
class PointBasis:
    """A face model at N points: X = mean + identity a + expression d.

    >>> basis = PointBasis(torch.zeros(2, 3), torch.ones(1, 2, 3), torch.ones(4, 2, 3))
    >>> basis.points(torch.tensor([[2.0]]), torch.zeros(1, 4))
    tensor([[[2., 2., 2.],
             [2., 2., 2.]]])

    Attributes:
        mean: (N,3) mm.
        identity: (Ki,N,3) mm per unit.
        expression: (Ke,N,3) mm per unit.
    """

    mean: Tensor
    identity: Tensor
    expression: Tensor

    @classmethod
    def of(cls, model: FaceModel, layout: PointLayout) -> PointBasis:
        """The model at the layout's points.

        Raises:
            InputError: the layout belongs to another model, or a landmark does not exist.
        """
        if layout.face_model != model.name:
            raise InputError("face model", repr(layout.face_model), repr(model.name))
        origin = points_of(model, layout, model.mean.new_zeros(1, len(model.mean), 3))
        if not bool(torch.isfinite(origin).all()):
            raise InputError(f"face model {model.name!r}", "every landmark", "some are missing")
        return cls(
            points_of(model, layout, model.mean[None])[0],
            points_of(model, layout, model.identity) - origin,
            points_of(model, layout, model.expression) - origin,
        )

    def to(self, device: torch.device | str) -> PointBasis:
        """The same points on another device."""
        return PointBasis(*(value.to(device) for value in vars(self).values()))

    def points(self, identity: Tensor, expression: Tensor) -> Tensor:
        """Positions (B,N,3) mm for identity (B,Ki) and expression (B,Ke)."""
        check_shape("identity", identity, (None, len(self.identity)))
        check_shape("expression", expression, (identity.shape[0], len(self.expression)))
        flat = torch.cat([self.identity, self.expression]).flatten(1)
        moved = torch.cat([identity, expression], 1) @ flat
        return self.mean + moved.unflatten(1, (-1, 3))


def points_of(model: FaceModel, layout: PointLayout, vertices: Tensor) -> Tensor:
    """The layout's points (B,N,3) on meshes (B,V,3) of the model."""
    sets = [model.landmark_points(vertices, name) for name in layout.landmark_sets]
    rows = torch.tensor(layout.vertices, dtype=torch.int64, device=vertices.device)
    picked = vertices[:, rows]
    return torch.cat([*sets, picked], 1)


def vertices_of(model: FaceModel, layout: PointLayout) -> Tensor:
    """The vertex at each of a layout's points, the nearest one of landmarks.

    Args:
        model: the face model.
        layout: of N points of it.

    Returns:
        (N,) int64.
    """
    rows = []
    for name in layout.landmark_sets:
        points = model.landmark_set(name)
        nearest = points.weights.argmax(1, keepdim=True)
        rows.append(points.vertices.gather(1, nearest)[:, 0])
    return torch.cat([*rows, torch.tensor(layout.vertices, dtype=torch.int64)])


def make_layout(
    model: FaceModel, count: int, landmark_sets: Sequence[str] = ("ibug68",)
) -> PointLayout:
    """Landmark sets and vertices spread evenly over the visible skin.

    Farthest-point sampling (Gonzalez 1985) of one half of the mean face, mirrored.

    >>> from selfie3d.facemodels import load_face_model
    >>> layout = make_layout(load_face_model("default-face"), 20)
    >>> layout.landmark_sets, len(layout)
    (('ibug68',), 88)

    Args:
        model: a face model with a mirror.
        count: about how many vertices.
        landmark_sets: names of the model's 68-point sets that come first.

    Raises:
        InputError: the model has no mirror.
    """
    if model.mirror is None:
        raise InputError("face model", "one that knows its mirror image", repr(model.name))
    hidden = ~model.region("face")
    for region in _HIDDEN:
        if region in model.regions:
            hidden |= model.regions[region]
    half = torch.nonzero(~hidden & (model.mean[:, 0] >= 0))[:, 0]
    seeds = model.landmark_points(model.mean[None], "ibug68")[0]
    chosen: list[int] = []
    for vertex in _farthest(model.mean[half], seeds, count):
        nearest = int(half[vertex])
        chosen += sorted({nearest, int(model.mirror[nearest])})
        if len(chosen) >= count:
            break
    index = {vertex: k for k, vertex in enumerate(chosen)}
    mirror = tuple(index[int(model.mirror[v])] for v in chosen)
    return PointLayout(model.name, tuple(landmark_sets), tuple(chosen), mirror)


def _farthest(points: Tensor, seeds: Tensor, count: int) -> list[int]:
    """Indices of `count` points, each the farthest from all before it and from the seeds."""
    distance = torch.cdist(points, seeds).amin(1)
    order = []
    for _ in range(min(count, len(points))):
        order.append(int(distance.argmax()))
        distance = torch.minimum(distance, (points - points[order[-1]]).norm(dim=1))
    return order
