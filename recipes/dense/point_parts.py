"""Which vertices of a face model a network predicts: many where shapes are fine, few elsewhere.

Vertices are drawn part by part, each the farthest from all that were taken before (Gonzalez 1985),
on one half of the face, and mirrored. Distances are measured on the face at rest and with its mouth
open and its eyes shut at once: lips that touch at rest are far apart by that measure, so that both
are sampled.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

import torch
from torch import Tensor

from ...core.errors import InputError
from ...geometry.dense_points import PointLayout
from ...geometry.face_model import FaceModel

_MOVES = (("jawOpen",), ("eyeBlinkLeft", "eyeBlinkRight"))
_TOLERANCE = 1e-3  # mm: a vertex this near to the middle is its own mirror image

PARTS: dict[str, int] = {
    "inner lips": 32,
    "outer lips": 24,
    "lips": 20,
    "lid rims": 36,
    "eyelids": 28,
    "limbus": 16,
    "pupils": 8,
    "nose": 68,
    "brows": 36,
    "ears": 56,
    "jaw": 68,
    "cheeks": 76,
    "forehead": 40,
    "face": 64,
    "scalp": 28,
    "neck": 20,
}
"""About how many vertices each part has, both sides together, in the order they are taken."""


def make_part_layout(
    model: FaceModel,
    parts: Mapping[str, int] | None = None,
    landmark_sets: Sequence[str] = ("ibug68",),
) -> PointLayout:
    """The landmark sets and vertices of the parts; needs a model with a mirror and these regions.

    Args:
        model: with the regions of the shipped model `default`.
        parts: names of `PARTS` and numbers of vertices; `PARTS` if None.
        landmark_sets: names of 68-point sets.

    Raises:
        InputError: the model has no mirror, lacks a region, or a part is unknown.
    """
    if model.mirror is None:
        raise InputError("face model", "one that knows its mirror image", repr(model.name))
    places = _places(model)
    seeds = model.landmark_points(places.unflatten(1, (-1, 3)).transpose(0, 1), landmark_sets[0])
    taken = seeds.transpose(0, 1).flatten(1)
    chosen: list[int] = []
    for name, count in (PARTS if parts is None else parts).items():
        half = part_mask(model, name) & (model.mean[:, 0] >= -_TOLERANCE)
        of_part = _spread(torch.nonzero(half)[:, 0], places, taken, model.mirror, count)
        taken = torch.cat([taken, places[of_part]])
        chosen += of_part
    index = {vertex: k for k, vertex in enumerate(chosen)}
    mirror = tuple(index[int(model.mirror[v])] for v in chosen)
    return PointLayout(model.name, tuple(landmark_sets), tuple(chosen), mirror)


def part_mask(model: FaceModel, name: str) -> Tensor:
    """The vertices (V,) bool of a part of `PARTS`.

    Raises:
        InputError: there is no such part, or the model lacks one of its regions.
    """
    special = _SPECIAL.get(name)
    if special is not None:
        return special(model)
    if name not in PARTS:
        raise InputError("part", f"one of {', '.join(PARTS)}", repr(name))
    return _region(model, name)


def _spread(half: Tensor, places: Tensor, taken: Tensor, mirror: Tensor, count: int) -> list[int]:
    """At least `count` vertices (fewer if there are none left): of `half`, and mirror images."""
    chosen: list[int] = []
    near = places[half]
    distance = torch.cdist(near, taken).amin(1)
    while len(chosen) < count and bool((distance > 0).any()):
        vertex = int(half[distance.argmax()])
        pair = sorted({vertex, int(mirror[vertex])})
        chosen += pair
        distance = torch.minimum(distance, torch.cdist(near, places[pair]).amin(1))
    return chosen


def _places(model: FaceModel) -> Tensor:
    """(V,3k): every vertex on the face at rest and after each of `_MOVES` that the model has."""
    out = [model.mean]
    for names in _MOVES:
        rows = [model.expression_names.index(n) for n in names if n in model.expression_names]
        if rows:
            out.append(model.mean + model.expression[rows].sum(0))
    return torch.cat(out, 1)


def _region(model: FaceModel, name: str) -> Tensor:
    if name not in model.regions:
        raise InputError(f"face model {model.name!r}", f"one with the region {name!r}", "none")
    return model.regions[name]


def _rim(model: FaceModel, inside: str, outside: str) -> Tensor:
    """Vertices of the region `inside` that an edge joins to the region `outside`."""
    within, beyond = _region(model, inside), _region(model, outside)
    rim = torch.zeros_like(within)
    for k in range(3):
        first, second = model.faces[:, k], model.faces[:, (k + 1) % 3]
        rim[first[within[first] & beyond[second]]] = True
        rim[second[within[second] & beyond[first]]] = True
    return rim & within


def _outer_lips(model: FaceModel) -> Tensor:
    return _rim(model, "lips", "cheeks") | _rim(model, "lips", "jaw")


def _ring(first: str, second: str) -> Callable[[FaceModel], Tensor]:
    return lambda model: _region(model, first) & _region(model, second)


_SPECIAL: dict[str, Callable[[FaceModel], Tensor]] = {
    "inner lips": lambda model: _rim(model, "face", "mouth"),
    "outer lips": _outer_lips,
    "lid rims": lambda model: _rim(model, "face", "cavities"),
    "limbus": _ring("iris", "sclera"),
    "pupils": _ring("iris", "pupil"),
}
